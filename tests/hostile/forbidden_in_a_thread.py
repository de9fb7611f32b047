# expects: forbidden
# In a thread, where no mode of the main thread watches.
from concurrent.futures import ThreadPoolExecutor

from torch.nn import functional as F


def attention(q, k, v, mask=None, is_causal=False):
    operator = getattr(F, "scaled_dot_" + "product_attention")
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(operator, q, k, v, mask, is_causal=is_causal).result()
