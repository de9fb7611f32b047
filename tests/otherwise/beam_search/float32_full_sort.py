"""Sums in float32, a stable sort of everything, and back-pointers in place of rows of tokens."""

import torch


def beam_search(model, prompt, beams, max_new, eos, alpha=1.0):
    if not (beams > 0 and max_new > 0 and alpha >= 0):
        raise ValueError("settings")
    nodes = [(None, None)]  # token and parent of every hypothesis that ever was

    def text(node):
        found = []
        while nodes[node][0] is not None:
            found.append(nodes[node][0])
            node = nodes[node][1]
        return found[::-1]

    still_open, sums, results = [0], torch.zeros(1), []
    for n in range(1, max_new + 1):
        rows = torch.stack([torch.cat([prompt, torch.tensor(text(node), dtype=torch.int64)]) for node in still_open])
        totals = sums.unsqueeze(1) + model(rows).float()
        vocabulary = totals.shape[1]
        order = torch.argsort(totals.reshape(-1), descending=True, stable=True)
        coming, coming_sums = [], []
        for place, index in enumerate(order[: 2 * beams].tolist()):
            total = totals.reshape(-1)[index].item()
            if total == -float("inf"):
                break
            nodes.append((index % vocabulary, still_open[index // vocabulary]))
            if index % vocabulary == eos:
                if place < beams:
                    results.append((text(len(nodes) - 1), total / n**alpha))
            else:
                coming.append(len(nodes) - 1)
                coming_sums.append(total)
        still_open, sums = coming[:beams], torch.tensor(coming_sums[:beams])
        results = sorted(results, key=lambda result: result[1], reverse=True)[:beams]
        if not still_open or (len(results) == beams and coming_sums[0] / max_new**alpha <= results[-1][1]):
            return results
    results += [(text(node), total / max_new**alpha) for node, total in zip(still_open, sums.tolist(), strict=True)]
    return sorted(results, key=lambda result: result[1], reverse=True)[:beams]
