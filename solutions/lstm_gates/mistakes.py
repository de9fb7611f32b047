import torch
from torch.nn import functional as F

from grader.kit import instead_of


def seen(x, h, w_ih, w_hh, b_ih, b_hh):
    """What all gates see, [batch, 4h]."""
    return F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)


def gates(x, h, *weights):
    """What i, f, g and o see, [batch, h] each."""
    return seen(x, h, *weights).chunk(4, -1)


def cell(x, h, c, *weights):
    i, f, g, o = gates(x, h, *weights)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def orders_the_gates_as_in_the_papers(x, state, w_ih, w_hh, b_ih, b_hh):
    """Texts introduce the forget gate first; torch stores the input gate first. Shapes cannot object, and a model trained
    this way even works, until somebody loads its weights elsewhere."""
    f, i, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def orders_the_candidate_last(x, state, w_ih, w_hh, b_ih, b_hh):
    """i, f, o, g keeps the three sigmoids together, as many lecture notes do; torch has the candidate g third. The order of
    the rows is a convention of the file format: look it up, never infer it."""
    i, f, o, g = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def interleaves_the_gates(x, state, w_ih, w_hh, b_ih, b_hh):
    """`reshape(batch, h, 4)` takes four neighbouring rows for one unit's gates; the rows are grouped by gate, so the 4 comes
    before the h. The axis that varies slowest in memory stands first in a reshape."""
    i, f, g, o = seen(x, state[0], w_ih, w_hh, b_ih, b_hh).reshape(len(x), -1, 4).unbind(-1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def forgets_the_hidden_bias(x, state, w_ih, w_hh, b_ih, b_hh):
    """Two biases that are only ever added look like one too many, and for training from scratch one would do. Weights from
    torch have both, so both count."""
    i, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, torch.zeros_like(b_hh))
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def squashes_the_candidate_with_sigmoid(x, state, w_ih, w_hh, b_ih, b_hh):
    """One sigmoid over all four chunks makes the candidate positive, so c can only be raised, never lowered. Gates say how
    much and lie in [0, 1]; the candidate says what, and needs a sign: tanh."""
    i, f, g, o = torch.sigmoid(seen(x, state[0], w_ih, w_hh, b_ih, b_hh)).chunk(4, -1)
    c = f * state[1] + i * g
    return o * c.tanh(), c


@instead_of("lstm_cell")
def shows_c_without_tanh(x, state, w_ih, w_hh, b_ih, b_hh):
    """c is a sum over time and may grow with the length of the sequence; without its tanh, h grows too and is fed back
    through w_hh. The squashing belongs on the way out, where it does not touch what is stored."""
    i, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


@instead_of("lstm_cell")
def shows_the_old_memory(x, state, w_ih, w_hh, b_ih, b_hh):
    """h is read from the c that came in, so the output lags one step behind what was written. Update the memory first, then
    read it."""
    i, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    return o.sigmoid() * state[1].tanh(), f.sigmoid() * state[1] + i.sigmoid() * g.tanh()


@instead_of("lstm_cell")
def stores_the_squashed_memory(x, state, w_ih, w_hh, b_ih, b_hh):
    """c = tanh(c) is kept for the next step, so the memory is squashed anew at every step and fades even behind an open
    forget gate. The path along c must stay linear: that is what carries gradients far."""
    i, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = torch.tanh(f.sigmoid() * state[1] + i.sigmoid() * g.tanh())
    return o.sigmoid() * c, c


@instead_of("lstm_cell")
def forgets_h_and_not_c(x, state, w_ih, w_hh, b_ih, b_hh):
    """The forget gate scales the old h, so the cell has no memory of its own, only what the output gate let out. h already
    has its way in, through w_hh; f belongs to c."""
    i, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = f.sigmoid() * state[0] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def forgets_where_the_gate_is_open(x, state, w_ih, w_hh, b_ih, b_hh):
    """The name misleads: the 'forget' gate says how much is kept, so f = 1 keeps everything. That is why its bias is often
    started at 1 and not at -1."""
    i, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = (1 - f.sigmoid()) * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def couples_input_to_forget(x, state, w_ih, w_hh, b_ih, b_hh):
    """Writing 1 - f of the candidate is the habit of the GRU, which interpolates. An LSTM has a gate of its own for writing:
    it can keep and add at once, and so it can count."""
    _, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = f.sigmoid() * state[1] + (1 - f.sigmoid()) * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def adds_one_to_the_forget_bias(x, state, w_ih, w_hh, b_ih, b_hh):
    """A forget bias of 1 is a way to start training, so it belongs into the initial b_ih. Added in the step it stays for
    good, and weights trained elsewhere forget too little."""
    i, f, g, o = gates(x, state[0], w_ih, w_hh, b_ih, b_hh)
    c = (f + 1).sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def takes_c_first(x, state, w_ih, w_hh, b_ih, b_hh):
    """The pair is taken apart as c, h, so the gates look at the memory and the output is kept as memory. Both have one shape,
    so nothing complains: torch's order is h, then c."""
    c, h = state
    return cell(x, h, c, w_ih, w_hh, b_ih, b_hh)


@instead_of("lstm_cell")
def returns_c_first(x, state, w_ih, w_hh, b_ih, b_hh):
    """(c, h) has the right shapes and the wrong meaning: the next layer is shown the private memory, and the next step keeps
    what was meant to be shown. What goes out first is what others may see."""
    h, c = cell(x, *state, w_ih, w_hh, b_ih, b_hh)
    return c, h


@instead_of("lstm_cell")
def writes_the_memory_in_place(x, state, w_ih, w_hh, b_ih, b_hh):
    """`mul_` saves an allocation and destroys the caller's c: a second call from the same state starts elsewhere, and beam
    search shares a memory between its beams. Autograd refuses it on a leaf."""
    h, c = state
    i, f, g, o = gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c.mul_(f.sigmoid()).add_(i.sigmoid() * g.tanh())
    return o.sigmoid() * c.tanh(), c


@instead_of("lstm_cell")
def promotes_to_float32(x, state, w_ih, w_hh, b_ih, b_hh):
    """Computing in float32 is a fine idea in a bfloat16 model; handing float32 on is not, since the next layer's product
    then refuses two dtypes. And float64 comes back with half of its digits."""
    return cell(*[tensor.float() for tensor in (x, *state, w_ih, w_hh, b_ih, b_hh)])


@instead_of("lstm")
def starts_from_zeros(x, state, w_ih, w_hh, b_ih, b_hh):
    """Zeros are the default of nn.LSTM, and here they override the state that was given. A long text that is read in chunks
    then forgets everything at each border."""
    h, c = torch.zeros_like(state[0]), torch.zeros_like(state[1])
    outputs = []
    for step in x:
        h, c = cell(step, h, c, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def starts_every_step_anew(x, state, w_ih, w_hh, b_ih, b_hh):
    """Each step gets the first state, so this is a feed-forward layer applied at every position. The state must be
    rebound to what the step returned: this line is the recurrence."""
    outputs = []
    for step in x:
        h, c = cell(step, *state, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def carries_h_alone(x, state, w_ih, w_hh, b_ih, b_hh):
    """h is handed on and every step starts from the first c, as if the state were one tensor like that of a plain RNN. The
    long memory is in c: without it the gates have nothing to protect."""
    h, outputs = state[0], []
    for step in x:
        h, c = cell(step, h, state[1], w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def collects_the_memories(x, state, w_ih, w_hh, b_ih, b_hh):
    """The outputs hold c, which is private to the cell; what a step shows to the layer above is h. A look at the range
    gives it away: h lies within [-1, 1]."""
    (h, c), outputs = state, []
    for step in x:
        h, c = cell(step, h, c, w_ih, w_hh, b_ih, b_hh)
        outputs.append(c)
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def collects_before_the_step(x, state, w_ih, w_hh, b_ih, b_hh):
    """The append stands above the update, so outputs begin with the given h and the last step is lost. Output t has to
    know input t."""
    (h, c), outputs = state, []
    for step in x:
        outputs.append(h)
        h, c = cell(step, h, c, w_ih, w_hh, b_ih, b_hh)
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def returns_the_first_state(x, state, w_ih, w_hh, b_ih, b_hh):
    """The loop works on h and c, and the return line says `state`, which still is what was given. The outputs are right, so
    this only shows where somebody continues a sequence."""
    (h, c), outputs = state, []
    for step in x:
        h, c = cell(step, h, c, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs), state


@instead_of("lstm")
def adds_an_axis_for_layers(x, state, w_ih, w_hh, b_ih, b_hh):
    """nn.LSTM returns its state as [layers, batch, h], because it may have several; this one is a single layer and says
    [batch, h]. A stray axis of one broadcasts for a long time before anything complains."""
    (h, c), outputs = state, []
    for step in x:
        h, c = cell(step, h, c, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs), (h[None], c[None])


@instead_of("lstm")
def runs_backwards(x, state, w_ih, w_hh, b_ih, b_hh):
    """The steps are taken from the last to the first, as the second half of a bidirectional layer does. In a language model
    each output would then have read the words it is to predict."""
    (h, c), outputs = state, []
    for step in x.flip(0):
        h, c = cell(step, h, c, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs[::-1]), (h, c)


@instead_of("lstm")
def drops_the_bias_when_hoisting(x, state, w_ih, w_hh, b_ih, b_hh):
    """Taking the input's product out of the loop is right, and b_ih went with it; b_hh stayed behind and got lost. Both
    biases are known before the first step: add both there."""
    (h, c), outputs = state, []
    for step in F.linear(x, w_ih, b_ih):
        i, f, g, o = (step + h @ w_hh.T).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def detaches_between_steps(x, state, w_ih, w_hh, b_ih, b_hh):
    """With the state detached at every step, each step learns from its own loss alone and nothing is learned across time.
    Detach between chunks of a long text, never between steps."""
    (h, c), outputs = state, []
    for step in x:
        h, c = cell(step, h.detach(), c.detach(), w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def allocates_float32_outputs(x, state, w_ih, w_hh, b_ih, b_hh):
    """`torch.empty` without a dtype is float32, whatever is written into it: float64 is rounded and bfloat16 promoted, both
    in silence. `x.new_empty`, or a list and `stack`, keep the dtype."""
    (h, c), outputs = state, torch.empty(len(x), *state[0].shape)
    for time, step in enumerate(x):
        h, c = cell(step, h, c, w_ih, w_hh, b_ih, b_hh)
        outputs[time] = h
    return outputs, (h, c)


@instead_of("lstm")
def collects_one_buffer(x, state, w_ih, w_hh, b_ih, b_hh):
    """h is a buffer that every step overwrites, and the list holds that one tensor over and over: all outputs show the last
    step. A list keeps references, not values."""
    (h, c), outputs = (state[0].clone(), state[1]), []
    for step in x:
        new_h, c = cell(step, h.clone(), c, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h.copy_(new_h))
    return torch.stack(outputs), (h, c)


@instead_of("lstm")
def flattens_with_view(x, state, w_ih, w_hh, b_ih, b_hh):
    """`view(time * batch, input)` needs the two axes to be neighbours in memory, and a batch-first tensor that was transposed
    is not. `linear` takes any leading axes, so nothing need be flattened."""
    (h, c), outputs = state, []
    for step in F.linear(x.view(-1, x.shape[2]), w_ih, b_ih + b_hh).view(*x.shape[:2], -1):
        i, f, g, o = (step + h @ w_hh.T).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), (h, c)
