import torch

from grader.kit import instead_of


def check(context, stride):
    if context < 1 or stride < 1:
        raise ValueError(context, stride)


def cut(tokens, starts, context):
    rows = [tokens[start : start + context + 1] for start in starts]
    whole = torch.stack(rows).long() if rows else torch.zeros(0, context + 1, dtype=torch.int64)
    return whole[:, :-1].clone(), whole[:, 1:].clone()


def placed(documents, context):
    """(number, document, row, start) of each, and how many rows there are."""
    if any(len(document) > context for document in documents):
        raise ValueError(context)
    places, row, end = [], -1, context
    for number, document in enumerate(documents):
        if end + len(document) > context:
            row, end = row + 1, 0
        if len(document):
            places.append((number, document, row, end))
        end += len(document)
    return places, row + 1


def fill(places, rows, context, padding):
    tokens, targets = torch.full((rows, context), padding), torch.full((rows, context), -100)
    owners, positions = torch.full((rows, context), -1), torch.zeros(rows, context, dtype=torch.int64)
    for number, document, row, start in places:
        end = start + len(document)
        tokens[row, start:end], owners[row, start:end] = document.long(), number
        targets[row, start : end - 1], positions[row, start:end] = document[1:].long(), torch.arange(len(document))
    return tokens, targets, owners, positions


@instead_of("windows")
def asks_for_the_token_that_is_there(tokens, context, stride=None):
    """Targets that are not shifted ask the model to copy its input. The loss falls to zero within minutes, which is how one
    notices."""
    check(context, 1 if stride is None else stride)
    inputs, _ = cut(tokens, range(0, len(tokens) - context, stride or context), context)
    return inputs, inputs.clone()


@instead_of("windows")
def rolls_the_window(tokens, context, stride=None):
    """`roll(-1)` shifts within the window, so the last target is the first input: in every row the model is taught one wrong
    continuation, and the right one was in the text. Cut context + 1 tokens, then split."""
    check(context, 1 if stride is None else stride)
    inputs, _ = cut(tokens, range(0, len(tokens) - context, stride or context), context)
    return inputs, inputs.roll(-1, 1)


@instead_of("windows")
def loses_the_last_window(tokens, context, stride=None):
    """The end of `range` is exclusive already, and one more was subtracted for the target. In a long text nobody sees it; a
    text of context + 1 tokens has nothing left to train on."""
    check(context, 1 if stride is None else stride)
    return cut(tokens, range(0, len(tokens) - context - 1, stride or context), context)


@instead_of("windows")
def slides_by_one(tokens, context, stride=None):
    """A step of one by default makes an epoch as many times longer as the context is, and every token a target that often. As
    an average over a test set it also weighs the ends of the text less."""
    stride = 1 if stride is None else stride
    check(context, stride)
    return cut(tokens, range(0, len(tokens) - context, stride), context)


@instead_of("windows")
def returns_views_of_the_text(tokens, context, stride=None):
    """`unfold` gives views: windows share memory with the text and with one another. Masking a token in one batch changes the
    corpus for the rest of training."""
    stride = context if stride is None else stride
    check(context, stride)
    if len(tokens) <= context:
        return cut(tokens, [], context)
    whole = tokens.long().unfold(0, context + 1, stride)
    return whole[:, :-1], whole[:, 1:]


@instead_of("pad")
def finds_padding_by_its_id(rows, padding=0):
    """`batch != padding` takes every real token with that id for padding. It is right only where the vocabulary reserves the
    id, and many a model pads with its end-of-text token, which then is never learned."""
    batch = torch.full((len(rows), max(map(len, rows), default=0)), padding)
    for number, row in enumerate(rows):
        batch[number, : len(row)] = row
    return batch, batch != padding


@instead_of("pad")
def marks_the_padding(rows, padding=0):
    """True means padding here, as in the key_padding_mask of nn.MultiheadAttention; torch's attention function reads True as
    'may attend'. Both are booleans of one shape, so nothing complains: the model attends to padding alone."""
    batch = torch.full((len(rows), max(map(len, rows), default=0)), padding)
    mask = torch.ones_like(batch, dtype=torch.bool)
    for number, row in enumerate(rows):
        batch[number, : len(row)], mask[number, : len(row)] = row, False
    return batch, mask


@instead_of("pack")
def predicts_the_next_document(documents, context, padding=0):
    """Targets are the row shifted by one, so the last token of each document is asked for the first of the next. No mask helps:
    it is the loss that teaches what cannot be known."""
    tokens, targets, owners, positions = fill(*placed(documents, context), context, padding)
    following = torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], -100)], 1)
    behind = torch.cat([owners[:, 1:], torch.full_like(owners[:, :1], -1)], 1)
    return tokens, torch.where(behind >= 0, following, targets), owners, positions


@instead_of("pack")
def learns_to_predict_padding(documents, context, padding=0):
    """The targets are filled up with the padding id and not with -100, so the loss counts padding. It looks good, since padding
    after padding is the easiest token of all."""
    tokens, targets, owners, positions = fill(*placed(documents, context), context, padding)
    return tokens, torch.where(owners < 0, padding, targets), owners, positions


@instead_of("pack")
def counts_positions_through_the_row(documents, context, padding=0):
    """A document in the middle of a row starts at position 20 and never learns what a beginning is. Relative positions forgive
    it, learned ones do not."""
    tokens, targets, owners, _ = fill(*placed(documents, context), context, padding)
    return tokens, targets, owners, torch.arange(context).repeat(len(tokens), 1) * (owners >= 0)


@instead_of("pack")
def goes_back_to_earlier_rows(documents, context, padding=0):
    """First-fit wastes less, but no row is ever finished: all stay open until the last document has been seen. That is a choice
    for a data set on disk, and another order of training."""
    placed(documents, context)
    places, ends = [], []
    for number, document in enumerate(documents):
        if len(document):
            row = next((row for row, end in enumerate(ends) if end + len(document) <= context), len(ends))
            ends += [0] * (row == len(ends))
            places.append((number, document, row, ends[row]))
            ends[row] += len(document)
    return fill(places, len(ends), context, padding)


@instead_of("pack")
def cuts_long_documents(documents, context, padding=0):
    """What does not fit into a row is cut off in silence. The model never sees the end of a long document, and nobody has
    decided that."""
    return fill(*placed([document[:context] for document in documents], context), context, padding)


@instead_of("pack")
def numbers_what_is_left(documents, context, padding=0):
    """Empty documents are filtered out before they are counted, so all later numbers move: whoever looks up the source of a
    token, or its weight, finds another document's."""
    return fill(*placed([document for document in documents if len(document)], context), context, padding)


@instead_of("pack")
def gives_padding_to_the_first(documents, context, padding=0):
    """Owners begin as zeros, and 0 is also the number of the first document. Padding in its row then belongs to it, and so do
    all places that nobody fills."""
    tokens, targets, owners, positions = fill(*placed(documents, context), context, padding)
    return tokens, targets, owners.clamp(min=0), positions


@instead_of("pack")
def keeps_small_integers(documents, context, padding=0):
    """The tensors take the dtype of the ids. Token files are often uint16 or uint8, where -100 becomes 65,436 or 156: a class
    like any other, if the loss does not refuse it."""
    tokens, targets, owners, positions = fill(*placed(documents, context), context, padding)
    kind = documents[0].dtype if documents else torch.int64
    return tokens.to(kind), targets.to(kind), owners, positions


@instead_of("attention_mask")
def forgets_the_order(owners):
    """Only the owners are compared, so a document sees its own future. For an encoder that is right; here the answer is among
    the keys."""
    return owners[:, :, None] == owners[:, None, :]


@instead_of("attention_mask")
def forgets_the_documents(owners):
    """The causal triangle alone lets each document read those before it in the row. GPT-3 was trained so, with an
    end-of-text token between; whoever wants strangers needs the second condition."""
    return torch.ones(*owners.shape, owners.shape[1], dtype=torch.bool).tril()


@instead_of("attention_mask")
def leaves_padding_with_nothing(owners):
    """Padding is forbidden to everyone, itself included, so its rows of scores are all -inf and their softmax is NaN. One NaN
    in an output that nobody reads is enough: zero times NaN is NaN in every gradient."""
    return (owners[:, :, None] == owners[:, None, :]).tril() & (owners >= 0)[:, None, :]
