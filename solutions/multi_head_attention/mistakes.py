import torch
from torch import nn
from torch.nn import functional as F

from grader.kit import instead_of


def split(self, y):
    return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def projected(self, x, context):
    return split(self, self.q(x)), split(self, self.k(context)), split(self, self.v(context))


def allowed(x, context, mask, is_causal):
    """Which query may read which key, [batch, 1, queries, keys]."""
    every = torch.ones(len(x), x.shape[1], context.shape[1], dtype=torch.bool)
    every = every.tril() if is_causal else every
    return (every if mask is None else every & mask).unsqueeze(1)


def attend(q, k, v, may, scale=None):
    idle = ~may.any(-1, keepdim=True)
    return F.scaled_dot_product_attention(q, k, v, may | idle, scale=scale).masked_fill(idle, 0.0)


def merge(attended):
    return attended.transpose(1, 2).flatten(2)


@instead_of("MultiHeadAttention.__init__")
def gives_every_head_the_whole_width(self, d_model, heads, d_context=None, d_k=None, d_v=None):
    """Heads as wide as the model cost `heads` times the parameters and the time. Vaswani et al. divide the width among the
    heads, so that many heads cost what one would: that is the whole bargain."""
    nn.Module.__init__(self)
    if heads < 1 or (None in (d_k, d_v) and d_model % heads):
        raise ValueError(heads)
    self.heads, d_k, d_v, d_context = heads, d_k or d_model, d_v or d_model, d_context or d_model
    self.q, self.k = nn.Linear(d_model, heads * d_k), nn.Linear(d_context, heads * d_k)
    self.v, self.out = nn.Linear(d_context, heads * d_v), nn.Linear(heads * d_v, d_model)


@instead_of("MultiHeadAttention.__init__")
def rounds_the_width_of_a_head_down(self, d_model, heads, d_context=None, d_k=None, d_v=None):
    """`d_model // heads` rounds without a word: 512 wide in 12 heads makes 504: all heads together are eight features
    narrower than the model, and nobody is told. Refuse at construction, where the mistake was made."""
    nn.Module.__init__(self)
    if heads < 1:
        raise ValueError(heads)
    self.heads, d_context = heads, d_context or d_model
    d_k, d_v = d_k or d_model // heads, d_v or d_model // heads
    self.q, self.k = nn.Linear(d_model, heads * d_k), nn.Linear(d_context, heads * d_k)
    self.v, self.out = nn.Linear(d_context, heads * d_v), nn.Linear(heads * d_v, d_model)


@instead_of("MultiHeadAttention.forward")
def never_applies_the_output_projection(self, x, context=None, mask=None, is_causal=False):
    """`out` is built, counted and saved, and forward never calls it. Where heads * d_v equals d_model no shape complains,
    but the heads stay in separate columns and nothing ever mixes them. A parameter whose gradient is None gives it
    away."""
    context = x if context is None else context
    return merge(attend(*projected(self, x, context), allowed(x, context, mask, is_causal)))


@instead_of("MultiHeadAttention.forward")
def merges_the_heads_untransposed(self, x, context=None, mask=None, is_causal=False):
    """[batch, heads, queries, d] is reshaped straight to [batch, queries, heads * d]: the shape is right, and each row holds
    pieces of several positions of one head. Transpose first; a reshape never exchanges axes."""
    context = x if context is None else context
    attended = attend(*projected(self, x, context), allowed(x, context, mask, is_causal))
    return self.out(attended.reshape(*x.shape[:2], -1))


@instead_of("MultiHeadAttention.forward")
def splits_the_heads_untransposed(self, x, context=None, mask=None, is_causal=False):
    """`view(batch, heads, positions, d)` has the axes in the order that is wanted, but the numbers lie in memory by
    position, then head: each 'head' gets a stretch of the sequence instead of a stretch of the features."""
    context = x if context is None else context
    q, k, v = (y.reshape(len(y), self.heads, y.shape[1], -1) for y in (self.q(x), self.k(context), self.v(context)))
    return self.out(merge(attend(q, k, v, allowed(x, context, mask, is_causal))))


@instead_of("MultiHeadAttention.forward")
def interleaves_the_heads(self, x, context=None, mask=None, is_causal=False):
    """unflatten(-1, (d, heads)) takes every heads-th feature for a head. Trained from scratch it works as well, which is why
    it lives long; loaded weights, which group the rows by head, turn to noise."""
    context = x if context is None else context
    q, k, v = (y.unflatten(-1, (-1, self.heads)).permute(0, 3, 1, 2) for y in (self.q(x), self.k(context), self.v(context)))
    attended = attend(q, k, v, allowed(x, context, mask, is_causal))
    return self.out(attended.permute(0, 2, 3, 1).flatten(2))


@instead_of("MultiHeadAttention.forward")
def is_one_wide_head(self, x, context=None, mask=None, is_causal=False):
    """The split was left out, so all features share one softmax: one pattern of attention per position, however many
    heads the configuration names. Count the maps of weights: there have to be `heads` of them."""
    context = x if context is None else context
    scale = (self.k.weight.shape[0] // self.heads) ** -0.5
    may = allowed(x, context, mask, is_causal).squeeze(1)
    return self.out(attend(self.q(x), self.k(context), self.v(context), may, scale))


@instead_of("MultiHeadAttention.forward")
def scales_by_the_width_of_the_model(self, x, context=None, mask=None, is_causal=False):
    """A score sums the products of one head's features, d_k of them, so √d_k is its scale. √d_model is larger by the root
    of the number of heads, and the more heads there are, the nearer each comes to a plain average."""
    context = x if context is None else context
    may = allowed(x, context, mask, is_causal)
    return self.out(merge(attend(*projected(self, x, context), may, self.q.weight.shape[1] ** -0.5)))


@instead_of("MultiHeadAttention.forward")
def ignores_the_context(self, x, context=None, mask=None, is_causal=False):
    """Keys and values are projected from x whatever is given, so a decoder never reads what its encoder wrote. With equal
    widths nothing raises; the translation is fluent and has nothing to do with its source."""
    return self.out(merge(attend(*projected(self, x, x), allowed(x, x, mask, is_causal))))


@instead_of("MultiHeadAttention.forward")
def attends_across_the_batch(self, x, context=None, mask=None, is_causal=False):
    """nn.MultiheadAttention takes [positions, batch, width] unless told otherwise. Read that way, a batch-first tensor lets
    the members of the batch attend to one another: the loss falls, and evaluation one by one is a puzzle."""
    x, context = x.transpose(0, 1), (x if context is None else context).transpose(0, 1)
    return self.out(merge(attend(*projected(self, x, context), allowed(x, context, mask, is_causal)))).transpose(0, 1)


@instead_of("MultiHeadAttention.forward")
def lines_the_mask_up_with_the_heads(self, x, context=None, mask=None, is_causal=False):
    """A mask [batch, queries, keys] is broadcast to scores [batch, heads, queries, keys], from the right: its batch meets
    the heads. It raises where the two differ, and where they are equal each head is masked with another sequence's
    padding."""
    context = x if context is None else context
    may = torch.ones(x.shape[1], context.shape[1], dtype=torch.bool)
    may = may.tril() if is_causal else may
    return self.out(merge(attend(*projected(self, x, context), may if mask is None else may & mask)))


@instead_of("MultiHeadAttention.forward")
def takes_true_for_hidden(self, x, context=None, mask=None, is_causal=False):
    """True means 'hidden' to nn.MultiheadAttention and 'may attend' to scaled_dot_product_attention. Whoever moves from one
    to the other has to invert the mask; nothing raises if it is forgotten."""
    context = x if context is None else context
    may = allowed(x, context, None if mask is None else ~mask, is_causal)
    return self.out(merge(attend(*projected(self, x, context), may)))


@instead_of("MultiHeadAttention.forward")
def lets_the_order_replace_the_mask(self, x, context=None, mask=None, is_causal=False):
    """`if is_causal: … elif mask: …` drops the padding mask as soon as the layer is causal, which in a decoder is always. Two
    conditions that both hold are joined with `&`."""
    context = x if context is None else context
    may = allowed(x, context, None if is_causal else mask, is_causal)
    return self.out(merge(attend(*projected(self, x, context), may)))


@instead_of("MultiHeadAttention.forward")
def leaves_nan_where_nothing_may_be_read(self, x, context=None, mask=None, is_causal=False):
    """A softmax over nothing but -inf is 0 / 0, and `out` spreads the NaN over the whole row. One fully padded row is enough
    to make every gradient of the step NaN."""
    context = x if context is None else context
    q, k, v = projected(self, x, context)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~allowed(x, context, mask, is_causal), -torch.inf)
    return self.out(merge(scores.softmax(-1) @ v))


@instead_of("MultiHeadAttention.forward")
def averages_where_nothing_may_be_read(self, x, context=None, mask=None, is_causal=False):
    """With a large negative number for the mask, a row of nothing else is constant, and its softmax is an even average
    over exactly what was forbidden. No NaN warns of it: a padded query leaks the text that it must not see."""
    context = x if context is None else context
    q, k, v = projected(self, x, context)
    hidden = ~allowed(x, context, mask, is_causal)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(hidden, torch.finfo(q.dtype).min)
    return self.out(merge(scores.softmax(-1) @ v))


@instead_of("MultiHeadAttention.forward")
def erases_idle_queries_after_the_projection(self, x, context=None, mask=None, is_causal=False):
    """Zeros belong to the heads, before `out`: what comes out then is the bias, as for any head that found nothing. Erased
    after it, the bias is missing, and `out` behaves like another layer on exactly these rows."""
    context = x if context is None else context
    may = allowed(x, context, mask, is_causal)
    output = self.out(merge(attend(*projected(self, x, context), may)))
    return output.masked_fill(~may.squeeze(1).any(-1, keepdim=True), 0.0)
