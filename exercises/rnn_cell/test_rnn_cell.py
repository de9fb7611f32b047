import math

import torch
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, sampled_from

from exercises.rnn_cell.rnn_cell import rnn, rnn_cell, truncated_bptt
from grader.kit import Disagreement, agrees, gradients, quarters, recurrent_calls, refuses, scattered, seeds

forbids = [
    "torch.nn.RNN", "torch.nn.RNNCell", "torch.rnn_tanh", "torch.rnn_relu", "torch.rnn_tanh_cell", "torch.rnn_relu_cell",
    "torch._VF.rnn_tanh", "torch._VF.rnn_relu", "torch._VF.rnn_tanh_cell", "torch._VF.rnn_relu_cell",
    "torch.mkldnn_rnn_layer", "torch._cudnn_rnn", "torch.miopen_rnn",
]  # fmt: skip

dtypes = sampled_from([torch.float64, torch.float16, torch.bfloat16])
few = settings(max_examples=8)


def calls(*steps):
    """x [batch, input] (with `steps`, fewest and most: [time, batch, input]), h, w_ih, w_hh, b_ih, b_hh; within [-1, 1]."""
    return recurrent_calls(1, *steps).map(lambda call: [tensor / 2 for tensor in call])


@composite
def runs(draw, fewest=1, most=3):
    """A sequence of that many windows, the last of which may be short, its targets, and the length of a window."""
    windows, steps = draw(integers(fewest, most)), draw(integers(1, 3))
    time = max(1, windows * steps - draw(integers(0, steps - 1)))
    call = draw(calls(time, time))
    return call, quarters(draw(seeds), time, *call[1].shape), steps


def loss(outputs, targets):
    """A sum over steps, so that windows add up to the whole."""
    return (outputs - targets).square().sum()


def leaves(weights):
    return [weight.clone().requires_grad_() for weight in weights]


def grads(weights):
    """All gradients in one vector; zeros where there is none."""
    return torch.cat([(torch.zeros_like(w) if w.grad is None else w.grad).flatten() for w in weights])


def trained(run, update=lambda: None, weights=None):
    """What `truncated_bptt` returns, and the weights that it trained."""
    (x, h, *given_weights), targets, steps = run
    weights = leaves(given_weights) if weights is None else weights
    return *truncated_bptt(x, targets, h.clone(), tuple(weights), steps, loss, update), weights


def descend(weights, rate):
    """A step of gradient descent in place, after which the gradients are cleared."""
    with torch.no_grad():
        for weight in weights:
            weight -= rate * weight.grad
            weight.grad = None


def window_by_window(run, rate=0.0):
    """The definition, with the submission's own `rnn`: a wrong sequence counts once. Losses, state, gradients after each."""
    (x, h, *weights), targets, steps = run
    weights, losses, found = leaves(weights), [], []
    for start in range(0, len(x), steps):
        outputs, h = rnn(x[start : start + steps], h.detach().clone(), *weights)
        found.append(torch.autograd.grad(loss(outputs, targets[start : start + steps]), weights))
        losses.append(loss(outputs, targets[start : start + steps]).item())
        weights = leaves([w.detach() - rate * g for w, g in zip(weights, found[-1], strict=True)])
    return losses, h.detach(), [torch.cat([g.flatten() for g in gs]) for gs in found], weights


def unit_by_unit(x, h, w_ih, w_hh, b_ih, b_hh):
    """The definition, in plain numbers."""
    new = torch.empty_like(h)
    for row in range(len(x)):
        for unit in range(h.shape[1]):
            new[row, unit] = math.tanh(float(w_ih[unit] @ x[row] + w_hh[unit] @ h[row] + b_ih[unit] + b_hh[unit]))
    return new


def torch_sequence(x, h, *weights):
    outputs, h = torch.rnn_tanh(x, h[None], weights, True, 1, 0.0, False, False, False)
    return outputs, h[0]


def repeated_cell(x, h, *weights):
    outputs = [h := rnn_cell(step, h, *weights) for step in x]
    return torch.stack(outputs), h


def follows(call, part):
    """This part of (outputs, h) is torch's, or else what the submission's own cell gives: a wrong cell counts once."""
    got = rnn(*call)[part]
    try:
        agrees(got, torch_sequence(*call)[part])
    except Disagreement:
        agrees(got, repeated_cell(*call)[part])


# rnn_cell -------------------------------------------------------------------------------------------------------------


@given(calls())
def test_every_unit_follows_the_definition(call):
    """Each unit of the new state is tanh of its rows times x and h, plus both biases."""
    agrees(rnn_cell(*call), unit_by_unit(*call))


@few
@given(calls())
def test_a_state_that_is_negated_throughout_is_negated(call):
    """With x, h and the biases negated, the new state is negated too."""
    x, h, w_ih, w_hh, b_ih, b_hh = call
    agrees(rnn_cell(-x, -h, w_ih, w_hh, -b_ih, -b_hh), -rnn_cell(*call))


@few
@given(calls())
def test_the_old_state_counts_through_the_rows_of_w_hh(call):
    """With x and the biases zero, the new state is tanh of h @ w_hh.T."""
    x, h, w_ih, w_hh, *biases = call
    agrees(rnn_cell(0 * x, h, w_ih, w_hh, *(0 * bias for bias in biases)), (h @ w_hh.T).tanh())


@few
@given(calls())
def test_both_biases_count_alike(call):
    """Exchanging the two biases changes nothing, and what one loses the other may gain."""
    *rest, b_ih, b_hh = call
    agrees(rnn_cell(*rest, b_hh, b_ih), rnn_cell(*call))
    agrees(rnn_cell(*rest, b_ih + b_hh, 0 * b_hh), rnn_cell(*call))


@few
@given(calls(), dtypes)
def test_the_cell_keeps_the_dtype(call, dtype):
    """The new state has the dtype of the arguments, and float64's values up to rounding."""
    call = [tensor.to(dtype) for tensor in call]
    agrees(rnn_cell(*call), rnn_cell(*[tensor.double() for tensor in call]).to(dtype))


@few
@given(calls())
def test_the_cell_takes_any_layout_and_changes_nothing(call):
    """Arguments with gaps in memory give what their copies give, and hold afterwards what they held before."""
    views = [scattered(tensor) for tensor in call]
    agrees(rnn_cell(*views), rnn_cell(*[tensor.clone() for tensor in call]))
    for now, then in zip(views, call, strict=True):
        agrees(now, then)


@few
@given(calls())
def test_the_cell_has_the_gradient_of_its_values(call):
    """The gradient of the new state by every argument is that of tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)."""
    x, h, w_ih, w_hh, b_ih, b_hh = inputs = leaves(call)
    right = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).tanh()
    for got, expected in zip(gradients(rnn_cell(*inputs), *inputs), gradients(right, *inputs), strict=True):
        agrees(got, expected)


# rnn ------------------------------------------------------------------------------------------------------------------


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
@given(calls(1, 3), dtypes)
def test_the_sequence_keeps_the_dtype(call, dtype):
    """Outputs and state have the dtype of the arguments, and float64's values up to rounding."""
    call = [tensor.to(dtype) / 2 for tensor in call]
    for got, exact in zip(rnn(*call), rnn(*[tensor.double() for tensor in call]), strict=True):
        agrees(got, exact.to(dtype))


@few
@given(calls(1, 3))
def test_the_sequence_takes_any_layout_and_changes_nothing(call):
    """Arguments with gaps in memory give what their copies give, and hold afterwards what they held before."""
    views = [scattered(tensor) for tensor in call]
    agrees(rnn(*views)[0], rnn(*[tensor.clone() for tensor in call])[0])
    for now, then in zip(views, call, strict=True):
        agrees(now, then)


@few
@given(calls(1, 3))
def test_the_sequence_has_the_gradient_of_its_values(call):
    """The gradient of outputs and state by every argument, through all steps, is torch's."""
    inputs = leaves(call)
    both = [torch.cat([outputs, h[None]]) for outputs, h in (rnn(*inputs), torch_sequence(*inputs))]
    for got, expected in zip(*(gradients(output, *inputs) for output in both), strict=True):
        agrees(got, expected)


# truncated_bptt -------------------------------------------------------------------------------------------------------


@few
@given(runs(1, 1))
def test_one_window_is_plain_backpropagation(run):
    """Where the sequence fits into one window, the weights get the gradient of its loss."""
    agrees(grads(trained(run)[-1]), window_by_window(run)[2][0])


@given(runs(2))
def test_gradients_add_up_and_cross_no_border(run):
    """The weights get the sum of the windows' gradients, each with its first state taken as a constant."""
    agrees(grads(trained(run)[-1]), sum(window_by_window(run)[2]))


@few
@given(runs(2))
def test_every_window_has_its_loss(run):
    """There is one float for each window, the short last one included: the loss of its outputs and its targets."""
    losses, expected = trained(run)[0], window_by_window(run)[0]
    agrees(torch.tensor(losses), torch.tensor(expected), 1e-4, 1e-4)
    assert all(type(loss) is float for loss in losses)


@few
@given(runs(2))
def test_there_are_as_many_windows_as_needed(run):
    """A sequence of n steps has n / steps windows, rounded up: so many losses, and so many updates."""
    calls, windows = [], math.ceil(len(run[1]) / run[-1])
    losses, *_ = trained(run, lambda: calls.append(1))
    assert (len(losses), len(calls)) == (windows, windows)


@few
@given(runs(2))
def test_the_state_is_carried_to_the_end(run):
    """The state returned is the one that the whole sequence ends with."""
    agrees(trained(run)[1].detach(), window_by_window(run)[1])


@few
@given(runs())
def test_the_state_returned_has_no_history(run):
    """The state returned requires no gradient, so the next pass may begin with it."""
    assert not trained(run)[1].requires_grad


@few
@given(runs(2))
def test_every_update_finds_the_gradients_of_its_window(run):
    """When update is called, the gradients of all windows so far are there, and no others."""
    weights, seen = leaves(run[0][2:]), []
    trained(run, lambda: seen.append(grads(weights)), weights)
    agrees(torch.stack(seen), torch.stack(window_by_window(run)[2]).cumsum(0))


@few
@given(runs(2))
def test_the_next_window_runs_with_the_updated_weights(run):
    """Where update makes a step of gradient descent, the weights end where window after window would take them."""
    weights = leaves(run[0][2:])
    trained(run, lambda: descend(weights, 0.125), weights)
    for got, expected in zip(weights, window_by_window(run, 0.125)[3], strict=True):
        agrees(got.detach(), expected.detach(), 1e-4, 1e-4)


@few
@given(runs())
def test_gradients_from_before_are_added_to(run):
    """Gradients that the weights had before are still in the sum."""
    weights = leaves(run[0][2:])
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    trained(run, weights=weights)
    agrees(grads(weights), 1 + sum(window_by_window(run)[2]))


@few
@given(runs())
def test_the_first_state_is_a_constant(run):
    """The given state is not changed, and gets no gradient even where it requires one."""
    (x, h, *weights), targets, steps = run
    first = h.clone().requires_grad_()
    truncated_bptt(x, targets, first, tuple(leaves(weights)), steps, loss, lambda: None)
    agrees(first.detach(), h)
    assert first.grad is None


@few
@given(runs(), integers(-2, 0))
def test_windows_without_steps_are_refused(run, steps):
    """Windows of fewer than one step raise ValueError."""
    (x, h, *weights), targets, _ = run
    assert refuses(ValueError, truncated_bptt, x, targets, h, tuple(leaves(weights)), steps, loss, lambda: None)
