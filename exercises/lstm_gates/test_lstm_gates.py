import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import DrawFn, composite, integers, sampled_from
from torch import Tensor
from torch.autograd import gradcheck

from exercises.lstm_gates.lstm_gates import lstm, lstm_cell
from grader.kit import Disagreement, agrees, quarters, scattered, seeds

forbids = [
    "torch.nn.LSTM", "torch.nn.LSTMCell", "torch.lstm", "torch.lstm_cell", "torch._VF.lstm", "torch._VF.lstm_cell",
    "torch.mkldnn_rnn_layer", "torch._cudnn_rnn", "torch.miopen_rnn", "torch._lstm_mps", "torch.ops.aten._thnn_fused_lstm_cell",
]  # fmt: skip

SHUT, OPEN = -100.0, 100.0  # a gate's sigmoid is then 0 or 1
dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])
few = settings(max_examples=10)


@composite
def calls(draw: DrawFn, *steps: int) -> list[Tensor]:
    """x [batch, input] (with `steps`, shortest and longest: [time, batch, input]), h, c, w_ih, w_hh, b_ih, b_hh."""
    batch, inputs, units = draw(integers(1, 3)), draw(integers(1, 3)), draw(integers(1, 5))
    time = [draw(integers(*steps))] if steps else []
    shapes = [(*time, batch, inputs), (batch, units), (batch, units), (4 * units, inputs), (4 * units, units)]
    seed = draw(seeds)
    return [quarters(seed + number, *shape) for number, shape in enumerate([*shapes, (4 * units,), (4 * units,)])]


@composite
def gates(draw: DrawFn) -> list[Tensor]:
    """What the gates i, f, g, o see before they are squashed, and the old c: each [batch, h]."""
    batch, units, seed = draw(integers(1, 3)), draw(integers(1, 3)), draw(seeds)
    return [quarters(seed + number, batch, units) for number in range(5)]


def driven(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step from h = 0 in which the gates see exactly `gates` [batch, 4h]: the identity is w_ih, the rest is zero."""
    size, units = gates.shape[1], c.shape[1]
    state = torch.zeros_like(c), c.clone()  # a copy: the properties look at c again
    return lstm_cell(gates, state, torch.eye(size), torch.zeros(size, units), *torch.zeros(2, size))


def gated(i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return driven(torch.cat([i, f, g, o], 1), c)


def filled(x: Tensor, value: float) -> Tensor:
    return torch.full_like(x, value)


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def unit_by_unit(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """The definition, in plain numbers."""
    w_ih, w_hh, b_ih, b_hh = weights
    new_h, new_c, units = torch.empty_like(h), torch.empty_like(c), h.shape[1]
    for row in range(len(x)):
        for unit in range(units):
            i, f, g, o = [float(w_ih[k] @ x[row] + w_hh[k] @ h[row] + b_ih[k] + b_hh[k]) for k in range(unit, 4 * units, units)]
            memory = sigmoid(f) * float(c[row, unit]) + sigmoid(i) * math.tanh(g)
            new_c[row, unit], new_h[row, unit] = memory, sigmoid(o) * math.tanh(memory)
    return new_h, new_c


def step(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    return lstm_cell(x, (h, c), *weights)


def sequence(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    outputs, (h, c) = lstm(x, (h, c), *weights)
    return outputs, h, c


def torch_sequence(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    outputs, h, c = torch.lstm(x, (h[None], c[None]), weights, True, 1, 0.0, False, False, False)
    return outputs, h[0], c[0]


def repeated_cell(x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    outputs = []
    for now in x:
        h, c = lstm_cell(now, (h, c), *weights)
        outputs.append(h)
    return torch.stack(outputs), h, c


def follows(call: list[Tensor], *parts: int) -> None:
    """These parts of (outputs, h, c) are torch's, or else what the submission's own cell gives: a wrong cell counts once."""
    expected, got = torch_sequence(*call), sequence(*copies(call))
    try:
        for part in parts:
            agrees(got[part], expected[part])
    except Disagreement:
        expected = repeated_cell(*call)
        for part in parts:
            agrees(got[part], expected[part])


def copies(call: list[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in call]


@given(calls())
def test_every_unit_follows_the_definition(call):
    """Each unit of h and c is what the four gates, written out in plain numbers, make of it."""
    for expected, got in zip(unit_by_unit(*call), step(*call), strict=True):
        agrees(got, expected)


@few
@given(gates())
def test_an_open_forget_gate_keeps_the_memory(gates):
    """With the forget gate open and the input gate shut, c stays what it was."""
    i, f, g, o, c = gates
    agrees(gated(filled(i, SHUT), filled(f, OPEN), g, o, c)[1], c)


@few
@given(gates())
def test_an_open_input_gate_writes_the_candidate(gates):
    """With the forget gate shut and the input gate open, c becomes tanh(g)."""
    i, f, g, o, c = gates
    agrees(gated(filled(i, OPEN), filled(f, SHUT), g, o, c)[1], g.tanh())


@few
@given(gates())
def test_the_forget_gate_scales_the_memory(gates):
    """With the input gate shut, the new c is sigmoid(f) times the old one."""
    i, f, g, o, c = gates
    agrees(gated(filled(i, SHUT), f, g, o, c)[1], f.sigmoid() * c)


@few
@given(gates())
def test_the_input_gate_scales_the_candidate(gates):
    """With the forget gate shut, the new c is sigmoid(i) * tanh(g)."""
    i, f, g, o, c = gates
    agrees(gated(i, filled(f, SHUT), g, o, c)[1], i.sigmoid() * g.tanh())


@few
@given(gates())
def test_the_forget_gate_leaves_the_candidate_alone(gates):
    """Where the old c is zero, the forget gate has no say."""
    i, f, g, o, c = gates
    nothing = filled(c, 0)
    agrees(gated(i, f, g, o, nothing)[1], gated(i, filled(f, OPEN), g, o, nothing)[1])


@few
@given(gates())
def test_the_input_gate_leaves_the_memory_alone(gates):
    """Where the candidate is zero, the input gate has no say."""
    i, f, g, o, c = gates
    nothing = filled(g, 0)
    agrees(gated(i, f, nothing, o, c)[1], gated(filled(i, OPEN), f, nothing, o, c)[1])


@few
@given(gates())
def test_a_shut_output_gate_hides_the_memory(gates):
    """With the output gate shut, h is zero."""
    i, f, g, o, c = gates
    agrees(gated(i, f, g, filled(o, SHUT), c)[0], torch.zeros_like(c))


@few
@given(gates())
def test_the_output_gate_scales_tanh_of_the_new_memory(gates):
    """h is sigmoid(o) * tanh(c), with the c that the same step returns."""
    h, c = gated(*gates)
    agrees(h, gates[3].sigmoid() * c.tanh())


@few
@given(gates())
def test_h_stays_within_one(gates):
    """However large c has grown, no entry of h leaves [-1, 1]."""
    i, f, g, o, c = gates
    h, _ = gated(i, filled(f, OPEN), g, filled(o, OPEN), 100 * c)
    assert h.abs().max() <= 1


@few
@given(calls())
def test_the_input_counts_through_w_ih(call):
    """With h and the biases zero, the gates see x @ w_ih.T."""
    x, h, c, w_ih, w_hh, b_ih, b_hh = call
    expected = driven(x @ w_ih.T, c)
    for got, right in zip(lstm_cell(x, (0 * h, c), w_ih, w_hh, 0 * b_ih, 0 * b_hh), expected, strict=True):
        agrees(got, right)


@few
@given(calls())
def test_the_old_h_counts_through_w_hh(call):
    """With x and the biases zero, the gates see h @ w_hh.T."""
    x, h, c, w_ih, w_hh, b_ih, b_hh = call
    expected = driven(h @ w_hh.T, c)
    for got, right in zip(lstm_cell(0 * x, (h, c), w_ih, w_hh, 0 * b_ih, 0 * b_hh), expected, strict=True):
        agrees(got, right)


@few
@given(calls())
def test_the_input_bias_counts(call):
    """With x, h and b_hh zero, the gates see b_ih."""
    x, h, c, w_ih, w_hh, b_ih, b_hh = call
    expected = driven(b_ih.repeat(len(x), 1), c)
    for got, right in zip(lstm_cell(0 * x, (0 * h, c), w_ih, w_hh, b_ih, 0 * b_hh), expected, strict=True):
        agrees(got, right)


@few
@given(calls())
def test_the_hidden_bias_counts(call):
    """With x, h and b_ih zero, the gates see b_hh."""
    x, h, c, w_ih, w_hh, b_ih, b_hh = call
    expected = driven(b_hh.repeat(len(x), 1), c)
    for got, right in zip(lstm_cell(0 * x, (0 * h, c), w_ih, w_hh, 0 * b_ih, b_hh), expected, strict=True):
        agrees(got, right)


@few
@given(calls(), dtypes)
def test_the_cell_keeps_the_dtype(call, dtype):
    """h and c have the dtype of the arguments, and float64's values up to rounding."""
    call = [tensor.to(dtype) / 4 for tensor in call]
    for exact, got in zip(step(*[tensor.double() for tensor in call]), step(*call), strict=True):
        agrees(got, exact.to(dtype))


@few
@given(calls())
def test_the_cell_changes_no_argument(call):
    """After a step, x, the state, the weights and the biases hold what they held before."""
    before = copies(call)
    step(*call)
    for now, then in zip(call, before, strict=True):
        agrees(now, then)


@few
@given(calls())
def test_the_cell_takes_any_memory_layout(call):
    """Arguments with gaps in memory give what their contiguous copies give."""
    for got, expected in zip(step(*map(scattered, call)), step(*call), strict=True):
        agrees(got, expected)


@few
@given(calls())
def test_the_cell_has_the_gradient_of_its_values(call):
    """The gradient of h and c by every argument agrees with finite differences."""
    inputs = [tensor.double().requires_grad_() for tensor in call]
    assert gradcheck(step, inputs, fast_mode=True, check_undefined_grad=False)


@few
@given(calls())
def test_examples_do_not_meet_in_the_cell(call):
    """An example stepped alone ends as it does in its batch."""
    x, h, c, *weights = copies(call)
    for whole, alone in zip(step(*call), step(x[:1], h[:1], c[:1], *weights), strict=True):
        agrees(alone, whole[:1])


@few
@given(calls(1, 4))
def test_a_sequence_has_three_axes_and_its_state_two(call):
    """outputs are [time, batch, h], and the h and c returned are [batch, h] each."""
    (time, *_), (batch, units) = call[0].shape, call[1].shape
    assert [tensor.shape for tensor in sequence(*call)] == [(time, batch, units), (batch, units), (batch, units)]


@few
@given(calls(1, 4))
def test_the_outputs_repeat_the_cell(call):
    """The outputs are every step's h, one cell after the other."""
    follows(call, 0)


@few
@given(calls(1, 4))
def test_the_final_state_is_the_last_cells(call):
    """The state returned is the (h, c) of the last step, each [batch, h]."""
    follows(call, 1, 2)


@few
@given(calls(1, 1))
def test_one_step_starts_from_the_given_state(call):
    """A sequence of one step outputs what one cell makes of the given state."""
    follows(call, 0)


@few
@given(calls(2, 4))
def test_the_memory_is_carried(call):
    """Where w_hh is zero, the past comes through c alone, and it comes through."""
    x, h, c, w_ih, w_hh, *biases = call
    follows([x, h, c, w_ih, 0 * w_hh, *biases], 0)


@few
@given(calls(2, 4))
def test_h_is_carried(call):
    """Where the forget gate is shut, the past comes through h alone, and it comes through."""
    *others, b_hh = call
    shut = torch.tensor([0, SHUT, 0, 0]).repeat_interleave(len(b_hh) // 4)
    follows([*others, b_hh + shut], 0)


@few
@given(calls(1, 4))
def test_the_last_output_is_the_final_h(call):
    """The last of the outputs and the h of the final state are the same."""
    outputs, h, _ = sequence(*call)
    agrees(outputs[-1], h)


@few
@given(calls(2, 5))
def test_a_sequence_may_be_cut_in_two(call):
    """Two parts, the state carried from one to the other, give what the whole gives."""
    x, h, c, *weights = call
    whole = sequence(x, h.clone(), c.clone(), *weights)
    first, h, c = sequence(x[: len(x) // 2], h, c, *weights)
    second, h, c = sequence(x[len(x) // 2 :], h, c, *weights)
    for got, expected in zip([torch.cat([first, second]), h, c], whole, strict=True):
        agrees(got, expected)


@few
@given(calls(2, 4))
def test_the_future_stays_unseen(call):
    """Another last input leaves the earlier outputs as they are."""
    x, *rest = copies(call)
    changed = torch.cat([x[:-1], x[-1:] + 1])
    agrees(sequence(changed, *rest)[0][:-1], sequence(*call)[0][:-1])


@few
@given(calls(1, 4))
def test_every_step_sees_its_own_input(call):
    """Another last input changes the last output."""
    x, h, c, w_ih, w_hh, *biases = call
    rest = [h, c, torch.ones_like(w_ih), 0 * w_hh, *biases]
    changed = torch.cat([x[:-1], x[-1:] + 1])
    assert not torch.equal(sequence(changed, *rest)[0][-1], sequence(x, *rest)[0][-1])


@few
@given(calls(1, 4))
def test_examples_do_not_meet_in_a_sequence(call):
    """An example run alone ends as it does in its batch."""
    x, h, c, *weights = copies(call)
    agrees(sequence(x[:, :1], h[:1], c[:1], *weights)[0], sequence(*call)[0][:, :1])


@few
@given(calls(1, 2), dtypes)
def test_the_sequence_keeps_the_dtype(call, dtype):
    """Outputs, h and c have the dtype of the arguments, and float64's values up to rounding."""
    call = [tensor.to(dtype) / 4 for tensor in call]
    for exact, got in zip(sequence(*[tensor.double() for tensor in call]), sequence(*call), strict=True):
        agrees(got, exact.to(dtype))


@few
@given(calls(1, 3))
def test_the_sequence_changes_no_argument(call):
    """After a sequence, x, the state, the weights and the biases hold what they held before."""
    before = copies(call)
    sequence(*call)
    for now, then in zip(call, before, strict=True):
        agrees(now, then)


@few
@given(calls(1, 3))
def test_the_sequence_takes_any_memory_layout(call):
    """Arguments with gaps in memory give what their contiguous copies give."""
    for got, expected in zip(sequence(*map(scattered, call)), sequence(*call), strict=True):
        agrees(got, expected)


@few
@given(calls(1, 3))
def test_the_sequence_has_the_gradient_of_its_values(call):
    """The gradient of outputs, h and c by every argument, through all steps, agrees with finite differences."""
    inputs = [tensor.double().requires_grad_() for tensor in call]
    assert gradcheck(sequence, inputs, fast_mode=True, check_undefined_grad=False)
