import torch

from grader.kit import Equivalent, instead_of


def is_decoupled(optimizer):
    return type(optimizer).__name__ == "AdamW"


def decayed(self, p):
    """The gradient that the averages see; under AdamW, p has shrunk before."""
    if is_decoupled(self):
        p.mul_(1 - self.lr * self.weight_decay)
        return p.grad
    return p.grad + self.weight_decay * p


def moved(self):
    """Every parameter that has a gradient, with its number and its clock put forward."""
    for i, p in enumerate(self.parameters):
        if p.grad is not None:
            self.steps[i] += 1
            yield i, p


def averaged(self, i, gradient):
    m, v, (beta1, beta2) = self.means[i], self.squares[i], self.betas
    gradient = gradient.to(m.dtype)
    m.mul_(beta1).add_((1 - beta1) * gradient)
    v.mul_(beta2).add_((1 - beta2) * gradient * gradient)
    return m, v


def corrected(self, i, gradient):
    m, v = averaged(self, i, gradient)
    return m / (1 - self.betas[0] ** self.steps[i]), v / (1 - self.betas[1] ** self.steps[i])


def begin(self, parameters, lr, betas, eps, weight_decay):
    """What the constructor does, without its checks."""
    self.parameters = list(parameters)
    self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
    self.steps = [0] * len(self.parameters)
    self.means = [torch.zeros_like(p, dtype=torch.promote_types(p.dtype, torch.float32)) for p in self.parameters]
    self.squares = [torch.zeros_like(m) for m in self.means]


def check(self):
    numbers = [*self.betas, self.lr, self.weight_decay, self.eps]
    if not self.parameters or not all(0 <= x < float("inf") for x in numbers) or max(self.betas) >= 1 or self.eps == 0:
        raise ValueError


@instead_of("Adam.__init__")
def keeps_moments_in_the_dtype_of_the_parameter(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """In bfloat16, 0.999 v rounds back to v, so an early large gradient keeps steps short for ever; in float16 the square of
    a gradient of 1e-4 is zero, and the step infinite. Averages need more digits than weights."""
    begin(self, parameters, lr, betas, eps, weight_decay)
    check(self)
    self.means = [torch.zeros_like(p) for p in self.parameters]
    self.squares = [torch.zeros_like(p) for p in self.parameters]


@instead_of("Adam.__init__")
def keeps_moments_in_float32(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """float32 for all is a gain in half precision and a loss in float64, which nothing announces. Raise the precision, never
    set it: `promote_types`."""
    begin(self, parameters, lr, betas, eps, weight_decay)
    check(self)
    self.means = [torch.zeros_like(p, dtype=torch.float32) for p in self.parameters]
    self.squares = [torch.zeros_like(p, dtype=torch.float32) for p in self.parameters]


@instead_of("Adam.__init__")
def trusts_its_arguments(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """A beta of 1 never learns and divides by zero, an empty generator trains nothing: both look like a model that does not
    converge. The constructor is where the wrong number can still be seen."""
    begin(self, parameters, lr, betas, eps, weight_decay)


@instead_of("Adam.__init__")
def uses_up_the_generator(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """`model.parameters()` can be gone through once. Here the moments were made on that one pass, and the list that the steps
    go through is empty: the model never moves, and nothing is raised."""
    begin(self, parameters, lr, betas, eps, weight_decay)
    check(self)
    self.parameters = list(parameters)
    self.means, self.squares = self.means[: len(self.parameters)], self.squares[: len(self.parameters)]


@instead_of("Adam.step")
def leaves_the_bias_in(self):
    """Both averages start at zero. With β₂ = 0.999, v is a thousandth of g² at first and m a tenth of g: the first step is
    three times too long, and the next ones longer still. Divide by 1 − βᵗ."""
    with torch.no_grad():
        for i, p in moved(self):
            m, v = averaged(self, i, decayed(self, p))
            p.sub_(self.lr * m / (v.sqrt() + self.eps))


@instead_of("Adam.step")
def corrects_the_mean_alone(self):
    """m̂ is corrected and v is not, so the denominator is far too small at first: about thirty times, at β₂ = 0.999. Both
    averages start from zero."""
    with torch.no_grad():
        for i, p in moved(self):
            m, v = averaged(self, i, decayed(self, p))
            p.sub_(self.lr * m / (1 - self.betas[0] ** self.steps[i]) / (v.sqrt() + self.eps))


@instead_of("Adam.step")
def keeps_what_it_corrected(self):
    """m and v are overwritten with their corrected selves, so the next step corrects what is correct already, and the averages
    grow. The correction is for use, not for keeping."""
    with torch.no_grad():
        for i, p in moved(self):
            m, v = corrected(self, i, decayed(self, p))
            self.means[i], self.squares[i] = m, v
            p.sub_(self.lr * m / (v.sqrt() + self.eps))


@instead_of("Adam.step")
def has_one_clock_for_all(self):
    """One t counts the calls of step. A parameter whose first gradient comes late is then corrected by nothing, with averages
    that have just begun: an expert that is chosen at last takes steps far too long."""
    self.steps = [max(self.steps) + 1] * len(self.steps)
    with torch.no_grad():
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                m, v = corrected(self, i, decayed(self, p))
                p.sub_(self.lr * m / (v.sqrt() + self.eps))


@instead_of("Adam.step")
def adds_eps_under_the_root(self):
    """√(v̂ + eps) is another scale: 1e-8 there is a floor of 1e-4 for the size of a gradient, and in a large model most are
    smaller. eps is added after the root, in units of the gradient."""
    with torch.no_grad():
        for i, p in moved(self):
            m, v = corrected(self, i, decayed(self, p))
            p.sub_(self.lr * m / (v + self.eps).sqrt())


@instead_of("Adam.step")
def adds_eps_before_the_correction(self):
    """This folds both corrections into the rate, as the paper suggests for speed. Its eps is another one, the paper's ε̂: at
    the first steps it acts thirty times as strongly as the eps of algorithm 1, which torch has."""
    with torch.no_grad():
        for i, p in moved(self):
            m, v = averaged(self, i, decayed(self, p))
            beta1, beta2 = self.betas
            rate = self.lr * (1 - beta2 ** self.steps[i]) ** 0.5 / (1 - beta1 ** self.steps[i])
            p.sub_(rate * m / (v.sqrt() + self.eps))


@instead_of("Adam.step")
def forgets_the_root(self):
    """Divided by v̂ and not by its root, a step has the unit of 1 / g: the smaller the gradient, the longer. With the root,
    units cancel, and the step is lr whatever the scale of the loss."""
    with torch.no_grad():
        for i, p in moved(self):
            m, v = corrected(self, i, decayed(self, p))
            p.sub_(self.lr * m / (v + self.eps))


@instead_of("Adam.step")
def exchanges_the_betas(self):
    """β₁ belongs to the gradient and β₂, the longer memory, to its square. Exchanged, the direction is a thousand steps old
    while the denominator jumps with every batch."""
    self.betas = self.betas[::-1]
    with torch.no_grad():
        for i, p in moved(self):
            m, v = corrected(self, i, decayed(self, p))
            p.sub_(self.lr * m / (v.sqrt() + self.eps))
    self.betas = self.betas[::-1]


@instead_of("Adam.step")
def takes_no_gradient_for_zero(self):
    """None and zero are different: with zeros, a parameter that took no part in the loss goes on along its old average and
    decays. Skip it, and let its clock rest."""
    absent = [p for p in self.parameters if p.grad is None]
    with torch.no_grad():
        for p in absent:
            p.grad = torch.zeros_like(p)
        for i, p in moved(self):
            m, v = corrected(self, i, decayed(self, p))
            p.sub_(self.lr * m / (v.sqrt() + self.eps))
    for p in absent:
        p.grad = None


@instead_of("Adam.step")
def decays_what_has_no_gradient(self):
    """The decay runs over all parameters before anyone asks for a gradient, so AdamW shrinks what took no part in the loss:
    a frozen layer fades away. Skip first, then decay."""
    with torch.no_grad():
        for p in self.parameters:
            if p.grad is None and is_decoupled(self):
                p.mul_(1 - self.lr * self.weight_decay)
        for i, p in moved(self):
            m, v = corrected(self, i, decayed(self, p))
            p.sub_(self.lr * m / (v.sqrt() + self.eps))


@instead_of("Adam._gradient")
def adds_the_decay_to_the_callers_gradient(self, p):
    """`p.grad.add_(...)` writes λ p into a gradient that is the caller's: its logged norm is wrong, and where it is not
    zeroed the decay piles up."""
    return p.grad.add_(p, alpha=self.weight_decay)


@instead_of("Adam._gradient")
def decouples_in_adam_too(self, p):
    """Adam's own weight decay is L2: λ p joins the gradient and is divided by √v̂ like the rest of it. Shrinking p directly is
    what AdamW was invented for; the same λ means something else in each."""
    p.mul_(1 - self.lr * self.weight_decay)
    return p.grad


@instead_of("AdamW._gradient")
def couples_the_decay_to_the_gradient(self, p):
    """λ p in the gradient passes through both averages, so weights with large gradients hardly decay at all. In AdamW the
    moments never see the decay: p shrinks by 1 − lr λ, all alike."""
    return p.grad + self.weight_decay * p


@instead_of("AdamW._gradient")
def decays_without_the_rate(self, p):
    """p shrinks by 1 − λ at each step, not by 1 − lr λ. At λ = 0.01 half of every weight is gone after 69 steps, and the decay
    does not fade with the schedule."""
    p.mul_(1 - self.weight_decay)
    return p.grad


@instead_of("Adam.step")
def decays_after_the_step(self):
    """The factor 1 − lr λ is applied to p after its step, so it shrinks the fresh step too. The difference is of order lr²:
    it does no harm to a model, and makes every comparison with torch fail in the fourth digit."""
    with torch.no_grad():
        for i, p in moved(self):
            m, v = corrected(self, i, p.grad if is_decoupled(self) else decayed(self, p))
            p.sub_(self.lr * m / (v.sqrt() + self.eps))
            if is_decoupled(self):
                p.mul_(1 - self.lr * self.weight_decay)


@instead_of("Adam.zero_grad")
def fills_gradients_with_zeros(self):
    """Zeros are a gradient: a parameter that takes no part in the next loss is moved along its average, and decayed. None
    says that there is nothing to do."""
    for p in self.parameters:
        if p.grad is not None:
            p.grad.zero_()


equivalents = [
    Equivalent("Adam.step: True → False", "there are as many moments as parameters: strict is said for whoever reads it"),
    Equivalent("Adam.__init__: True → False", "there are as many dtypes as parameters: strict is said for whoever reads it"),
    Equivalent(
        "Adam.__init__: True → False (2)", "there are as many dtypes as parameters: strict is said for whoever reads it"
    ),
]
