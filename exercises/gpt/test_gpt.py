import math
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis.strategies import booleans, composite, integers, sampled_from
from torch.nn import functional as F

from exercises.gpt.given import Block, Config
from exercises.gpt.gpt import GPT
from grader.kit import agrees, filled, gradients, normal, refuses, seeds

forbids = []

few = settings(max_examples=6)
small = integers(1, 3)
SMALL = Config(vocab=7, context=5, layers=2, heads=2, width=4)
FRESH = Config(vocab=97, context=16, layers=3, heads=2, width=64)


def tokens(seed, *shape, vocab=7):
    return torch.randint(vocab, shape, generator=torch.Generator().manual_seed(seed))


@composite
def models(draw, shortest=1, longest=5, dropout=0.0):
    """A configuration, a model with all parameters drawn, and ids for it."""
    seed, config = draw(seeds), replace(SMALL, layers=draw(integers(1, 2)), dropout=dropout)
    return config, filled(GPT(config), seed), tokens(seed, draw(small), draw(integers(shortest, longest)))


def parameters(config, model):
    """By name, each once; of a tied tensor's names, the one that was agreed."""
    named = dict(model.named_parameters(remove_duplicate=False))
    return {name: named[name] for name in expected_shapes(config)}


def expected_shapes(config):
    shapes = {"embedding.weight": (config.vocab, config.width), "position.weight": (config.context, config.width)}
    block = Block(config)
    for layer in range(config.layers):
        shapes |= {f"blocks.{layer}.{name}": tuple(p.shape) for name, p in block.named_parameters()}
    return shapes | {"norm.weight": (config.width,), "norm.bias": (config.width,)}


def by_definition(config, named, ids):
    """Rows looked up one by one, the given block with each layer's weights, the norm and the product written out."""
    rows = [[named["embedding.weight"][i] + named["position.weight"][t] for t, i in enumerate(row)] for row in ids.tolist()]
    x = torch.stack([torch.stack(row) for row in rows])
    for layer in range(config.layers):
        block, prefix = Block(config).to(x.dtype), f"blocks.{layer}."
        weights = {name: named[prefix + name] for name, _ in block.named_parameters()}
        x = torch.func.functional_call(block, weights, (x,))
    centred = x - x.mean(-1, keepdim=True)
    x = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * named["norm.weight"] + named["norm.bias"]
    return x @ named["embedding.weight"].T


def losses_by_definition(logits, targets):
    """-log of the probability of each target, [batch, time]."""
    picked = torch.stack([row[target] for row, target in zip(logits.flatten(0, 1), targets.flatten().tolist(), strict=True)])
    return (logits.exp().sum(-1).log().flatten() - picked).unflatten(0, targets.shape)


@settings(max_examples=15)
@given(models())
def test_logits_follow_the_definition(call):
    """Embedding plus position, the blocks in order, the norm, and the product with the embedding give the logits."""
    config, model, ids = call
    agrees(model(ids), by_definition(config, parameters(config, model), ids))


@few
@given(integers(1, 3), integers(3, 9), integers(1, 6))
def test_every_parameter_is_there_once(layers, vocab, context):
    """The parameters are those that were agreed, each a tensor of its own, and no others."""
    config = replace(SMALL, layers=layers, vocab=vocab, context=context)
    model, expected = GPT(config), expected_shapes(config)
    found = parameters(config, model)
    assert {name: tuple(p.shape) for name, p in found.items()} == expected
    assert len({id(p) for p in found.values()}) == len(list(model.parameters())) == len(expected)


@few
@given(seeds, small)
def test_a_fresh_model_is_tied(seed, batch):
    """Before anything is trained, the output matrix already is the embedding."""
    model, ids = GPT(SMALL), tokens(seed, batch, 4)
    agrees(model(ids), by_definition(SMALL, parameters(SMALL, model), ids))


@few
@given(models(), seeds)
def test_gradients_are_right(call, seed):
    """The gradient of the loss by every parameter is that of the definition: the embedding's comes from both ends."""
    config, model, ids = call
    named, targets = parameters(config, model), tokens(seed, *ids.shape)
    right = gradients(losses_by_definition(by_definition(config, named, ids), targets).mean(), *named.values())
    for got, expected in zip(gradients(model.loss(ids, targets), *named.values()), right, strict=True):
        agrees(got, expected, atol=1e-4, rtol=1e-4)


@few
@given(models(shortest=2), seeds)
def test_members_of_a_batch_are_strangers(call, seed):
    """Every row of ids gets what it would get alone."""
    _, model, ids = call
    agrees(torch.cat([model(row) for row in ids.split(1)]), model(ids))


@few
@given(models(shortest=2), integers(0, 6))
def test_the_order_of_tokens_counts(call, token):
    """A token that stands at two positions does not get the same logits there."""
    config, model, ids = call
    with torch.no_grad():
        parameters(config, model)["position.weight"][:2] = torch.tensor([[1.0, -1, 2, 0], [0, 2, -1, 1]])
    logits = model(torch.full_like(ids, token))
    assert not logits[:, 0].allclose(logits[:, 1])


@few
@given(models(longest=1), integers(1, 3))
def test_more_than_the_context_is_refused(call, beyond):
    """More ids than config.context are a ValueError; as many are not."""
    _, model, ids = call
    assert refuses(ValueError, model, ids.repeat(1, 5 + beyond))
    assert not refuses(ValueError, model, ids.repeat(1, 5))


@few
@given(seeds)
def test_the_first_loss_is_ln_v(seed):
    """A fresh model finds all tokens about equally likely: its loss on random targets is near ln vocab."""
    ids, targets = tokens(seed, 2, 8, 16, vocab=97)
    agrees(GPT(FRESH).loss(ids, targets), torch.tensor(math.log(97)), atol=0.1, rtol=0)


@few
@given(integers(1, 4))
def test_matrices_start_with_a_deviation_of_a_fiftieth(layers):
    """Matrices that do not write to the stream start with mean 0 and standard deviation 0.02."""
    config = replace(FRESH, layers=layers)
    for name, p in parameters(config, GPT(config)).items():
        if p.ndim == 2 and not name.endswith(("out_proj.weight", "linear2.weight")):
            agrees(p.std(), torch.tensor(0.02), atol=0.003, rtol=0)
            agrees(p.mean(), torch.tensor(0.0), atol=0.003, rtol=0)


@few
@given(integers(1, 4))
def test_what_writes_to_the_stream_starts_smaller(layers):
    """The two matrices of each block that write to the stream start with 0.02 / √(2 · layers)."""
    config = replace(FRESH, layers=layers)
    for name, p in parameters(config, GPT(config)).items():
        if name.endswith(("out_proj.weight", "linear2.weight")):
            agrees(p.std() * (2 * layers) ** 0.5, torch.tensor(0.02), atol=0.003, rtol=0)


@settings(max_examples=2)
@given(integers(1, 2))
def test_the_deeper_model_starts_smaller(layers):
    """With four times the layers, what writes to the stream starts with half the deviation."""
    few, many = (GPT(replace(FRESH, layers=n)).get_parameter("blocks.0.linear2.weight").std() for n in (layers, 4 * layers))
    agrees(2 * many / few, torch.tensor(1.0), atol=0.15, rtol=0)


@few
@given(integers(1, 3))
def test_biases_start_at_zero_and_gains_at_one(layers):
    """Whatever has a single axis starts at 0, and the gains of the norms at 1."""
    config = replace(SMALL, layers=layers)
    for name, p in parameters(config, GPT(config)).items():
        if p.ndim == 1:
            agrees(p, torch.full_like(p, 0 if name.endswith("bias") else 1))


@few
@given(models(), seeds)
def test_the_loss_is_the_mean_over_targets(call, seed):
    """The loss is the mean of -log p(target), each target face to face with the logits in its place."""
    _, model, ids = call
    targets = tokens(seed, *ids.shape)
    agrees(model.loss(ids, targets), losses_by_definition(model(ids), targets).mean())


@few
@given(models(longest=1), seeds)
def test_a_single_id_has_a_loss(call, seed):
    """One id and its target are enough for a loss: nothing is shifted once more."""
    _, model, ids = call
    assert model.loss(ids, tokens(seed, *ids.shape)).isfinite()


@few
@given(models())
def test_the_norm_comes_last(call):
    """Where the last norm gives only its bias, the logits are the bias times the embedding."""
    config, model, ids = call
    named = parameters(config, model)
    torch.nn.init.zeros_(named["norm.weight"])
    agrees(model(ids), (named["embedding.weight"] @ named["norm.bias"]).expand(*ids.shape, -1))


@few
@given(models(shortest=2), seeds)
def test_ignored_targets_do_not_count(call, seed):
    """Targets of -100 count neither in the sum nor in the number."""
    _, model, ids = call
    targets = tokens(seed, *ids.shape)
    ignored = tokens(seed + 1, *ids.shape) < 3
    ignored[0, 0], ignored[-1, -1] = False, True
    expected = losses_by_definition(model(ids), targets)[~ignored].mean()
    agrees(model.loss(ids, targets.masked_fill(ignored, -100)), expected)


@few
@given(models(longest=3), integers(0, 2))
def test_generation_appends_the_likeliest(call, new):
    """After the given ids, each token is the likeliest after all before it, row by row."""
    _, model, ids = call
    text = model.generate(ids, new).clone()  # which autograd takes, from inference mode too
    agrees(text[:, : ids.shape[1]], ids)
    for time in range(ids.shape[1], ids.shape[1] + new):
        logits = model(text[:, :time])[:, -1]
        agrees(logits.gather(1, text[:, time : time + 1])[:, 0], logits.amax(-1))
    assert text.shape[1] == ids.shape[1] + new


@few
@given(models(shortest=4), seeds, integers(4, 8))
def test_generation_sees_the_last_tokens(call, seed, new):
    """Where the text outgrows the context, each token is the likeliest after the last config.context tokens."""
    config, model, ids = call
    named = parameters(config, model)
    with torch.no_grad():  # the likeliest is what is least like the last token, so that no token is written for ever
        named["embedding.weight"].copy_(normal(seed, config.vocab, config.width))
        named["norm.weight"].fill_(-1)
        named["norm.bias"].zero_()
    text = model.generate(ids, new).clone()  # which autograd takes, from inference mode too
    for time in range(ids.shape[1], ids.shape[1] + new):
        logits = model(text[:, max(0, time - 5) : time])[:, -1]
        agrees(logits.gather(1, text[:, time : time + 1])[:, 0], logits.amax(-1))


@few
@given(models(dropout=0.5), integers(1, 3))
def test_generation_drops_nothing(call, new):
    """A model in training writes what it writes at evaluation."""
    _, model, ids = call
    expected = model.eval().generate(ids, new)
    agrees(model.train().generate(ids, new), expected)


@few
@given(models())
def test_generation_leaves_the_mode_and_the_ids(call):
    """After generation, the model is in the mode it was in, and the caller's ids are what they were."""
    _, model, ids = call
    before = ids.clone()
    for training in (True, False):
        model.train(training).generate(ids, 2)
        agrees(ids, before)
        assert {module.training for module in model.modules()} == {training}


@few
@given(models(dropout=1.0))
def test_dropout_falls_on_the_sum_of_both_embeddings(call):
    """In training at a rate of 1, nothing of ids and positions reaches the logits."""
    _, model, ids = call
    logits = model.train()(ids)
    agrees(logits, logits[:1, :1].expand_as(logits))


@few
@given(models(), sampled_from([torch.float64, torch.bfloat16]), seeds)
def test_the_dtype_of_the_parameters_is_kept(call, dtype, seed):
    """Logits and loss have the dtype of the parameters, and float64 is as precise as it is."""
    config, model, ids = call
    logits, loss = model.to(dtype)(ids), model.loss(ids, tokens(seed, *ids.shape))
    assert (logits.dtype, loss.dtype) == (dtype, dtype)
    if dtype == torch.float64:
        agrees(logits, by_definition(config, parameters(config, model), ids), atol=1e-10)
