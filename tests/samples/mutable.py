def f(x, dim=-1):
    """Doc 1."""
    if x < 2:
        raise ValueError(1 + 1)
    return x.exp().sum(dim) + 1
