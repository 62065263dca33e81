"""What every `WitnessMemory` must do: never two branches, whoever asks at once, whatever dies."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from support.forge import package as forge
from tests.conftest import ROOT
from tests.torture.tracing import needs_strace
from tests.unit.record.test_witnessing import FORKED, LEAVES, LOG, note, request
from witnessmark.custody.witness import Witness
from witnessmark.errors import StoreFailure
from witnessmark.ports import Contradiction, WatchedLog
from witnessmark.record.cosignature import check, parse_lines
from witnessmark.record.witnessing import Request, Status
from witnessmark.stores.witness import SEEN, WitnessDb

ORIGIN = forge.ORIGIN


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return prepared(tmp_path / "witness.db")


def prepared(path: Path) -> Path:
    memory = WitnessDb(path)
    Witness.make(memory, "witness.example/w").watch("partner", LOG)
    memory.close()
    return path


def test_a_key_is_made_once(path: Path) -> None:
    memory = WitnessDb(path)
    key = Witness(memory).key
    assert Witness.make(memory, "another").key == key
    memory.close()
    again = WitnessDb(path)
    assert Witness(again).key == key
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()


def test_advancing_is_compare_and_swap(path: Path) -> None:
    memory = WitnessDb(path)
    assert memory.seen(ORIGIN, 3) == []
    assert not memory.advance(ORIGIN, 3, 5, note(5))
    assert memory.advance(ORIGIN, 0, 5, note(5))
    assert not memory.advance(ORIGIN, 0, 7, note(7))
    assert memory.advance(ORIGIN, 5, 5, note(5))
    assert not memory.advance(ORIGIN, 5, 5, note(5, FORKED[1:] + FORKED[:1]))
    assert not memory.advance(ORIGIN, 5, 4, note(4))
    assert memory.advance(ORIGIN, 5, 9, note(9))
    assert memory.seen(ORIGIN, 5) == [note(5), note(9)]
    assert memory.seen(ORIGIN, 6) == [note(9)]
    assert memory.seen("another", 5) == []
    memory.close()


def test_what_was_seen_cannot_be_unseen(path: Path) -> None:
    memory = WitnessDb(path)
    memory.advance(ORIGIN, 0, 5, note(5))
    for statement in (SEEN.delete(), SEEN.update().values(size=1)):
        with pytest.raises((StoreFailure, DatabaseError)), memory._database.write() as connection:
            connection.execute(statement)
    assert memory.seen(ORIGIN, 0) == [note(5)]
    memory.close()


def test_contradictions_are_kept_once_and_not_without_end(path: Path) -> None:
    memory = WitnessDb(path)
    found = Contradiction(ORIGIN, 9, "fork", "2026-01-01T00:00:00Z", note(9), note(9, FORKED))
    assert memory.contradict(found)
    assert not memory.contradict(found)
    for number in range(150):
        size = 100 + number
        memory.contradict(Contradiction(ORIGIN, size, "unproved", "", note(9), b"%d\n\n" % size))
    kinds = [each.kind for each in memory.contradictions()]
    assert kinds == ["fork", *["unproved"] * 100]
    memory.close()


def test_a_newer_key_of_a_record_takes_the_old_ones_place(path: Path) -> None:
    memory = WitnessDb(path)
    memory.watch(WatchedLog("partner", ORIGIN, "new"))
    assert memory.logs() == [WatchedLog("partner", ORIGIN, "new")]
    memory.close()


# --- many at once, and dying ----------------------------------------------------------------------


def branch_of(text: bytes) -> str:
    size = int(text.split(b"\n")[1])
    for name, leaves in (("main", LEAVES), ("fork", FORKED)):
        if text == note(size, leaves).split(b"\n\n")[0] + b"\n":
            return name
    raise AssertionError(text)


def climb(witness: Witness, leaves: list[bytes], signed: list[tuple[int, str]]) -> None:
    """Asks for every size from 6 to 40 of one branch, as a client does: again after a conflict."""
    for size in range(6, 41):
        old = 0
        for _ in range(200):
            proof = forge.consistency(old, leaves[:size]) if old else []
            asked = Request(old, tuple(proof), note(size, leaves))
            answer = witness.answer(asked.encode())
            if answer.status is Status.COSIGNED:
                text = note(size, leaves).split(b"\n\n")[0].decode() + "\n"
                assert check(text, parse_lines(answer.body), witness.key)
                signed.append((size, "main" if leaves is LEAVES else "fork"))
                break
            if answer.media_type != "text/x.tlog.size":
                break
            old = int(answer.body)
            if old > size:
                break


def _climb_in_a_process(path: str, which: str, out: multiprocessing.Queue) -> None:  # type: ignore[type-arg] # what it holds is said below
    signed: list[tuple[int, str]] = []
    memory = WitnessDb(Path(path))
    climb(Witness(memory), LEAVES if which == "main" else FORKED, signed)
    memory.close()
    out.put(signed)


def test_threads_at_once_never_get_two_branches(path: Path) -> None:
    memory = WitnessDb(path)
    signed: list[tuple[int, str]] = []
    threads = [
        threading.Thread(target=climb, args=(Witness(memory), leaves, signed))
        for leaves in (LEAVES, FORKED, LEAVES, FORKED)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert signed
    assert len({branch for _, branch in signed}) == 1
    memory.close()


def test_processes_at_once_never_get_two_branches(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    running = [
        context.Process(target=_climb_in_a_process, args=(str(path), which, out))
        for which in ("main", "fork", "main")
    ]
    for process in running:
        process.start()
    signed = [each for _ in running for each in out.get(timeout=60)]
    for process in running:
        process.join()
    assert signed
    assert len({branch for _, branch in signed}) == 1


_VICTIM = """
import sys
from pathlib import Path
from tests.contracts.test_witness_memory import FORKED, LEAVES, forge, note
from witnessmark.custody.witness import Witness
from witnessmark.record.witnessing import Request
from witnessmark.stores.witness import WitnessDb
witness = Witness(WitnessDb(Path(sys.argv[1])))
leaves = LEAVES if sys.argv[2] == "main" else FORKED
old = int(sys.argv[3])
print("ready", flush=True)
for size in range(max(old, 6), 41):
    proof = tuple(forge.consistency(old, leaves[:size])) if old else ()
    answer = witness.answer(Request(old, proof, note(size, leaves)).encode())
    if answer.status != 200:
        sys.exit(3)
    print(size, flush=True)
    old = size
"""


def test_killed_at_any_moment_it_remembers_what_it_signed(path: Path) -> None:
    """What was given out before a SIGKILL is in the memory of the next process, each time."""
    given = 0
    for round_ in range(12):
        memory = WitnessDb(path)
        seen = memory.seen(ORIGIN, -1)
        old = int(seen[-1].split(b"\n")[1]) if seen else 0
        assert old >= given, "a co-signature went out that the memory does not hold"
        other = (
            "fork" if seen and branch_of(seen[-1].split(b"\n\n")[0] + b"\n") == "main" else "main"
        )
        if seen:
            leaves = LEAVES if other == "main" else FORKED
            proof = tuple(forge.consistency(old, leaves[:40])) if old < 40 else ()
            asked = Request(old, proof, note(40, leaves))
            assert Witness(memory).answer(asked.encode()).status is not Status.COSIGNED
        memory.close()
        if old == 40:
            break
        command = [sys.executable, "-c", _VICTIM, str(path), "main", str(old)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
            assert victim.stdout is not None
            victim.stdout.readline()
            time.sleep(0.002 * (round_ + 1))
            os.kill(victim.pid, signal.SIGKILL)
            lines = victim.stdout.read().split("\n")
        # a line that the kill cut in half may be a shorter number; whole ones end in a newline
        given = max([given, *(int(line) for line in lines[:-1] if line)])
    assert given >= 6


def test_nothing_is_given_out_when_the_memory_cannot_be_written(path: Path) -> None:
    """The memory comes first: without it there is no co-signature."""
    memory = WitnessDb(path)

    class Full(WitnessDb):
        def __init__(self) -> None:
            pass

        def advance(self, *_: object) -> bool:
            raise StoreFailure("The disk is full.")

    broken = Full()
    broken._database = memory._database
    with pytest.raises(StoreFailure):
        Witness(broken).answer(request(0, 7).encode())
    assert memory.seen(ORIGIN, 7) == []
    memory.close()


_SAYING = """
import os, sys
from pathlib import Path
from tests.contracts.test_witness_memory import request
from witnessmark.custody.witness import Witness
from witnessmark.stores.witness import WitnessDb
witness = Witness(WitnessDb(Path(sys.argv[1])))
for old, new in ((0, 7), (7, 9), (9, 40)):
    asked = request(old, new).encode()
    os.write(1, b"ASKED")
    assert witness.answer(asked).status == 200
    os.write(1, b"GIVEN")
"""


@needs_strace
def test_what_was_seen_is_synced_before_the_cosignature_is_given_out(path: Path) -> None:
    """A SIGKILL shows no missing sync, a power cut does: the system calls in their order."""
    out = path.with_name("calls")
    command = ["strace", "-f", "-y", "-qq", "-e", "trace=write,fsync,fdatasync", "-o", str(out)]
    done = subprocess.run(
        [*command, sys.executable, "-c", _SAYING, str(path)], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    calls = out.read_text(errors="replace")
    for part in calls.split('"ASKED"')[1:]:
        before, given, _ = part.partition('"GIVEN"')
        assert given
        synced = re.findall(r"f(?:data)?sync\(\d+<(.*?)>\)", before)
        assert any(name.startswith(str(path)) for name in synced), before
