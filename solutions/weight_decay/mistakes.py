import math

import torch

from grader.kit import instead_of


def check(*numbers):
    if not all(0 <= number < math.inf for number in numbers):
        raise ValueError(numbers)


def wide(parameter):
    return parameter.to(torch.promote_types(parameter.dtype, torch.float32))


def trained(parameters):
    return (parameter for parameter in parameters if parameter.grad is not None)


def split(trainable, decays, weight_decay):
    trainable = list(trainable)
    return [
        {"params": [p for p in trainable if decays(p)], "weight_decay": weight_decay},
        {"params": [p for p in trainable if not decays(p)], "weight_decay": 0.0},
    ]


@instead_of("penalty")
def forgets_the_half(parameters, l1=0.0, l2=0.0):
    """l2 · Σ w² has the gradient 2 · l2 · w, twice what every optimizer means by its coefficient. Both forms are found in
    books; what is wrong is to tune one and to use the other."""
    check(l1, l2)
    return sum((l1 * wide(p).abs().sum() + l2 * wide(p).square().sum() for p in parameters), torch.zeros(()))


@instead_of("penalty")
def takes_the_mean(parameters, l1=0.0, l2=0.0):
    """A mean makes the pull on each weight smaller the larger the tensor is, so a coefficient that was tuned on one width
    is wrong for the next. Decay acts on every entry alike: a sum."""
    check(l1, l2)
    return sum((l1 * wide(p).abs().mean() + l2 / 2 * wide(p).square().mean() for p in parameters), torch.zeros(()))


@instead_of("penalty")
def walks_a_generator_twice(parameters, l1=0.0, l2=0.0):
    """The first sum uses up model.parameters(), the second finds nothing and is zero, without an error. Walk once, or make a
    list first."""
    check(l1, l2)
    total = sum((l1 * wide(p).abs().sum() for p in parameters), torch.zeros(()))
    return total + sum(l2 / 2 * wide(p).square().sum() for p in parameters)


@instead_of("penalty")
def leaves_the_graph(parameters, l1=0.0, l2=0.0):
    """`.data`, or `.item()`, gives the right number without a history: the printed loss contains the penalty, and
    training does not notice it."""
    check(l1, l2)
    found = [wide(p.data) for p in parameters]
    total = sum((l1 * p.abs().sum() + l2 / 2 * p.square().sum() for p in found), torch.zeros(()))
    return total.requires_grad_()


@instead_of("penalty")
def sums_in_half_precision(parameters, l1=0.0, l2=0.0):
    """float16 ends at 65,504, so a weight of 300 has an infinite square, and 70,000 ones an infinite sum. In bfloat16 a
    sum stops growing instead. Accumulate in float32."""
    check(l1, l2)
    found = [l1 * p.abs().sum() + l2 / 2 * p.square().sum() for p in parameters]
    return sum((x.to(torch.promote_types(x.dtype, torch.float32)) for x in found), torch.zeros(()))


@instead_of("couple")
def adds_the_size_and_not_the_sign(parameters, l1=0.0, l2=0.0):
    """The derivative of |w| is the sign of w. With |w| itself in the gradient, negative weights are pushed further away
    from zero, and positive ones as by L2."""
    check(l1, l2)
    with torch.no_grad():
        for p in trained(parameters):
            p.grad += l1 * p.abs() + l2 * p


@instead_of("couple")
def gives_a_gradient_to_what_had_none(parameters, l1=0.0, l2=0.0):
    """None is taken for zero, so a layer that took no part, or an expert that was not chosen, now has a gradient: it
    fades, and behind Adam, which divides by the gradient's size, it fades at full speed."""
    check(l1, l2)
    with torch.no_grad():
        for p in parameters:
            p.grad = (torch.zeros_like(p) if p.grad is None else p.grad) + l1 * p.sign() + l2 * p


@instead_of("couple")
def forgets_that_the_gradient_was_there(parameters, l1=0.0, l2=0.0):
    """`=` where `+=` was meant: the penalty replaces what the loss has to say, and all weights go to zero together."""
    check(l1, l2)
    with torch.no_grad():
        for p in trained(parameters):
            p.grad = l1 * p.sign() + l2 * p


@instead_of("decay")
def decays_through_the_gradient(parameters, lr, weight_decay):
    """This is L2 again: the term goes into the gradient, and Adam divides it by the gradient's size. Weights with large
    gradients then decay least, which is what AdamW was invented against."""
    check(lr, weight_decay)
    with torch.no_grad():
        for p in trained(parameters):
            p.grad.add_(p, alpha=weight_decay)


@instead_of("decay")
def forgets_the_rate(parameters, lr, weight_decay):
    """1 - weight_decay, without the rate, is the paper's form before its schedule. With torch's usual 0.01 to 0.1 it
    would take between a hundredth and a tenth of every weight at every step, and it would not end when the schedule does."""
    check(lr, weight_decay)
    with torch.no_grad():
        for p in trained(parameters):
            p.mul_(1 - weight_decay)


@instead_of("decay")
def decays_what_was_not_trained(parameters, lr, weight_decay):
    """A parameter without a gradient took no part in the loss, and shrinks all the same. After ten thousand steps a layer
    that was frozen for fine-tuning has quietly faded."""
    check(lr, weight_decay)
    with torch.no_grad():
        for p in parameters:
            p.mul_(1 - lr * weight_decay)


@instead_of("decay")
def rebinds_the_name(parameters, lr, weight_decay):
    """`p = p * factor` makes a new tensor and gives it the loop's name; the model keeps the old one and nothing decays.
    In place, `*=` or `mul_`, is what reaches it."""
    check(lr, weight_decay)
    for p in trained(parameters):
        p = p * (1 - lr * weight_decay)


@instead_of("shrink")
def steps_across_zero(parameters, lr, l1):
    """w - lr · l1 · sign(w) is a step along the subgradient: a weight that is closer to zero than the step lands on the
    other side, and comes back at the next step. It never rests at zero, and exact zeros are what L1 is for."""
    check(lr, l1)
    with torch.no_grad():
        for p in trained(parameters):
            p.sub_(p.sign(), alpha=lr * l1)


@instead_of("shrink")
def cuts_and_does_not_shift(parameters, lr, l1):
    """Small entries become zero and the others stay: that is hard thresholding, the answer to a penalty on the number of
    weights. L1 pulls on large weights too, by the same amount."""
    check(lr, l1)
    with torch.no_grad():
        for p in trained(parameters):
            p.masked_fill_(p.abs() <= lr * l1, 0.0)


@instead_of("parameter_groups")
def goes_by_the_name(model, weight_decay):
    """Only what is called 'bias' is spared, so the gains of the norms, which are called 'weight', are pulled from one
    towards zero. The number of axes says what a parameter is; its name says what somebody called it."""
    check(weight_decay)
    spared = {id(p) for name, p in model.named_parameters() if name.endswith("bias")}
    return split((p for p in model.parameters() if p.requires_grad), lambda p: id(p) not in spared, weight_decay)


@instead_of("parameter_groups")
def counts_shared_parameters_twice(model, weight_decay):
    """Collected layer by layer, a tied weight comes twice. torch warns, and the step and the decay fall on it twice;
    model.parameters() knows it already."""
    check(weight_decay)
    found = [p for part in model.modules() for p in part.parameters(recurse=False) if p.requires_grad]
    return split(found, lambda p: p.ndim >= 2, weight_decay)


@instead_of("parameter_groups")
def takes_the_frozen_along(model, weight_decay):
    """Parameters that require no gradient are handed to the optimizer as well. As long as their gradient is None nothing
    happens, but state is kept for them in some optimizers, and an old gradient makes them move."""
    check(weight_decay)
    return split(model.parameters(), lambda p: p.ndim >= 2, weight_decay)


@instead_of("parameter_groups")
def leaves_the_rest_to_the_default(model, weight_decay):
    """A group without its own weight_decay gets the optimizer's default, which is 0.01 in AdamW and not 0. What must not
    decay has to say so."""
    check(weight_decay)
    decaying, plain = split((p for p in model.parameters() if p.requires_grad), lambda p: p.ndim >= 2, weight_decay)
    return [decaying, {"params": plain["params"]}]
