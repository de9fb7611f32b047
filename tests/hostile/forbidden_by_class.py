# expects: forbidden
# A layer that does the whole job.
from torch import nn


def attention(q, k, v, mask=None, is_causal=False):
    layer = vars(nn)["Multihead" + "Attention"](q.shape[-1], 1, batch_first=True)
    return layer(q, k, v)[0]
