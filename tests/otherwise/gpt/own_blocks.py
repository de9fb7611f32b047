"""Blocks written anew under the agreed names, without torch's encoder layer; the head is registered before the embedding."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.rate = config.heads, config.dropout
        self.norm1, self.norm2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.linear1 = nn.Linear(config.width, 4 * config.width)
        self.linear2 = nn.Linear(4 * config.width, config.width)
        self.self_attn = Attention(config.width)

    def forward(self, x):
        a = self.self_attn
        qkv = F.linear(self.norm1(x), a.in_proj_weight, a.in_proj_bias)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
        scores = q @ k.mT / math.sqrt(q.shape[-1])
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        weights = self.drop(scores.masked_fill(later, -torch.inf).softmax(-1))
        x = x + self.drop(a.out_proj((weights @ v).transpose(1, 2).flatten(2)))
        return x + self.drop(self.linear2(self.drop(F.gelu(self.linear1(self.norm2(x))))))

    def drop(self, x):
        return F.dropout(x, self.rate, self.training)


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.context, self.rate = config.context, config.dropout
        self.a_head = nn.Linear(config.width, config.vocab, bias=False)
        self.embedding = nn.Embedding.from_pretrained(self.a_head.weight, freeze=False)
        self.embedding.weight = self.a_head.weight
        self.position = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList([Layer(config) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.weight.data.normal_(0, 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                module.bias.data.zero_()
            if isinstance(module, Attention):
                module.in_proj_weight.data.normal_(0, 0.02)
        for layer in self.blocks:
            layer.linear2.weight.data /= math.sqrt(2 * config.layers)
            layer.self_attn.out_proj.weight.data /= math.sqrt(2 * config.layers)

    def forward(self, ids):
        if ids.shape[-1] > self.context:
            raise ValueError(ids.shape)
        x = self.embedding(ids) + self.position(torch.arange(ids.shape[1]))[None]
        x = F.dropout(x, self.rate, self.training)
        for layer in self.blocks:
            x = layer(x)
        return self.a_head(self.norm(x))

    def loss(self, ids, targets):
        return F.cross_entropy(self(ids).transpose(1, 2), targets)

    def generate(self, ids, new_tokens):
        training, text = self.training, ids.new_empty(len(ids), ids.shape[1] + new_tokens)
        text[:, : ids.shape[1]] = ids
        self.eval()
        for end in range(ids.shape[1], text.shape[1]):
            text[:, end] = self(text[:, max(0, end - self.context) : end])[:, -1].detach().argmax(-1)
        self.train(training)
        return text
