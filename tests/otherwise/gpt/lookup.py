"""One matrix used at both ends without any module for it, indexing for the lookup, a start by kind of layer, inference mode."""

import torch
from torch import nn

from exercises.gpt.given import Block


class Table(nn.Module):
    def __init__(self, rows, width):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.sizes = config
        self.norm = nn.LayerNorm(config.width, eps=1e-5)
        self.blocks = nn.Sequential(*[Block(config) for _ in range(config.layers)])
        self.position, self.embedding = Table(config.context, config.width), Table(config.vocab, config.width)
        branches = torch.tensor(2.0 * config.layers)
        with torch.no_grad():
            for table in (self.position, self.embedding):
                table.weight.copy_(0.02 * torch.randn_like(table.weight))
            for block in self.blocks:
                attention = block.self_attn
                matrices = [attention.in_proj_weight, block.linear1.weight, attention.out_proj.weight, block.linear2.weight]
                for matrix, scale in zip(matrices, (1, 1, branches.rsqrt(), branches.rsqrt()), strict=True):
                    matrix.copy_(0.02 * scale * torch.randn_like(matrix))
                for bias in (attention.in_proj_bias, attention.out_proj.bias, block.linear1.bias, block.linear2.bias):
                    bias.fill_(0)

    def forward(self, ids):
        length = ids.size(1)
        if not length <= self.sizes.context:
            raise ValueError("context")
        x = torch.stack([row + self.position.weight[:length] for row in self.embedding.weight[ids]])
        x = nn.functional.dropout(x, self.sizes.dropout, self.training)
        return torch.einsum("btw,vw->btv", self.norm(self.blocks(x)), self.embedding.weight)

    def loss(self, ids, targets):
        counted = targets != -100
        logp = self(ids)[counted].log_softmax(-1)
        return -logp[torch.arange(len(logp)), targets[counted]].sum() / counted.sum()

    @torch.inference_mode()
    def generate(self, ids, new_tokens):
        modes = [(module, module.training) for module in self.modules()]
        try:
            self.train(False)
            rows = [row.tolist() for row in ids]
            for _ in range(new_tokens):
                seen = torch.tensor([row[-self.sizes.context :] for row in rows])
                for row, logits in zip(rows, self(seen), strict=True):
                    row.append(int(logits[-1].max(0).indices))
            return torch.tensor(rows)
        finally:
            for module, training in modes:
                module.training = training
