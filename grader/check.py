"""The author's proof for an exercise: what it must have, that its properties have teeth, and what they still let through."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from grader import render
from grader.bugs import left
from grader.catalogue import TOGETHER, Exercise
from grader.clock import NotTimed, clocked
from grader.diagnose import Known, likely
from grader.fingerprints import AT_ONCE, Fingerprints
from grader.form import code_faults, form_faults
from grader.grading import Candidate, Grading, cell_for
from grader.listen import listen
from grader.mutants import Mutant, mutants
from grader.reach import Reach
from grader.sandbox import Sandbox
from grader.twins import GraderError
from grader.verdict import Timing

ENOUGH = 0.95  # of the generic mutants that are not declared equivalent
PATIENCE, COSTLY_PATIENCE = 4.0, 40.0  # CPU seconds until a mutant counts as one that does not end, per property


@dataclass
class Proof:
    """What `check` found out about one exercise; `faults` name the file and the remedy."""

    exercise: Exercise
    faults: list[str] = field(default_factory=list)
    properties: int = 0
    questions: int = 0
    mistakes: int = 0
    caught: int = 0
    to_name: int = 0
    named: int = 0
    audited: int = 0
    mutants: int | None = None
    killed: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)
    timings: tuple[Timing, ...] = ()

    @property
    def killed_share(self) -> float:
        return self.killed / max(1, self.killed + len(self.survivors))


def check_all(exercises: list[Exercise], sandbox: Sandbox, fingerprints: Fingerprints, with_mutants: bool) -> int:
    """Check them, show the table, return the number of faults."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        proofs = []
        for proof in pool.map(lambda exercise: check(exercise, sandbox, fingerprints, with_mutants), exercises):
            proofs.append(proof)
            render.say(f"{proof.exercise}: {'; '.join(proof.faults) or 'in order'}")
    for proof in proofs if with_mutants else ():  # when nothing else runs any more
        _time(proof, sandbox)
    with_code = [proof for proof in proofs if proof.exercise.kind != "oral"]
    if with_code:
        render.table("The author's proof", COLUMNS, [_row(proof) for proof in with_code])
    render.say(LEGEND)
    render.say(_totals(proofs))
    for proof in proofs:
        for survivor in proof.survivors:
            render.say(f"survivor in {proof.exercise}: {survivor}")
    return sum(len(proof.faults) for proof in proofs)


COLUMNS = ("exercise", "props", "caught", "named", "audit", "mutants", "/ torch", "oral")
LEGEND = (
    "props: properties; caught: mistakes that break one; named: first by their fingerprint alone, where bugs were planted:"
    " sets of them located; audit: told from the solution by the workloads alone; mutants: generic ones killed, of those not"
    " declared equivalent (+ those that are); / torch: CPU time of the reference beside torch; oral: questions"
)


def _row(proof: Proof) -> list[str]:
    mark = lambda good, text: text if good else f"!{text}"
    name = mark(not proof.faults, proof.exercise.name)
    share = lambda count, of: mark(count == of, f"{count}/{of}")
    killed = ""
    if proof.mutants is not None:
        text = f"{proof.killed}/{proof.mutants - proof.equivalent} +{proof.equivalent}"
        killed = mark(proof.killed_share >= ENOUGH, text)
    ratios = [timing.ratios["solution/torch"].middle for timing in proof.timings if "solution/torch" in timing.ratios]
    beside = ", ".join(f"{ratio:.2f}x" for ratio in ratios)
    mistakes = proof.mistakes
    counts = [share(proof.caught, mistakes), share(proof.named, proof.to_name), share(proof.audited, mistakes)]
    return [name, str(proof.properties), *counts, killed, beside, str(proof.questions)]


def _totals(proofs: list[Proof]) -> str:
    count = lambda name: sum(getattr(proof, name) or 0 for proof in proofs)
    mistakes, faults = count("mistakes"), sum(len(proof.faults) for proof in proofs)
    text = f"{len(proofs)} exercises, {count('questions')} oral questions, {count('properties')} properties; "
    text += f"mistakes: {count('caught')} of {mistakes} caught, "
    text += f"{count('named')} of {count('to_name')} named first, {count('audited')} told by the audit alone; "
    left = sum(len(proof.survivors) for proof in proofs)
    if count("mutants"):
        killed, of = count("killed"), max(1, count("killed") + left)
        text += f"generic mutants: {killed} of {of} killed ({killed / of:.1%}), {count('equivalent')} equivalent; "
    return text + f"{faults} faults"


def check(exercise: Exercise, sandbox: Sandbox, fingerprints: Fingerprints, with_mutants: bool) -> Proof:
    proof = Proof(exercise)
    try:
        proof.faults += form_faults(exercise)
        proof.questions = len(exercise.questions)
        if exercise.kind == "oral":
            return proof
        proof.faults += code_faults(exercise)
        proof.properties = len(exercise.claims)
        _check_solution(proof, sandbox)
        known = fingerprints.of(exercise, sandbox)
        _check_mistakes(proof, [one for one in known if TOGETHER not in one.name], sandbox)
        if exercise.kind == "debugging":
            _check_sets_of_bugs(proof, known)
        else:
            _check_names(proof, known)
        if with_mutants:
            _check_mutants(proof, sandbox)
    except (OSError, ValueError, SyntaxError) as why:
        proof.faults.append(str(why))
    except GraderError as why:
        proof.faults.append(f"{exercise}: {str(why).strip().splitlines()[-1]}")
    return proof


def _check_solution(proof: Proof, sandbox: Sandbox) -> None:
    exercise = proof.exercise
    candidate = Candidate(exercise, "solution", str(exercise.solution), exercise.solution.read_bytes())
    verdict = Grading(sandbox, candidate).verdict()
    if verdict.outcome != "passed":
        broken = ", ".join(sorted(verdict.fingerprint))
        proof.faults.append(
            f"{render.path(exercise.solution)} does not pass: {verdict.outcome}, {verdict.message} {broken}".rstrip()
        )


def _time(proof: Proof, sandbox: Sandbox) -> None:
    """The reference beside torch, at the largest sizes."""
    exercise = proof.exercise
    if exercise.kind == "oral" or proof.faults:
        return
    try:
        candidate = Candidate(exercise, "solution", str(exercise.solution), exercise.solution.read_bytes())
        proof.timings = clocked(sandbox, candidate).timings
    except NotTimed as why:
        proof.faults.append(f"{render.path(exercise.folder)}/workloads.py: the reference can't be timed: {why}")
        render.say(f"{exercise}: {proof.faults[-1]}")


def _check_mistakes(proof: Proof, known: list[Known], sandbox: Sandbox) -> None:
    """Every mistake is caught by a property, and refused by the audit alone."""
    exercise, file = proof.exercise, render.path(proof.exercise.mistakes_file)
    proof.mistakes = len(known)
    for mistake in known:
        if not mistake.lesson:
            proof.faults.append(f"{file}: {mistake.name} has no lesson; its docstring should say it")
        if not mistake.fingerprint:
            proof.faults.append(f"{file}: no property is broken by {mistake.name}; add one, or drop the mistake")
        proof.caught += bool(mistake.fingerprint)
    for message in sandbox.ask("audit_mistakes", exercise.name):
        if message["event"] == "audited":
            proof.audited += message["told"]
            if not message["told"]:
                proof.faults.append(
                    f"{render.path(exercise.folder)}/workloads.py can't tell {message['mistake']} from the solution"
                )


def _check_names(proof: Proof, known: list[Known]) -> None:
    """Every mistake is named first by its fingerprint alone."""
    file = render.path(proof.exercise.mistakes_file)
    proof.to_name = len(known)
    for mistake in (mistake for mistake in known if mistake.fingerprint):
        alike = named_like(mistake, known)
        if alike == {mistake.name}:
            proof.named += 1
        else:
            others = ", ".join(sorted(alike - {mistake.name}))
            proof.faults.append(
                f"{file}: {mistake.name} breaks the same properties as {others}; tell them apart, or say twin_of"
            )


def _check_sets_of_bugs(proof: Proof, known: list[Known]) -> None:
    """Of every set of bugs, exactly those in it are located: by the properties that each breaks and no other does."""
    file = render.path(proof.exercise.mistakes_file)
    proof.to_name = len(known)
    for planted in known:
        found = left(planted.fingerprint, known)
        if found == planted.name.split(TOGETHER):
            proof.named += 1
        else:
            proof.faults.append(
                f"{file}: with {planted.name} planted, the properties say {TOGETHER.join(found) or 'nothing'};"
                " each bug needs a property that it breaks in any company, and that no other bug breaks"
            )


def named_like(mistake: Known, known: list[Known]) -> set[str]:
    """The mistakes that the fingerprint alone would name first, without its declared twins."""
    scores = likely(mistake.fingerprint, known)
    first = {name for name, score in scores.items() if score == max(scores.values())}
    return first - {mistake.twin_of} - {other.name for other in known if other.twin_of == mistake.name}


def _check_mutants(proof: Proof, sandbox: Sandbox) -> None:
    """A mutant dies at its first broken property. A survivor is a fault only when there are too many."""
    exercise, file = proof.exercise, render.path(proof.exercise.mistakes_file)
    declared = {m["mutant"] for m in sandbox.ask("mistakes", exercise.name) if m["event"] == "equivalent"}
    every = mutants(exercise.solution.read_text(encoding="utf-8"))
    reach = Reach.of(exercise, sandbox)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lives = pool.map(lambda mutant: survives(mutant, exercise, reach, sandbox), every)
        alive = {mutant.name for mutant, does in zip(every, lives, strict=True) if does}
    proof.mutants, proof.killed, proof.equivalent = len(every), len(every) - len(alive), len(alive & declared)
    proof.survivors = sorted(alive - declared)
    for name in sorted(declared - alive):
        proof.faults.append(f"{file}: '{name}' is declared equivalent, but it is killed, or no mutant")
    if proof.killed_share < ENOUGH:
        proof.faults.append(f"{exercise}: {proof.killed_share:.0%} of the generic mutants are killed; {ENOUGH:.0%} are wanted")


def survives(mutant: Mutant, exercise: Exercise, reach: Reach, sandbox: Sandbox) -> bool:
    """Whether every property holds for it. One that does not end, or breaks its worker, is dead."""
    held = reach.properties(mutant.function)
    request = {
        "job": "properties", "exercise": exercise.name, "file": "mutant", "profile": "fingerprint", "only": held,
        "stop_at_first": True, "asks_for": exercise.asks_for, "forbids": exercise.forbids,
    }  # fmt: skip
    run = sandbox.start(request, mutant.source.encode(), cell_for(exercise, exercise.tests.name), cpu_seconds=120)
    run.allow(PATIENCE)
    passed, done = 0, False
    for _, message, _ in listen([run]):
        if message["event"] == "started":
            run.allow(COSTLY_PATIENCE if message["name"] in exercise.costly else PATIENCE)
        passed += message.get("outcome") == "passed"
        done = done or message["event"] == "done"
    return done and run.stopped is None and passed == len(held)
