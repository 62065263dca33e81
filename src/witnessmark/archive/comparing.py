"""Pairs of fingerprints compared in workers, some with one at a time; one bad pair costs itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from witnessmark.archive.batch import FAILURES, NONSENSE
from witnessmark.ports import Engine, Outcome, Task

MODULE = "witnessmark.verification.matching"
SOUND_MODULE = f"{MODULE}.sound"
#: Fingerprints that a worker compares with one before it answers: few enough that little is lost
#: when one of them costs the worker, enough that handing over costs nothing.
TOGETHER = 16

#: A side of a pair.
E = TypeVar("E")
#: A match as `comparing.compare` gives it, None for nothing in common, or why there is neither.
Answer = dict[str, Any] | str | None


class Comparison(Generic[E]):
    """Compares pairs.

    Args:
        engine: makes workers.
        path: where the fingerprint of a side lies.
        function: the worker function that compares, `module:name`.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        path: Callable[[E], Path],
        function: str = f"{MODULE}:compare",
    ) -> None:
        self._engine, self._path, self._function = engine, path, function

    def of(self, pairs: Iterable[tuple[E, E]]) -> Iterator[tuple[tuple[E, E], Answer]]:
        """Every pair with its answer, in any order; those with one first side come together.

        A group that costs its worker is looked at again pair by pair, so that one pair fails and
        not its neighbours.
        """
        alone: list[list[tuple[E, E]]] = []
        for group, outcome in self._in_workers(_grouped(pairs)):
            if outcome.result is None and len(group) > 1:
                alone += [[pair] for pair in group]
            else:
                yield from _answers(group, outcome)
        for group, outcome in self._in_workers(alone):
            yield from _answers(group, outcome)

    def _in_workers(
        self, groups: Iterable[list[tuple[E, E]]]
    ) -> Iterator[tuple[list[tuple[E, E]], Outcome]]:
        waiting: dict[str, list[tuple[E, E]]] = {}

        def tasks() -> Iterator[Task]:
            for number, group in enumerate(groups):
                waiting[str(number)] = group
                first = str(self._path(group[0][0]))
                rest = tuple(str(self._path(other)) for _, other in group)
                yield Task(str(number), self._function, first, also=rest)

        with closing(self._engine().map(tasks())) as outcomes:
            for outcome in outcomes:
                yield waiting.pop(outcome.key), outcome


def _grouped(pairs: Iterable[tuple[E, E]]) -> Iterator[list[tuple[E, E]]]:
    for _, same in groupby(pairs, key=lambda pair: pair[0]):
        while group := list(islice(same, TOGETHER)):
            yield group


def _answers(group: list[tuple[E, E]], outcome: Outcome) -> Iterator[tuple[tuple[E, E], Answer]]:
    """What a worker answered for each pair; it may have been taken over and answer anything."""
    answers: Any = [{"failure": outcome.failure}] * len(group)
    if outcome.result is not None:
        answers = outcome.result.value
        if not isinstance(answers, list) or len(answers) != len(group):
            answers = ["nonsense"] * len(group)
    for pair, answer in zip(group, answers, strict=True):
        if answer is not None and not isinstance(answer, dict):
            yield pair, NONSENSE
        elif answer is not None and "failure" in answer:
            why = FAILURES.get(str(answer["failure"]), FAILURES["error"])
            yield pair, why.replace("this file", "these fingerprints")
        else:
            yield pair, answer


def segment(said: Mapping[str, Any]) -> dict[str, int | str]:
    """A segment of an answer as the record has it.

    Raises:
        ArithmeticError, LookupError, TypeError, ValueError: it makes no sense.
    """
    (a_start, a_end), (b_start, b_end) = said["query"], said["reference"]
    return {
        "a_start": _ms(a_start),
        "a_end": _ms(a_end),
        "b_start": _ms(b_start),
        "b_end": _ms(b_end),
        "rate": f"{number(said['rate']):.4f}",
        "transform": said["transform"],
    }


def _ms(seconds: object) -> int:
    return round(number(seconds) * 1000)


def number(said: object) -> float:
    """A finite number from its decimal text, or from a whole number; raises as `segment` does."""
    if isinstance(said, bool) or not isinstance(said, str | int):
        raise TypeError("not a number")
    found = float(said)
    if not math.isfinite(found) or abs(found) > 1e9:
        raise ArithmeticError("not a number that a video has")
    return found
