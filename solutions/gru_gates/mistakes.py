import torch
from torch.nn import functional as F

from grader.kit import instead_of
from solutions.gru_gates.gru_gates import gru, gru_cell


def parts(x, h, w_ih, w_hh, b_ih, b_hh):
    """What the input and what the state give to r, z and n: six tensors [batch, h]."""
    return *F.linear(x, w_ih, b_ih).chunk(3, -1), *F.linear(h, w_hh, b_hh).chunk(3, -1)


def mixed(r, z, n_x, n_h, h):
    z = z.sigmoid()
    return (1 - z) * (n_x + r.sigmoid() * n_h).tanh() + z * h


def check(lengths, time):
    if (lengths < 0).any() or (lengths > time).any():
        raise ValueError(lengths)


@instead_of("gru_cell")
def orders_the_update_gate_first(x, h, w_ih, w_hh, b_ih, b_hh):
    """Some papers and libraries, Keras for one, put z before r; torch stores r first. All shapes fit, training from scratch
    works, and loaded weights do not. The order of the rows is part of the file format: look it up."""
    z_x, r_x, n_x, z_h, r_h, n_h = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    return mixed(r_x + r_h, z_x + z_h, n_x, n_h, h)


@instead_of("gru_cell")
def interleaves_the_gates(x, h, w_ih, w_hh, b_ih, b_hh):
    """`reshape(batch, h, 3)` takes three neighbouring rows for one unit's gates; the rows are grouped by gate, so the 3
    comes before the h."""
    by_x, by_h = (y.reshape(len(x), -1, 3) for y in (F.linear(x, w_ih, b_ih), F.linear(h, w_hh, b_hh)))
    return mixed(by_x[..., 0] + by_h[..., 0], by_x[..., 1] + by_h[..., 1], by_x[..., 2], by_h[..., 2], h)


@instead_of("gru_cell")
def keeps_where_the_gate_is_shut(x, h, w_ih, w_hh, b_ih, b_hh):
    """z of the new and 1 - z of the old: the convention of Chung et al. and of Bahdanau et al., 2014. The model is the same
    up to the sign of a gate's weights, and that sign is what a checkpoint holds."""
    r_x, z_x, n_x, r_h, z_h, n_h = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    return mixed(r_x + r_h, -(z_x + z_h), n_x, n_h, h)


@instead_of("gru_cell")
def resets_before_the_product(x, h, w_ih, w_hh, b_ih, b_hh):
    """w_hn (r ∗ h) is the form of the paper; torch has r ∗ (w_hn h + b_hn), because then one product serves all gates. They are
    different functions, and no change of weights turns one into the other."""
    units = h.shape[1]
    r_x, z_x, n_x, r_h, z_h, _ = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
    n = (n_x + F.linear(r * h, w_hh[2 * units :], b_hh[2 * units :])).tanh()
    return (1 - z) * n + z * h


@instead_of("gru_cell")
def adds_the_hidden_bias_outside_the_reset(x, h, w_ih, w_hh, b_ih, b_hh):
    """b_ih + b_hh is right for r and z, as in an LSTM, and wrong for n: its second bias belongs to the product that the
    reset gate scales."""
    r_x, z_x, n_x, r_h, z_h, n_h = parts(x, h, w_ih, w_hh, b_ih + b_hh, torch.zeros_like(b_hh))
    return mixed(r_x + r_h, z_x + z_h, n_x, n_h, h)


@instead_of("gru_cell")
def resets_the_input_too(x, h, w_ih, w_hh, b_ih, b_hh):
    """r scales all that the candidate sees, the input included. Its name says what it resets: the memory. A shut gate
    should leave a candidate made from the input alone."""
    r_x, z_x, n_x, r_h, z_h, n_h = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    r = (r_x + r_h).sigmoid()
    return mixed(r_x + r_h, z_x + z_h, r * n_x, n_h, h)


@instead_of("gru_cell")
def never_resets(x, h, w_ih, w_hh, b_ih, b_hh):
    """The reset gate is computed and not used, so the candidate always sees the whole state. What is left is a known
    smaller cell, and loaded weights were not made for it."""
    _, z_x, n_x, _, z_h, n_h = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    z = (z_x + z_h).sigmoid()
    return (1 - z) * (n_x + n_h).tanh() + z * h


@instead_of("gru_cell")
def keeps_the_reset_state(x, h, w_ih, w_hh, b_ih, b_hh):
    """h was overwritten with r ∗ h, and the mean at the end keeps that. The reset gate decides what the candidate sees, the
    update gate alone what stays."""
    r_x, z_x, n_x, r_h, z_h, n_h = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    return mixed(r_x + r_h, z_x + z_h, n_x, n_h, (r_x + r_h).sigmoid() * h)


@instead_of("gru_cell")
def squashes_the_candidate_with_sigmoid(x, h, w_ih, w_hh, b_ih, b_hh):
    """One sigmoid for all three chunks makes the candidate positive: the state can rise and, in the long run, never be
    negative. Gates are amounts, the candidate has a sign."""
    r_x, z_x, n_x, r_h, z_h, n_h = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    z = (z_x + z_h).sigmoid()
    return (1 - z) * (n_x + (r_x + r_h).sigmoid() * n_h).sigmoid() + z * h


@instead_of("gru_cell")
def adds_without_taking_away(x, h, w_ih, w_hh, b_ih, b_hh):
    """n + z ∗ h lets the old state be kept and the whole candidate be written: it grows at every step. A GRU has one gate
    for both, so what is kept is not overwritten."""
    r_x, z_x, n_x, r_h, z_h, n_h = parts(x, h, w_ih, w_hh, b_ih, b_hh)
    return (n_x + (r_x + r_h).sigmoid() * n_h).tanh() + (z_x + z_h).sigmoid() * h


@instead_of("gru_cell")
def writes_the_state_in_place(x, h, w_ih, w_hh, b_ih, b_hh):
    """`copy_` saves an allocation and destroys the caller's state: a second call starts elsewhere, and all outputs of a
    sequence are one tensor."""
    return h.copy_(gru_cell(x, h, w_ih, w_hh, b_ih, b_hh))


@instead_of("gru_cell")
def promotes_to_float32(x, h, w_ih, w_hh, b_ih, b_hh):
    """float32 inside is fine for bfloat16, float32 outside is not: the next product meets two dtypes. And float64 comes
    back with half of its digits."""
    return gru_cell(*(tensor.float() for tensor in (x, h, w_ih, w_hh, b_ih, b_hh)))


@instead_of("gru")
def starts_from_zeros(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """Zeros are what torch takes where no state is given; here one is. A text that is read in parts forgets everything at each
    border."""
    return gru(x, torch.zeros_like(h), w_ih, w_hh, b_ih, b_hh, lengths)


@instead_of("gru")
def detaches_between_steps(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """The values are right, and nothing is learned across time: the gradient ends at each step. Detach where one window of
    a long text ends, never within."""
    outputs = []
    for t in range(len(x)):
        active = None if lengths is None else (lengths - t).clamp(0, 1)
        output, h = gru(x[t : t + 1], h.detach(), w_ih, w_hh, b_ih, b_hh, active)
        outputs.append(output)
    if lengths is not None:
        check(lengths, len(x))
    return torch.cat(outputs), h


@instead_of("gru")
def runs_on_through_the_padding(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """The outputs are zeroed and the state runs on, so the summary of a short text depends on how much padding its batch
    happens to have. Stop the state, not only what is shown."""
    outputs, h = gru(x, h, w_ih, w_hh, b_ih, b_hh)
    if lengths is not None:
        check(lengths, len(x))
        outputs = outputs.masked_fill((torch.arange(len(x))[:, None] >= lengths)[..., None], 0.0)
    return outputs, h


@instead_of("gru")
def repeats_the_last_state_in_the_padding(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """The state stops as it should, and the outputs go on showing it. A mean over time, or attention without a mask, then
    counts the last word of a short row many times."""
    if lengths is None:
        return gru(x, h, w_ih, w_hh, b_ih, b_hh)
    check(lengths, len(x))
    outputs = []
    for t, step in enumerate(x):
        h = torch.where((t < lengths)[:, None], gru_cell(step, h, w_ih, w_hh, b_ih, b_hh), h)
        outputs.append(h)
    return torch.stack(outputs), h


@instead_of("gru")
def takes_the_last_output_for_the_state(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """outputs[-1] is the last state only of the rows that are as long as the batch; of all others it is padding, zeros. The
    state has to be carried beside the outputs."""
    outputs, _ = gru(x, h, w_ih, w_hh, b_ih, b_hh, lengths)
    return outputs, outputs[-1]


@instead_of("gru")
def stops_one_step_late(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """`t <= length` lets in the first step of the padding. A row of length n has steps 0 to n - 1."""
    if lengths is None:
        return gru(x, h, w_ih, w_hh, b_ih, b_hh)
    check(lengths, len(x))
    return gru(x, h, w_ih, w_hh, b_ih, b_hh, (lengths + 1).clamp(max=len(x)))


@instead_of("gru")
def trusts_the_lengths(x, h, w_ih, w_hh, b_ih, b_hh, lengths=None):
    """A length beyond the sequence is taken as if it were its end. It comes from a batch that was cut and lengths that were
    not, and the model trains on texts without their ends; say so."""
    return gru(x, h, w_ih, w_hh, b_ih, b_hh, None if lengths is None else lengths.clamp(0, len(x)))
