import torch
from torch import nn
from torch.nn import functional as F

from exercises.gpt.given import Block
from grader.kit import instead_of


def build(self, config, blocks=nn.ModuleList):
    nn.Module.__init__(self)
    self.config = config
    self.embedding, self.position = nn.Embedding(config.vocab, config.width), nn.Embedding(config.context, config.width)
    self.dropout = nn.Dropout(config.dropout)
    self.blocks = blocks([Block(config) for _ in range(config.layers)])
    self.norm = nn.LayerNorm(config.width)
    self.head = nn.Linear(config.width, config.vocab, bias=False)
    self.head.weight = self.embedding.weight


def start(self, shrink):
    for name, parameter in self.named_parameters():
        if parameter.ndim == 2:
            writes = name.endswith(("out_proj.weight", "linear2.weight"))
            nn.init.normal_(parameter, std=0.02 * shrink if writes else 0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


def shrunk(config):
    return (2 * config.layers) ** -0.5


def check(self, ids):
    if ids.shape[1] > self.config.context:
        raise ValueError(ids.shape[1])


def embedded(self, ids):
    return self.embedding(ids) + self.position.weight[: ids.shape[1]]


def stacked(self, x):
    for block in self.blocks:
        x = block(x)
    return x


def likeliest(self, ids, new_tokens, window=lambda ids, context: ids[:, -context:]):
    with torch.no_grad():
        for _ in range(new_tokens):
            ids = torch.cat([ids, self(window(ids, self.config.context))[:, -1].argmax(-1, keepdim=True)], 1)
    return ids


@instead_of("GPT.__init__")
def unties_the_head(self, config):
    """The head has a matrix of its own. That is a choice, which large models make, and in a small one vocab * width more
    numbers, often more than all blocks together have. Whoever wants to tie has to assign the parameter itself."""
    build(self, config)
    self.head = nn.Linear(config.width, config.vocab, bias=False)
    start(self, shrunk(config))


@instead_of("GPT.__init__")
def ties_by_copying(self, config):
    """The head starts as a copy of the embedding, and after the first step of the optimizer they differ. Two parameters share
    a weight only if they are one object; the number of parameters tells."""
    build(self, config)
    start(self, shrunk(config))
    self.head = nn.Linear(config.width, config.vocab, bias=False)
    self.head.weight = nn.Parameter(self.embedding.weight.detach().clone())


@instead_of("GPT.__init__")
def keeps_the_blocks_in_a_plain_list(self, config):
    """A Python list of modules is not seen by nn.Module: its parameters are neither trained nor saved nor moved to the
    GPU, and nothing raises. nn.ModuleList is a list that is seen."""
    build(self, config, blocks=list)
    start(self, shrunk(config))


@instead_of("GPT.__init__")
def repeats_one_block(self, config):
    """`[Block(config)] * layers` is one block, `layers` times: every layer has the same weights. It trains, to a worse
    loss, and the checkpoint is suspiciously small."""
    build(self, config, blocks=lambda blocks: nn.ModuleList(blocks[:1] * len(blocks)))
    start(self, shrunk(config))


@instead_of("GPT.__init__")
def keeps_the_default_start(self, config):
    """nn.Embedding draws from N(0, 1), and as an output layer that gives logits of ±√width: the first loss is tens of
    nats, where ln vocab would be 5. The model spends its first hundreds of steps on learning to be unsure."""
    build(self, config)


@instead_of("GPT.__init__")
def starts_all_matrices_alike(self, config):
    """Every branch adds to the stream, so its variance grows with the number of layers, and the deeper model starts with
    the larger activations. GPT-2 divides what writes to the stream by the root of the number of branches."""
    build(self, config)
    start(self, 1.0)


@instead_of("GPT.__init__")
def counts_one_branch_per_layer(self, config):
    """A block has two branches that write to the stream, attention and the feed-forward network, so it is √(2 · layers).
    √layers leaves the stream with twice the variance that was meant."""
    build(self, config)
    start(self, config.layers**-0.5)


@instead_of("GPT.forward")
def forgets_the_positions(self, ids):
    """Without positions, attention sees a set. A causal model can still tell earlier from later by how much it may read,
    so it learns something, and the loss alone does not say what is missing."""
    check(self, ids)
    return self.head(self.norm(stacked(self, self.dropout(self.embedding(ids)))))


@instead_of("GPT.forward")
def numbers_the_rows_and_not_the_positions(self, ids):
    """arange over the wrong axis: every row of the batch gets one vector, the same at all its positions. It broadcasts,
    as long as the batch is no larger than the context."""
    check(self, ids)
    positions = torch.arange(len(ids)) % self.config.context
    x = self.dropout(self.embedding(ids) + self.position(positions).unsqueeze(1))
    return self.head(self.norm(stacked(self, x)))


@instead_of("GPT.forward")
def scales_the_embedding(self, ids):
    """Multiplying by √width is a rule of 2017, where the matrix starts with a deviation of 1/√width and the positions are
    sines of size one. Here both tables start alike, and it would drown the positions."""
    check(self, ids)
    x = self.embedding(ids) * self.config.width**0.5 + self.position.weight[: ids.shape[1]]
    return self.head(self.norm(stacked(self, self.dropout(x))))


@instead_of("GPT.forward")
def forgets_the_last_norm(self, ids):
    """In a pre-norm model nothing normalizes the stream, so the one norm before the head is what gives the logits a
    scale. Without it they grow with the depth, and with training."""
    check(self, ids)
    return self.head(stacked(self, self.dropout(embedded(self, ids))))


@instead_of("GPT.forward")
def drops_the_tokens_and_not_the_positions(self, ids):
    """Dropout is applied to the embedding before the positions are added. The model then always knows where it is and
    sometimes not what it reads; GPT drops from the sum."""
    check(self, ids)
    x = self.dropout(self.embedding(ids)) + self.position.weight[: ids.shape[1]]
    return self.head(self.norm(stacked(self, x)))


@instead_of("GPT.forward")
def cuts_what_is_too_long(self, ids):
    """Dropping the oldest tokens is right while writing, where the caller decides it. In forward it gives fewer logits than
    there are ids, and a loss that is computed against the wrong places, or not at all."""
    ids = ids[:, -self.config.context :]
    return self.head(self.norm(stacked(self, self.dropout(embedded(self, ids)))))


@instead_of("GPT.loss")
def shifts_the_targets_once_more(self, ids, targets):
    """Some libraries take the ids as labels and shift inside; here the targets are shifted already. Shifted twice, the
    model learns to predict the token after the next: the loss falls, and what it writes leaves out every other word."""
    return F.cross_entropy(self(ids)[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


@instead_of("GPT.loss")
def takes_the_softmax_twice(self, ids, targets):
    """F.cross_entropy wants logits and takes the softmax itself. Given probabilities, it sees numbers between 0 and 1:
    the loss hardly moves from ln vocab, and training looks merely slow."""
    return F.cross_entropy(self(ids).softmax(-1).flatten(0, 1), targets.flatten())


@instead_of("GPT.loss")
def divides_by_the_ignored_too(self, ids, targets):
    """The ignored targets cost nothing and still count in the number, so a batch with much padding has a small loss and small
    gradients. Divide by what was summed."""
    return F.cross_entropy(self(ids).flatten(0, 1), targets.flatten(), reduction="sum") / targets.numel()


@instead_of("GPT.generate")
def sees_the_first_tokens(self, ids, new_tokens):
    """`ids[:, :context]` keeps the beginning: once the text is longer than the context, the model sees the same tokens at
    every step and writes the same token for ever. The newest are at the end."""
    was_training = self.training
    ids = likeliest(self.eval(), ids, new_tokens, lambda ids, context: ids[:, :context])
    self.train(was_training)
    return ids


@instead_of("GPT.generate")
def writes_with_dropout(self, ids, new_tokens):
    """no_grad is not eval: it stops the recording, and dropout goes on. Samples that are drawn in the middle of training
    are then worse than the model is."""
    return likeliest(self, ids, new_tokens)


@instead_of("GPT.generate")
def stays_in_evaluation(self, ids, new_tokens):
    """eval() is called and never taken back, so the first sample that training prints for inspection also ends its
    dropout. Note the mode, and put it back."""
    return likeliest(self.eval(), ids, new_tokens)
