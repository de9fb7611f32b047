"""The rule that cuts a text before anything is merged. Part of the task: read it, do not edit it."""

import re

# Letters, digits, or other signs, each with the space before them if there is one; then whitespace, of which the last
# character is left to what follows. After the rule of GPT-2, with the classes that Python's `re` knows.
PIECE = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s+")


def pieces(text: str) -> list[str]:
    """The pieces of `text`, which joined give `text` again: 'In 1984,  no.' is cut into 'In', ' 1984', ',', ' ', ' no', '.'"""
    return PIECE.findall(text)
