"""One row of the table as the bits of one integer; n-grams by bisection in sorted lists."""

from bisect import bisect_left, bisect_right


def lcs_length(one, other):
    places = {}
    for j, token in enumerate(other):
        places[token] = places.get(token, 0) | 1 << j
    all_ones = (1 << len(other)) - 1
    row = all_ones  # a zero bit where the row of the table steps up by one
    for token in one:
        update = row & places.get(token, 0)
        row = (row + update | row - update) & all_ones
    return len(other) - row.bit_count()


def scores(shared, mine, theirs):
    precision, recall = (shared / total if total else 0.0 for total in (mine, theirs))
    return precision, recall, 2 * precision * recall / (precision + recall) if shared else 0.0


def best(triples):
    chosen = None
    for triple in triples:
        if chosen is None or triple[2] > chosen[2]:
            chosen = triple
    if chosen is None:
        raise ValueError("no references")
    return chosen


def rouge_n(candidate, references, n):
    if n < 1:
        raise ValueError("n")
    runs = lambda text: sorted(tuple(text[end - n : end]) for end in range(n, len(text) + 1))
    count = lambda run, all_runs: bisect_right(all_runs, run) - bisect_left(all_runs, run)
    mine, triples = runs(candidate), []
    for theirs in map(runs, references):
        triples.append(scores(sum(min(count(run, mine), count(run, theirs)) for run in set(mine)), len(mine), len(theirs)))
    return best(triples)


def rouge_l(candidate, references):
    return best([scores(lcs_length(candidate, reference), len(candidate), len(reference)) for reference in references])
