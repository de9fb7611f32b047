import torch
from jaxtyping import Int
from torch import Tensor


def train(text: str, vocab_size: int) -> list[tuple[int, int]]:
    """The pairs of ids to merge, in order: the i-th makes token 256 + i. Fewer where nothing is left to merge.

    The most frequent pair within pieces comes first; of equally frequent ones, the smallest. Raises ValueError where
    vocab_size is below 256. Source: Sennrich et al. 2016, on bytes as in Radford et al. 2019.
    """
    raise NotImplementedError


def encode(text: str, merges: list[tuple[int, int]]) -> Int[Tensor, " n"]:
    """The ids of a text, int64: every merge in the order in which it was learned, within pieces."""
    raise NotImplementedError


def decode(ids: Int[Tensor, " n"], merges: list[tuple[int, int]]) -> str:
    """The text of the ids; bytes that are not UTF-8 become U+FFFD. Raises IndexError for an id that no token has."""
    raise NotImplementedError
