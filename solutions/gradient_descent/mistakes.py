import torch

from grader.kit import Equivalent, instead_of


def check(parameters, lr, momentum, nesterov):
    if not parameters or not 0 <= lr < float("inf") or not 0 <= momentum < 1 or (nesterov and not momentum):
        raise ValueError


def with_gradients(self):
    """Every parameter that has a gradient, with its velocity."""
    for p, v in zip(self.parameters, self.velocities, strict=True):
        if p.grad is not None:
            yield p, v


def direction(self, gradient, velocity):
    return gradient + self.momentum * velocity if self.nesterov else velocity


@instead_of("SGD.__init__")
def keeps_the_generator(self, parameters, lr, momentum=0.0, nesterov=False):
    """`model.parameters()` is a generator, and making the velocities has used it up: no step finds a parameter any more.
    Make a list first."""
    self.parameters = parameters
    self.velocities = [torch.zeros_like(p) for p in parameters]
    check(self.velocities, lr, momentum, nesterov)
    self.lr, self.momentum, self.nesterov = lr, momentum, nesterov


@instead_of("SGD.__init__")
def keeps_velocities_in_float32(self, parameters, lr, momentum=0.0, nesterov=False):
    """`torch.zeros(p.shape)` is float32 whatever p is, so a float64 model is trained with float32's digits, and nothing
    says so. `zeros_like` takes dtype and device from the parameter."""
    self.parameters = list(parameters)
    check(self.parameters, lr, momentum, nesterov)
    self.velocities = [torch.zeros(p.shape) for p in self.parameters]
    self.lr, self.momentum, self.nesterov = lr, momentum, nesterov


@instead_of("SGD.__init__")
def trusts_its_arguments(self, parameters, lr, momentum=0.0, nesterov=False):
    """A negative rate climbs, a momentum of 1 never forgets, and both look like a model that will not learn. The constructor
    is where the wrong number can still be seen."""
    self.parameters = list(parameters)
    check(self.parameters, 0.0, 0.0, False)
    self.velocities = [torch.zeros_like(p) for p in self.parameters]
    self.lr, self.momentum, self.nesterov = lr, momentum, nesterov


@instead_of("SGD.__init__")
def trains_nothing_in_silence(self, parameters, lr, momentum=0.0, nesterov=False):
    """A generator that was printed or counted before is empty now. Without a complaint the loss simply stays where it is."""
    self.parameters = list(parameters)
    check([0], lr, momentum, nesterov)
    self.velocities = [torch.zeros_like(p) for p in self.parameters]
    self.lr, self.momentum, self.nesterov = lr, momentum, nesterov


@instead_of("SGD.step")
def makes_new_parameters(self):
    """`p = p - ...` binds a new tensor to the optimizer's own name. The model still holds the old one, which never moves:
    write into it, with an operation that ends in an underscore."""
    with torch.no_grad():
        for i, (p, v) in enumerate(zip(self.parameters, self.velocities, strict=True)):
            if p.grad is not None:
                v.mul_(self.momentum).add_(p.grad)
                gradient, p = p.grad, p - self.lr * direction(self, p.grad, v)
                self.parameters[i] = p
                p.grad = gradient


@instead_of("SGD.step")
def lets_autograd_watch(self):
    """Without `no_grad`, the step would be a part of the next graph; for a leaf that is changed in place autograd refuses,
    and where it doesn't, the graph grows with every step."""
    for p, v in with_gradients(self):
        v.mul_(self.momentum).add_(p.grad)
        p -= self.lr * direction(self, p.grad, v)


@instead_of("SGD.step")
def puts_the_rate_into_the_velocity(self):
    """v ← μ v + lr g is the classical form, and the same as long as lr is constant. Under a schedule, old steps go on at
    their old rate: after a warm-up or a drop, the change arrives late."""
    with torch.no_grad():
        for p, v in with_gradients(self):
            v.mul_(self.momentum).add_(self.lr * p.grad)
            p.sub_(self.lr * p.grad + self.momentum * v if self.nesterov else v)


@instead_of("SGD.step")
def averages_the_gradients(self):
    """With g weighed by 1 - μ, as in Adam, v is an average and not a sum: at μ = 0.9 each step is ten times shorter than the
    convention says, so a learning rate from a paper does not carry over."""
    with torch.no_grad():
        for p, v in with_gradients(self):
            v.mul_(self.momentum).add_((1 - self.momentum) * p.grad)
            p.sub_(self.lr * direction(self, p.grad, v))


@instead_of("SGD.step")
def moves_before_the_velocity(self):
    """The parameter moves along the velocity of the step before, so the first step goes nowhere and every gradient counts
    one step late. First the velocity, then the move."""
    with torch.no_grad():
        for p, v in with_gradients(self):
            p.sub_(self.lr * direction(self, p.grad, v))
            v.mul_(self.momentum).add_(p.grad)


@instead_of("SGD.step")
def looks_ahead_with_the_old_velocity(self):
    """g + μ v with the old v is exactly the new v: that is plain momentum under Nesterov's name. The look ahead needs the
    velocity that this step has made."""
    with torch.no_grad():
        for p, v in with_gradients(self):
            p.sub_(self.lr * (p.grad + self.momentum * v))
            v.mul_(self.momentum).add_(p.grad)


@instead_of("SGD.step")
def looks_ahead_from_the_velocity(self):
    """v + μ v counts the past twice. The velocity already holds μ times its old self and the gradient; Nesterov applies it
    once more to the bare gradient: g + μ v."""
    with torch.no_grad():
        for p, v in with_gradients(self):
            v.mul_(self.momentum).add_(p.grad)
            p.sub_(self.lr * direction(self, v, v))


@instead_of("SGD.step")
def takes_no_gradient_for_zero(self):
    """A gradient of zero and no gradient are not the same: a parameter that took no part in the loss goes on along its old
    velocity, though nothing asked it to. Skip what is None."""
    with torch.no_grad():
        for p, v in zip(self.parameters, self.velocities, strict=True):
            gradient = torch.zeros_like(p) if p.grad is None else p.grad
            v.mul_(self.momentum).add_(gradient)
            p.sub_(self.lr * direction(self, gradient, v))


@instead_of("SGD.step")
def cools_velocities_at_every_step(self):
    """The velocity is multiplied by μ before anyone asks for the gradient, so the one of a parameter that rests fades. An
    expert that is rarely chosen would never gain momentum."""
    with torch.no_grad():
        for p, v in zip(self.parameters, self.velocities, strict=True):
            v.mul_(self.momentum)
            if p.grad is not None:
                v.add_(p.grad)
                p.sub_(self.lr * direction(self, p.grad, v))


@instead_of("SGD.step")
def keeps_the_gradient_as_velocity(self):
    """On the first step v is the tensor in `.grad` itself, not a copy. Whoever writes the next gradient into that memory
    overwrites the past with it, and the velocity in turn spoils the gradient."""
    fresh = not hasattr(self, "begun")
    self.begun = True
    with torch.no_grad():
        for i, p in enumerate(self.parameters):
            if p.grad is None:
                continue
            v = self.velocities[i] = p.grad if fresh else self.velocities[i].mul_(self.momentum).add_(p.grad)
            p.sub_(self.lr * direction(self, p.grad, v))


@instead_of("SGD.step")
def adds_the_past_to_the_gradient(self):
    """`p.grad.add_(...)` saves a tensor and changes one that belongs to the caller: the next logged norm, or the next
    backward that accumulates, starts from a gradient that nobody computed."""
    with torch.no_grad():
        for p, v in with_gradients(self):
            gradient = p.grad.clone()
            p.grad.add_(v, alpha=self.momentum)
            v.copy_(p.grad)
            p.sub_(self.lr * direction(self, gradient, v))


@instead_of("SGD.step")
def shares_one_velocity(self):
    """One velocity for all: each parameter is carried along by its neighbours' gradients, and where shapes differ it fails or,
    worse, broadcasts. State belongs to a parameter."""
    with torch.no_grad():
        velocity = getattr(self, "velocity", 0.0)
        for p, _ in with_gradients(self):
            velocity = self.momentum * velocity + p.grad
            p.sub_(self.lr * direction(self, p.grad, velocity))
        self.velocity = velocity


@instead_of("SGD.step")
def flattens_with_view(self):
    """`view(-1)` needs contiguous memory, and a parameter may be a transposed view. Elementwise arithmetic asks for no
    shape at all."""
    with torch.no_grad():
        for p, v in with_gradients(self):
            v.mul_(self.momentum).add_(p.grad)
            p.view(-1).sub_(self.lr * direction(self, p.grad, v).view(-1))


@instead_of("SGD.zero_grad")
def fills_gradients_with_zeros(self):
    """Zeros are a gradient: a parameter that takes no part in the next loss then goes on along its velocity. None says that
    there is nothing to do, and takes no memory."""
    for p in self.parameters:
        if p.grad is not None:
            p.grad.zero_()


equivalents = [
    Equivalent("SGD.step: True → False", "there are as many velocities as parameters: strict is said for whoever reads it"),
]
