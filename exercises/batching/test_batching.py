import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, sampled_from
from torch.nn import functional as F

from exercises.batching.batching import attention_mask, pack, pad, windows
from grader.kit import agrees, normal, refuses, seeds

forbids = []

few = settings(max_examples=10)
dtypes = sampled_from([torch.uint8, torch.int16, torch.int32])


def ids(seed, *shape):
    """Ids from 0 to 9, int64, so that some of them are those that pad."""
    return torch.randint(10, shape, generator=torch.Generator().manual_seed(seed))


@composite
def texts(draw):
    """A text, a context and a stride, now and then a text that is too short."""
    return ids(draw(seeds), draw(integers(0, 12))), draw(integers(1, 4)), draw(integers(1, 5))


@composite
def documents(draw, shortest=0, longest=5):
    """Some documents; none is longer than 5."""
    seed, number = draw(seeds), draw(integers(0, 6))
    lengths = torch.randint(shortest, longest + 1, (number,), generator=torch.Generator().manual_seed(seed)).tolist()
    return [ids(seed + i, length) for i, length in enumerate(lengths)]


contexts = integers(5, 8)


def owners_of(rows):
    return torch.tensor(rows, dtype=torch.int64)


@composite
def owners(draw):
    """Rows of a few documents each, of one token or more, then padding."""
    seed, rows, context = draw(seeds), draw(integers(1, 3)), draw(integers(1, 6))
    later = (ids(seed, rows, context) > 5).cumsum(1) + 3 * torch.arange(rows)[:, None]
    return torch.where(torch.arange(context) < ids(seed + 1, rows, 1).clamp(min=1), later, -1)


def seen(mask):
    """Every (row, query, key) that the mask allows."""
    return mask.nonzero().tolist()


@given(texts())
def test_windows_are_cut_from_the_text(text):
    """Row r of the inputs is the text from r * stride on, as long as a target is left for its last token."""
    tokens, context, stride = text
    rows = [tokens[start : start + context] for start in range(0, len(tokens), stride) if start + context < len(tokens)]
    agrees(windows(*text)[0], torch.stack(rows) if rows else ids(0, 0, context))


@few
@given(texts())
def test_a_target_is_the_next_input(text):
    """Within a window, the targets are the inputs from the second on."""
    inputs, targets = windows(*text)
    agrees(targets[:, :-1], inputs[:, 1:])


@few
@given(texts())
def test_the_last_target_stands_behind_the_window(text):
    """The target of the last place is the token that follows the window in the text."""
    tokens, context, stride = text
    targets = windows(*text)[1]
    agrees(targets[:, -1], tokens[context::stride][: len(targets)])


@few
@given(texts())
def test_inputs_and_targets_have_one_shape(text):
    """Both are [k, context], with k = 0 for a text that is too short."""
    inputs, targets = windows(*text)
    assert inputs.shape == targets.shape
    agrees(inputs.shape[1], text[1])


@few
@given(texts())
def test_without_a_stride_no_target_comes_twice(text):
    """The stride is the context by default: the targets, row after row, are the text from its second token on."""
    tokens, context = torch.cat([text[0], ids(0, 9)]), text[1] + 1  # more than one window, and more than one target in each
    targets = windows(tokens, context)[1].flatten()
    agrees(targets, tokens[1 : 1 + (len(tokens) - 1) // context * context])


@few
@given(texts(), integers(-2, 0))
def test_impossible_windows_are_refused(text, size):
    """A context or a stride below 1 raises ValueError."""
    assert refuses(ValueError, windows, text[0], size)
    assert refuses(ValueError, windows, text[0], 2, size)


@few
@given(documents(), integers(-1, 9))
def test_padding_fills_rows_on_the_right(rows, padding):
    """Row i of a batch is row i of the list, then padding up to the length of the longest."""
    longest = max(map(len, rows), default=0)
    filled = [row.tolist() + [padding] * (longest - len(row)) for row in rows]
    agrees(pad(rows, padding)[0], torch.tensor(filled, dtype=torch.int64).reshape(len(rows), longest))


@few
@given(documents())
def test_the_mask_is_true_for_tokens_alone(rows):
    """As many places of row i are masked True, from the left, as the list's row i is long."""
    longest = max(map(len, rows), default=0)
    expected = [[place < len(row) for place in range(longest)] for row in rows]
    agrees(pad([row + 1 for row in rows])[1], torch.tensor(expected, dtype=torch.bool).reshape(len(rows), longest))


@few
@given(documents(), integers(0, 9))
def test_a_token_may_have_the_id_that_pads(rows, padding):
    """The mask does not depend on the ids, only on the lengths of the rows."""
    rows += [torch.tensor([padding, padding])]
    agrees(pad(rows, padding)[1], pad(rows, -1)[1])


@few
@given(documents())
def test_zero_pads_by_default(documents):
    """Without another id, padding is 0."""
    agrees(pad(documents)[0], pad(documents, 0)[0])
    agrees(pack(documents, 7)[0], pack(documents, 7, 0)[0])


@few
@given(documents(), contexts, seeds)
def test_documents_fill_rows_in_their_order(documents, context, seed):
    """A document goes behind the one before if it fits there, else into a new row; earlier rows stay closed."""
    documents += [ids(seed, context - 1), ids(seed, 2), ids(seed, 1)]  # the last would fit into the row of the first, too
    rows = [[]]
    for number, document in enumerate(documents):
        rows += [[]] if len(rows[-1]) + len(document) > context else []
        rows[-1] += [number] * len(document)
    filled = [row + [-1] * (context - len(row)) for row in rows if row]
    agrees(pack(documents, context)[2], owners_of(filled).reshape(len(filled), context))


@few
@given(documents(), contexts)
def test_every_document_is_there(documents, context):
    """The tokens of an owner are those of its document, from the first to the last."""
    tokens, _, owners, _ = pack(documents, context)
    agrees(int((owners >= 0).sum()), sum(map(len, documents)))
    for number in owners.unique().tolist():
        if number >= 0:
            agrees(tokens[owners == number], documents[number])


@few
@given(documents(shortest=1), contexts)
def test_a_token_predicts_its_own_document(documents, context):
    """Within a document, the target is the next token."""
    tokens, targets, owners, _ = pack(documents, context)
    followed = owners[:, :-1] == owners[:, 1:]
    inner = followed & (owners[:, 1:] >= 0)
    agrees(targets[:, :-1][inner], tokens[:, 1:][inner])


@few
@given(documents(shortest=1), contexts)
def test_the_last_token_predicts_nothing(documents, context):
    """The last token of a document has the target -100, whatever comes next."""
    _, targets, owners, _ = pack(documents, context)
    last = F.pad(owners[:, 1:], (0, 1), value=-1) != owners
    agrees(targets[last], torch.full((int(last.sum()),), -100))


@few
@given(documents(shortest=1), contexts)
def test_padding_predicts_nothing(documents, context):
    """Where a row has no owner left, the target is -100."""
    _, targets, owners, _ = pack(documents, context)
    agrees(targets[owners == -1], torch.full((int((owners == -1).sum()),), -100))


@few
@given(documents(shortest=1), contexts, integers(0, 9))
def test_rows_are_filled_up_with_padding(documents, context, padding):
    """Behind its documents, a row holds the padding id, at position 0 and owned by nobody."""
    tokens, _, owners, positions = pack(documents, context, padding)
    free = torch.arange(context) >= (owners >= 0).sum(1, keepdim=True)
    for result, filling in ((tokens, padding), (positions, 0), (owners, -1)):
        agrees(result[free], torch.full((int(free.sum()),), filling))


@few
@given(documents(shortest=1), contexts)
def test_positions_begin_anew_in_every_document(documents, context):
    """The positions of a document are 0, 1, 2, … wherever it stands."""
    *_, owners, positions = pack(documents, context)
    for number in set(owners.flatten().tolist()) - {-1}:
        agrees(positions[owners == number], torch.arange(len(documents[number])))


@few
@given(documents(shortest=1), integers(0, 5))
def test_an_empty_document_leaves_no_trace(documents, place):
    """With an empty document in the list, the rows are the same, and only the numbers after it are one higher."""
    *others, owners, positions = pack(documents, 6)
    *more, numbers, again = pack([*documents[:place], ids(0, 0), *documents[place:]], 6)
    for got, expected in zip([*more, again, numbers - (numbers > place).long()], [*others, positions, owners], strict=True):
        agrees(got, expected)


@few
@given(documents(), contexts, integers(1, 3))
def test_a_document_that_is_too_long_is_refused(documents, context, excess):
    """A document longer than a row raises ValueError."""
    assert refuses(ValueError, pack, [*documents, ids(0, context + excess)], context)


@few
@given(owners())
def test_nobody_sees_another_document(owners):
    """Where the mask is True, query and key have one owner."""
    for row, query, key in seen(attention_mask(owners)):
        agrees(owners[row, key], owners[row, query])


@few
@given(owners())
def test_nobody_sees_what_comes_later(owners):
    """Where the mask is True, the key is not later than the query."""
    assert all(key <= query for _, query, key in seen(attention_mask(owners)))


@few
@given(owners())
def test_all_that_came_before_is_seen(owners):
    """Every token may attend to all tokens of its own document up to itself."""
    mask = attention_mask(owners)
    for row, line in enumerate(owners.tolist()):
        for query, owner in enumerate(line):
            if owner >= 0:
                assert all(mask[row, query, key] for key in range(query + 1) if line[key] == owner)


@few
@given(owners())
def test_no_query_is_left_with_nothing(owners):
    """Every position may attend to itself, padding too."""
    rows, context = owners.shape
    agrees(attention_mask(owners).diagonal(dim1=1, dim2=2), torch.ones(rows, context, dtype=torch.bool))


@few
@given(documents(shortest=1), contexts)
def test_packed_documents_are_strangers(documents, context):
    """Attention over a packed row gives each document what it would get in a row of its own."""
    table = normal(0, 10, 8, 4)  # one vector for each token at each position
    tokens, _, owners, positions = pack(documents, context)
    x = table[tokens, positions]
    together = F.scaled_dot_product_attention(x, x, x, attn_mask=attention_mask(owners))
    for number, document in enumerate(documents):
        x = table[document, torch.arange(len(document))][None]
        agrees(together[owners == number][None], F.scaled_dot_product_attention(x, x, x, is_causal=True))


@few
@given(texts(), documents(), dtypes)
def test_small_integers_become_int64(text, documents, dtype):
    """Ids of another integer dtype give what the same ids in int64 give."""
    small = [document.to(dtype) for document in documents]
    got = windows(text[0].to(dtype), *text[1:]), pad(small), pack(small, 5)
    for results, expected in zip(got, (windows(*text), pad(documents), pack(documents, 5)), strict=True):
        for result, right in zip(results, expected, strict=True):
            agrees(result, right)
            assert result.dtype in (torch.int64, torch.bool)


@few
@given(texts(), documents())
def test_memory_layout_does_not_matter(text, documents):
    """Every other element of a longer tensor is as good as a tensor of its own."""
    spread = [document.repeat_interleave(2)[::2] for document in documents]
    got = windows(text[0].repeat_interleave(2)[::2], *text[1:]), pad(spread), pack(spread, 5)
    for results, expected in zip(got, (windows(*text), pad(documents), pack(documents, 5)), strict=True):
        for result, right in zip(results, expected, strict=True):
            agrees(result, right)


@few
@given(texts(), documents())
def test_results_may_be_written_into(text, documents):
    """Whoever fills one result with zeros changes no other result and no argument."""
    arguments = [text[0], *documents]
    results = [*windows(*text), *pad(documents), *pack(documents, 5)]
    before = [x.clone() for x in arguments + results]
    for number, result in enumerate(results):
        result.zero_()
        for x, was in zip(
            arguments + results[number + 1 :], before[: len(arguments)] + before[-len(results) :][number + 1 :], strict=True
        ):
            agrees(x, was)
