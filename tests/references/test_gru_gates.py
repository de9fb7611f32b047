"""The reference of the gated unit, held to torch's own modules, packed sequences included."""

import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from grader.kit import agrees, filled, gradients, normal, seeds
from solutions.gru_gates.gru_gates import gru, gru_cell

sizes, lengths = integers(1, 9), integers(1, 12)


@settings(max_examples=25)
@given(seeds, sizes, sizes, sizes, sampled_from([torch.float64, torch.float32]))
def test_a_step_is_that_of_torchs_cell(seed, batch, inputs, units, dtype):
    cell = filled(nn.GRUCell(inputs, units), seed).to(dtype)
    x, h = normal(seed, batch, inputs).to(dtype), normal(seed + 1, batch, units).to(dtype)
    agrees(gru_cell(x, h, *cell.parameters()), cell(x, h))


@settings(max_examples=25)
@given(seeds, lengths, sizes, sizes, sizes)
def test_a_padded_batch_and_its_gradients_are_those_of_torchs_packed_one(seed, time, batch, inputs, units):
    network = filled(nn.GRU(inputs, units), seed).double()
    steps = torch.randint(1, time + 1, (batch,), generator=torch.Generator().manual_seed(seed))
    x, h = (
        normal(seed + n, *shape).double().requires_grad_() for n, shape in enumerate([(time, batch, inputs), (batch, units)])
    )
    packed, right_end = network(pack_padded_sequence(x, steps, enforce_sorted=False), h[None])
    right, _ = pad_packed_sequence(packed, total_length=time)
    got, end = gru(x, h, *network.parameters(), steps)
    agrees(got, right)
    agrees(end, right_end[0])
    call = [x, h, *network.parameters()]
    both = [gradients(torch.cat([outputs, last[None]]), *call) for outputs, last in ((got, end), (right, right_end[0]))]
    for mine, theirs in zip(*both, strict=True):
        agrees(mine, theirs)
