"""As a decoder would: one position after the other, with a growing list of keys and values; torch's modules for the rest."""

import torch
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, d_model, heads, d_ff=None, dropout=0.0):
        super().__init__()
        if heads < 1 or d_model % heads != 0:
            raise ValueError("heads")
        self.heads, d_ff = heads, 4 * d_model if d_ff is None else d_ff
        layers = {"qkv": (d_model, 3 * d_model), "out": (d_model, d_model), "up": (d_model, d_ff), "down": (d_ff, d_model)}
        for name, sizes in layers.items():
            setattr(self, name, nn.Linear(*sizes))
        self.norm_1, self.norm_2, self.gelu = nn.LayerNorm(d_model), nn.LayerNorm(d_model), nn.GELU()
        self.drop_1, self.drop_2 = nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, x, mask=None):
        members = []
        for number, sequence in enumerate(x):
            rows = self.qkv(self.norm_1(sequence)).unflatten(-1, (3, self.heads, -1))  # [time, 3, heads, width]
            outputs = []
            for position, (query, _, _) in enumerate(rows):
                visible = torch.arange(position + 1)
                visible = visible if mask is None else visible[mask[number, : position + 1]]
                keys, values = rows[visible, 1], rows[visible, 2]
                weights = ((keys * query).sum(-1) / query.shape[-1] ** 0.5).softmax(0)
                outputs.append((weights[..., None] * values).sum(0).flatten())
            members.append(self.out(torch.stack(outputs)))
        x = x + self.drop_1(torch.stack(members))
        return x + self.drop_2(self.down(self.gelu(self.up(self.norm_2(x)))))
