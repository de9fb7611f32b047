import torch

from grader.kit import Equivalent, instead_of


def allowed(q, k, mask, is_causal):
    every = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    every = every.tril() if is_causal else every
    return every if mask is None else every & mask


def weights(scores, may):
    """The softmax over what is allowed, zeros where nothing is."""
    return scores.masked_fill(~may, torch.finfo(scores.dtype).min).softmax(-1) * may.any(-1, keepdim=True)


@instead_of("attention")
def forgets_to_scale(q, k, v, mask=None, is_causal=False):
    """A dot product of d_k independent terms has a standard deviation of √d_k, so without the division the softmax of a
    wide head is nearly one-hot and its gradient nearly zero. Small tests look fine: the damage grows with the width."""
    return weights(q @ k.mT, allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def divides_by_the_width(q, k, v, mask=None, is_causal=False):
    """Dividing by d_k, not by its root, overdoes it: scores shrink towards zero as heads widen and every query ends up
    averaging all values alike. The root comes from the standard deviation, for variances are what add up."""
    return weights(q / q.shape[-1] @ k.mT, allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def scales_by_the_width_of_the_values(q, k, v, mask=None, is_causal=False):
    """The scale belongs to the dot product of queries and keys, so it is d_k that counts. In most models d_v equals d_k
    and nobody notices, until one does not."""
    return weights(q / v.shape[-1] ** 0.5 @ k.mT, allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def scales_after_the_product(q, k, v, mask=None, is_causal=False):
    """On paper the order of scaling does not matter; in float16 the bare q·k passes 65504 first, becomes infinite, and no
    division brings it back. Scale q, which is also the smaller tensor."""
    return weights((q @ k.mT) / q.shape[-1] ** 0.5, allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def normalises_over_the_queries(q, k, v, mask=None, is_causal=False):
    """The softmax runs over dim=-2, so it is the queries that compete for each key and the weights of one query no
    longer sum to one. A query must not notice which others were asked along with it: test that."""
    may = allowed(q, k, mask, is_causal)
    scores = (q / q.shape[-1] ** 0.5 @ k.mT).masked_fill(~may, torch.finfo(q.dtype).min)
    return (scores.softmax(-2) * may) @ v


@instead_of("attention")
def exponentiates_as_it_stands(q, k, v, mask=None, is_causal=False):
    """exp overflows in float32 at a score of 89, and then infinity over infinity is NaN. Subtract the row's maximum first:
    the ratio is the same, and the largest exponential is 1."""
    exponentials = (q / q.shape[-1] ** 0.5 @ k.mT).exp() * allowed(q, k, mask, is_causal)
    total = exponentials.sum(-1, keepdim=True)
    return (exponentials / total.masked_fill(total == 0, 1)) @ v


@instead_of("attention")
def subtracts_one_maximum_from_all(q, k, v, mask=None, is_causal=False):
    """One maximum for the whole tensor prevents overflow but not underflow: a query whose scores lie far below it gets only
    zeros, and 0 / 0. Each row has a constant of its own that cancels, so each row takes its own maximum."""
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    may = allowed(q, k, mask, is_causal)
    scores = scores.masked_fill(~may, torch.finfo(scores.dtype).min)
    exponentials = (scores - scores.max().detach()).exp() * may
    return (exponentials / exponentials.sum(-1, keepdim=True).masked_fill(~may.any(-1, keepdim=True), 1)) @ v


@instead_of("attention")
def takes_true_for_forbidden(q, k, v, mask=None, is_causal=False):
    """Here True means 'may attend', as in scaled_dot_product_attention; in nn.MultiheadAttention it means 'leave out'. Two
    conventions, the same type: read which one the caller has, for nothing will raise."""
    return weights(q / q.shape[-1] ** 0.5 @ k.mT, allowed(q, k, None if mask is None else ~mask, is_causal)) @ v


@instead_of("attention")
def adds_the_mask_to_the_scores(q, k, v, mask=None, is_causal=False):
    """An additive mask holds 0 and -inf; a boolean one that is added holds 1 and 0, which favours the allowed keys a
    little and forbids nothing. Say in words what each value of a mask does to a score."""
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    scores = scores if mask is None else scores + mask
    return weights(scores, allowed(q, k, None, is_causal)) @ v


@instead_of("attention")
def masks_after_the_softmax(q, k, v, mask=None, is_causal=False):
    """Setting weights to zero after the softmax leaves the masked keys in its denominator: the weights that remain do not
    sum to one, and the future shows in how much they miss."""
    return ((q / q.shape[-1] ** 0.5 @ k.mT).softmax(-1) * allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def masks_and_divides_again(q, k, v, mask=None, is_causal=False):
    """Masking after the softmax and dividing by what remains is right on paper. But where a masked key scored far above the
    others, they underflowed before it was taken away, and what remains is 0 / 0."""
    may = allowed(q, k, mask, is_causal)
    kept = (q / q.shape[-1] ** 0.5 @ k.mT).softmax(-1) * may
    return (kept / kept.sum(-1, keepdim=True).masked_fill(~may.any(-1, keepdim=True), 1)) @ v


@instead_of("attention")
def leaves_nan_where_nothing_is_allowed(q, k, v, mask=None, is_causal=False):
    """A softmax over nothing but -inf is 0 / 0. One padded row is enough: its NaN reaches the loss, and then every weight
    of the model."""
    return (q / q.shape[-1] ** 0.5 @ k.mT).masked_fill(~allowed(q, k, mask, is_causal), -torch.inf).softmax(-1) @ v


@instead_of("attention")
def hides_nan_from_the_output_alone(q, k, v, mask=None, is_causal=False):
    """nan_to_num mends the output, but backward multiplies its gradient of zero by the weights that were saved, and 0 * NaN
    is NaN for every value. Mend where NaN arises, or better, keep it from arising."""
    scores = (q / q.shape[-1] ** 0.5 @ k.mT).masked_fill(~allowed(q, k, mask, is_causal), -torch.inf)
    return (scores.softmax(-1) @ v).nan_to_num(0.0)


@instead_of("attention")
def averages_what_is_forbidden(q, k, v, mask=None, is_causal=False):
    """A large negative number in place of -inf avoids NaN, but in a row where every score is that number they are all equal:
    the softmax spreads evenly over exactly the keys that were forbidden."""
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    return scores.masked_fill(~allowed(q, k, mask, is_causal), torch.finfo(scores.dtype).min).softmax(-1) @ v


@instead_of("attention")
def looks_for_empty_rows_before_the_order(q, k, v, mask=None, is_causal=False):
    """The mask leaves this query a key and so does the order, but not the same one. Whether anything is left can only be
    asked of both together."""
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    scores = scores.masked_fill(~allowed(q, k, mask, is_causal), torch.finfo(scores.dtype).min)
    return (scores.softmax(-1) @ v).masked_fill(~allowed(q, k, mask, False).any(-1, keepdim=True), 0)


@instead_of("attention")
def takes_the_mask_or_the_order(q, k, v, mask=None, is_causal=False):
    """With `if mask ... elif is_causal`, a padding mask switches causality off: the model reads the answer, training loss
    is wonderful and samples are nonsense. Conditions that both hold are joined by `&`."""
    return weights(q / q.shape[-1] ** 0.5 @ k.mT, allowed(q, k, mask, is_causal and mask is None)) @ v


@instead_of("attention")
def hides_a_query_from_itself(q, k, v, mask=None, is_causal=False):
    """tril(-1) leaves out the diagonal, so a position may not read its own token and the first may read nothing at all.
    The target is the next token: the present one is fair game."""
    may = allowed(q, k, mask, is_causal)
    return weights(q / q.shape[-1] ** 0.5 @ k.mT, may.tril(-1) if is_causal else may) @ v


@instead_of("attention")
def sees_one_ahead(q, k, v, mask=None, is_causal=False):
    """tril(1) lets each position read the very token that it is to predict. The loss falls to almost nothing, which is the
    symptom to know: when it is too good, look at the diagonal."""
    past = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril(1)
    may = allowed(q, k, mask, False)
    return weights(q / q.shape[-1] ** 0.5 @ k.mT, may & past if is_causal else may) @ v


@instead_of("attention")
def fills_with_minus_a_billion(q, k, v, mask=None, is_causal=False):
    """-1e9 is a float32 habit: float16 ends at 65504 and torch refuses the number. The dtype knows its own lowest value,
    torch.finfo(dtype).min, and every floating dtype has -inf."""
    may = allowed(q, k, mask, is_causal)
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    scores = scores.masked_fill(~may, -1e9) if is_causal or mask is not None else scores
    return (scores.softmax(-1) @ v).masked_fill(~may.any(-1, keepdim=True), 0)


@instead_of("attention")
def fills_with_minus_ten_thousand(q, k, v, mask=None, is_causal=False):
    """-1e4 fits into float16, which is why old code has it, but it forbids nothing to a query whose allowed scores lie lower
    still. A mask is not a strong dislike: only the lowest value of the dtype, or -inf, is below everything."""
    may = allowed(q, k, mask, is_causal)
    scores = (q / q.shape[-1] ** 0.5 @ k.mT).masked_fill(~may, -1e4)
    return (scores.softmax(-1) @ v).masked_fill(~may.any(-1, keepdim=True), 0)


@instead_of("attention")
def returns_float32(q, k, v, mask=None, is_causal=False):
    """Computing in float32 is good care in half precision, but the result must be cast back: otherwise the next linear
    layer meets two dtypes and raises, and a float64 caller silently loses half of the digits."""
    return weights(q.float() / q.shape[-1] ** 0.5 @ k.float().mT, allowed(q, k, mask, is_causal)) @ v.float()


@instead_of("attention")
def rounds_the_softmax_to_float32(q, k, v, mask=None, is_causal=False):
    """softmax(dtype=torch.float32) is written for half precision and there it helps; for float64 it is a loss that no dtype
    shows, and gradcheck, which needs float64, fails for no visible reason. Raise the precision, never set it."""
    scores = q / q.shape[-1] ** 0.5 @ k.mT
    return weights(scores.float(), allowed(q, k, mask, is_causal)).to(v.dtype) @ v


@instead_of("attention")
def scales_q_in_place(q, k, v, mask=None, is_causal=False):
    """`q /= ...` writes into the caller's tensor, so a second call scales twice, and autograd refuses it on a leaf. An
    operator that ends in an underscore or in `=` needs a tensor of its own."""
    q /= q.shape[-1] ** 0.5
    return weights(q @ k.mT, allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def writes_causality_into_the_mask(q, k, v, mask=None, is_causal=False):
    """`mask &= causal` changes the caller's mask, which the next layer, perhaps not a causal one, uses again. `mask & causal`
    costs the same and owns its result."""
    may = allowed(q, k, mask, is_causal)
    if is_causal and mask is not None:
        mask &= may
    return weights(q / q.shape[-1] ** 0.5 @ k.mT, may) @ v


@instead_of("attention")
def reshapes_where_it_should_transpose(q, k, v, mask=None, is_causal=False):
    """reshape to (d_k, keys) gives the right shape and shuffles the numbers: it keeps the order in memory, where a transpose
    exchanges the axes. When shapes fit and nothing learns, suspect a reshape."""
    turned = k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])
    return weights(q / q.shape[-1] ** 0.5 @ turned, allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def swaps_axes_counted_from_the_front(q, k, v, mask=None, is_causal=False):
    """transpose(1, 2) means the last two axes only where there are three; with heads it swaps heads and keys, and with no
    batch it raises. Count from the end, where the meaning is fixed."""
    return weights(q / q.shape[-1] ** 0.5 @ k.transpose(1, 2), allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def flattens_the_leading_axes(q, k, v, mask=None, is_causal=False):
    """Flattening the leading axes for `bmm` presumes that q, k and v have the same ones, so keys shared by several heads no
    longer fit. matmul broadcasts by itself."""
    scores = torch.bmm((q / q.shape[-1] ** 0.5).reshape(-1, *q.shape[-2:]), k.reshape(-1, *k.shape[-2:]).mT)
    kept = weights(scores.reshape(*q.shape[:-1], k.shape[-2]), allowed(q, k, mask, is_causal))
    output = torch.bmm(kept.reshape(-1, *kept.shape[-2:]), v.reshape(-1, *v.shape[-2:]))
    return output.reshape(*q.shape[:-1], v.shape[-1])


@instead_of("attention")
def needs_contiguous_memory(q, k, v, mask=None, is_causal=False):
    """`view` asks the memory to lie in one piece, and heads that were split off by a transpose do not. reshape copies only
    where it must, and a matrix product on the last two axes needs neither."""
    for x in (q, k, v):
        x.view(-1)
    return weights(q / q.shape[-1] ** 0.5 @ k.mT, allowed(q, k, mask, is_causal)) @ v


@instead_of("attention")
def squeezes_the_result(q, k, v, mask=None, is_causal=False):
    """squeeze() removes every axis of length one, also the batch that happens to hold one sequence and the one query of each
    step of decoding. Name the axis that you added, and remove that one."""
    kept = weights(q / q.shape[-1] ** 0.5 @ k.mT, allowed(q, k, mask, is_causal))
    return (kept.unsqueeze(-2) @ v.unsqueeze(-3)).squeeze()


@instead_of("attention")
def shapes_the_output_like_the_queries(q, k, v, mask=None, is_causal=False):
    """The output has as many rows as there are queries and as many columns as the values have: memory like q's is right only
    while d_v equals d_k. Read the result's shape off the product, not off an argument."""
    output = weights(q / q.shape[-1] ** 0.5 @ k.mT, allowed(q, k, mask, is_causal)) @ v
    return torch.zeros_like(q).copy_(output)


@instead_of("attention")
def keeps_the_sums_of_an_old_maximum(q, k, v, mask=None, is_causal=False):
    """A softmax over tiles of keys keeps a running maximum; when that grows, what was summed so far must shrink by
    exp(old - new). Without it, early tiles count too much, and any test that fits into one tile passes."""
    may = allowed(q, k, mask, is_causal)
    scores = (q / q.shape[-1] ** 0.5 @ k.mT).masked_fill(~may, torch.finfo(q.dtype).min)
    maximum, total, output = torch.full_like(scores[..., :1], -torch.inf), 0.0, 0.0
    for start in range(0, k.shape[-2], 64):
        tile = scores[..., start : start + 64]
        maximum = torch.maximum(maximum, tile.amax(-1, keepdim=True)).detach()
        exponentials = (tile - maximum).exp()
        total, output = total + exponentials.sum(-1, keepdim=True), output + exponentials @ v[..., start : start + 64, :]
    return (output / total).masked_fill(~may.any(-1, keepdim=True), 0.0)


@instead_of("attention")
def starts_every_tile_at_position_zero(q, k, v, mask=None, is_causal=False):
    """A tile of queries that starts at position 128 may see 128 keys more than the first: its triangle is shifted. Without
    the offset each tile takes itself for the beginning, and short tests see only the tile that is."""
    may = allowed(q, k, mask, False)
    local = torch.arange(q.shape[-2])[:, None] % 64
    may = may & (torch.arange(k.shape[-2]) <= local) if is_causal else may
    return weights(q / q.shape[-1] ** 0.5 @ k.mT, may) @ v


class Softmax(torch.autograd.Function):
    """A hand-written backward that takes the derivative of each weight by its own score for the whole."""

    @staticmethod
    def forward(ctx, scores):
        y = scores.softmax(-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return y * (1 - y) * gradient


@instead_of("attention")
def treats_weights_as_independent(q, k, v, mask=None, is_causal=False):
    """y (1 - y) is only the diagonal of the softmax's Jacobian. Raising one score lowers all other weights of the row, hence
    the shared term in y (g - Σ y g), which also makes each row's gradient sum to zero."""
    may = allowed(q, k, mask, is_causal)
    scores = (q / q.shape[-1] ** 0.5 @ k.mT).masked_fill(~may, torch.finfo(q.dtype).min)
    return (Softmax.apply(scores) * may.any(-1, keepdim=True)) @ v


equivalents = [
    Equivalent("attention: torch.ones((), dtype=torch.bool, device=q.device) → torch.ones((), dtype=torch.bool)",
               "the device matters only where there is another than the CPU"),
    Equivalent("attention: stop if is_causal else keys → keys", "the keys beyond a causal tile are masked anyway: slower"),
]  # fmt: skip
