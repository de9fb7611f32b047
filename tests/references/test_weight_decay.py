"""The reference beside the decay that torch's optimizers have built in."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW, Optimizer

from grader.kit import agrees, normal, seeds
from solutions.weight_decay.weight_decay import couple, decay, parameter_groups, shrink

coefficients, rates = floats(0, 0.5), floats(1e-3, 0.5)


def pair(seed: int, n: int) -> tuple[list[Tensor], list[Tensor]]:
    """The same parameters twice, and one more in each that takes no part in any loss."""
    values = [normal(seed, n, 2), normal(seed + 1, n), normal(seed + 2, 3)]
    return [nn.Parameter(x.clone()) for x in values], [nn.Parameter(x.clone()) for x in values]


def train(parameters: list[Tensor], optimizer: Optimizer, before_step: Callable[[], None], seed: int) -> None:
    for step in range(4):
        optimizer.zero_grad()
        x = normal(seed + step, 5, 2)
        (x @ parameters[0].T + parameters[1]).square().mean().backward()
        before_step()
        optimizer.step()


@settings(max_examples=10)
@given(seeds, integers(1, 4), rates, coefficients)
def test_a_coupled_term_is_sgds_weight_decay(seed, n, lr, l2):
    ours, theirs = pair(seed, n)
    train(ours, SGD(ours, lr, momentum=0.5), lambda: couple(iter(ours), l2=l2), seed)
    train(theirs, SGD(theirs, lr, momentum=0.5, weight_decay=l2), lambda: None, seed)
    for one, other in zip(ours, theirs, strict=True):
        agrees(one.detach(), other.detach())


@settings(max_examples=10)
@given(seeds, integers(1, 4), rates, coefficients)
def test_a_decoupled_step_before_adam_is_adamw(seed, n, lr, weight_decay):
    ours, theirs = pair(seed, n)
    train(ours, Adam(ours, lr), lambda: decay(iter(ours), lr, weight_decay), seed)
    train(theirs, AdamW(theirs, lr, weight_decay=weight_decay), lambda: None, seed)
    for one, other in zip(ours, theirs, strict=True):
        agrees(one.detach(), other.detach(), atol=1e-4)


@settings(max_examples=30)
@given(seeds, integers(1, 9), rates, coefficients)
def test_shrinking_is_torchs_soft_threshold(seed, n, lr, l1):
    parameter = nn.Parameter(normal(seed, n))
    parameter.grad = normal(seed + 1, n)
    expected = F.softshrink(parameter.detach(), lr * l1)
    shrink([parameter], lr, l1)
    agrees(parameter.detach(), expected)


def test_torchs_optimizers_take_the_groups():
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 3, bias=False))
    for groups in (parameter_groups(model, 0.1), parameter_groups(nn.Linear(2, 2, bias=False), 0.1)):
        found = AdamW(groups, lr=0.1).param_groups
        assert [group["weight_decay"] for group in found] == [0.1, 0.0]
