import os
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Adam, AdamW

from exercises.training_run.given import GPT, Config, Record, split
from grader.kit import Equivalent, instead_of
from solutions.training_run import training_run as right


def loss_of(model, x, y, reduction="mean"):
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction=reduction)


def under(dtype):
    return torch.autocast("cpu", dtype, enabled=dtype != torch.float32)


def prepare(model, optimizer, lr):
    model.train()
    optimizer.zero_grad()
    for group in optimizer.param_groups:
        group["lr"] = lr


def accumulate(model, micro_batches, dtype):
    """Leaves the gradient of the mean loss in the parameters, and returns the mean."""
    total = 0.0
    for x, y in micro_batches:
        with under(dtype):
            loss = loss_of(model, x, y) / len(micro_batches)
        loss.backward()
        total += loss.item()
    return total


def finish(model, optimizer, grad_clip):
    nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()


# get_batch ------------------------------------------------------------------------------------------------------------


def windows_at(tokens, starts, context):
    rows = torch.stack([tokens[start : start + context + 1] for start in starts.tolist()])
    return rows[:, :-1], rows[:, 1:]


def check(tokens, context):
    if len(tokens) <= context:
        raise ValueError(len(tokens))


@instead_of("get_batch")
def never_draws_the_last_window(tokens, batch_size, context, generator):
    """The upper end of randint is exclusive already, so another - 1 loses the last window. Nobody notices in a long text;
    a text of exactly one window has nothing left to draw."""
    check(tokens, context)
    return windows_at(tokens, torch.randint(len(tokens) - context - 1, (batch_size,), generator=generator), context)


@instead_of("get_batch")
def asks_for_the_token_itself(tokens, batch_size, context, generator):
    """y is x and not its successor, so the model has only to copy what it sees: the loss falls to zero within minutes, and
    the generated text is one token repeated."""
    check(tokens, context)
    x, _ = windows_at(tokens, torch.randint(len(tokens) - context, (batch_size,), generator=generator), context)
    return x, x.clone()


@instead_of("get_batch")
def draws_from_torchs_own_generator(tokens, batch_size, context, generator):
    """The generator is not passed on to randint, so the windows depend on everything else that draws: another dropout rate
    changes the order of the data, and two runs can no longer be compared."""
    check(tokens, context)
    return windows_at(tokens, torch.randint(len(tokens) - context, (batch_size,)), context)


@instead_of("get_batch")
def cuts_the_text_into_blocks(tokens, batch_size, context, generator):
    """Only starts that are multiples of the context are drawn, so every token keeps one position for ever, and most windows
    of the text are never seen."""
    check(tokens, context)
    blocks = (len(tokens) - 1) // context
    return windows_at(tokens, context * torch.randint(blocks, (batch_size,), generator=generator), context)


# configure_optimizer --------------------------------------------------------------------------------------------------


@instead_of("configure_optimizer")
def decays_everything(model, lr, weight_decay, betas):
    """Decay pulls the gains of the norms towards zero too, where it has no business: a gain sets the scale of a whole layer,
    and there are too few of them to overfit."""
    return AdamW(model.parameters(), lr=lr, betas=betas, weight_decay=weight_decay)


@instead_of("configure_optimizer")
def adds_decay_to_the_gradient(model, lr, weight_decay, betas):
    """Adam's own weight_decay joins the gradient and is divided by its root mean square, so weights with large gradients
    hardly decay. AdamW decays the weight itself."""
    matrices, vectors = ([p for p in model.parameters() if (p.ndim >= 2) == wide] for wide in (True, False))
    return Adam([{"params": matrices, "weight_decay": weight_decay}, {"params": vectors}], lr=lr, betas=betas)


# train_step -----------------------------------------------------------------------------------------------------------


@instead_of("train_step")
def forgets_to_divide_by_the_micro_batches(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """backward adds up, so k micro-batches give k times the gradient of the one big batch. Adam hides the factor; the
    clipping threshold now means something else for every k."""
    prepare(model, optimizer, lr)
    losses = []
    for x, y in micro_batches:
        with under(dtype):
            loss = loss_of(model, x, y)
        loss.backward()
        losses.append(loss.item())
    finish(model, optimizer, grad_clip)
    return sum(losses) / len(losses)


@instead_of("train_step")
def weighs_micro_batches_by_their_tokens(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """The mean over all tokens is asked for often, and is the better objective for ragged batches, but it is not the mean of
    the losses: settle which of the two a step follows before comparing runs."""
    prepare(model, optimizer, lr)
    tokens, total = sum(y.numel() for _, y in micro_batches), 0.0
    for x, y in micro_batches:
        with under(dtype):
            loss = loss_of(model, x, y, "sum") / tokens
        loss.backward()
        total += loss.item()
    finish(model, optimizer, grad_clip)
    return total


@instead_of("train_step")
def clips_in_every_micro_batch(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """Inside the loop it is a half-made sum that gets clipped, again and again, so early micro-batches count for less. The
    gradient is whole only after the last backward: clip there, once."""
    prepare(model, optimizer, lr)
    total = 0.0
    for batch in micro_batches:
        with under(dtype):
            loss = loss_of(model, *batch) / len(micro_batches)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), grad_clip / len(micro_batches))
        total += loss.item()
    optimizer.step()
    return total


@instead_of("train_step")
def clips_each_value(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """clip_grad_value_ cuts each element by itself: that bounds no norm, and it turns the step away from the gradient. The
    global norm shortens all elements by one factor."""
    prepare(model, optimizer, lr)
    loss = accumulate(model, micro_batches, dtype)
    nn.utils.clip_grad_value_(model.parameters(), grad_clip / 10)
    optimizer.step()
    return loss


@instead_of("train_step")
def always_scales_to_the_bound(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """Dividing by the norm without asking whether it is too long stretches short gradients as well, so steps stay long where
    the loss is flat. The factor is min(1, grad_clip / norm)."""
    prepare(model, optimizer, lr)
    loss = accumulate(model, micro_batches, dtype)
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    for p in model.parameters():
        p.grad.mul_(grad_clip / norm)
    optimizer.step()
    return loss


@instead_of("train_step")
def keeps_the_old_gradients(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """Without zero_grad, every step adds its gradient to those of all the steps before, taken at weights that are gone: a
    momentum that never forgets."""
    old = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    prepare(model, optimizer, lr)
    for p, gradient in zip(model.parameters(), old, strict=True):
        p.grad = gradient
    loss = accumulate(model, micro_batches, dtype)
    finish(model, optimizer, grad_clip)
    return loss


@instead_of("train_step")
def goes_backward_once(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """The losses are added up and differentiated together. The numbers are right, but every graph lives until the end, and
    the memory is that of the big batch which did not fit."""
    prepare(model, optimizer, lr)
    with under(dtype):
        loss = sum(loss_of(model, x, y) for x, y in micro_batches) / len(micro_batches)
    loss.backward()
    finish(model, optimizer, grad_clip)
    return loss.item()


@instead_of("train_step")
def sets_the_rate_of_one_group(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """Decayed and undecayed parameters are two groups, and `param_groups[0]` is only the first: gains and biases go on at
    the rate that the optimizer was built with, warm-up or not."""
    rates = [group["lr"] for group in optimizer.param_groups]
    prepare(model, optimizer, lr)
    for group, rate in list(zip(optimizer.param_groups, rates, strict=True))[1:]:
        group["lr"] = rate
    loss = accumulate(model, micro_batches, dtype)
    finish(model, optimizer, grad_clip)
    return loss


@instead_of("train_step")
def trusts_the_mode_it_finds(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """Nobody calls model.train(), so after an evaluation that forgot to go back the rest of the run has no dropout, and
    nothing says so."""
    mode = model.training
    prepare(model, optimizer, lr)
    loss = accumulate(model.train(mode), micro_batches, dtype)
    finish(model, optimizer, grad_clip)
    return loss


@instead_of("train_step")
def casts_the_weights(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """model.to(bfloat16) rounds the weights themselves, to which a small update then adds nothing. Autocast rounds what goes
    into a matrix product, and keeps float32 weights for the optimizer."""
    prepare(model.to(dtype) if dtype != torch.float32 else model, optimizer, lr)
    loss = accumulate(model, micro_batches, torch.float32)
    finish(model, optimizer, grad_clip)
    return loss


@instead_of("train_step")
def takes_the_loss_in_bfloat16(model, micro_batches, optimizer, lr, grad_clip, dtype):
    """Outside autocast, the loss of bfloat16 logits is bfloat16 too: near 2.3 its neighbours lie 1/64 apart, more than a
    hundred steps of training gain at the end of a run."""
    prepare(model, optimizer, lr)
    total = 0.0
    for x, y in micro_batches:
        with under(dtype):
            logits = model(x)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten()) / len(micro_batches)
        loss.backward()
        total += loss.item()
    finish(model, optimizer, grad_clip)
    return total


# evaluate -------------------------------------------------------------------------------------------------------------


def whole_and_rest(tokens, context):
    """The tokens of the full windows, and those of the shorter last one; either may be no more than one token."""
    boundary = (len(tokens) - 1) // context * context
    return tokens[: boundary + 1], tokens[boundary:]


@instead_of("evaluate")
def averages_the_means(model, tokens, batch_size, context):
    """A mean of means counts the short last window like a full one, so the loss depends on how the text was cut. Add up
    sums, and divide once."""
    whole, rest = whole_and_rest(tokens, context)
    if len(whole) < 2 or len(rest) < 2:
        return right.evaluate(model, tokens, batch_size, context)
    full, short = (right.evaluate(model, part, batch_size, context) for part in (whole, rest))
    windows = (len(whole) - 1) // context
    return (full * windows + short) / (windows + 1)


@instead_of("evaluate")
def drops_the_last_window(model, tokens, batch_size, context):
    """The text is cut to a multiple of the context and its end is never scored. In a long text that is nothing; in many
    short documents it is another benchmark."""
    whole, _ = whole_and_rest(tokens, context)
    return right.evaluate(model, whole if len(whole) > 1 else tokens, batch_size, context)


@instead_of("evaluate")
def predicts_no_token_across_a_boundary(model, tokens, batch_size, context):
    """The text is cut first and shifted then, so the last token of a window predicts nothing, and one target in `context` is
    lost. Shift the whole text first, then cut x and y alike."""
    if len(tokens) < 2:
        raise ValueError(len(tokens))
    was_training, missing = model.training, -len(tokens) % context
    model.eval()
    x = F.pad(tokens, (0, missing)).view(-1, context)[:, :-1].split(batch_size)
    y = F.pad(tokens, (0, missing), value=-100).view(-1, context)[:, 1:].split(batch_size)
    with torch.no_grad():
        total = sum(loss_of(model, a, b, "sum").item() for a, b in zip(x, y, strict=True))
    model.train(was_training)
    return total / sum(int((b >= 0).sum()) for b in y)


@instead_of("evaluate")
def stays_in_evaluation_mode(model, tokens, batch_size, context):
    """model.eval() is never taken back: where the training loop does not call train() itself, dropout is off from the first
    evaluation on, and the run quietly becomes another one."""
    loss = right.evaluate(model, tokens, batch_size, context)
    model.eval()
    return loss


def scored(model, tokens, batch_size, context):
    """The mean over all targets, without a thought for the mode or the graph."""
    if len(tokens) < 2:
        raise ValueError(len(tokens))
    missing = -(len(tokens) - 1) % context
    x = F.pad(tokens[:-1], (0, missing)).view(-1, context).split(batch_size)
    y = F.pad(tokens[1:], (0, missing), value=-100).view(-1, context).split(batch_size)
    return sum(loss_of(model, a, b, "sum").item() for a, b in zip(x, y, strict=True)) / (len(tokens) - 1)


@instead_of("evaluate")
def evaluates_with_dropout(model, tokens, batch_size, context):
    """no_grad is taken for evaluation mode, but it only stops the recording: dropout goes on, the loss is too high, and it
    is another one each time."""
    with torch.no_grad():
        return scored(model, tokens, batch_size, context)


@instead_of("evaluate")
def records_a_graph(model, tokens, batch_size, context):
    """eval() is taken for no_grad, but it only switches layers over: every pass still stores its activations, for a backward
    that never comes."""
    was_training = model.training
    model.eval()
    loss = scored(model, tokens, batch_size, context)
    model.train(was_training)
    return loss


# save_checkpoint, load_checkpoint -------------------------------------------------------------------------------------


def write(path, model, optimizer, step, generator):
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "generator": generator.get_state()}
    torch.save({**state, "torch": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}, path)


@instead_of("save_checkpoint")
def writes_over_the_old_checkpoint(path, model, optimizer, step, generator):
    """Opening the file empties it, so a kill during the seconds of writing leaves half of the new checkpoint and none of the
    old one. Write beside it and rename: a rename happens, or it does not."""
    write(path, model, optimizer, step, generator)


@instead_of("save_checkpoint")
def removes_the_old_checkpoint_first(path, model, optimizer, step, generator):
    """Between removing the old file and renaming the new one, there is none under the name. os.replace does both in one
    act."""
    write(f"{path}.new", model, optimizer, step, generator)
    if os.path.exists(path):
        os.remove(path)
    os.rename(f"{path}.new", path)


@instead_of("load_checkpoint")
def forgets_the_optimizer(path, model, optimizer, generator):
    """Fresh moments are zero and Adam's bias correction starts again, so the first steps after resuming are those of a new
    run without its warm-up: the loss jumps."""
    return right.load_checkpoint(path, model, AdamW(model.parameters()), generator)


@instead_of("load_checkpoint")
def forgets_the_generator_of_the_windows(path, model, optimizer, generator):
    """The generator starts from its seed again, so the resumed run learns the windows of its first steps a second time."""
    return right.load_checkpoint(path, model, optimizer, torch.Generator())


@instead_of("load_checkpoint")
def forgets_torchs_own_generator(path, model, optimizer, generator):
    """Dropout draws from torch's global generator, so without its state the resumed run drops other units: near enough to
    look right, and too far to tell a bug from noise."""
    before = torch.get_rng_state()
    step = right.load_checkpoint(path, model, optimizer, generator)
    torch.set_rng_state(before)
    return step


# train ----------------------------------------------------------------------------------------------------------------


class Constant(Config):
    """A schedule that is none."""

    def lr(self, step: int) -> float:
        return self.learning_rate


@instead_of("train")
def never_asks_the_schedule(config, tokens, device):
    """The highest rate is used from the first step, when Adam's second moment has seen one gradient, and is still used at
    the end, when the loss could settle."""
    return right.train(Constant(**vars(config)), tokens, device)


@instead_of("train")
def trains_on_the_held_out_text(config, tokens, device):
    """The split is made for the evaluation and the windows are drawn from all tokens, so the held-out loss measures memory
    and falls as long as one cares to look."""
    torch.manual_seed(config.seed)
    model = GPT(config).to(device)
    optimizer = right.configure_optimizer(model, config.learning_rate, config.weight_decay, config.betas)
    generator = torch.Generator().manual_seed(config.seed)
    records = []
    for step in range(1, config.steps + 1):
        batches = [right.get_batch(tokens, config.batch_size, config.context, generator) for _ in range(config.accumulate)]
        loss = right.train_step(model, batches, optimizer, config.lr(step - 1), config.grad_clip, config.dtype)
        if step % config.eval_interval == 0 or step == config.steps:
            held_out = right.evaluate(model, split(tokens)[1], config.batch_size, config.context)
            records.append(Record(step, loss, held_out))
    return records


@instead_of("train")
def learns_from_one_micro_batch(config, tokens, device):
    """`config.accumulate` is never read, so a step sees one micro-batch: the run is short by that factor, and its gradient
    noisier than the learning rate was chosen for."""
    return right.train(replace(config, accumulate=1), tokens, device)


@instead_of("train")
def forgets_the_last_record(config, tokens, device):
    """Where eval_interval does not divide the number of steps, the run ends unmeasured, and the model that is kept is not
    the one whose loss was reported."""
    return [record for record in right.train(config, tokens, device) if record.step % config.eval_interval == 0]


@instead_of("train")
def never_seeds_the_model(config, tokens, device):
    """The windows are seeded and the weights are not, so two runs of one config differ, and no difference between two
    configs can be trusted."""
    return right.train(replace(config, seed=int(torch.randint(2**31, ()))), tokens, device)


# generate -------------------------------------------------------------------------------------------------------------


def sampled(model, prompt, new, choose):
    """`choose(logits) -> [batch, 1]`, as often as asked."""
    was_training, ids = model.training, prompt
    model.eval()
    for _ in range(new):
        with torch.no_grad():
            ids = torch.cat([ids, choose(model(ids[:, -model.config.context :])[:, -1])], dim=1)
    model.train(was_training)
    return ids


def check_choice(temperature, top_k):
    if temperature <= 0 or (top_k is not None and top_k < 1):
        raise ValueError(temperature, top_k)


def limited(logits, top_k):
    if top_k is None or top_k >= logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -torch.inf)


@instead_of("generate")
def crops_the_wrong_end(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    """ids[:, :context] keeps the beginning of the text, so once the context is full every new token follows the same words,
    and the text stops moving."""
    check_choice(temperature, top_k)
    was_training, ids = model.training, prompt
    model.eval()
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits = limited(model(ids[:, : model.config.context])[:, -1], top_k)
        ids = torch.cat([ids, torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)], dim=1)
    model.train(was_training)
    return ids


@instead_of("generate")
def divides_probabilities_by_the_temperature(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    """Dividing after the softmax changes all probabilities by one factor, which sampling normalizes away: the knob does
    nothing. The temperature belongs to the logits."""
    check_choice(temperature, top_k)
    choose = lambda logits: torch.multinomial(limited(logits, top_k).softmax(-1) / temperature, 1, generator=generator)
    return sampled(model, prompt, max_new_tokens, choose)


@instead_of("generate")
def masks_with_zero(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    """A logit of zero is a logit like any other, often above the ones that were kept, so what top_k should exclude still
    comes. The logit of what must not happen is minus infinity."""
    check_choice(temperature, top_k)
    kept = lambda logits: limited(logits, top_k).masked_fill(limited(logits, top_k) == -torch.inf, 0.0)
    choose = lambda logits: torch.multinomial((kept(logits) / temperature).softmax(-1), 1, generator=generator)
    return sampled(model, prompt, max_new_tokens, choose)


@instead_of("generate")
def forgets_the_generator(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    """The generator is accepted and not passed on to multinomial, so a seeded request gives another answer each time."""
    return right.generate(model, prompt, max_new_tokens, temperature, top_k)


@instead_of("generate")
def samples_with_dropout(model, prompt, max_new_tokens, temperature=1.0, top_k=None, generator=None):
    """Right after training the model is still in training mode, so its dropout takes part in writing: the text is worse
    than the model is, and greedy decoding is random."""
    check_choice(temperature, top_k)
    ids = prompt
    for _ in range(max_new_tokens):
        with torch.no_grad():
            logits = limited(model(ids[:, -model.config.context :])[:, -1], top_k)
        ids = torch.cat([ids, torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)], dim=1)
    return ids


ON_THE_CPU = "where the CPU is the only device, everything is there already"

equivalents = [
    Equivalent(
        "train_step: loss.detach() → loss",
        "backward has freed what the graph held; only its empty nodes live until the sum is read",
    ),
    Equivalent(
        "train_step: torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32)"
        " → torch.autocast(x.device.type, dtype)",
        "autocast to float32 switches itself off, with a warning",
    ),
    Equivalent("evaluate: True → False", "x and y are split alike, so strict has nothing to find"),
    Equivalent("load_checkpoint: torch.load(path, map_location='cpu') → torch.load(path)", ON_THE_CPU),
    Equivalent("load_checkpoint: torch.cuda.set_rng_state_all(state['cuda']) → torch.cuda", "without a GPU the list is empty"),
    Equivalent("train: GPT(config).to(device) → GPT(config)", ON_THE_CPU),
    Equivalent("train: tokens.to(device) → tokens", ON_THE_CPU),
]
