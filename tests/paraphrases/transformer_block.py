"""Four mistakes of transformer_block, made again by another route: each must still be recognized under its name."""

import torch
from torch.nn import functional as F

from grader.kit import instead_of


def attention(self, x, mask, hidden_rows=False):
    """Scores, softmax and average by einsum, heads in front."""
    q, k, v = torch.stack(torch.stack(self.qkv(x).split(x.shape[-1], -1)).split(x.shape[-1] // self.heads, -1), 1)
    may = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril().expand(len(x), -1, -1)
    if mask is not None:
        may = may & (mask[:, :, None] if hidden_rows else mask[:, None, :])
    scores = torch.einsum("hbqd,hbkd->hbqk", q, k) * q.shape[-1] ** -0.5
    weights = torch.where(may, torch.where(may, scores, torch.finfo(x.dtype).min).softmax(-1), 0)
    return self.out(torch.cat(torch.einsum("hbqk,hbkd->hbqd", weights, v).unbind(0), -1))


@instead_of("TransformerBlock.forward")
def normalizes_after_the_addition(self, x, mask=None):
    think = lambda y: self.down(F.gelu(self.up(y)))
    for norm, branch in ((self.norm_1, lambda y: attention(self, y, mask)), (self.norm_2, think)):
        x = norm(x + self.dropout(branch(x)))
    return x


@instead_of("TransformerBlock.forward")
def feeds_both_branches_from_x(self, x, mask=None):
    read = attention(self, self.norm_1(x), mask)
    thought = self.down(F.gelu(self.up(self.norm_2(x))))
    return torch.stack([x, self.dropout(read), self.dropout(thought)]).sum(0)


@instead_of("TransformerBlock.forward")
def drops_from_the_stream(self, x, mask=None):
    p = self.dropout.p if self.training else 0.0
    x = F.dropout(attention(self, self.norm_1(x), mask) + x, p)
    return F.dropout(self.down(F.gelu(self.up(self.norm_2(x)))) + x, p)


@instead_of("TransformerBlock._attend")
def hides_the_rows_of_padding(self, x, mask):
    return attention(self, x, mask, hidden_rows=True)
