"""Packs: what a mock interview consists of, as TOML; and the exercises that a seed draws for it from the catalogue.

docs/packs.md describes the format.
"""

import random
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.catalogue import LEVELS, ROOT, Exercise

KINDS = ("coding", "debugging", "oral")
MINUTES_A_QUESTION = 4
LONGEST = 600  # minutes
_KEYS = {"kind", "minutes", "weight", "exercises", "tracks", "levels", "questions"}


class PackError(Exception):
    """A pack that can't be used; one line for each thing that is wrong."""


@dataclass(frozen=True)
class Wanted:
    """A round as a pack asks for it."""

    kind: str
    minutes: float
    weight: float = 1.0
    exercises: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    questions: int = 0  # of an oral round


@dataclass(frozen=True)
class Pack:
    title: str
    about: str
    rounds: tuple[Wanted, ...]


@dataclass(frozen=True)
class Drawn:
    """A round with its exercise, or with its questions as (exercise, heading)."""

    wanted: Wanted
    exercise: str = ""
    cards: tuple[tuple[str, str], ...] = ()


def shipped() -> dict[str, Path]:
    """The packs that come with the suite, by name."""
    return {path.stem: path for path in sorted((ROOT / "grader" / "packs").glob("*.toml"))}


def load(which: str) -> Pack:
    """A shipped pack by its name, or a file. Raises PackError."""
    path = shipped().get(which.replace("-", "_").replace(" ", "_"), Path(which))
    try:
        return read(path.read_text(encoding="utf-8"), which)
    except (OSError, UnicodeDecodeError) as why:
        reason = why.strerror if isinstance(why, OSError) else "it is no text"
        raise PackError(f"pack {which}: {reason}; there are {', '.join(shipped())}, or give a file") from None


def quick(minutes: float, track: str | None = None, level: str | None = None) -> Pack:
    """Two thirds of the time for code, the rest for questions."""
    tracks, levels = (track,) if track else (), (level,) if level else ()
    code, talk = round(minutes * 2 / 3), minutes - round(minutes * 2 / 3)
    rounds = [Wanted("coding", code, 2.0, (), tracks, levels)]
    if talk >= 1:
        rounds.append(Wanted("oral", talk, 1.0, (), tracks, (), _questions(talk)))
    return Pack(f"{track or 'Mixed'}, {minutes:g} minutes", "One function, then questions.", tuple(rounds))


def read(text: str, name: str) -> Pack:
    """The pack that a text holds. Raises PackError with a line for each fault."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as why:
        raise PackError(f"pack {name}: {why}") from None
    rounds = found.get("rounds")
    faults = [f"unknown key {key!r}" for key in found if key not in ("title", "about", "rounds")]
    faults += [f"{key} should be a text" for key in ("title", "about") if not isinstance(found.get(key, ""), str)]
    if not isinstance(rounds, list) or not rounds or not all(isinstance(each, dict) for each in rounds):
        faults.append("it has no [[rounds]]")
        rounds = []
    for number, each in enumerate(rounds, 1):
        faults += [f"round {number}: {fault}" for fault in _faults(each)]
    if faults:
        raise PackError("\n".join(f"pack {name}: {fault}" for fault in faults))
    return Pack(found.get("title") or name, found.get("about", ""), tuple(map(_wanted, rounds)))


def _faults(given: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the keys of one round."""
    for key in given.keys() - _KEYS:
        yield f"unknown key {key!r}; there are {', '.join(sorted(_KEYS))}"
    if given.get("kind") not in KINDS:
        yield f"kind should be one of {', '.join(KINDS)}"
    if not _is_number(given.get("minutes")) or not 0 < given["minutes"] <= LONGEST:
        yield f"minutes should be a number above 0, at most {LONGEST}"
    if not _is_number(given.get("weight", 1)) or given.get("weight", 1) <= 0:
        yield "weight should be a number above 0"
    for key in ("exercises", "tracks", "levels"):
        values = given.get(key, [])
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            yield f'{key} should be a list of texts, such as ["attention"]'
        elif key == "levels" and set(values) - set(LEVELS):
            yield f"no level {', '.join(sorted(set(values) - set(LEVELS)))}; there are {', '.join(LEVELS)}"
    if "exercises" in given and ("tracks" in given or "levels" in given):
        yield "exercises are named, or chosen by tracks and levels, not both"
    questions = given.get("questions", 1)
    if type(questions) is not int or questions < 1:
        yield "questions should be a whole number above 0"
    elif "questions" in given and given.get("kind") != "oral":
        yield "only an oral round has questions"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wanted(given: dict[str, Any]) -> Wanted:
    names = {key: tuple(given.get(key, ())) for key in ("exercises", "tracks", "levels")}
    minutes = float(given["minutes"])
    questions = given.get("questions", _questions(minutes)) if given["kind"] == "oral" else 0
    return Wanted(given["kind"], minutes, float(given.get("weight", 1)), questions=questions, **names)


def _questions(minutes: float) -> int:
    return max(1, round(minutes / MINUTES_A_QUESTION))


def draw(pack: Pack, catalogue: Sequence[Exercise], seed: int) -> list[Drawn]:
    """The rounds with what the seed draws for them; nothing comes twice. Raises PackError with a line for each round."""
    chance, found, faults = random.Random(seed), list[Drawn](), list[str]()
    for number, wanted in enumerate(pack.rounds, 1):
        try:
            found.append(_draw_one(wanted, catalogue, found, chance))
        except PackError as why:
            faults.append(f"round {number} ({wanted.kind}): {why}")
    if faults:
        raise PackError("\n".join(faults))
    return found


def _draw_one(wanted: Wanted, catalogue: Sequence[Exercise], before: Iterable[Drawn], chance: random.Random) -> Drawn:
    pool = _pool(wanted, catalogue)
    if wanted.kind == "oral":
        asked = {card for drawn in before for card in drawn.cards}
        return Drawn(wanted, cards=_cards(pool, wanted.questions, asked, chance))
    taken = {drawn.exercise for drawn in before}
    left = [exercise for exercise in pool if exercise.name not in taken]
    if not left:
        raise PackError("every exercise that fits is in an earlier round already")
    in_time = [exercise for exercise in left if exercise.facts.minutes <= wanted.minutes]
    shortest = min(exercise.facts.minutes for exercise in left)
    return Drawn(wanted, chance.choice(in_time or [each for each in left if each.facts.minutes == shortest]).name)


def _pool(wanted: Wanted, catalogue: Sequence[Exercise]) -> list[Exercise]:
    """What a round can be drawn from, by name. Questions are asked of every kind. Raises PackError."""
    fits = [exercise for exercise in catalogue if wanted.kind in ("oral", exercise.kind)]
    if wanted.exercises:
        names = {exercise.name: exercise for exercise in fits}
        missing = [name for name in wanted.exercises if name not in names]
        if missing:
            what = "exercise with questions" if wanted.kind == "oral" else f"{wanted.kind} exercise"
            raise PackError(f"there is no {what} {' or '.join(missing)}")
        return [names[name] for name in sorted(set(wanted.exercises))]
    found = [
        exercise
        for exercise in fits
        if (not wanted.tracks or exercise.facts.track in wanted.tracks)
        and (not wanted.levels or exercise.facts.level in wanted.levels)
    ]
    if not found:
        facts = [
            f"{kind} {' or '.join(names)}" for kind, names in (("track", wanted.tracks), ("level", wanted.levels)) if names
        ]
        same = [exercise for exercise in fits if exercise.facts.track in wanted.tracks] or fits
        have = sorted({f"{exercise.facts.track} ({exercise.facts.level})" for exercise in same})
        raise PackError(f"no exercise of {', '.join(facts) or 'this kind'}; there are {', '.join(have) or 'none at all'}")
    return sorted(found, key=lambda exercise: exercise.name)


def _cards(
    pool: Sequence[Exercise], questions: int, asked: set[tuple[str, str]], chance: random.Random
) -> tuple[tuple[str, str], ...]:
    """Questions from as many exercises as there are, one of each in turn. Fewer than wanted where there are no more."""
    piles = []
    for exercise in pool:
        headings = [card.heading for card in exercise.questions if (exercise.name, card.heading) not in asked]
        chance.shuffle(headings)
        piles.append([(exercise.name, heading) for heading in headings])
    chance.shuffle(piles)
    found = list[tuple[str, str]]()
    while any(piles) and len(found) < questions:
        found += [pile.pop() for pile in piles if pile]
    if not found:
        raise PackError("every question that fits is in an earlier round already")
    return tuple(found[:questions])
