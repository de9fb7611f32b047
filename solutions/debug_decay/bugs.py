from grader.kit import instead_of


@instead_of("groups")
def norms_and_biases_decay_too(model, decay):
    """Split by whether they are trained, all that is trained decays: the scales of norms are pulled towards 0 when 1 is
    where they are neutral, and biases can't stay where the data has its offset. Decay belongs on matrices, where it keeps
    the function smooth. It costs little at small decays and shows in long runs, so nobody looks; print the names in each
    group once."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    return [
        {"params": trained, "weight_decay": decay},
        {"params": frozen, "weight_decay": 0.0},
    ]


@instead_of("AdamW.step")
def decay_goes_through_the_moments(self):
    """Added to the gradient, as in plain SGD, the decay passes through Adam's division: weights with large gradients hardly
    decay, those with small ones decay as fast as the rate allows, and `weight_decay` means nothing that could be said in
    advance. That is Adam with L2, which AdamW was written to replace. A weight whose gradient is zero should shrink by lr ·
    decay a step; here it takes a full step of lr."""
    self.steps += 1
    for group in self.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                gradient = parameter.grad + group["weight_decay"] * parameter
                parameter.sub_(self.lr * self.direction(parameter, gradient))


@instead_of("AdamW.direction")
def the_start_is_corrected_in_one_moment_only(self, parameter, gradient):
    """Both moments start at zero and are too small at first, by different factors: after one step the first is (1 - β1) of
    what it should be, the second (1 - β2). Correct one and forget the other, and the first steps are off by a factor, here
    too small by 1 / (1 - β1), which is ten; the other way round too large by 1 / √(1 - β2), some thirty. It fades with the
    steps, and looks like a warm-up that nobody asked for. The first step of Adam has the length of the rate, in every
    entry: test that."""
    first, second = self.moments[parameter]
    beta1, beta2 = self.betas
    first.mul_(beta1).add_((1 - beta1) * gradient)
    second.mul_(beta2).add_((1 - beta2) * gradient.square())
    mean_square = second / (1 - beta2**self.steps)
    return first / (mean_square.sqrt() + self.eps)
