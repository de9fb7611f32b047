import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, lists, sampled_from
from torch import nn

from exercises.debug_finetuning.debug_finetuning import IGNORED, LoRA, collate, labelled
from grader.kit import agrees, normal, quarters, seeds, settled

forbids = []

few = settings(max_examples=10)
END = 7
ids_of_words = lists(integers(0, 6), max_size=5)


@composite
def rows_of_one_length(draw):
    """Pairs of ids and labels; ends stand anywhere, as in conversations of several turns."""
    number, seed = draw(integers(1, 4)), draw(seeds)
    ids = torch.randint(5, END + 1, (number, draw(integers(1, 6))), generator=torch.Generator().manual_seed(seed))
    return [(row, [IGNORED if i % 2 else value for i, value in enumerate(row)]) for row in ids.tolist()]


@composite
def adapters(draw):
    """A linear layer with drawn numbers, a rank and an alpha."""
    layer = settled(nn.Linear(draw(integers(2, 5)), draw(integers(1, 4))), draw(seeds))
    return layer, draw(integers(1, 3)), draw(sampled_from([1.0, 4.0]))


@few
@given(ids_of_words, ids_of_words)
def test_a_conversation_is_prompt_answer_end(prompt, answer):
    """The ids are those of the prompt, of the answer, and the end; every label is the id at its place, or ignored."""
    ids, labels = labelled(list(prompt), list(answer), END)
    agrees(ids, prompt + answer + [END])
    assert len(labels) == len(ids)
    assert all(label in (number, IGNORED) for label, number in zip(labels, ids, strict=True))


@few
@given(ids_of_words, ids_of_words)
def test_nothing_that_the_user_says_is_learned(prompt, answer):
    """Labels of the prompt are ignored, however long it is."""
    agrees(labelled(prompt, answer, END)[1][: len(prompt)], [IGNORED] * len(prompt))


@few
@given(ids_of_words, ids_of_words)
def test_the_answer_and_its_end_are_learned(prompt, answer):
    """Labels behind the prompt are the answer and the end."""
    agrees(labelled(prompt, answer, END)[1][len(prompt) :], [*answer, END])


@given(rows_of_one_length())
def test_the_ends_are_kept(rows):
    """Where nothing is filled up, ids and labels are those of the rows, with every end that stands there."""
    ids, labels, mask = collate(rows, END)
    agrees(ids, torch.tensor([row for row, _ in rows]))
    agrees(labels, torch.tensor([row for _, row in rows]))
    assert mask.all()


@given(lists(lists(integers(0, END), min_size=1, max_size=6), min_size=1, max_size=4))
def test_short_rows_are_filled_up_at_the_right(rows):
    """Ids are filled up with the end, and the mask is True where the row is."""
    ids, _, mask = collate([(row, row) for row in rows], END)
    longest = max(map(len, rows))
    agrees(ids, torch.tensor([row + [END] * (longest - len(row)) for row in rows]))
    agrees(mask, torch.tensor([[place < len(row) for place in range(longest)] for row in rows]))


@few
@given(lists(lists(integers(0, 6), min_size=1, max_size=6), min_size=1, max_size=4))
def test_nothing_is_asked_where_rows_are_filled_up(rows):
    """Labels behind a row are ignored, and those in it are kept."""
    _, labels, _ = collate([(row, row) for row in rows], END)
    longest = max(map(len, rows))
    agrees(labels, torch.tensor([row + [IGNORED] * (longest - len(row)) for row in rows]))


@few
@given(adapters(), seeds)
def test_a_fresh_adapter_changes_nothing(adapter, seed):
    """Before any training the output is that of the layer."""
    layer, rank, alpha = adapter
    x = quarters(seed, 3, layer.in_features)
    agrees(LoRA(layer, rank, alpha)(x), layer(x))


@few
@given(adapters(), seeds)
def test_the_product_is_added_to_scale(adapter, seed):
    """The output is the layer's plus alpha / rank · up · down · x, for any leading axes."""
    layer, rank, alpha = adapter
    lora, x = settled(LoRA(layer, rank, alpha), seed), quarters(seed, 2, 3, layer.in_features)
    agrees(lora(x), layer(x) + alpha / rank * torch.einsum("or,ri,bti->bto", lora.up, lora.down, x), atol=1e-4)


@few
@given(adapters())
def test_only_the_adapter_is_trained(adapter):
    """The layer is frozen; down and up are parameters of their shapes, and nothing else is."""
    layer, rank, alpha = adapter
    trained = {name: tuple(p.shape) for name, p in LoRA(layer, rank, alpha).named_parameters() if p.requires_grad}
    agrees(trained, {"down": (rank, layer.in_features), "up": (layer.out_features, rank)})


@few
@given(adapters(), seeds)
def test_a_fresh_adapter_can_learn(adapter, seed):
    """After one step against its gradient the adapter's output has changed, and then both factors have a gradient."""
    layer, rank, alpha = adapter
    lora, x = LoRA(layer, rank, alpha), normal(seed, 4, layer.in_features)
    for _ in range(2):
        lora.zero_grad()
        (lora(x) - layer(x) - 1).square().sum().backward()
        gradients = [lora.down.grad.abs().max(), lora.up.grad.abs().max()]
        lora.down.data -= 0.01 * lora.down.grad
        lora.up.data -= 0.01 * lora.up.grad
    assert min(gradients) > 0
    assert (lora(x) - layer(x)).abs().max() > 0
