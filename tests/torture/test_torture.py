"""Nothing acknowledged is ever lost: kills, failing disks, power cuts.

`make torture` runs the long forms and prints their counts; `make test` a short one of each.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.torture import aftermath, tracing, victim
from tests.torture.disk import Disk
from tests.torture.tracing import needs_strace

SEED = 20261123


def _fork_victim(archive: Path, source: Path) -> tuple[int, int]:
    """The victim in a child of this process, which has imported everything already."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writing, 1)
            victim.collect(archive, source)
            os._exit(0)
        finally:
            os._exit(2)
    os.close(writing)
    return child, reading


def _drain(reading: int) -> str:
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


def test_kills_at_random_moments(
    tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = 200 if torture else 12
    chance, killed, number, duration = random.Random(SEED), 0, 0, 0.4
    while killed < wanted:
        number += 1
        place = tmp_path / str(number)
        place.mkdir()
        archive, source = aftermath.make(place)
        output, finished = "", False
        while not finished and killed < wanted:
            started = time.monotonic()
            child, reading = _fork_victim(archive, source)
            time.sleep(chance.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
            output += _drain(reading)
            _, status = os.waitpid(child, 0)
            finished = os.WIFEXITED(status)
            if finished:
                assert os.WEXITSTATUS(status) == 0
                duration = max(0.05, 0.9 * (time.monotonic() - started))
            killed += not finished
            aftermath.survey(archive, output)
        aftermath.complete(archive, source)
        shutil.rmtree(place)
    with capsys.disabled():
        print(f"\n  {killed} random SIGKILLs over {number} collections: nothing lost")


@needs_strace
def test_a_fault_at_every_change_of_a_file(
    tmp_path: Path, torture: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    start, source = aftermath.make(tmp_path)
    archive = tmp_path / "tortured"

    def fresh() -> None:
        shutil.rmtree(archive, ignore_errors=True)
        shutil.copytree(start, archive)

    fresh()
    counts = tracing.count(archive, source, tmp_path / "trace")
    assert {"write", "pwrite64", "rename"} <= counts.keys()
    points = [
        (call, fault, number)
        for call, most in counts.items()
        for number in range(1, most + 1)
        for fault in ("EIO", "ENOSPC", "KILL")
    ]
    chosen = points if torture else random.Random(SEED).sample(points, 18)
    for call, fault, number in chosen:
        fresh()
        output = tracing.inject(archive, source, call, fault, number)
        try:
            aftermath.survey(archive, output)
            aftermath.complete(archive, source)
        except BaseException as error:
            error.add_note(f"after {fault} at {call} number {number}")
            raise
    with capsys.disabled():
        print(f"\n  {len(chosen)} of {len(points)} faults (EIO, ENOSPC, KILL) at "
              f"{', '.join(f'{n} {c}' for c, n in counts.items())}: nothing lost")  # fmt: skip


@pytest.fixture
def traced(tmp_path: Path) -> tuple[Path, list[tracing.Call], Path, Path]:
    """(archive before, its calls, path the program saw, source) of one whole collection."""
    start, source = aftermath.make(tmp_path)
    archive = tmp_path / "traced"
    shutil.copytree(start, archive)
    calls = tracing.record(archive, source, tmp_path / "trace")
    return start, calls, archive, source


def _cut(
    traced: tuple[Path, list[tracing.Call], Path, Path], at: int, luck: str, deaf: str
) -> None:
    start, calls, real, _ = traced
    disk = Disk(start, real, deaf)
    disk.replay(calls[:at])
    target = real.with_name("after")
    disk.power_cut(target, luck)
    try:
        aftermath.survey(target, disk.output)
    except BaseException as error:
        error.add_note(f"after a power cut at call {at} of {len(calls)}, luck: {luck}")
        raise


@needs_strace
def test_power_cuts(
    traced: tuple[Path, list[tracing.Call], Path, Path],
    torture: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = traced[1]
    whole = Disk(traced[0], traced[2])
    whole.replay(calls)
    assert aftermath.acknowledged(whole.output)[0] > 1, "the trace shows no acknowledgement"
    points = len(calls)
    number = 200 if torture else 14
    cuts = sorted({round(n * points / number) for n in range(1, number + 1)})
    for at in cuts:
        for luck in ("nothing", "names", f"seed {at}"):
            _cut(traced, at, luck, "")
    aftermath.complete(traced[2].with_name("after"), traced[3])
    with capsys.disabled():
        print(f"\n  {len(cuts)} power cuts x 3 kinds of luck over {points} calls: nothing lost")


#: Every place in the code that syncs, by what it syncs.
SYNCS = {
    "a blob's bytes": r"^objects/incoming/",
    "a blob's name": r"^objects/[0-9a-f]{2}$",
    "a new folder for blobs": r"^objects$",
    "the record's log": r"^archive\.db-wal$",
    "the vault's log": r"^private\.db-wal$",
    "the record when its log is folded in": r"^archive\.db$",
    "the vault when its log is folded in": r"^private\.db$",
}


@needs_strace
@pytest.mark.parametrize("what", SYNCS)
def test_removing_any_sync_is_noticed(
    what: str, traced: tuple[Path, list[tracing.Call], Path, Path]
) -> None:
    """The power cuts above can fail: without this sync, some cut loses something."""
    calls = traced[1]
    acknowledgements = [n for n, call in enumerate(calls, 1) if call.arguments.startswith("1<")]
    removals = [n for n, call in enumerate(calls, 1) if call.name == "unlink"]
    for at in [*acknowledgements, *removals, len(calls)]:
        for luck in ("nothing", "names"):
            try:
                _cut(traced, at, luck, SYNCS[what])
            except Exception:  # noqa: BLE001 - any loss, in any form, is what is looked for
                _cut(traced, at, luck, "")  # with the sync, the same cut loses nothing
                return
    pytest.fail(f"nobody noticed that {what} was not synced")
