from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Model = Callable[[Int[Tensor, "batch time"]], Float[Tensor, "batch time vocabulary"]]


class Vocabulary:
    """The characters of a text, in the order of their code points; a character's id is its place among them."""

    def __init__(self, text: str) -> None:
        self.characters = sorted(set(text))
        self.id_of = {character: number for number, character in enumerate(self.characters)}

    def encode(self, text: str) -> list[int]:
        """The ids of a text; characters that the vocabulary does not know are left out."""
        return [self.id_of[character] for character in text if character in self.id_of]

    def decode(self, ids: list[int]) -> str:
        """The text of some ids."""
        return "".join(self.characters[number] for number in ids)


def opening(vocabulary: Vocabulary, prompt: str) -> list[int]:
    """The ids that the model is shown first: those of the prompt or, where that leaves none, of a line break."""
    return vocabulary.encode(prompt) or [len(vocabulary.characters)]


def pick(logits: Float[Tensor, "... vocabulary"], temperature: float, generator: torch.Generator) -> Int[Tensor, "..."]:
    """An id for each row of logits, drawn with the probabilities softmax(logits / temperature)."""
    p = (logits / temperature).softmax(-1)
    return p.argmax(-1)


@torch.no_grad()
def sample(
    model: Model, vocabulary: Vocabulary, prompt: str, steps: int, window: int, temperature: float, generator: torch.Generator
) -> str:
    """What the model writes after the prompt: `steps` characters, each drawn from its logits after the last `window` ids."""
    ids = opening(vocabulary, prompt)
    written = len(ids)
    for _ in range(steps):
        seen = torch.tensor([ids[:window]])
        logits = model(seen)[:, -1]
        ids.append(int(pick(logits, temperature, generator)))
    return vocabulary.decode(ids[written:])
