"""Reading and injecting system calls with strace, which Debian packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

STRACE = shutil.which("strace")
#: Left out where strace cannot be; where it should be (CI says so), its absence is a failure.
needs_strace = pytest.mark.skipif(
    STRACE is None and not os.environ.get("CI"),
    reason="strace is missing: no faults or power cuts (the Makefile installs it where it may)",
)

#: Every system call by which this program or SQLite changes a file.
CHANGING = (
    *("write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename", "mkdir", "unlink"),
    *("rmdir", "unlinkat", "sendfile", "copy_file_range", "chmod", "utimensat", "fallocate"),
)
_NAMING = ("openat", "close", "lseek", "fchmod")
_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|\?)(.*)")


class Call(NamedTuple):
    """A finished system call: name, arguments as strace writes them, result."""

    name: str
    arguments: str
    result: int


def run(
    act: str, state: Path, source: Path, *options: str, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """The victim under strace, with these options."""
    assert STRACE
    command = [STRACE, "-f", "-qq", *options, sys.executable, "-m", "tests.torture.victim"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, act, str(state), str(source)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def inject(act: str, state: Path, source: Path, call: str, fault: str, when: str) -> str:
    """Runs the victim with a fault at the `when`-th `call` (`7`, or `7+` for all from it on)."""
    what = "signal=KILL" if fault == "KILL" else f"error={fault}"
    rule = f"inject={call}:{what}:when={when}"
    return run(act, state, source, "-e", f"trace={call}", "-e", rule, "-o", os.devnull).stdout


def record(act: str, state: Path, source: Path, into: Path) -> list[Call]:
    """All calls of one whole act, with the bytes written and the paths."""
    names = ",".join((*CHANGING, *_NAMING))
    options = ("-y", "-xx", "-s", "10000000", "-e", f"trace={names}", "-o", str(into))
    done = run(act, state, source, *options)
    assert done.returncode == 0, done.stderr
    return list(_calls(into))


def _calls(path: Path) -> Iterator[Call]:
    waiting: dict[str, str] = {}
    for line in path.read_text().splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            waiting[pid] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
            rest = waiting.pop(pid) + resumed.group(1)
        if match := _LINE.match(rest):
            name, arguments, result, _ = match.groups()
            yield Call(name, arguments, int(result) if result != "?" else -1)


def count(act: str, state: Path, source: Path, into: Path) -> dict[str, int]:
    """How often one whole act makes each changing call."""
    counts = dict.fromkeys(CHANGING, 0)
    for call in record(act, state, source, into):
        if call.name in counts:
            counts[call.name] += 1
    return {name: number for name, number in counts.items() if number}


def text(quoted: str) -> bytes:
    """The bytes of a string that strace wrote with `-xx`."""
    return bytes.fromhex(quoted.strip().strip('"').replace("\\x", ""))
