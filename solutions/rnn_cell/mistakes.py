import torch
from torch.nn import functional as F

from grader.kit import Equivalent, instead_of
from solutions.rnn_cell.rnn_cell import rnn


def seen(x, h, w_ih, w_hh, b_ih, b_hh):
    """What the units see before they are squashed."""
    return F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)


def cell(*call):
    return seen(*call).tanh()


def windows(x, targets, steps):
    if steps < 1:
        raise ValueError(steps)
    return zip(x.split(steps), targets.split(steps), strict=True)


@instead_of("rnn_cell")
def multiplies_by_the_columns(x, h, w_ih, w_hh, b_ih, b_hh):
    """`h @ w_hh` without a transpose runs, as the matrix is square, and trains as well; with weights from elsewhere every
    unit listens to the wrong ones. In torch a row of a weight belongs to an output."""
    return (F.linear(x, w_ih, b_ih) + h @ w_hh + b_hh).tanh()


@instead_of("rnn_cell")
def squashes_with_sigmoid(x, h, w_ih, w_hh, b_ih, b_hh):
    """A sigmoid is a gate's squashing. The state has a sign and is centred at zero; with all entries positive, each step
    pushes the next in one direction, and the slope is a quarter at best where tanh has one."""
    return seen(x, h, w_ih, w_hh, b_ih, b_hh).sigmoid()


@instead_of("rnn_cell")
def forgets_the_hidden_bias(x, h, w_ih, w_hh, b_ih, b_hh):
    """Two biases that are only ever added look like one too many. Training from scratch would not miss the second, but
    weights from torch have both, so both count."""
    return seen(x, h, w_ih, w_hh, b_ih, torch.zeros_like(b_hh)).tanh()


@instead_of("rnn_cell")
def promotes_to_float32(x, h, w_ih, w_hh, b_ih, b_hh):
    """float32 inside is fine for a bfloat16 model, float32 outside is not: the next product meets two dtypes. And of a
    float64 state half of the digits are gone."""
    return cell(*(tensor.float() for tensor in (x, h, w_ih, w_hh, b_ih, b_hh)))


@instead_of("rnn")
def starts_from_zeros(x, h, w_ih, w_hh, b_ih, b_hh):
    """Zeros are what torch takes where no state is given. Here one is, and a text that is read in parts would forget
    everything at each border."""
    return rnn(x, torch.zeros_like(h), w_ih, w_hh, b_ih, b_hh)


@instead_of("rnn")
def collects_before_the_step(x, h, w_ih, w_hh, b_ih, b_hh):
    """The append stands above the update: outputs begin with the given state, and the last step is missing. Output t has to
    know input t."""
    outputs = []
    for step in x:
        outputs.append(h)
        h = cell(step, h, w_ih, w_hh, b_ih, b_hh)
    return torch.stack(outputs), h


@instead_of("rnn")
def starts_every_step_anew(x, h, w_ih, w_hh, b_ih, b_hh):
    """The result of the step gets a name of its own, and the next one starts from the first state again: a feed-forward
    layer at every position. Rebinding h is the recurrence."""
    outputs = [cell(step, h, w_ih, w_hh, b_ih, b_hh) for step in x]
    return torch.stack(outputs), outputs[-1]


@instead_of("rnn")
def detaches_between_steps(x, h, w_ih, w_hh, b_ih, b_hh):
    """With a detach at every step nothing is learned across time, although the values are right. Detach where one window
    ends and the next begins, never within."""
    outputs = []
    for step in x:
        h = cell(step, h.detach(), w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs), h


@instead_of("truncated_bptt")
def lets_the_gradient_cross(x, targets, h, weights, steps, loss, update):
    """Torch complains that the graph was freed, and `retain_graph=True` makes it quiet. Now every window goes back to the very
    beginning: memory and time grow with the text, and an update in place breaks it. The message meant: detach."""
    losses, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        outputs, h = rnn(inputs, h, *weights)
        window = loss(outputs, wanted)
        window.backward(retain_graph=True)
        losses.append(window.item())
        update()
    return losses, h.detach()


@instead_of("truncated_bptt")
def forgets_at_every_border(x, targets, h, weights, steps, loss, update):
    """Each window starts from the first state, so nothing older than a window can help, not even as a value. Only the
    gradient is truncated, not the memory: detach the state, do not reset it."""
    losses, end = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        outputs, end = rnn(inputs, h.detach(), *weights)
        window = loss(outputs, wanted)
        window.backward()
        losses.append(window.item())
        update()
    return losses, end.detach()


@instead_of("truncated_bptt")
def drops_the_last_window(x, targets, h, weights, steps, loss, update):
    """len(x) // steps windows leave the rest of the text unread, and the state that is returned is not that of its end.
    Round up, or let split do it."""
    losses, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        if len(inputs) < min(steps, len(x)):
            break
        outputs, h = rnn(inputs, h.detach(), *weights)
        window = loss(outputs, wanted)
        window.backward()
        losses.append(window.item())
        update()
    return losses, h.detach()


@instead_of("truncated_bptt")
def truncates_to_a_single_step(x, targets, h, weights, steps, loss, update):
    """The state is detached after each step within a window too, so the gradient never goes back further than one. That is
    cheap, and no recurrent weight learns what its work is good for later."""
    losses, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        outputs = []
        for step in inputs:
            h = cell(step, h.detach(), *weights)
            outputs.append(h)
        window = loss(torch.stack(outputs), wanted)
        window.backward()
        losses.append(window.item())
        update()
    return losses, h.detach()


@instead_of("truncated_bptt")
def goes_backward_once_at_the_end(x, targets, h, weights, steps, loss, update):
    """The losses of all windows are added up, and one backward follows. The gradients are right and the point is missed:
    all graphs are in memory together, and the weights change once in a whole text."""
    parts, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        outputs, h = rnn(inputs, h.detach(), *weights)
        parts.append(loss(outputs, wanted))
    sum(parts).backward()
    update()
    return [part.item() for part in parts], h.detach()


@instead_of("truncated_bptt")
def clears_the_gradients_itself(x, targets, h, weights, steps, loss, update):
    """Gradients add up in torch so that somebody may collect several passes before a step. A function that clears them
    takes that decision away; here it belongs to `update`."""
    losses, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        for weight in weights:
            weight.grad = None
        outputs, h = rnn(inputs, h.detach(), *weights)
        window = loss(outputs, wanted)
        window.backward()
        losses.append(window.item())
        update()
    return losses, h.detach()


@instead_of("truncated_bptt")
def updates_before_backward(x, targets, h, weights, steps, loss, update):
    """Each update sees the gradients of the window before, the first one none at all, and the last window's are never used. And
    backward finds weights that are no longer those of its graph. Loss, backward, step: in this order."""
    losses, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        outputs, h = rnn(inputs, h.detach(), *weights)
        window = loss(outputs, wanted)
        losses.append(window.item())
        update()
        window.backward()
    return losses, h.detach()


@instead_of("truncated_bptt")
def projects_the_inputs_once_for_all(x, targets, h, weights, steps, loss, update):
    """Taking the inputs' product out of the loop is right within a window. Here it is taken out of the training: the first
    backward frees it, and if it did not, all later windows would run with weights from before the updates."""
    w_ih, w_hh, b_ih, b_hh = weights
    losses, h = [], h.detach()
    for projected, wanted in windows(F.linear(x, w_ih, b_ih + b_hh), targets, steps):
        h, outputs = h.detach(), []
        for step in projected:
            h = (step + h @ w_hh.T).tanh()
            outputs.append(h)
        window = loss(torch.stack(outputs), wanted)
        window.backward()
        losses.append(window.item())
        update()
    return losses, h.detach()


@instead_of("truncated_bptt")
def keeps_the_losses_as_tensors(x, targets, h, weights, steps, loss, update):
    """A list of loss tensors looks like a list of numbers and holds on to whatever led to them: memory grows with each
    window. `item` is what cuts the tie."""
    losses, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        outputs, h = rnn(inputs, h.detach(), *weights)
        losses.append(loss(outputs, wanted))
        losses[-1].backward()
        update()
    return losses, h.detach()


@instead_of("truncated_bptt")
def returns_a_state_with_history(x, targets, h, weights, steps, loss, update):
    """The last state still hangs on the last window's graph. The next pass goes backward through it, into memory that is
    freed, and the error appears far from its cause."""
    losses, h = [], h.detach()
    for inputs, wanted in windows(x, targets, steps):
        outputs, h = rnn(inputs, h.detach(), *weights)
        window = loss(outputs, wanted)
        window.backward()
        losses.append(window.item())
        update()
    return losses, h


equivalents = [
    Equivalent("truncated_bptt: True → False", "targets are as long as x, so both have as many windows"),
]
