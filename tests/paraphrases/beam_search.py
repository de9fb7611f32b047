"""Four mistakes of beam search, made again by another route: each must still be recognized under its name."""

import torch

from grader.kit import instead_of


def refuse_nonsense(beams, max_new, alpha):
    if min(beams, max_new) <= 0 or alpha < 0 or alpha != alpha:
        raise ValueError("settings")


def in_order(totals, count):
    """Values, rows and columns of the largest numbers above -inf, in order."""
    values, index = torch.sort(totals.flatten(), descending=True, stable=True)
    index = index[values > -torch.inf][:count]
    return totals.flatten()[index], index // totals.shape[1], index % totals.shape[1]


def shortened(found, beams):
    return [(tokens, score) for tokens, score in sorted(found, key=lambda each: each[1], reverse=True)][:beams]


@instead_of("beam_search")
def starts_with_copies(model, prompt, beams, max_new, eos, alpha=1.0):
    refuse_nonsense(beams, max_new, alpha)
    rows, sums, done = prompt.repeat(beams, 1), torch.zeros(beams, dtype=torch.float64), []
    for n in range(1, max_new + 1):
        values, parents, words = in_order(sums[:, None] + model(rows), 2 * beams)
        rows = torch.cat([rows[parents], words[:, None]], 1)
        for row, value in zip(rows[:beams].tolist(), values[:beams].tolist(), strict=True):
            if row[-1] == eos:
                done.append((row[len(prompt) :], value / n**alpha))
        rows, sums = rows[words != eos][:beams], values[words != eos][:beams]
        done = shortened(done, beams)
        if not len(sums) or (len(done) == beams and done[-1][1] >= sums[0].item() / max_new**alpha):
            break
    done += [(row[len(prompt) :], value / n**alpha) for row, value in zip(rows.tolist(), sums.tolist(), strict=True)]
    return shortened(done, beams)


@instead_of("beam_search")
def lets_the_finished_take_a_place(model, prompt, beams, max_new, eos, alpha=1.0):
    refuse_nonsense(beams, max_new, alpha)
    rows, sums, done = prompt[None], torch.zeros(1, dtype=torch.float64), []
    for n in range(1, max_new + 1):
        values, parents, words = in_order(sums[:, None] + model(rows), beams)
        rows = torch.cat([rows[parents], words[:, None]], 1)
        over = (words == eos) | (n == max_new)
        order = torch.cat([(words == eos).nonzero().flatten(), ((words != eos) & over).nonzero().flatten()])
        done += [(rows[place, len(prompt) :].tolist(), values[place].item() / n**alpha) for place in order.tolist()]
        rows, sums, done = rows[~over], values[~over], shortened(done, beams)
        if not len(sums) or (len(done) == beams and done[-1][1] >= sums[0].item() / max_new**alpha):
            break
    return done


@instead_of("beam_search")
def stops_when_enough_have_ended(model, prompt, beams, max_new, eos, alpha=1.0):
    refuse_nonsense(beams, max_new, alpha)
    rows, sums, done, n = prompt[None], torch.zeros(1, dtype=torch.float64), [], 0
    while n < max_new and len(sums) and len(done) < beams:
        n += 1
        values, parents, words = in_order(sums[:, None] + model(rows), 2 * beams)
        rows = torch.cat([rows[parents], words[:, None]], 1)
        ended = (words == eos).nonzero().flatten().tolist()
        done += [(rows[place, len(prompt) :].tolist(), values[place].item() / n**alpha) for place in ended if place < beams]
        rows, sums = rows[words != eos][:beams], values[words != eos][:beams]
    done = shortened(done, beams)
    left = [(row[len(prompt) :], value / n**alpha) for row, value in zip(rows.tolist(), sums.tolist(), strict=True)]
    return shortened(done + left, beams)


@instead_of("beam_search")
def penalizes_as_google_does(model, prompt, beams, max_new, eos, alpha=1.0):
    refuse_nonsense(beams, max_new, alpha)
    penalty = lambda n: (5 / 6 + n / 6) ** alpha
    rows, sums, done = prompt[None], torch.zeros(1, dtype=torch.float64), []
    for n in range(1, max_new + 1):
        values, parents, words = in_order(sums[:, None] + model(rows), 2 * beams)
        rows, place = torch.cat([rows[parents], words[:, None]], 1), torch.arange(len(values))
        ended = (words == eos) & (place < beams)
        done += [(r[len(prompt) :], v / penalty(n)) for r, v in zip(rows[ended].tolist(), values[ended].tolist(), strict=True)]
        rows, sums, done = rows[words != eos][:beams], values[words != eos][:beams], shortened(done, beams)
        if not len(sums) or (len(done) == beams and done[-1][1] >= sums[0].item() / penalty(max_new)):
            break
    done += [(r[len(prompt) :], v / penalty(n)) for r, v in zip(rows.tolist(), sums.tolist(), strict=True)]
    return shortened(done, beams)
