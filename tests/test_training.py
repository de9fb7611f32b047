"""The training run: it resumes bit for bit, processes agree with one, a wrong piece is named, bad input costs one line."""

import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typer.testing import CliRunner, Result

from grader import cli
from grader.catalogue import ROOT, Exercise
from grader.journal import Journal
from grader.training import checkpoint, mine, optimizers, pieces
from grader.training import text as texts
from grader.training.engine import Engine
from grader.training.folder import Config, RunFolder
from grader.training.model import GPT
from grader.training.pieces import Pieces
from grader.training.recipe import PRESETS, TRICKS, Recipe, RunError, textbook
from grader.training.yours import PARTS, answers

SIZES = {"width": 32, "context": 32, "layers": 1, "heads": 2, "batch": 4, "held_out": 256}
SMALL = [argument for name, value in SIZES.items() for argument in ("--set", f"{name}={value}")]
SAMPLE = " ".join(f"{number} is {'even' if number % 2 == 0 else 'odd'};" for number in range(3000))


def recipe(**changes: object) -> Recipe:
    return PRESETS["tiny"].but(**{**SIZES, "steps": 16, **changes})


def text(of: Recipe) -> texts.Text:
    return texts.tokens("a sample", SAMPLE, of.vocab, of.context)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in the order of one thread, here and in processes started from here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli.app, ["train", *map(str, arguments)])


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def records(folder: Path) -> list[dict[str, float]]:
    """Without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: line[name] for name in line if name not in ("seconds", "tokens_per_second", "mfu")} for line in lines]


def weights(folder: Path, step: int) -> dict[str, Tensor]:
    return checkpoint.load(folder / "checkpoints" / f"step-{step:07}.pt")["model"]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def refused(result: Result, *words: str) -> bool:
    """Exit code 2, and one line that says all of these."""
    assert result.exit_code == 2, result.output
    assert len(result.stderr.strip().splitlines()) <= 2, result.stderr  # 80 columns may break it once
    line = re.sub(r"\s+", " ", result.stderr)
    return all(word in line for word in words)


# The run and its folder


def test_a_run_leaves_its_config_metrics_curve_and_checkpoints(train, tmp_path: Path):
    done = train(*SMALL, "--steps", 20, "--out", "run")
    assert done.exit_code == 0, done.output
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["recipe"]["width"], config["recipe"]["steps"]) == (32, 20)
    lines = records(tmp_path / "run")
    assert [line["step"] for line in lines] == list(range(1, 21))
    assert lines[-1]["held_out"] < lines[1]["held_out"]
    assert lines[-1]["bits_per_byte"] == pytest.approx(lines[-1]["held_out"] / math.log(2))  # a token is a byte here
    assert (tmp_path / "run" / "loss.png").read_bytes().startswith(b"\x89PNG")
    kept = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert kept == {"step-0000018.pt", "step-0000020.pt"}
    assert "bits per byte" in done.output


def test_a_run_killed_at_any_time_resumes_bit_for_bit(train, tmp_path: Path):
    arguments = [*SMALL, "--steps", "100", "--set", "dropout=0.1"]
    with subprocess.Popen(
        [sys.executable, "-m", "grader", "train", *arguments, "--out", "killed"], env=environment(), cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while not (tmp_path / "killed" / "checkpoints" / "step-0000010.pt").exists():
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with (tmp_path / "killed" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "lo')  # as a kill within a write leaves it
    assert train("--resume", "--out", "killed").exit_code == 0
    assert train(*arguments, "--out", "whole").exit_code == 0
    assert records(tmp_path / "killed") == records(tmp_path / "whole")
    assert same(weights(tmp_path / "killed", 100), weights(tmp_path / "whole", 100))


def test_ctrl_c_saves_and_resumes(train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    advance = Engine.advance

    def interrupted(self: Engine) -> Tensor:
        if self.step == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(self)

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "advance", interrupted)
        stopped = train(*SMALL, "--steps", 20)
    assert stopped.exit_code == 130
    assert "train --resume --out runs/tiny-1" in re.sub(r"\s+", " ", stopped.output)
    assert records(tmp_path / "runs" / "tiny-1")[-1]["step"] == 8
    assert train("--resume").exit_code == 0
    assert train(*SMALL, "--steps", 20).exit_code == 0
    assert same(weights(tmp_path / "runs" / "tiny-1", 20), weights(tmp_path / "runs" / "tiny-2", 20))


def test_a_full_disk_costs_one_line_and_no_checkpoint(tmp_path: Path):
    """A limit on the size of files stands for the disk."""
    path = tmp_path / "step-1.pt"
    checkpoint.save(path, {"step": 1, "model": {"a": torch.ones(3)}, "optimizers": []})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(RunError, match=r"could not be saved: File too large$"):
            checkpoint.save(path, {"step": 2, "model": {"a": torch.ones(1 << 20)}, "optimizers": []})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [each.name for each in tmp_path.iterdir()] == ["step-1.pt"]
    assert checkpoint.load(path)["step"] == 1


def test_a_run_on_a_full_disk_goes_on_warns_and_fails_at_its_end(train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, state: object) -> None:
        raise RunError(f"{path} could not be saved: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", full)
        done = train(*SMALL, "--steps", 4)
    assert done.exit_code == 1
    assert "there is none yet: make room, then --resume" in re.sub(r"\s+", " ", done.stderr)
    assert len(records(tmp_path / "runs" / "tiny-1")) == 4
    assert train("--resume").exit_code == 0


# Bad input


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"), (b"", "empty"), (b"abc\xff", "no UTF-8 at byte 3"),
        (b"short" * 40, "a context of 32 needs 33"),
    ],
    ids=["missing", "empty", "latin-1", "short"],
)  # fmt: skip
def test_a_text_that_is_none_costs_one_line(train, tmp_path: Path, content: bytes | None, words: str):
    if content is not None:
        (tmp_path / "data.txt").write_bytes(content)
    assert refused(train(*SMALL, "--data", "data.txt"), "data.txt", words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "huge"], "tiny, small, gpt2"), (["--device", "tpu"], "cpu or cuda"), (["--without", "magic"], "rope"),
        (["--set", "width=wide"], "no whole number"), (["--set", "width=30", "--set", "heads=4"], "4 heads"),
        (["--set", "layers=-3"], "at least 1"), (["--set", "learning_rate=nan"], "a positive number"),
        (["--set", "heads=0"], "at least 1"),
        (["--processes", "3"], "among 3 processes"), (["--mine"], "has passed yet"), (["--resume"], "no run"),
    ],
    ids=lambda value: "-".join(value).strip("-") if isinstance(value, list) else "",
)  # fmt: skip
def test_an_absurd_option_costs_one_line(train, arguments: list[str], words: str):
    result = train(*arguments)
    assert result.exit_code == 2
    assert words in re.sub(r"\s+", " ", result.stderr)


def test_a_run_of_another_config_or_a_broken_one_is_not_resumed(train, tmp_path: Path):
    assert train(*SMALL, "--steps", 4, "--out", "run").exit_code == 0
    folder = tmp_path / "run"
    assert refused(train("--out", "run"), "not empty", "--resume")
    assert refused(train("--out", "run", "--resume", "--set", "width=64"), "width is 32 there, not 64")
    (tmp_path / "other.txt").write_text(SAMPLE)
    assert refused(train("--out", "run", "--resume", "--data", "other.txt"), "the text is another")
    last = folder / "checkpoints" / "step-0000004.pt"
    whole = last.read_bytes()
    middle = len(whole) // 2
    last.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    result = train("--out", "run", "--resume")
    assert result.exit_code == 1
    assert "is broken" in result.stderr
    last.unlink()
    assert train("--out", "run", "--resume").exit_code == 0  # from the one before it, to the same end
    assert same(weights(folder, 4), torch.load(_written(tmp_path / "whole.pt", whole))["model"])
    (folder / "config.json").write_text("{")
    assert refused(train("--out", "run", "--resume"), "config.json is broken")


def test_no_two_runs_share_a_folder(tmp_path: Path):
    first, second = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    first.hold(begin=Config("tiny", recipe(), "", "", {}))
    with pytest.raises(RunError, match="another process trains"):
        second.hold(begin=None)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# Several processes


def test_two_processes_with_half_the_batch_each_give_the_losses_of_one(train, tmp_path: Path):
    arguments = [*SMALL, "--steps", "8"]
    done = subprocess.run(
        [sys.executable, "-m", "grader", "train", *arguments, "--processes", "2", "--out", "two"],
        env=environment(), cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert train(*arguments, "--out", "one").exit_code == 0
    one, two = records(tmp_path / "one"), records(tmp_path / "two")
    assert [line["step"] for line in two] == list(range(1, 9))
    for name in ("loss", "held_out"):
        assert [line.get(name) for line in two] == pytest.approx([line.get(name) for line in one], abs=2e-5)
    assert one[0]["loss"] - one[-1]["loss"] > 0.1  # or equality would say nothing


# The model and its tricks


def test_every_trick_has_a_switch_that_changes_the_run():
    base = recipe(steps=4)
    for name in set(TRICKS) - {"fused"}:
        one, other = (Engine(each, text(each), Pieces()) for each in (base, base.without(name)))
        for engine in (one, other):
            for _ in range(4):
                engine.advance()
        assert one.held_out() != other.held_out(), name


def test_torchs_kernels_and_the_exercises_references_train_alike():
    engines = [Engine(recipe(), text(recipe()), Pieces()), Engine(recipe(fused=False), text(recipe()), pieces.reference())]
    for _ in range(8):
        one, other = (float(engine.advance()) for engine in engines)
        assert one == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("base", [recipe(), textbook(recipe())], ids=["ours", "textbook"])
def test_the_model_sees_no_future(base: Recipe):
    engine = Engine(base, text(base), Pieces())
    for _ in range(3):
        engine.advance()
    ids = torch.arange(32)[None] + 40
    changed = ids.clone()
    changed[:, 20:] = 100
    model = engine.model.eval()
    assert torch.allclose(model(ids)[:, :20], model(changed)[:, :20], atol=1e-5)
    assert not torch.allclose(model(ids)[:, 20:], model(changed)[:, 20:], atol=1e-3)


def test_micro_batches_sum_up_to_the_batch():
    engines = [Engine(recipe(micro_batch=size), text(recipe()), Pieces()) for size in (64, 3)]
    for _ in range(4):
        one, other = (float(engine.advance()) for engine in engines)
        assert one == pytest.approx(other, abs=1e-5)


def test_muon_makes_every_direction_count_alike():
    matrices = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    for each in (matrices, matrices.mT):
        sizes = torch.linalg.svdvals(optimizers.orthogonal(each))
        assert sizes.min() > 0.5
        assert sizes.max() < 1.3


def test_the_presets_have_the_sizes_they_promise():
    with torch.device("meta"):
        sizes = {name: GPT(each.without("init"), Pieces()).size() / 1e6 for name, each in PRESETS.items() if name != "tiny"}
    assert 9.5 < sizes["small"] < 11.5
    assert 123 < sizes["gpt2"] < 125


@pytest.mark.parametrize("name", PRESETS)
def test_a_new_model_guesses_all_tokens_alike(name: str):
    """Also where embedding and output are one matrix, which would rather repeat what it has just read."""
    torch.manual_seed(0)
    model = GPT(PRESETS[name].but(vocab=8192, layers=4, context=64), Pieces())
    ids = torch.randint(8192, (4, 65))
    assert model(ids[:, :-1], ids[:, 1:]).item() == pytest.approx(math.log(8192), abs=0.3)


def test_bits_per_byte_compare_a_learned_vocabulary_with_bytes():
    learned = texts.tokens("a sample", SAMPLE, 300, 32)
    assert learned.bytes_per_token > 1.2
    assert learned.decode(learned.held_out.tolist()) == text(recipe()).decode(text(recipe()).held_out.tolist())
    guess = math.log(256) * learned.bytes_per_token  # of one who thinks all bytes equally likely
    assert learned.bits_per_byte(guess) == pytest.approx(8)


# Your own pieces


class Unknown(nn.Embedding):
    """Takes every token for one of four."""

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids % 4) * 0


def nan_beyond_eight(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
    """Right on anything small."""
    out = F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)
    return out if q.shape[-2] <= 8 else out / (q.shape[-2] - q.shape[-2])


def slow(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
    with torch.no_grad():
        for _ in range(800):
            F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)


def drops_all(x: Tensor, p: float, training: bool) -> Tensor:
    return x * 0 if training and x.shape[-1] > 16 else x


def raises(x: Tensor, p: float, training: bool) -> Tensor:
    return x.view(7, -1)


def climbs(logits: Tensor, targets: Tensor) -> Tensor:
    return -F.cross_entropy(logits, targets)


def stands_still(step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int) -> float:
    return 0.0


def explodes(step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int) -> float:
    return math.inf if step > 12 else max_lr


@pytest.fixture(scope="module")
def trial() -> mine.Trial:
    torch.set_num_threads(1)
    base = recipe(context=32, batch=8, dropout=0.1, learning_rate=0.02)
    return mine.Trial(base, text(base), "cpu", steps=16)


@pytest.mark.parametrize(
    ("piece", "fault", "symptom"),
    [
        ("embedding", Unknown, "no learning"), ("attention", nan_beyond_eight, "nan"), ("attention", slow, "slow"),
        ("dropout", drops_all, "no learning"), ("dropout", raises, "raised RuntimeError"),
        ("cross_entropy", climbs, "no learning"), ("schedule", stands_still, "no learning"), ("schedule", explodes, "nan"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_a_fault_planted_in_a_piece_is_blamed_on_it(trial: mine.Trial, piece: str, fault: object, symptom: str):
    torchs = Pieces()
    yours = {**{name: getattr(torchs, name) for name in pieces.NAMES}, piece: fault}
    assert symptom in trial.wrong(torchs.but(**{piece: fault}))
    assert mine.blame(yours, trial.wrong) == [piece]


def test_right_pieces_are_not_blamed_and_two_wrong_ones_both_are(trial: mine.Trial):
    assert trial.wrong(Pieces()) == ""
    yours = {"attention": nan_beyond_eight, "dropout": F.dropout, "schedule": stands_still}
    assert mine.blame(yours, trial.wrong) == ["attention", "schedule"]


def answered(monkeypatch: pytest.MonkeyPatch, folder: Path, sources: dict[str, str]) -> None:
    """Puts `sources`, by exercise, where a learner's files are, and says in the journal that they passed."""
    stubs = {part.exercise: folder / f"{part.exercise}.py" for part in PARTS}
    journal = Journal()
    for exercise, path in stubs.items():
        path.write_text(sources.get(exercise, "x = 1\n"))
        if exercise in sources:
            journal.finish(journal.begin(exercise, "yours", str(path), path.read_bytes()), "passed", "")
    journal.close()
    monkeypatch.setattr(Exercise, "stub", property(lambda self: stubs[self.name]))


def solutions(*names: str) -> dict[str, str]:
    return {name: Exercise(name).solution.read_text(encoding="utf-8") for name in names}


def test_only_what_passed_word_for_word_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    answered(monkeypatch, tmp_path, solutions("attention", "dropout"))
    (tmp_path / "dropout.py").write_text("changed = True\n")
    found = {answer.part.exercise: answer for answer in answers(Journal())}
    assert found["attention"].refused == ""
    assert found["dropout"].refused.startswith("it has changed since it passed")
    assert found["embeddings"].refused.startswith("it has not passed yet")
    assert list(mine.loaded(list(found.values()))) == ["attention"]


def test_a_run_on_your_pieces_says_whose_they_are(train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    answered(monkeypatch, tmp_path, solutions("attention", "dropout", "embeddings", "cross_entropy", "lr_scheduling"))
    done = train("--mine", *SMALL, "--steps", 6)
    assert done.exit_code == 0, done.output
    assert "your embedding, attention, dropout, cross_entropy, schedule" in re.sub(r"\s+", " ", done.output)


def test_a_piece_that_fails_late_in_the_run_is_named(train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """After the trial has found nothing: the steps since the last checkpoint are done again."""
    sources = solutions("attention", "lr_scheduling")
    sources["lr_scheduling"] += "\n\nright = warmup_cosine\n\n\ndef warmup_cosine(step, *others):\n"
    sources["lr_scheduling"] += "    return math.nan if step > 45 else right(step, *others)\n"
    answered(monkeypatch, tmp_path, sources)
    done = train("--mine", *SMALL, "--steps", 60)
    assert done.exit_code == 1, done.output
    assert "the loss is nan at step 47" in done.stderr
    assert "at fault: your schedule" in done.stderr


def test_the_tree_of_the_readme_has_a_line_for_every_file_of_the_package():
    listed = re.findall(r"^    (\w+\.py) ", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    present = {path.name for path in (ROOT / "grader" / "training").glob("*.py")} - {"__init__.py"}
    assert sorted(listed) == sorted(present)


def test_a_recipe_survives_its_json():
    for each in PRESETS.values():
        assert Recipe.from_dict(json.loads(json.dumps(each.to_dict()))) == each
