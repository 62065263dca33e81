"""The local engine: isolation, limits, and what a poisonous file costs."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from support import footage
from tests.conftest import ROOT
from witnessmark.engines import sandbox
from witnessmark.engines.frames import MAX_MESSAGE, BrokenWorker, Connection
from witnessmark.engines.local import LocalEngine
from witnessmark.ports import Outcome, Task

MODULE = "tests.unit.engines.hostile"
LINUX = sys.platform.startswith("linux")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.bin"
    path.write_bytes(b"0123456789")
    path.chmod(0o444)
    return path


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find the test's functions; the installed program needs nothing like this."""
    from witnessmark.engines import local

    monkeypatch.setitem(local._ENVIRONMENT, "PYTHONPATH", str(ROOT))


def run(
    source: Path, *names: str, seconds: float = 30, workers: int = 1, **params: str
) -> list[Outcome]:
    engine = LocalEngine(workers, memory=1 << 30, seconds=seconds, modules=[MODULE])
    tasks = [
        Task(f"{n} {name}", f"{MODULE}:{name}", str(source), params) for n, name in enumerate(names)
    ]
    with closing(engine.map(tasks)) as outcomes:
        return sorted(outcomes, key=lambda outcome: outcome.key)


def test_an_honest_task(sample: Path) -> None:
    (outcome,) = run(sample, "honest", word="x")
    assert outcome.result is not None
    assert outcome.result.value == {"length": 10, "params": {"word": "x"}}
    assert outcome.result.blobs == {"raw": b"\x00\x01"}


def test_a_task_over_several_files_gets_them_open_and_in_order(
    sample: Path, tmp_path: Path
) -> None:
    """One that is missing, a pipe or a link costs its own task alone."""
    others = []
    for n in range(63):
        others.append(tmp_path / f"other {n}")
        others[-1].write_text(f"{n}")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(sample)
    wrong = [tmp_path / name for name in ("none", "pipe", "link")]
    tasks = [
        Task(str(n), f"{MODULE}:joins", str(sample), also=tuple(map(str, also)))
        for n, also in enumerate([others, *([others[0], bad] for bad in wrong), others[:1]])
    ]
    engine = LocalEngine(1, memory=1 << 30, seconds=30, modules=[MODULE])
    with closing(engine.map(tasks)) as outcomes:
        found = {outcome.key: outcome for outcome in outcomes}
    assert found["0"].result is not None
    assert found["0"].result.value == ["0123456789", *map(str, range(63))]
    assert [found[n].failure for n in "123"] == ["unreadable"] * 3
    assert found["4"].result is not None
    assert found["4"].result.value == ["0123456789", "0"]


@pytest.mark.parametrize(
    ("name", "failure", "left"),
    [("emits", "", b"0123456789"), ("floods", "crashed", None), ("breaks_off", "error", None)],
)
def test_output_comes_in_parts_and_whole_or_not_at_all(
    name: str, failure: str, left: bytes | None, sample: Path, tmp_path: Path
) -> None:
    """A worker writes no files: it hands its output over, and no more than its file explains."""
    engine = LocalEngine(1, memory=1 << 30, seconds=30, modules=[MODULE])
    output = tmp_path / "output"
    with closing(engine.map([Task("x", f"{MODULE}:{name}", str(sample), {}, str(output))])) as done:
        (outcome,) = done
    assert outcome.failure == failure
    assert (output.read_bytes() if output.exists() else None) == left


def test_output_that_nobody_asked_for_costs_the_worker(sample: Path) -> None:
    (outcome,) = run(sample, "emits_unasked")
    assert outcome.failure == "crashed"


@pytest.mark.skipif(not LINUX, reason="enforced by Linux only; elsewhere the engine says so")
@pytest.mark.parametrize(
    "name",
    ["calls_home", "resolves", "reads_archive", "lists_folder", "writes", "writes_back",
     "runs_program", "signals_parent", "forks", "vforks", "changes_mode_by_file",
     "changes_mode_by_path", "changes_owner", "changes_times", "changes_attributes",
     "changes_flags"],
)  # fmt: skip
def test_a_taken_over_worker_gets_nowhere(name: str, sample: Path, tmp_path: Path) -> None:
    target = tmp_path / "secret"
    if name != "writes":
        target.mkdir() if name == "lists_folder" else target.write_text("secret")
    before = _look(sample)
    (outcome,) = run(sample, name, path=str(target))
    assert outcome.result is None
    assert outcome.failure == "error"
    assert _look(sample) == before
    assert not (tmp_path / "secret").is_file() or target.read_text() == "secret"


def _look(path: Path) -> tuple[object, ...]:
    found = path.stat()
    return path.read_bytes(), found.st_mode, found.st_uid, found.st_nlink, found.st_mtime


@pytest.mark.skipif(not LINUX, reason="enforced by Linux only; elsewhere the engine says so")
@pytest.mark.parametrize(
    ("means", "name"),
    [("landlock", "reads_archive"), ("landlock", "signals_parent"), ("seccomp", "calls_home"),
     ("seccomp", "changes_mode_by_file"), ("seccomp", "changes_mode_by_path"),
     ("seccomp", "changes_owner"), ("seccomp", "changes_times"),
     ("seccomp", "changes_attributes"), ("seccomp", "changes_flags")],
)  # fmt: skip
def test_each_means_is_what_stops_it(
    means: str, name: str, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one means taken away, the attack that it stops goes through."""
    (tmp_path / "secret").write_text("secret")
    without(means, tmp_path, monkeypatch)
    (outcome,) = run(sample, name, path=str(tmp_path / "secret"))
    assert outcome.result is not None


def without(means: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes one means away from the workers."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        f"from witnessmark.engines import sandbox\nsandbox.{means} = lambda: None\n"
    )
    from witnessmark.engines import local

    monkeypatch.setitem(local._ENVIRONMENT, "PYTHONPATH", f"{site}{os.pathsep}{ROOT}")


@pytest.mark.skipif(not LINUX, reason="looks into /proc")
def test_what_a_worker_started_ends_with_it(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing forbids a worker to fork, its children do not outlive the engine."""
    without("seccomp", tmp_path, monkeypatch)
    (outcome,) = run(sample, "forks")
    assert outcome.result is not None
    state = Path(f"/proc/{outcome.result.value}/stat")
    until = time.monotonic() + 5
    while state.exists() and ") Z " not in state.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_threads_are_no_new_processes(sample: Path, tmp_path: Path) -> None:
    (outcome,) = run(sample, "starts_threads")
    assert outcome.result is not None
    assert outcome.result.value == 4
    clip = footage.synthetic(tmp_path / "clip.mp4", seconds=1.0)
    (outcome,) = run(clip, "decodes_with_threads")
    assert outcome.result is not None, outcome
    assert isinstance(outcome.result.value, int)
    assert outcome.result.value > 5


def test_system_calls_are_numbered_as_in_the_headers() -> None:
    """On a machine without the kernel's headers this says nothing."""
    for column, name in enumerate(("x86_64-linux-gnu/asm/unistd_64.h", "asm-generic/unistd.h")):
        header = Path("/usr/include") / name
        text = header.read_text() if header.is_file() else ""
        known = dict(re.findall(r"__NR(?:3264)?_(\w+)\s+(\d+)", text))
        for call, numbers in sandbox._REFUSED.items():
            if call in known:
                assert numbers[column] == int(known[call]), call


@pytest.mark.skipif(not LINUX, reason="enforced by Linux only; elsewhere the engine says so")
def test_everything_is_enforced_here_and_said() -> None:
    engine = LocalEngine(1, modules=[MODULE])
    task = Task("k", f"{MODULE}:honest", __file__)
    with closing(engine.map([task])) as outcomes:
        assert next(outcomes).result
    assert engine.sandbox == dict.fromkeys(
        ["limits", "no_new_privileges", "landlock", "seccomp"], ""
    )


def test_what_cannot_be_enforced_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "another")
    for means in (sandbox.no_new_privileges, sandbox.landlock):
        with pytest.raises(sandbox.CannotEnforce, match="no such means"):
            means()


def test_no_secret_reaches_a_worker(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITNESSMARK_PASSPHRASE", "secret")
    (outcome,) = run(sample, "environment")
    assert outcome.result is not None
    assert isinstance(outcome.result.value, list)
    assert not [name for name in outcome.result.value if "WITNESSMARK" in name]


@pytest.mark.parametrize(
    ("name", "failure"),
    [("crashes", "crashed"), ("eats_memory", "memory"), ("raises", "error"), ("exits", "crashed"),
     ("answers_nonsense", "crashed"), ("answers_without_detail", "crashed"),
     ("answers_neither", "crashed"), ("answers_a_number", "crashed"),
     ("fails_in_other_words", "error")],
)  # fmt: skip
def test_a_poisonous_file_costs_its_own_task_once(name: str, failure: str, sample: Path) -> None:
    outcomes = run(sample, "honest", name, "honest", workers=2)
    assert [bool(outcome.result) for outcome in outcomes] == [True, False, True]
    assert outcomes[1].failure == failure


def test_a_task_that_hangs_is_ended(sample: Path) -> None:
    outcomes = run(sample, "hangs", "honest", seconds=3)
    assert [outcome.failure for outcome in outcomes] == ["timeout", ""]


def test_a_worker_that_drips_is_ended_at_its_deadline(sample: Path) -> None:
    start = time.monotonic()
    outcomes = run(sample, "drips", "honest", seconds=1)
    assert [outcome.failure for outcome in outcomes] == ["timeout", ""]
    assert time.monotonic() - start < 20


def test_a_slow_consumer_loses_nothing_and_blames_nobody(sample: Path) -> None:
    engine = LocalEngine(2, seconds=1, modules=[MODULE])
    names = ["exits", "honest", "exits", "honest", "exits"]
    tasks = [Task(f"{n} {name}", f"{MODULE}:{name}", str(sample)) for n, name in enumerate(names)]
    seen = {}
    with closing(engine.map(tasks)) as outcomes:
        for outcome in outcomes:
            seen[outcome.key] = outcome.failure
            time.sleep(1.3)
    assert seen == {t.key: "crashed" if "exits" in t.key else "" for t in tasks}


def test_open_files_of_a_worker_are_not_taken(sample: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    outcomes = run(sample, *["sends_files"] * 3, workers=3)
    assert all(outcome.result for outcome in outcomes)
    assert len(os.listdir("/dev/fd")) == before


def test_an_answer_too_many_is_nobodys(sample: Path) -> None:
    """It costs the idle worker; no outcome comes without a task."""
    outcomes = run(sample, "answers_twice", "hangs", workers=2, seconds=2)
    assert [outcome.key for outcome in outcomes] == ["0 answers_twice", "1 hangs"]


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "device"])
def test_only_regular_files_are_opened(kind: str, sample: Path, tmp_path: Path) -> None:
    path = tmp_path / kind
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(sample)
        case _:
            path = Path(os.devnull)
    (outcome,) = run(path, "honest")
    assert (outcome.failure, outcome.detail) == ("unreadable", "not a regular file")


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path / "gone", "honest")
    assert outcome.failure == "unreadable"


def test_tasks_are_taken_as_they_are_needed(sample: Path) -> None:
    """A million tasks are not listed before the first is done."""
    pulled = 0

    def tasks() -> object:
        nonlocal pulled
        for n in range(1000):
            pulled += 1
            yield Task(str(n), f"{MODULE}:honest", str(sample))

    with closing(LocalEngine(2, modules=[MODULE]).map(tasks())) as outcomes:
        next(outcomes)
        assert pulled <= 4


def test_closing_ends_the_workers(sample: Path) -> None:
    before = _children()
    engine = LocalEngine(2, modules=[MODULE])
    outcomes = engine.map([Task(str(n), f"{MODULE}:honest", str(sample)) for n in range(9)])
    next(outcomes)
    children = _children() - before
    assert children
    outcomes.close()
    assert not children & _children()


def _children() -> set[str]:
    task = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    return set(task.read_text().split()) if task.exists() else set()


@pytest.mark.parametrize(
    "message",
    [
        b"\x00" * 3,
        (5).to_bytes(4, "big") + bytes(8) + b"{no}}",
        (2).to_bytes(4, "big") + bytes(8) + b"{}",
        (2).to_bytes(4, "big") + bytes(8) + b"[]",
        *(
            len(body).to_bytes(4, "big") + (2).to_bytes(8, "big") + body + b"xx"
            for body in (
                b'{"blobs": 1}',
                b'{"blobs": [["a", 1]]}',
                b'{"blobs": [["a", 2.0]]}',
                b'{"blobs": [[1, 2]]}',
                b'{"blobs": [["a", 3], ["b", -1]]}',
            )
        ),
        (4).to_bytes(4, "big") + (MAX_MESSAGE + 1).to_bytes(8, "big") + b"null",
    ],
)
def test_senseless_messages_are_refused(message: bytes) -> None:
    import socket

    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(message)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(BrokenWorker):
            Connection(ours).receive()
