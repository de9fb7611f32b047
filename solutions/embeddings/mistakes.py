import torch
from torch import nn
from torch.nn import functional as F

from grader.kit import instead_of


def check(ids, rows):
    if ids.is_floating_point():
        raise TypeError(ids.dtype)
    if ((ids < 0) | (ids >= rows)).any():
        raise IndexError(rows)


def stopped(rows, where):
    """The rows, without their gradient where `where` says so."""
    return torch.where(where.unsqueeze(-1), rows.detach(), rows)


def check_question(weight, index, k):
    if not 0 <= index < len(weight):
        raise IndexError(index)
    if not 1 <= k < len(weight):
        raise ValueError(k)


def cosines_with(weight, index):
    norms = weight.norm(dim=1)
    norms = norms.masked_fill(norms == 0, 1)
    return weight @ (weight[index] / norms[index]) / norms


def without(cosines, index):
    """The cosines with that of the row itself out of reach."""
    return cosines.index_fill(0, torch.tensor(index), -torch.inf)


def best(cosines, index, k):
    found, indices = without(cosines, index).topk(k)
    return indices, found


@instead_of("Embedding.__init__")
def takes_row_zero_for_no_padding(self, num_embeddings, embedding_dim, padding_idx=None):
    """`if padding_idx:` is false for row 0, which is where BERT and T5 put their padding. An optional number is compared with
    None, never tested for truth."""
    nn.Module.__init__(self)
    weight = torch.randn(num_embeddings, embedding_dim)
    self.padding_idx = None
    if padding_idx:
        self.padding_idx = padding_idx % num_embeddings
        weight[self.padding_idx] = 0
    self.weight = nn.Parameter(weight)


@instead_of("Embedding.__init__")
def remembers_negative_padding(self, num_embeddings, embedding_dim, padding_idx=None):
    """Indexing understands −1, comparing does not: the right row starts at zero, but no id ever equals −1, so the row learns
    after all. Normalize a negative index once, where it comes in."""
    nn.Module.__init__(self)
    weight = torch.randn(num_embeddings, embedding_dim)
    if padding_idx is not None:
        weight[padding_idx] = 0
    self.weight, self.padding_idx = nn.Parameter(weight), padding_idx


@instead_of("Embedding.__init__")
def leaves_the_padding_row_random(self, num_embeddings, embedding_dim, padding_idx=None):
    """The padding row gets no gradient, so what it starts with it keeps: a random vector, added at every padded position for
    the whole of training. It has to start at zero."""
    nn.Module.__init__(self)
    self.weight = nn.Parameter(torch.randn(num_embeddings, embedding_dim))
    self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings


@instead_of("Embedding.__init__")
def draws_from_rand(self, num_embeddings, embedding_dim, padding_idx=None):
    """`torch.rand` is uniform in [0, 1): all vectors point into the same corner, so every pair of tokens starts out similar.
    `torch.randn` is the normal one, centred at zero."""
    nn.Module.__init__(self)
    self.weight, self.padding_idx = nn.Parameter(torch.rand(num_embeddings, embedding_dim)), padding_idx
    if padding_idx is not None:
        self.padding_idx %= num_embeddings
        with torch.no_grad():
            self.weight[padding_idx] = 0


@instead_of("Embedding.__init__")
def starts_as_small_as_gpt2(self, num_embeddings, embedding_dim, padding_idx=None):
    """A standard deviation of 0.02 suits a table that is tied to the output layer, where N(0, 1) would give logits of size √d.
    It is a choice of the model, and not what was asked of this layer."""
    nn.Module.__init__(self)
    weight = 0.02 * torch.randn(num_embeddings, embedding_dim)
    if padding_idx is not None:
        padding_idx %= num_embeddings
        weight[padding_idx] = 0
    self.weight, self.padding_idx = nn.Parameter(weight), padding_idx


@instead_of("Embedding.__init__")
def holds_a_plain_tensor(self, num_embeddings, embedding_dim, padding_idx=None):
    """A tensor attribute is not a parameter: the optimizer never sees it, `.to()` does not move it, and the checkpoint
    does not hold it. Wrap it in nn.Parameter."""
    nn.Module.__init__(self)
    weight = torch.randn(num_embeddings, embedding_dim)
    if padding_idx is not None:
        padding_idx %= num_embeddings
        weight[padding_idx] = 0
    self.weight, self.padding_idx = weight.requires_grad_(), padding_idx


@instead_of("Embedding.forward")
def teaches_the_padding_row(self, ids):
    """Starting at zero is not enough: without a stop, the gradient of every padded position goes into one row, and after the
    first step padding means something."""
    check(ids, len(self.weight))
    return self.weight[ids]


@instead_of("Embedding.forward")
def masks_the_output(self, ids):
    """Multiplying the output by a mask stops the gradient, but erases the value too: a checkpoint whose padding row is not
    zero now answers differently than it did where it was trained."""
    check(ids, len(self.weight))
    rows = self.weight[ids]
    return rows if self.padding_idx is None else rows * (ids != self.padding_idx).unsqueeze(-1)


@instead_of("Embedding.forward")
def zeroes_the_row_at_every_call(self, ids):
    """Writing zeros into the padding row at each forward pass overwrites what was loaded, and changes a parameter behind the
    optimizer's back. Forward reads; it does not write."""
    check(ids, len(self.weight))
    if self.padding_idx is None:
        return self.weight[ids]
    with torch.no_grad():
        self.weight[self.padding_idx] = 0
    return stopped(self.weight[ids], ids == self.padding_idx)


@instead_of("Embedding.forward")
def looks_up_the_data(self, ids):
    """`.data` leaves the graph, so the table gets no gradient and stays random for ever. The loss still falls, since the
    layers above learn to live with it: that is why nobody notices."""
    check(ids, len(self.weight))
    return self.weight.data[ids] + 0 * self.weight.sum()


@instead_of("Embedding.forward")
def wraps_negative_ids(self, ids):
    """Indexing takes −1 for the last row, so a label of −100 that strays into the inputs, or an 'unknown' of −1, silently
    becomes another token. An id is a name, not a position to count from."""
    if ids.is_floating_point():
        raise TypeError(ids.dtype)
    rows = self.weight[ids]
    return rows if self.padding_idx is None else stopped(rows, ids == self.padding_idx)


@instead_of("Embedding.forward")
def rounds_floating_ids(self, ids):
    """`.long()` accepts anything, also activations passed by mistake, and bfloat16 ids in which 257 has already become 256.
    Ids that come as floats are a bug further up; say so."""
    whole = ids.long()
    check(whole, len(self.weight))
    rows = self.weight[whole]
    return rows if self.padding_idx is None else stopped(rows, whole == self.padding_idx)


@instead_of("Embedding.forward")
def looks_for_the_largest_of_none(self, ids):
    """The range is checked through `ids.max()`, but the largest of no numbers does not exist, so an empty batch raises. Ask
    whether any id is wrong: of none, none is."""
    if ids.is_floating_point():
        raise TypeError(ids.dtype)
    if ids.min() < 0 or ids.max() >= len(self.weight):
        raise IndexError(len(self.weight))
    rows = self.weight[ids]
    return rows if self.padding_idx is None else stopped(rows, ids == self.padding_idx)


@instead_of("Embedding.forward")
def flattens_with_view(self, ids):
    """`view` needs contiguous memory, and ids that were transposed or cut out of a longer batch are not. `reshape` copies
    when it must; a handful of integers costs nothing."""
    check(ids, len(self.weight))
    rows = self.weight[ids.view(-1)].view(*ids.shape, -1) if ids.numel() else self.weight[ids]
    return rows if self.padding_idx is None else stopped(rows, ids == self.padding_idx)


@instead_of("Embedding.forward")
def multiplies_one_hot_in_float32(self, ids):
    """A one-hot matrix is a fine way to think, but `.float()` fixes its dtype: the module works until somebody calls
    `.bfloat16()` on the model. (It also costs v times the memory of the ids.)"""
    check(ids, len(self.weight))
    rows = F.one_hot(ids.long(), len(self.weight)).float() @ self.weight
    return rows if self.padding_idx is None else stopped(rows, ids == self.padding_idx)


@instead_of("Embedding.forward")
def expects_a_batch_of_sequences(self, ids):
    """`batch, time = ids.shape` is true in training and false at the first prompt without a batch axis. A layer that acts on
    every position alike should not care how many axes there are."""
    batch, time = ids.shape
    check(ids, len(self.weight))
    rows = self.weight[ids.reshape(batch * time)].reshape(batch, time, self.weight.shape[1])
    return rows if self.padding_idx is None else stopped(rows, ids == self.padding_idx)


@instead_of("embedding_grad")
def assigns_instead_of_adding(grad_output, ids, num_embeddings, padding_idx=None):
    """`grad[ids] += g` reads, adds and writes once per row: of a token that occurs a hundred times, one occurrence survives.
    Use `index_add_`, or `index_put_` with accumulate=True."""
    check(ids, num_embeddings)
    grad = grad_output.new_zeros(num_embeddings, grad_output.shape[-1])
    grad[ids.reshape(-1).long()] += grad_output.reshape(-1, grad_output.shape[-1])
    if padding_idx is not None:
        grad[padding_idx] = 0
    return grad


@instead_of("embedding_grad")
def forgets_the_padding(grad_output, ids, num_embeddings, padding_idx=None):
    """The argument is accepted and never read. Padding is often the most frequent id of a batch, so its row gets the largest
    gradient of all."""
    check(ids, num_embeddings)
    d = grad_output.shape[-1]
    return grad_output.new_zeros(num_embeddings, d).index_add(0, ids.reshape(-1), grad_output.reshape(-1, d))


@instead_of("embedding_grad")
def compares_with_negative_padding(grad_output, ids, num_embeddings, padding_idx=None):
    """Masking the positions where `ids == padding_idx` is right for every padding but a negative one, which no id equals.
    Normalize it first, or clear the row by index at the end."""
    check(ids, num_embeddings)
    d = grad_output.shape[-1]
    if padding_idx is not None:
        grad_output = grad_output.masked_fill((ids == padding_idx).unsqueeze(-1), 0)
    return grad_output.new_zeros(num_embeddings, d).index_add(0, ids.reshape(-1), grad_output.reshape(-1, d))


@instead_of("embedding_grad")
def clears_the_callers_gradient(grad_output, ids, num_embeddings, padding_idx=None):
    """Zeroing `grad_output` at the padded positions in place damages a tensor that others still read: the same gradient may
    flow into a residual branch. A backward pass must not write to what it was given."""
    check(ids, num_embeddings)
    d = grad_output.shape[-1]
    if padding_idx is not None:
        grad_output[ids == padding_idx % num_embeddings] = 0
    return grad_output.new_zeros(num_embeddings, d).index_add(0, ids.reshape(-1), grad_output.reshape(-1, d))


@instead_of("embedding_grad")
def starts_from_float32_zeros(grad_output, ids, num_embeddings, padding_idx=None):
    """`torch.zeros` is float32 whatever the gradient is, so the sum is rejected, or comes out in another dtype than the weight
    it belongs to. `grad_output.new_zeros` takes dtype and device along."""
    check(ids, num_embeddings)
    d = grad_output.shape[-1]
    grad = torch.zeros(num_embeddings, d).index_add(0, ids.reshape(-1), grad_output.reshape(-1, d).float())
    if padding_idx is not None:
        grad[padding_idx] = 0
    return grad


@instead_of("most_similar")
def compares_dot_products(weight, index, k):
    """A dot product grows with the length of the row, so the longest rows are everybody's neighbours; in a trained table
    length mostly tells how frequent a token is. The cosine divides by both lengths."""
    check_question(weight, index, k)
    return best(weight @ weight[index], index, k)


@instead_of("most_similar")
def forgets_the_length_of_the_question(weight, index, k):
    """Dividing by the rows' lengths alone gives the right order, so the neighbours look right, but the numbers are cosines
    times the length of row `index`: they exceed 1 and cannot be compared between questions."""
    check_question(weight, index, k)
    norms = weight.norm(dim=1)
    return best(weight @ weight[index] / norms.masked_fill(norms == 0, 1), index, k)


@instead_of("most_similar")
def takes_the_nearest_points(weight, index, k):
    """Euclidean distance ranks a short parallel row behind a long one at an angle. It agrees with the cosine only when all
    rows have the same length."""
    check_question(weight, index, k)
    distances = (weight - weight[index]).norm(dim=1)
    indices, _ = best(-distances.detach(), index, k)
    return indices, cosines_with(weight, index)[indices]


@instead_of("most_similar")
def counts_itself(weight, index, k):
    """The closest row to any row is itself, with cosine 1: it takes the first place and says nothing."""
    check_question(weight, index, k)
    cosines, indices = cosines_with(weight, index).topk(k)
    return indices, cosines


@instead_of("most_similar")
def skips_the_first(weight, index, k):
    """Dropping the first of k + 1 trusts that a row is its own best match. A parallel row ties with it, rounding can even put
    it ahead, and a zero row is its own worst match: leave the row out by number."""
    check_question(weight, index, k)
    cosines, indices = cosines_with(weight, index).topk(k + 1)
    return indices[1:], cosines[1:]


@instead_of("most_similar")
def gives_itself_zero(weight, index, k):
    """Zero is no floor for a cosine: among rows that point away, a row with cosine 0 is the best neighbour. What must never
    win gets minus infinity."""
    check_question(weight, index, k)
    cosines, indices = cosines_with(weight, index).index_fill(0, torch.tensor(index), 0).topk(k)
    return indices, cosines


@instead_of("most_similar")
def lists_the_least_similar(weight, index, k):
    """`argsort` is ascending, so the first k are the farthest. Say descending=True, or use `topk`."""
    check_question(weight, index, k)
    cosines = cosines_with(weight, index)
    order = cosines.detach().argsort()
    indices = order[order != index][:k]
    return indices, cosines[indices]


@instead_of("most_similar")
def returns_them_unordered(weight, index, k):
    """`topk(sorted=False)`, a set, or a sort by index finds the right rows and loses their order, which was half of the
    answer."""
    check_question(weight, index, k)
    cosines = cosines_with(weight, index)
    indices = best(cosines, index, k)[0].sort().values
    return indices, cosines[indices]


@instead_of("most_similar")
def divides_by_a_zero_norm(weight, index, k):
    """A zero row (padding, for one) has norm 0, 0 / 0 is NaN, and `topk` takes NaN for the largest number: padding becomes
    everybody's best neighbour."""
    check_question(weight, index, k)
    unit = weight / weight.norm(dim=1, keepdim=True)
    return best(unit @ unit[index], index, k)


@instead_of("most_similar")
def guards_with_an_epsilon_too_small(weight, index, k):
    """An epsilon of 1e-8 guards float32 and bfloat16, but float16 ends near 6e-8: there it is rounded to zero and guards
    nothing. Ask whether the norm is zero, or take epsilon from the dtype."""
    check_question(weight, index, k)
    unit = weight / weight.norm(dim=1, keepdim=True).clamp(min=1e-8)
    return best(unit @ unit[index], index, k)


@instead_of("most_similar")
def chooses_after_dividing(weight, index, k):
    """`where(norm > 0, w / norm, 0)` hides the NaN from the result only: backward multiplies the branch that was not chosen by
    zero, and 0 times NaN is NaN. Make the divisor safe before dividing."""
    check_question(weight, index, k)
    norms = weight.norm(dim=1, keepdim=True)
    unit = torch.where(norms > 0, weight / norms, 0.0)
    return best(unit @ unit[index], index, k)


@instead_of("most_similar")
def normalizes_in_place(weight, index, k):
    """`/=` makes the caller's table a table of unit vectors: a question about the model has changed the model."""
    check_question(weight, index, k)
    with torch.no_grad():
        norms = weight.norm(dim=1, keepdim=True)
        weight /= norms.masked_fill(norms == 0, 1)
    return best(cosines_with(weight, index), index, k)


@instead_of("most_similar")
def detaches_the_cosines(weight, index, k):
    """Under no_grad, or through `.item()`, the cosines are bare numbers: fine for printing, but a loss that pushes neighbours
    apart would train nothing, without an error as long as another term of the loss has a gradient."""
    check_question(weight, index, k)
    return best(cosines_with(weight, index).detach() + 0 * weight.sum(), index, k)


@instead_of("most_similar")
def allows_as_many_as_rows(weight, index, k):
    """There are v rows but only v − 1 others: with k = v the last place goes to row `index` itself, at minus infinity."""
    if not 0 <= index < len(weight):
        raise IndexError(index)
    if not 1 <= k <= len(weight):
        raise ValueError(k)
    return best(cosines_with(weight, index), index, k)
