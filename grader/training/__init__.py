"""The full training run: a small GPT on real text, whose pieces may be your own."""
