"""A GPT whose pieces are given and whose tricks have switches."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from grader.training.pieces import Pieces
from grader.training.recipe import Recipe


class Block(nn.Module):
    """Attention and a feed-forward network, each on a normalized copy of the residual stream."""

    def __init__(self, recipe: Recipe, pieces: Pieces) -> None:
        super().__init__()
        width = recipe.width
        self.recipe, self.pieces = recipe, pieces
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Float[Tensor, "batch time width"], angles: Tensor | None) -> Float[Tensor, "batch time width"]:
        x = x + self._dropped(self.project(self._attended(self.norm_1(x), angles)))
        hidden = self.up(self.norm_2(x))
        hidden = F.relu(hidden).square() if self.recipe.squared_relu else F.gelu(hidden)
        return x + self._dropped(self.down(hidden))

    def _attended(self, x: Float[Tensor, "batch time width"], angles: Tensor | None) -> Float[Tensor, "batch time width"]:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.recipe.heads, -1)).permute(2, 0, 3, 1, 4)
        if self.recipe.qk_norm:  # before the rotation, which keeps lengths
            q, k = (F.rms_norm(each, each.shape[-1:]) for each in (q, k))
        if angles is not None:
            q, k = rotated(q, angles), rotated(k, angles)
        return self.pieces.attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)

    def _dropped(self, x: Tensor) -> Tensor:
        return self.pieces.dropout(x, self.recipe.dropout, self.training)


class GPT(nn.Module):
    """A decoder of the GPT-2 kind. Called with targets it returns their mean loss in nats, so that a compiler sees it all."""

    angles: Tensor | None

    def __init__(self, recipe: Recipe, pieces: Pieces) -> None:
        super().__init__()
        self.config, self.pieces = recipe, pieces
        self.embedding = pieces.embedding(recipe.vocab, recipe.width)
        self.position = None if recipe.rope else pieces.embedding(recipe.context, recipe.width)
        self.blocks = nn.ModuleList(Block(recipe, pieces) for _ in range(recipe.layers))
        self.norm = nn.LayerNorm(recipe.width)
        self.head = nn.Linear(recipe.width, recipe.vocab, bias=False)
        if recipe.tied:
            self.head.weight = self.embedding.weight  # type: ignore[assignment]
        if recipe.init:
            self._initialise()
        self.register_buffer("angles", rotation(recipe) if recipe.rope else None, persistent=False)

    def forward(self, ids: Int[Tensor, "batch time"], targets: Int[Tensor, "batch time"] | None = None) -> Tensor:
        """The logits (batch, time, vocab) of what follows each of `ids`; with `targets`, the mean loss.

        Raises ValueError beyond the context.
        """
        time = ids.shape[1]
        if time > self.config.context:
            raise ValueError(f"{time} tokens do not fit into a context of {self.config.context}")
        x = self.embedding(ids)
        if self.position is not None:
            x = x + self.position(torch.arange(time, device=ids.device))
        angles = None if self.angles is None else self.angles[:, :time]
        x = self.pieces.dropout(x, self.config.dropout, self.training)
        for block in self.blocks:
            x = block(x, angles)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits
        return self.pieces.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    def matrices(self) -> list[nn.Parameter]:
        """The matrices of the blocks: what Muon is for."""
        return [parameter for parameter in self.blocks.parameters() if parameter.ndim == 2]

    def size(self) -> int:
        """Parameters, positions left out: they only look up. A tied matrix counts once, in its product."""
        positions = 0 if self.position is None else sum(each.numel() for each in self.position.parameters())
        return sum(each.numel() for each in self.parameters()) - positions

    def _initialise(self) -> None:
        """Every block the identity at first, so that depth costs nothing to begin with; the rest is torch's default.

        A matrix that is embedding and output at once must be small, or the first logits are huge; and what leaves the blocks
        must not be the embedding alone, or the first guess is that every token repeats itself. There the blocks begin as in
        GPT-2, small by the root of how many add up. Source: Radford et al. 2019, section 2.3.
        """
        for name, matrix in self.blocks.named_parameters():
            if name.endswith(("project.weight", "down.weight")):
                nn.init.normal_(matrix, std=0.02 / math.sqrt(2 * self.config.layers) if self.config.tied else 0.0)
        if self.config.tied:
            nn.init.normal_(self.head.weight, std=0.02)


def rotation(recipe: Recipe) -> Float[Tensor, "2 time half"]:
    """Cosines and sines of RoPE's angles. Source: Su et al. 2021, with their base of 10,000."""
    half = recipe.width // recipe.heads // 2
    angles = torch.outer(torch.arange(recipe.context), 10_000 ** (-torch.arange(half) / half))
    return torch.stack([angles.cos(), angles.sin()])


def rotated(
    x: Float[Tensor, "batch heads time d_k"], angles: Float[Tensor, "2 time half"]
) -> Float[Tensor, "batch heads time d_k"]:
    """Each pair (x_i, x_{i + d_k/2}) turned by its position's angle, so that a score depends on the distance only."""
    cosines, sines = angles.to(x.dtype)
    one, other = x.chunk(2, -1)
    return torch.cat([one * cosines - other * sines, one * sines + other * cosines], -1)
