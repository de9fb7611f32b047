"""The reference of the recurrent cell, held to torch's own modules."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from torch import Tensor, nn

from grader.kit import agrees, filled, gradients, normal, seeds
from solutions.rnn_cell.rnn_cell import rnn, rnn_cell

sizes, lengths = integers(1, 9), integers(1, 12)
dtypes = sampled_from([torch.float64, torch.float32])


def weights(module: nn.Module) -> list[Tensor]:
    """In the order that torch registers them: w_ih, w_hh, b_ih, b_hh."""
    return list(module.parameters())


@settings(max_examples=25)
@given(seeds, sizes, sizes, sizes, dtypes)
def test_a_step_is_that_of_torchs_cell(seed, batch, inputs, units, dtype):
    cell = filled(nn.RNNCell(inputs, units), seed).to(dtype)
    x, h = normal(seed, batch, inputs).to(dtype), normal(seed + 1, batch, units).to(dtype)
    agrees(rnn_cell(x, h, *weights(cell)), cell(x, h))


@settings(max_examples=25)
@given(seeds, lengths, sizes, sizes, sizes)
def test_a_sequence_and_its_gradients_are_those_of_torchs_network(seed, time, batch, inputs, units):
    network = filled(nn.RNN(inputs, units), seed).double()
    x, h = (
        normal(seed + n, *shape).double().requires_grad_() for n, shape in enumerate([(time, batch, inputs), (batch, units)])
    )
    (got, end), (expected, expected_end) = rnn(x, h, *weights(network)), network(x, h[None])
    agrees(got, expected)
    agrees(end, expected_end[0])
    call = [x, h, *weights(network)]
    for mine, theirs in zip(gradients(got, *call), gradients(expected, *call), strict=True):
        agrees(mine, theirs)
