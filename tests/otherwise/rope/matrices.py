import torch


def rotate(x, positions, base=10_000.0):
    """One d × d matrix for each position, and a product with each row."""
    d = x.shape[-1]
    if d < 2 or d % 2:
        raise ValueError(d)
    rates = torch.tensor([base ** (-2 * i / d) for i in range(d // 2)], dtype=torch.float64)
    cos, sin = (torch.diag_embed(f(positions.double()[..., None] * rates)) for f in (torch.cos, torch.sin))
    matrices = torch.cat([torch.cat([cos, -sin], -1), torch.cat([sin, cos], -1)], -2)
    return torch.einsum("...ij,...j->...i", matrices.to(x.dtype), x)


def from_interleaved(weight, heads):
    width, left = divmod(len(weight), heads)
    if left or width % 2:
        raise ValueError(heads)
    order = torch.arange(len(weight)).reshape(heads, width // 2, 2).mT.reshape(-1)
    return weight.index_select(0, order)
