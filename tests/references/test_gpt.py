"""The reference beside torch.nn.TransformerEncoder under a causal mask, and its loss beside F.cross_entropy."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch import nn
from torch.nn import functional as F

from exercises.gpt.given import Config
from grader.kit import agrees, filled, seeds
from solutions.gpt.gpt import GPT


@settings(max_examples=20)
@given(seeds, integers(1, 3), integers(1, 3), integers(1, 3), integers(1, 5))
def test_logits_and_loss_are_those_of_torchs_encoder(seed, batch, layers, heads, time):
    width = 4 * heads
    ours = filled(GPT(Config(vocab=11, context=5, layers=layers, heads=heads, width=width)), seed).double()
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False).double()
    state = {name.replace("blocks.", "layers."): value for name, value in ours.state_dict().items()}
    encoder.load_state_dict({name: state[name] for name in encoder.state_dict()})

    ids = torch.randint(11, (batch, time + 1), generator=torch.Generator().manual_seed(seed))
    embedded = F.embedding(ids[:, :-1], state["embedding.weight"]) + state["position.weight"][:time]
    later = torch.ones(time, time, dtype=torch.bool).triu(1)
    logits = encoder(embedded, mask=later) @ state["embedding.weight"].T
    agrees(ours(ids[:, :-1]), logits)
    agrees(ours.loss(ids[:, :-1], ids[:, 1:]), F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()))
