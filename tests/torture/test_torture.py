"""Nothing acknowledged is ever lost: kills, failing and full disks, power cuts.

`make torture` runs the long forms and prints their counts; `make test` a short one of each.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture import aftermath, tracing
from tests.torture.acts import ACTS
from tests.torture.disk import Disk
from tests.torture.tracing import needs_strace

SEED = 20261123
#: Kills of each act in the long form: 1,000 in all.
KILLS = 1_000 // len(ACTS)
#: Power cuts of each act in the long form, for each of three kinds of luck: 500 in all.
CUTS = 63
FAULTS = ("EIO", "ENOSPC", "EINTR", "KILL")


def _fork_victim(act: str, state: Path, source: Path) -> tuple[int, int]:
    """The victim in a child of this process, which has imported everything already."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writing, 1)
            ACTS[act].run(state, source)
            os._exit(0)
        finally:
            os._exit(2)
    os.close(writing)
    return child, reading


def _drain(reading: int) -> str:
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


@pytest.mark.parametrize("act", ACTS)
def test_kills_at_random_moments(
    act: str, tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = KILLS if torture else 4
    chance, killed, number, duration = random.Random(f"{SEED} {act}"), 0, 0, 0.4
    while killed < wanted:
        number += 1
        place = tmp_path / str(number)
        place.mkdir()
        state, source = aftermath.make(place, act)
        output, finished = "", False
        while not finished and killed < wanted:
            started = time.monotonic()
            child, reading = _fork_victim(act, state, source)
            time.sleep(chance.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
            output += _drain(reading)
            _, status = os.waitpid(child, 0)
            finished = os.WIFEXITED(status)
            if finished:
                duration = max(0.05, 0.9 * (time.monotonic() - started))
            killed += not finished
            aftermath.survey(act, state, output)
            finished = finished or act != "collect"  # only collecting adds up over its cuts
        aftermath.complete(act, state, source)
        shutil.rmtree(place)
    with capsys.disabled():
        print(f"\n  {act}: {killed} random SIGKILLs over {number} starts: nothing lost")


@needs_strace
@pytest.mark.parametrize("act", ACTS)
def test_a_fault_at_every_change_of_a_file(
    act: str, tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    start, source = aftermath.make(tmp_path, act)
    state = tmp_path / "tortured"

    def fresh() -> None:
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(start, state)

    fresh()
    counts = tracing.count(act, state, source, tmp_path / "trace")
    assert {"write", "pwrite64"} <= counts.keys()
    points = [
        (call, fault, str(number))
        for call, most in counts.items()
        for number in range(1, most + 1)
        for fault in FAULTS
    ]
    chosen = points if torture else random.Random(SEED).sample(points, 5)
    for call, fault, number in chosen:
        fresh()
        output = tracing.inject(act, state, source, call, fault, number)
        try:
            aftermath.survey(act, state, output)
            aftermath.complete(act, state, source)
        except BaseException as error:
            error.add_note(f"after {fault} at {call} number {number} of {act}")
            raise
    with capsys.disabled():
        print(f"\n  {act}: {len(chosen)} of {len(points)} faults ({', '.join(FAULTS)}) at "
              f"{', '.join(f'{n} {c}' for c, n in counts.items())}: nothing lost")  # fmt: skip


def _mounted(target: Path, size: int) -> bool:
    """Whether a file system of `size` bytes could be put at `target`."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(target)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("act", ACTS)
def test_a_disk_that_fills_at_every_step(
    act: str, tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    start, source = aftermath.make(tmp_path, act)
    small = tmp_path / "small"
    small.mkdir()
    if not _mounted(small, 1 << 20):
        pytest.skip("a small file system cannot be mounted here (not root)")
    subprocess.run(["umount", str(small)], check=True)
    step, tried, done = 4096, 0, 0
    for size in _sizes(start, step if torture else 48 * step):
        assert _mounted(small, size)
        try:
            if not _copied(start, small / "state"):
                continue
            output, ended = _run(act, small / "state", source)
            tried += 1
            whole = tmp_path / "whole"
            shutil.copytree(small / "state", whole)  # to look at it, room is needed again
        finally:
            subprocess.run(["umount", str(small)], check=True)
        aftermath.survey(act, whole, output)
        aftermath.complete(act, whole, source)
        shutil.rmtree(whole)
        done = done + 1 if ended else 0
        if done == 3:  # there is room for all of it, and more changes nothing
            break
    assert done, "the act never came to its end"
    assert tried > done, "the disk was never full"
    with capsys.disabled():
        print(f"\n  {act}: {tried} sizes of a disk that fills: nothing lost")


def _sizes(start: Path, step: int) -> Iterator[int]:
    used = sum(-(-path.stat().st_size // 4096) * 4096 for path in start.rglob("*"))
    yield from range(used, used + (16 << 20), step)


def _copied(start: Path, target: Path) -> bool:
    try:
        shutil.copytree(start, target)
    except (OSError, shutil.Error):
        return False
    return True


def _run(act: str, state: Path, source: Path) -> tuple[str, bool]:
    """The victim's output, and whether it came to its end."""
    command = [sys.executable, "-m", "tests.torture.victim", act, str(state), str(source)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tracing.ROOT, env=environment, check=False
    )
    return done.stdout, done.returncode == 0


Trace = tuple[str, Path, list[tracing.Call], Path, Path]


def _trace(act: str, folder: Path) -> Trace:
    """(act, state before, its calls, path the program saw, source) of one whole act."""
    folder.mkdir(exist_ok=True)
    start, source = aftermath.make(folder, act)
    state = folder / "traced"
    shutil.copytree(start, state)
    return act, start, tracing.record(act, state, source, folder / "trace"), state, source


@pytest.fixture
def collection(tmp_path: Path) -> Trace:
    """The trace of a collection."""
    return _trace("collect", tmp_path)


def _cut(trace: Trace, at: int, luck: str, deaf: str) -> None:
    act, start, calls, real, _ = trace
    disk = Disk(start, real, deaf)
    disk.replay(calls[:at])
    target = real.with_name("after")
    disk.power_cut(target, luck)
    try:
        aftermath.survey(act, target, disk.output)
    except BaseException as error:
        error.add_note(f"after a power cut at call {at} of {len(calls)} of {act}, luck: {luck}")
        raise


@needs_strace
@pytest.mark.parametrize("act", ACTS)
def test_power_cuts(
    act: str, tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = _trace(act, tmp_path)
    _, start, calls, real, source = trace
    whole = Disk(start, real)
    whole.replay(calls)
    assert whole.output.strip(), "the trace shows no acknowledgement"
    points = len(calls)
    number = CUTS if torture else 5
    cuts = sorted({round(n * points / number) for n in range(1, number + 1)})
    for at in cuts:
        for luck in ("nothing", "names", f"seed {at}"):
            _cut(trace, at, luck, "")
    aftermath.complete(act, real.with_name("after"), source)
    with capsys.disabled():
        print(f"\n  {act}: {len(cuts)} power cuts x 3 kinds of luck over {points} calls: "
              "nothing lost")  # fmt: skip


#: Every place in the code that syncs while collecting, by what it syncs.
SYNCS = {
    "a blob's bytes": r"^archive/objects/incoming/",
    "a blob's name": r"^archive/objects/[0-9a-f]{2}$",
    "a new folder for blobs": r"^archive/objects$",
    "the record's log": r"^archive/archive\.db-wal$",
    "the vault's log": r"^archive/private\.db-wal$",
    "the record when its log is folded in": r"^archive/archive\.db$",
    "the vault when its log is folded in": r"^archive/private\.db$",
}


@needs_strace
@pytest.mark.parametrize("what", SYNCS)
def test_removing_any_sync_is_noticed(what: str, collection: Trace) -> None:
    """The power cuts above can fail: without this sync, some cut loses something."""
    calls = collection[2]
    acknowledgements = [n for n, call in enumerate(calls, 1) if re.match("1<", call.arguments)]
    removals = [n for n, call in enumerate(calls, 1) if call.name == "unlink"]
    for at in [*acknowledgements, *removals, len(calls)]:
        for luck in ("nothing", "names"):
            try:
                _cut(collection, at, luck, SYNCS[what])
            except Exception:  # noqa: BLE001 - any loss, in any form, is what is looked for
                _cut(collection, at, luck, "")  # with the sync, the same cut loses nothing
                return
    pytest.fail(f"nobody noticed that {what} was not synced")
