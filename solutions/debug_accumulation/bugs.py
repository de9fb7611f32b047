from torch.nn import functional as F

from grader.kit import instead_of
from solutions.debug_accumulation.debug_accumulation import accumulate, clip, rate


@instead_of("accumulate")
def parts_are_added_and_not_averaged(model, parts):
    """backward adds to .grad, so the means of n parts add up to n times the mean: the step is n times too long, and what
    looks like the same training with less memory is training at n times the rate. Adam hides it, since it divides by the
    size of the gradient; clipping then cuts nearly every step. Divide each part by the rows of all, not by the number of
    parts: the last part may be smaller. Test: in parts or whole, the same gradient."""
    model.zero_grad()
    mean = 0.0
    for inputs, targets in parts:
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        mean += loss.item() / len(parts)
    return mean


@instead_of("clip")
def every_parameter_is_clipped_alone(parameters, most):
    """Clipped one by one, each gradient gets a factor of its own, so the direction of the whole changes, and many
    parameters together may still be much longer than the limit: with n of them √n times. What is meant by clipping by norm
    is one norm over everything and one factor. The returned figure should be that norm, before clipping; it is the best
    early warning that a run has."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    lengths = [float(gradient.norm()) for gradient in gradients]
    for gradient, length in zip(gradients, lengths, strict=True):
        if length > most:
            gradient.mul_(most / length)
    return sum(length**2 for length in lengths) ** 0.5


@instead_of("train")
def the_schedule_counts_epochs(model, optimizer, batches, epochs, peak, warmup):
    """The schedule was written for steps and is asked once an epoch. With 10 epochs of 1000 steps and a warm-up of 1000 it
    never leaves the warm-up: the rate gets to a hundredth of the peak, training crawls, and whoever then raises the peak
    makes it explode elsewhere. The other way round, a schedule in epochs that is asked every step, is over at once. Log the
    rate of every step beside the loss, and look at both ends of it."""
    total, losses = epochs * len(batches), []
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = rate(epoch, peak, warmup, total)
        for parts in batches:
            losses.append(accumulate(model, parts))
            clip(model.parameters(), 1.0)
            optimizer.step()
    return losses
