import torch

from grader.kit import Equivalent, instead_of
from solutions.positional_encoding.positional_encoding import positional_encoding, shift


def check(d):
    if d < 2 or d % 2:
        raise ValueError(d)


def exponents(d):
    """One for each pair: 0, 2/d, 4/d, …"""
    return torch.arange(0, d, 2, dtype=torch.float64) / d


def alternating(angles, dtype):
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2).to(dtype)


@instead_of("positional_encoding")
def puts_all_sines_first(positions, d, base=10_000.0, dtype=torch.float32):
    """All sines, then all cosines: the layout of tensor2tensor and of many libraries. A model trained from scratch does not
    mind, a loaded one does. The paper's formula alternates, and the brief decides."""
    check(d)
    angles = positions[..., None] * base ** -exponents(d)
    return torch.cat([angles.sin(), angles.cos()], -1).to(dtype)


@instead_of("positional_encoding")
def puts_the_cosine_first(positions, d, base=10_000.0, dtype=torch.float32):
    """Even columns are the sines: position zero starts with 0, not with 1. cos(0) = 1 in column 0 is the order of a complex
    number, and of no checkpoint that follows the paper."""
    check(d)
    angles = positions[..., None] * base ** -exponents(d)
    return torch.stack([angles.cos(), angles.sin()], -1).flatten(-2).to(dtype)


@instead_of("positional_encoding")
def doubles_the_exponent(positions, d, base=10_000.0, dtype=torch.float32):
    """`arange(0, d, 2)` already is 2i, and here it is doubled again: the rates fall to 1 / base², and half of the pairs hardly
    move. Decide whether your index counts pairs or columns, and name it so."""
    check(d)
    return alternating(positions[..., None] * base ** (-2 * exponents(d)), dtype)


@instead_of("positional_encoding")
def gives_each_column_its_own_rate(positions, d, base=10_000.0, dtype=torch.float32):
    """The exponent uses the column, so a sine and its cosine turn at different rates: they are no point on a circle, and a
    shift is no longer a rotation. Two columns share one rate."""
    check(d)
    angles = positions[..., None] * base ** (-torch.arange(d, dtype=torch.float64) / d)
    return torch.where(torch.arange(d) % 2 == 0, angles.sin(), angles.cos()).to(dtype)


@instead_of("positional_encoding")
def multiplies_by_the_power(positions, d, base=10_000.0, dtype=torch.float32):
    """The power belongs below the position. Above it, later pairs turn thousands of times at each step, and neighbours look
    unrelated: the sign of the exponent was lost."""
    check(d)
    return alternating(positions[..., None] * base ** exponents(d), dtype)


@instead_of("positional_encoding")
def ends_at_the_base_itself(positions, d, base=10_000.0, dtype=torch.float32):
    """Dividing by the number of pairs less one makes the last rate 1 / base exactly, as some libraries do. The paper
    divides by d, and stops one step short of it."""
    check(d)
    return alternating(positions[..., None] * base ** (-exponents(d) * d / max(d - 2, 1)), dtype)


@instead_of("positional_encoding")
def counts_from_one(positions, d, base=10_000.0, dtype=torch.float32):
    """Position 0 is an angle of zero, not of one. Off by one for every token is harmless until some other code, say the one
    that decodes with a cache, counts from zero."""
    check(d)
    return alternating((positions[..., None] + 1) * base ** -exponents(d), dtype)


@instead_of("positional_encoding")
def ignores_the_base(positions, d, base=10_000.0, dtype=torch.float32):
    """10,000 is written into the formula, so the argument does nothing. Whoever stretches the base for a longer context sees no
    change, and no error either."""
    check(d)
    return alternating(positions[..., None] * 10_000.0 ** -exponents(d), dtype)


@instead_of("positional_encoding")
def computes_angles_in_float32(positions, d, base=10_000.0, dtype=torch.float32):
    """A float32 angle of a million is off by some hundredths, and so is its sine. The result needs seven digits, the angle
    seven behind the point."""
    check(d)
    return alternating(positions[..., None] * (base ** -exponents(d)).float(), dtype)


@instead_of("positional_encoding")
def computes_angles_in_the_result_dtype(positions, d, base=10_000.0, dtype=torch.float32):
    """bfloat16 has 8 significant bits: above 256 it cannot hold every whole number, and neighbours get one angle. Round
    once, at the end."""
    check(d)
    return alternating(positions[..., None].to(dtype) * (base ** -exponents(d)).to(dtype), dtype)


@instead_of("positional_encoding")
def leaves_the_last_sine_alone(positions, d, base=10_000.0, dtype=torch.float32):
    """An odd width is served by cutting off a cosine. The last sine then cannot tell p from π - p, and no matrix can move it:
    say no, as early as possible."""
    pairs = d + d % 2
    return alternating(positions[..., None] * base ** (-torch.arange(0, pairs, 2).double() / d), dtype)[..., :d]


@instead_of("add_positions")
def counts_along_the_batch(x, start=0, base=10_000.0):
    """The first axis is taken for time, as in code that keeps [time, batch, d]. All tokens of a sequence then get one position,
    and where the axes happen to be equally long, nothing complains. Count axes from the end."""
    table = positional_encoding(torch.arange(start, start + len(x)), x.shape[-1], base, x.dtype)
    return x + table.reshape(len(x), *[1] * (x.ndim - 2), x.shape[-1])


@instead_of("add_positions")
def starts_every_chunk_at_zero(x, start=0, base=10_000.0):
    """`start` is not used. In decoding with a cache, every new token then believes that it is the first; training, which never
    starts elsewhere, cannot notice."""
    return x + positional_encoding(torch.arange(x.shape[-2]), x.shape[-1], base, x.dtype)


@instead_of("add_positions")
def scales_x_by_the_root_of_d(x, start=0, base=10_000.0):
    """The paper does multiply by √d, where the embedding is looked up and because its table is shared with the output. Done
    here as well, it is done twice."""
    return x * x.shape[-1] ** 0.5 + positional_encoding(torch.arange(start, start + x.shape[-2]), x.shape[-1], base, x.dtype)


@instead_of("add_positions")
def adds_in_place(x, start=0, base=10_000.0):
    """`+=` writes positions into the caller's tensor, perhaps a view of the embedding table; called again, it adds them
    twice. On a leaf, autograd refuses."""
    x += positional_encoding(torch.arange(start, start + x.shape[-2]), x.shape[-1], base, x.dtype)
    return x


@instead_of("add_positions")
def promotes_to_float32(x, start=0, base=10_000.0):
    """A float32 table makes the sum float32, and the next layer's bfloat16 weights refuse it; a float64 sum keeps only
    float32's digits. Ask for the table in x's dtype."""
    return x + positional_encoding(torch.arange(start, start + x.shape[-2]), x.shape[-1], base)


@instead_of("shift")
def turns_backwards(offset, d, base=10_000.0, dtype=torch.float32):
    """The signs are those of the textbook's rotation of (cos, sin), and here the pair is (sin, cos): the matrix moves by
    -offset. Derive the block from sin(a + b), not from memory."""
    return shift(-offset, d, base, dtype)


@instead_of("shift")
def keeps_the_halves_apart(offset, d, base=10_000.0, dtype=torch.float32):
    """This is the rotation for all sines first, then all cosines. The pairs alternate here, so a block joins columns 2i and
    2i + 1, not i and i + d/2."""
    order = torch.cat([torch.arange(0, d, 2), torch.arange(1, d, 2)])
    return shift(offset, d, base, dtype)[order][:, order]


equivalents = [
    Equivalent("positional_encoding: rates.to(positions.device) → rates",
               "the device matters only where there is another than the CPU"),
    Equivalent("add_positions: torch.arange(start, start + time, device=x.device) → torch.arange(start, start + time)",
               "the device matters only where there is another than the CPU"),
]  # fmt: skip
