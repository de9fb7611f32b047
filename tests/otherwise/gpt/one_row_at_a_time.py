"""Rows of the batch one by one, the norm by hand, one log-sum-exp for each target."""

import torch
from torch import nn

from exercises.gpt.given import Block


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        for name, rows in (("embedding", config.vocab), ("position", config.context)):
            setattr(self, name, nn.Embedding(rows, config.width))
        self.blocks = nn.ModuleDict({str(layer): Block(config) for layer in range(config.layers)})
        self.norm = nn.LayerNorm(config.width)
        self.drop = nn.Dropout(config.dropout)
        self.apply(self.start)
        for block in self.blocks.values():
            nn.init.normal_(block.self_attn.out_proj.weight, std=(0.0004 / (2 * config.layers)) ** 0.5)
            nn.init.normal_(block.linear2.weight, std=(0.0004 / (2 * config.layers)) ** 0.5)

    @staticmethod
    def start(module):
        for name, parameter in module.named_parameters(recurse=False):
            if name.endswith("weight") and parameter.dim() > 1:
                nn.init.normal_(parameter, mean=0.0, std=0.02)
            elif name.endswith("bias"):
                nn.init.constant_(parameter, 0.0)

    def forward(self, ids):
        return torch.stack([self.one(row) for row in ids])

    def one(self, row):
        if len(row) > self.config.context:
            raise ValueError(len(row))
        x = self.drop(self.embedding(row) + self.position(torch.arange(len(row))))[None]
        for layer in range(self.config.layers):
            x = self.blocks[str(layer)](x)
        centred = x[0] - x[0].mean(-1, keepdim=True)
        x = centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-5)
        return (x * self.norm.weight + self.norm.bias) @ self.embedding.weight.mT

    def loss(self, ids, targets):
        costs = []
        for row, wanted in zip(ids, targets, strict=True):
            for logits, target in zip(self.one(row), wanted.tolist(), strict=True):
                if target != -100:
                    costs.append(logits.logsumexp(0) - logits[target])
        return torch.stack(costs).mean()

    def generate(self, ids, new_tokens):
        was = self.training
        self.eval()
        rows = []
        for row in ids:
            for _ in range(new_tokens):
                with torch.no_grad():
                    row = torch.cat([row, self.one(row[-self.config.context :])[-1].argmax().reshape(1)])
            rows.append(row)
        self.train(was)
        return torch.stack(rows)
