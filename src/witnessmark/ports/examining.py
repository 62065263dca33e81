"""Work on hostile bytes: tasks in workers, and the examinations that they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Mapping
from typing import BinaryIO, Protocol

from witnessmark.model import Json


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """One idempotent piece of work on hostile bytes.

    Attributes:
        key: what it is, unique in its batch.
        function: `package.module:name`; called in the worker as
            `function(file: BinaryIO, params: Mapping) -> Result`.
        path: the file to open read-only; the worker gets the open file, never the path.
        params: JSON for the function.
        output: a new file for what the function emits; then it is called with a third argument,
            `emit(data: bytes)`. Without a result no such file is left.
        also: more files to open read-only, at most 63; the function then gets them open, in this
            order, as the keyword `also`. One that cannot be opened fails the whole task.
    """

    key: str
    function: str
    path: str
    params: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    output: str = ""
    also: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a worker's function returns: JSON, and named byte strings beside it."""

    value: Json
    blobs: Mapping[str, bytes] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """A finished task: a result, or `failure` (`crashed`, `timeout`, `memory`, `error`)."""

    key: str
    result: Result | None = None
    failure: str = ""
    detail: str = ""


class Engine(Protocol):
    """Maps tasks over workers that have no keys, no network and no archive."""

    def map(self, tasks: Iterable[Task]) -> Generator[Outcome]:
        """Outcomes as they come, in any order. Closing the generator ends the workers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an examination found in one file.

    Attributes:
        result: `observed`, `not_observed`, `not_applicable` or `inconclusive`.
        reason: why, when inconclusive or not applicable; a short word of ours.
        range: what was looked at.
        values: raw values as short texts without anything that the file says in words.
        tags: texts found inside the file; they may name people, devices and places.
        output: the full output, any JSON without texts from the file; None if `values` is all.
    """

    result: str
    reason: str = ""
    range: str = "whole file"
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    output: Json = None


class Examination(Protocol):
    """One method, one file, one entry point of the group `witnessmark.examinations`."""

    name: str
    version: str

    def tools(self) -> Mapping[str, str]:
        """Libraries beneath it and their versions."""

    def examine(self, file: BinaryIO, size: int) -> Report:
        """Looks at `size` bytes of hostile input, in a worker. Bounded in time and memory."""
