import torch
from torch.nn import functional as F

from grader.kit import instead_of


def heads(self, x):
    """Queries, keys and values, [batch, heads, time, width] each."""
    return [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1)]


def allowed(x, mask):
    """Which query may read which key, [batch, 1, queries, keys]."""
    may = torch.ones(len(x), 1, x.shape[1], x.shape[1], dtype=torch.bool).tril()
    return may if mask is None else may & mask[:, None, None]


def mix(self, q, k, v, may):
    idle = ~may.any(-1, keepdim=True)
    attended = F.scaled_dot_product_attention(q, k, v, may | idle).masked_fill(idle, 0.0)
    return self.out(attended.transpose(1, 2).flatten(2))


def attend(self, x, mask):
    return mix(self, *heads(self, x), allowed(x, mask))


def feed_forward(self, x):
    return self.down(F.gelu(self.up(x)))


def second_branch(self, x):
    return x + self.dropout(feed_forward(self, self.norm_2(x)))


@instead_of("TransformerBlock.forward")
def normalizes_after_the_addition(self, x, mask=None):
    """This is the order of 2017, post-norm: the sum itself is normalized, so no path leads through the block unchanged
    and the gradient is rescaled in every layer. Deep stacks then need a warm-up, and weights trained the other way are
    useless."""
    x = self.norm_1(x + self.dropout(attend(self, x, mask)))
    return self.norm_2(x + self.dropout(feed_forward(self, x)))


@instead_of("TransformerBlock.forward")
def adds_to_the_normalized_copy(self, x, mask=None):
    """`x = norm(x)` overwrites the stream, and the branch is then added to the copy. What earlier layers wrote is
    rescaled at every block. Give the copy no name, or another one than x."""
    x = self.norm_1(x)
    x = x + self.dropout(attend(self, x, mask))
    x = self.norm_2(x)
    return x + self.dropout(feed_forward(self, x))


@instead_of("TransformerBlock.forward")
def uses_the_first_norm_twice(self, x, mask=None):
    """Two lines were copied and one digit was not changed. Both branches read through the gains of `norm_1`, `norm_2` is
    never trained, and the loss looks nearly as good: only its gradient, which is None, tells."""
    x = x + self.dropout(attend(self, self.norm_1(x), mask))
    return x + self.dropout(feed_forward(self, self.norm_1(x)))


@instead_of("TransformerBlock.forward")
def feeds_both_branches_from_x(self, x, mask=None):
    """Both branches read the x that came in, as in GPT-J and PaLM, where it saves time on purpose. In this block the
    network has to see what attention has just fetched: that is the point of the order."""
    return x + self.dropout(attend(self, self.norm_1(x), mask)) + self.dropout(feed_forward(self, self.norm_2(x)))


@instead_of("TransformerBlock.forward")
def forgets_the_second_residual(self, x, mask=None):
    """The feed-forward network replaces the stream instead of adding to it, so all that earlier layers wrote goes through a
    bottleneck, and with it every gradient. Shapes are right; depth stops helping."""
    x = x + self.dropout(attend(self, self.norm_1(x), mask))
    return self.dropout(feed_forward(self, self.norm_2(x)))


@instead_of("TransformerBlock.forward")
def leaves_the_feed_forward_network_unnormalized(self, x, mask=None):
    """The stream grows with depth, since every layer adds to it, and `up` sees it as it is: the deeper the block, the
    larger its activations, until half precision overflows. Each branch needs a norm of its own."""
    x = x + self.dropout(attend(self, self.norm_1(x), mask))
    return x + self.dropout(feed_forward(self, x))


@instead_of("TransformerBlock.forward")
def normalizes_without_centring(self, x, mask=None):
    """RMSNorm divides by the root of the mean square and leaves the mean in. Llama does so and saves an operation;
    weights that were trained behind a LayerNorm have never seen a mean."""
    norm = lambda x, layer: x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias
    x = x + self.dropout(attend(self, norm(x, self.norm_1), mask))
    return x + self.dropout(feed_forward(self, norm(x, self.norm_2)))


@instead_of("TransformerBlock.forward")
def drops_from_the_stream(self, x, mask=None):
    """dropout(x + branch) loses entries of the stream itself, with all that earlier layers wrote there, and does it once
    more in every layer. Dropped on the branch, only this layer's contribution is missing."""
    x = self.dropout(x + attend(self, self.norm_1(x), mask))
    return self.dropout(x + feed_forward(self, self.norm_2(x)))


@instead_of("TransformerBlock.forward")
def drops_from_one_branch_only(self, x, mask=None):
    """Attention is regularized and the feed-forward network, which has two thirds of the weights, is not. Two branches, two
    calls; one module will do for both, since it remembers nothing but its rate."""
    x = x + self.dropout(attend(self, self.norm_1(x), mask))
    return x + feed_forward(self, self.norm_2(x))


@instead_of("TransformerBlock.forward")
def keeps_dropping_at_evaluation(self, x, mask=None):
    """F.dropout drops unless it is told otherwise: `training` is True by default and does not follow eval(). Use the
    module, or pass self.training on."""
    x = x + F.dropout(attend(self, self.norm_1(x), mask), self.dropout.p)
    return x + F.dropout(feed_forward(self, self.norm_2(x)), self.dropout.p)


@instead_of("TransformerBlock.forward")
def approximates_gelu_by_tanh(self, x, mask=None):
    """GPT-2 was trained with the approximation, BERT with the exact function, and they differ by up to 0.0005. In every
    layer of a loaded model that is enough to change the text; look up which one the weights have seen."""
    x = x + self.dropout(attend(self, self.norm_1(x), mask))
    return x + self.dropout(self.down(F.gelu(self.up(self.norm_2(x)), approximate="tanh")))


@instead_of("TransformerBlock.forward")
def cuts_off_what_is_negative(self, x, mask=None):
    """ReLU is the feed-forward network of 2017. GELU lets small negative values through and has a gradient there, so that
    a feature which is off can come back."""
    x = x + self.dropout(attend(self, self.norm_1(x), mask))
    return x + self.dropout(self.down(F.relu(self.up(self.norm_2(x)))))


@instead_of("TransformerBlock._attend")
def reads_the_future(self, x, mask):
    """Without the triangle this is an encoder: every position reads the token that it has to predict. The training loss
    falls to almost nothing, which is always the sign of a leak and never of a good model."""
    may = torch.ones(len(x), 1, x.shape[1], x.shape[1], dtype=torch.bool)
    return mix(self, *heads(self, x), may if mask is None else may & mask[:, None, None])


@instead_of("TransformerBlock._attend")
def hides_the_rows_of_padding(self, x, mask):
    """The mask lies over the queries, so padding reads nothing, and every token goes on reading padding. What must not be
    read are keys: they are the last axis of the scores."""
    may = allowed(x, None)
    return mix(self, *heads(self, x), may if mask is None else may & mask[:, None, :, None])


@instead_of("TransformerBlock._attend")
def leaves_nan_in_left_padding(self, x, mask):
    """In front of the first token, order and padding together leave a position nothing, and its softmax is 0 / 0. Its own
    output is never used, but its NaN reaches the values of the next layer, where no weight helps, as 0 · NaN is NaN."""
    q, k, v = heads(self, x)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~allowed(x, mask), -torch.inf)
    return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


@instead_of("TransformerBlock._attend")
def takes_q_k_and_v_head_by_head(self, x, mask):
    """The rows of `qkv` are taken for q, k and v of the first head, then those of the second, as GPT-NeoX stores them.
    The shape is the same as for all queries, all keys, all values; the order of rows is a convention of the file."""
    q, k, v = self.qkv(x).unflatten(-1, (self.heads, 3, -1)).permute(3, 0, 2, 1, 4)
    return mix(self, q, k, v, allowed(x, mask))
