import torch

from grader.kit import Equivalent, instead_of
from solutions.rope.rope import from_interleaved, rotate


def check(x):
    if x.shape[-1] < 2 or x.shape[-1] % 2:
        raise ValueError(x.shape)


def exponents(d):
    """One for each pair: 0, 2/d, 4/d, …"""
    return torch.arange(0, d, 2, dtype=torch.float64) / d


def turn(x, angles):
    """The right rotation by given angles [..., time, d/2]."""
    check(x)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x.chunk(2, -1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos], -1)


def angles_of(x, positions, base):
    return positions[..., None] * base ** -exponents(x.shape[-1])


@instead_of("rotate")
def pairs_neighbours(x, positions, base=10_000.0):
    """Columns 2i and 2i + 1 turn together, as in the paper. Trained this way it is as good; with weights of the other
    layout every score is wrong, and the model writes fluent nonsense. Ask which pairs a checkpoint has before you load
    it."""
    check(x)
    angles = angles_of(x, positions, base)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x[..., 0::2], x[..., 1::2]
    return torch.stack([one * cos - other * sin, one * sin + other * cos], -1).flatten(-2)


@instead_of("rotate")
def turns_the_other_way(x, positions, base=10_000.0):
    """The signs of the sines are exchanged. Scores still depend on the distance alone, only on n - m in place of m - n:
    before and after are exchanged, which a loaded model has never seen."""
    return rotate(x, -positions, base)


@instead_of("rotate")
def forgets_the_minus_sign(x, positions, base=10_000.0):
    """rotate_half without its minus: the matrix [[cos, sin], [sin, cos]] is no rotation. Lengths change with the position, and
    scores no longer depend on the distance alone. A test of lengths finds it at once."""
    check(x)
    angles = angles_of(x, positions, base)
    cos, sin = (f.to(x.dtype).repeat(*[1] * (f.ndim - 1), 2) for f in (angles.cos(), angles.sin()))
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


@instead_of("rotate")
def uses_the_new_first_half_for_the_second(x, positions, base=10_000.0):
    """Two assignments, one after the other: the second half is computed from a first half that has turned already. Both
    need the old values, so compute both before you store either."""
    check(x)
    angles = angles_of(x, positions, base)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x.chunk(2, -1)
    one = one * cos - other * sin
    return torch.cat([one, one * sin + other * cos], -1)


@instead_of("rotate")
def gives_each_column_its_own_rate(x, positions, base=10_000.0):
    """d rates in place of d/2: the two columns of a pair turn by different angles, which is no rotation. The rates are made
    once for the pairs and repeated for the second half."""
    check(x)
    d = x.shape[-1]
    angles = positions[..., None] * base ** (-torch.arange(d, dtype=torch.float64) / d)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x.chunk(2, -1)
    return x * cos + torch.cat([-other, one], -1) * sin


@instead_of("rotate")
def multiplies_by_the_power(x, positions, base=10_000.0):
    """The minus of the exponent was lost, so later pairs turn thousands of times a step. It is a rotation and it is
    relative, and yet neighbours look as unrelated as strangers."""
    return turn(x, positions[..., None] * base ** exponents(x.shape[-1]))


@instead_of("rotate")
def halves_the_exponent(x, positions, base=10_000.0):
    """The index counts pairs and is divided by d, where it takes 2i: the slowest pair turns at 1 / √base, and half of the
    scales are missing. Write the exponents of a small d down before you trust an arange."""
    return turn(x, positions[..., None] * base ** (-exponents(x.shape[-1]) / 2))


@instead_of("rotate")
def ignores_the_base(x, positions, base=10_000.0):
    """10,000 stands in the formula. Models made for long contexts come with another base, 500,000 for Llama 3, and are then
    wrong from the second pair on."""
    return rotate(x, positions)


@instead_of("rotate")
def counts_rows_in_place_of_positions(x, positions, base=10_000.0):
    """0, 1, 2, … whatever the caller said. Training cannot tell, since its positions are just these; decoding with a cache
    gives every new token position 0."""
    return rotate(x, torch.arange(x.shape[-2]), base)


@instead_of("rotate")
def counts_from_one(x, positions, base=10_000.0):
    """All positions are one too large. Scores do not mind, as only distances count, until keys come from a cache that was
    filled by code which counts from zero."""
    return rotate(x, positions + 1, base)


@instead_of("rotate")
def makes_angles_in_the_dtype_of_x(x, positions, base=10_000.0):
    """In bfloat16 every position from 256 to 257 is one number, so neighbours turn alike; in float32 the angle at a million
    is off by hundredths. Angles need more digits than their sines."""
    return turn(x, positions[..., None].to(x.dtype) * (base ** -exponents(x.shape[-1])).to(x.dtype))


@instead_of("rotate")
def promotes_to_float32(x, positions, base=10_000.0):
    """float32 tables times a bfloat16 x are float32: twice the traffic, and the product with bfloat16 values refuses it.
    Turn the tables into x's dtype, or the result back."""
    return rotate(x.float(), positions, base)


@instead_of("rotate")
def turns_in_place(x, positions, base=10_000.0):
    """The halves are written back into the caller's tensor, often a view of one projection for queries, keys and values.
    Autograd refuses on a leaf, and a second look at x finds it turned."""
    turned = rotate(x.detach().clone(), positions, base)
    return x.copy_(turned)


@instead_of("rotate")
def adds_the_waves(x, positions, base=10_000.0):
    """Sines and cosines are added to x, the encoding of 2017: scores then hold absolute positions too. Rotary positions
    multiply, so that a product of two sees a difference."""
    check(x)
    angles = angles_of(x, positions, base)
    return x + torch.cat([angles.sin(), angles.cos()], -1).to(x.dtype)


@instead_of("from_interleaved")
def converts_the_other_way(weight, heads):
    """The rows go from halves to neighbours: the view was [2, d/2] where the old layout is [d/2, 2]. A permutation of more
    than four rows is seldom its own inverse, so check it on one known row."""
    if heads < 1 or len(weight) % (2 * heads):
        raise ValueError(heads)
    return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


@instead_of("from_interleaved")
def forgets_the_heads(weight, heads):
    """The even rows of all heads come first, so heads are mixed with one another. Each head is rotated by itself, and its
    rows stay within it."""
    from_interleaved(weight, heads)
    return torch.cat([weight[::2], weight[1::2]])


@instead_of("from_interleaved")
def reorders_the_inputs(weight, heads):
    """The columns are what the projection reads, the rows what it writes, and it is the written ones that turn. A linear
    layer's weight is [out, in]."""
    from_interleaved(weight, heads)
    if weight.ndim == 1 or weight.shape[1] % 2:
        return weight.clone()
    return torch.cat([weight[:, ::2], weight[:, 1::2]], 1)


equivalents = [
    Equivalent("rotate: rates.to(x.device) → rates", "the device matters only where there is another than the CPU"),
]
