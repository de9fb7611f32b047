import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, sampled_from

from exercises.gru_gates.gru_gates import gru, gru_cell
from grader.kit import Disagreement, agrees, gradients, quarters, recurrent_calls, refuses, scattered, seeds

forbids = [
    "torch.nn.GRU", "torch.nn.GRUCell", "torch.gru", "torch.gru_cell", "torch._VF.gru", "torch._VF.gru_cell",
    "torch.mkldnn_rnn_layer", "torch._cudnn_rnn", "torch.miopen_rnn", "torch.ops.aten._thnn_fused_gru_cell",
]  # fmt: skip

SHUT, OPEN = -100.0, 100.0  # a gate's sigmoid is then 0 or 1
dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])
few = settings(max_examples=8)


def calls(*steps):
    """x [batch, input] (with `steps`, fewest and most: [time, batch, input]), h, w_ih, w_hh, b_ih, b_hh."""
    return recurrent_calls(3, *steps)


@composite
def padded(draw, shortest=0):
    """The arguments of a sequence of at least two steps, and a length for each row."""
    call = draw(calls(2, 4))
    time, batch, _ = call[0].shape
    return call, torch.tensor([draw(integers(shortest, time)) for _ in range(batch)])


@composite
def steps_under_control(draw):
    """What r, z and n see of the input, the old h, what w_hn makes of it, and b_hn: each [batch, h] but the last, [h]."""
    batch, units, seed = draw(integers(1, 3)), draw(integers(1, 3)), draw(seeds)
    return [*quarters(seed, 4, batch, units), quarters(seed + 1, units, units), quarters(seed + 2, units)]


def driven(r, z, n, h, w_hn, b_hn):
    """One step in which the gates see exactly r and z, and the candidate n + r ∗ (w_hn h + b_hn)."""
    units = h.shape[1]
    w_hh = torch.cat([torch.zeros(2 * units, units), w_hn])
    b_hh = torch.cat([torch.zeros(2 * units), b_hn])
    return gru_cell(torch.cat([r, z, n], 1), h, torch.eye(3 * units), w_hh, torch.zeros(3 * units), b_hh)


def full(x, value):
    return torch.full_like(x, value)


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def unit_by_unit(x, h, w_ih, w_hh, b_ih, b_hh):
    """The definition, in plain numbers."""
    new, units = torch.empty_like(h), h.shape[1]
    for row in range(len(x)):
        for unit in range(units):
            (r_x, z_x, n_x), (r_h, z_h, n_h) = (
                [float(w[k] @ v[row] + b[k]) for k in range(unit, 3 * units, units)]
                for w, v, b in ((w_ih, x, b_ih), (w_hh, h, b_hh))
            )
            n, z = math.tanh(n_x + sigmoid(r_x + r_h) * n_h), sigmoid(z_x + z_h)
            new[row, unit] = (1 - z) * n + z * float(h[row, unit])
    return new


def torch_sequence(x, h, *weights):
    outputs, h = torch.gru(x, h[None], weights, True, 1, 0.0, False, False, False)
    return outputs, h[0]


def repeated_cell(x, h, *weights):
    outputs = [h := gru_cell(step, h, *weights) for step in x]
    return torch.stack(outputs), h


def expected_sequence(call):
    """(outputs, h) as torch has them where the submission agrees, else as its own cell does: a wrong cell counts once."""
    right = torch_sequence(*call)
    try:
        for got, expected in zip(gru(*call), right, strict=True):
            agrees(got, expected)
    except Disagreement:
        return repeated_cell(*call)
    return right


def follows(call, part):
    """This part of (outputs, h) is as it should be."""
    agrees(gru(*call)[part], expected_sequence(call)[part])


def leaves(call):
    return [tensor.clone().requires_grad_() for tensor in call]


# gru_cell -------------------------------------------------------------------------------------------------------------


@given(calls())
def test_every_unit_follows_the_definition(call):
    """Each unit of the new state is what both gates and the candidate, in plain numbers, make of it."""
    agrees(gru_cell(*call), unit_by_unit(*call))


@few
@given(steps_under_control())
def test_an_open_update_gate_keeps_the_state(step):
    """With z = 1, the state stays what it was."""
    r, z, n, h, *recurrent = step
    agrees(driven(r, full(z, OPEN), n, h, *recurrent), h)


@few
@given(steps_under_control())
def test_the_update_gate_weighs_old_against_new(step):
    """With nothing recurrent, the new state is (1 - z) tanh(n) + z h."""
    r, z, n, h, w_hn, b_hn = step
    agrees(driven(r, z, n, h, 0 * w_hn, 0 * b_hn), torch.lerp(n.tanh(), h, z.sigmoid()))


@few
@given(steps_under_control())
def test_a_shut_reset_gate_hides_the_state(step):
    """With r = 0, z = 0 and no bias, the new state is tanh(n): the old one has no say."""
    r, z, n, h, w_hn, b_hn = step
    agrees(driven(full(r, SHUT), full(z, SHUT), n, h, w_hn, 0 * b_hn), n.tanh())


@few
@given(steps_under_control())
def test_an_open_reset_gate_makes_a_plain_cell(step):
    """With r = 1 and z = 0, the new state is tanh(n + w_hn h + b_hn)."""
    r, z, n, h, w_hn, b_hn = step
    agrees(driven(full(r, OPEN), full(z, SHUT), n, h, w_hn, b_hn), (n + h @ w_hn.T + b_hn).tanh())


@few
@given(steps_under_control())
def test_the_reset_gate_acts_after_the_product(step):
    """With z = 0 and no bias, the new state is tanh(n + r ∗ (w_hn h))."""
    r, z, n, h, w_hn, b_hn = step
    agrees(driven(r, full(z, SHUT), n, h, w_hn, 0 * b_hn), (n + r.sigmoid() * (h @ w_hn.T)).tanh())


@few
@given(steps_under_control())
def test_the_reset_gate_scales_the_hidden_bias(step):
    """With z = 0 and no product, the new state is tanh(n + r ∗ b_hn)."""
    r, z, n, h, w_hn, b_hn = step
    agrees(driven(r, full(z, SHUT), n, h, 0 * w_hn, b_hn), (n + r.sigmoid() * b_hn).tanh())


@few
@given(steps_under_control())
def test_the_reset_gate_leaves_the_input_alone(step):
    """Where h is zero and its product has no bias, the reset gate has no say."""
    r, z, n, h, w_hn, b_hn = step
    agrees(driven(r, z, n, 0 * h, w_hn, 0 * b_hn), driven(full(r, OPEN), z, n, 0 * h, w_hn, 0 * b_hn))


@few
@given(calls())
def test_a_state_within_one_stays_there(call):
    """A mean of two numbers within [-1, 1] is within [-1, 1]."""
    x, h, *weights = call
    assert gru_cell(x, h / 2, *weights).abs().max() <= 1


@few
@given(calls(), dtypes)
def test_the_cell_keeps_the_dtype(call, dtype):
    """The new state has the dtype of the arguments, and float64's values up to rounding."""
    call = [tensor.to(dtype) / 4 for tensor in call]
    agrees(gru_cell(*call), gru_cell(*[tensor.double() for tensor in call]).to(dtype))


@few
@given(calls())
def test_the_cell_takes_any_layout(call):
    """Arguments with gaps in memory give what their contiguous copies give."""
    agrees(gru_cell(*map(scattered, call)), gru_cell(*[tensor.clone() for tensor in call]))


@few
@given(calls())
def test_the_cell_changes_no_argument(call):
    """After a step, x, the state, the weights and the biases hold what they held before."""
    before = [tensor.clone() for tensor in call]
    gru_cell(*call)
    for now, then in zip(call, before, strict=True):
        agrees(now, then)


# gru ------------------------------------------------------------------------------------------------------------------


@few
@given(calls(1, 4))
def test_the_outputs_are_the_states_of_all_steps(call):
    """Output t is the state after step t, one cell after the other."""
    follows(call, 0)


@few
@given(calls(1, 4))
def test_the_final_state_is_that_of_the_last_step(call):
    """The state returned, [batch, h], is the one after the last step."""
    follows(call, 1)


@few
@given(calls(1, 1))
def test_one_step_starts_from_the_given_state(call):
    """A sequence of one step outputs what one cell makes of the given state."""
    follows(call, 0)


@few
@given(calls(1, 3))
def test_the_sequence_has_the_gradient_of_its_values(call):
    """The gradient of outputs and state by every argument, through all steps, is that of their definition."""
    inputs = leaves(call)
    both = [torch.cat([outputs, h[None]]) for outputs, h in (gru(*inputs), expected_sequence(inputs))]
    for got, expected in zip(*(gradients(output, *inputs) for output in both), strict=True):
        agrees(got, expected)


@few
@given(calls(1, 2), dtypes)
def test_the_sequence_keeps_the_dtype(call, dtype):
    """Outputs and state have the dtype of the arguments, and float64's values up to rounding."""
    call = [tensor.to(dtype) / 4 for tensor in call]
    for got, exact in zip(gru(*call), gru(*[tensor.double() for tensor in call]), strict=True):
        agrees(got, exact.to(dtype))


@few
@given(padded())
def test_the_sequence_takes_any_layout_and_changes_nothing(case):
    """Arguments with gaps in memory give what their copies give, and hold afterwards what they held before."""
    call, lengths = case
    views, gaps = [scattered(tensor) for tensor in call], scattered(lengths)
    agrees(gru(*views, gaps)[0], gru(*[tensor.clone() for tensor in call], lengths.clone())[0])
    for now, then in zip([*views, gaps], [*call, lengths], strict=True):
        agrees(now, then)


@few
@given(calls(1, 3))
def test_full_lengths_change_nothing(call):
    """Where every row is as long as the batch, lengths may as well be left out."""
    time, batch, _ = call[0].shape
    for got, expected in zip(gru(*call, torch.full((batch,), time)), gru(*call), strict=True):
        agrees(got, expected)


@few
@given(padded(shortest=1))
def test_a_row_ends_with_the_state_of_its_own_last_step(case):
    """Each row's state is what its own steps, without the padding, lead to."""
    (x, h, *weights), lengths = case
    ends = [gru(x[:n, row : row + 1], h[row : row + 1], *weights)[1] for row, n in enumerate(lengths.tolist())]
    agrees(gru(x, h, *weights, lengths)[1], torch.cat(ends))


@few
@given(padded())
def test_outputs_are_zero_behind_the_end_of_a_row(case):
    """Outputs of a row are those without padding up to its length, and zero from there on."""
    call, lengths = case
    real = torch.arange(len(call[0]))[:, None] < lengths
    agrees(gru(*call, lengths)[0], torch.where(real[..., None], gru(*call)[0], 0.0))


@few
@given(padded())
def test_a_row_without_steps_keeps_the_given_state(case):
    """A row of length zero comes back as it was given, and its outputs are zero."""
    (x, h, *weights), lengths = case
    outputs, end = gru(x, h, *weights, 0 * lengths)
    agrees(end, h)
    agrees(outputs, torch.zeros_like(outputs))


@few
@given(padded(), seeds)
def test_padding_has_no_say(case, seed):
    """Other numbers in the padding change nothing."""
    (x, *rest), lengths = case
    real = (torch.arange(len(x))[:, None] < lengths)[..., None]
    for got, expected in zip(
        gru(torch.where(real, x, quarters(seed, *x.shape)), *rest, lengths), gru(x, *rest, lengths), strict=True
    ):
        agrees(got, expected)


@few
@given(padded(shortest=1))
def test_padding_learns_nothing(case):
    """The gradients by every argument are those of the rows' own steps, and zero in the padding."""
    call, lengths = case
    x, h, *weights = inputs = leaves(call)
    rows = [gru(x[:n, row : row + 1], h[row : row + 1], *weights)[1] for row, n in enumerate(lengths.tolist())]
    for got, expected in zip(gradients(gru(*inputs, lengths)[1], *inputs), gradients(torch.cat(rows), *inputs), strict=True):
        agrees(got, expected)


@few
@given(padded(), sampled_from([-1, 5]))
def test_impossible_lengths_are_refused(case, length):
    """A length below zero or beyond the sequence raises ValueError."""
    call, lengths = case
    lengths[-1] = length
    assert refuses(ValueError, gru, *call, lengths)
