"""The local engine: a few worker processes of this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import selectors
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from witnessmark.engines.frames import BrokenWorker, Connection
from witnessmark.errors import StoreFailure
from witnessmark.ports import Outcome, Result, Task

#: Threads of numeric libraries would only fight over the cores the workers already use.
_ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_START_SECONDS = 60
#: Seconds in which an answer must be read whole that began to come at the last moment, or that
#: stood waiting while the consumer of the outcomes was busy.
_GRACE = 2.0
#: Neither a pipe without a writer nor a link to one may hold up the opening.
_OPENING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


#: Bytes that a task may emit beyond four times those of its file.
_ROOM = 256 << 20


@dataclasses.dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    task: Task | None = None
    deadline: float = 0.0
    output: BinaryIO | None = None
    room: int = 0

    def write(self, part: bytes) -> None:
        """Takes in a part of the output. Raises `BrokenWorker` when it was not asked for."""
        self.room -= len(part)
        if self.output is None or self.room < 0:
            raise BrokenWorker("more output than its file explains")
        try:
            self.output.write(part)
        except OSError as error:
            raise StoreFailure(
                f"What a worker makes cannot be written: {error.strerror}.",
                kept="Everything recorded so far is safe.",
                todo="Make room on the disk, then do it again.",
                code="disk_error",
            ) from error

    def finish(self, *, keep: bool) -> None:
        """The task is over; its output stays or goes."""
        if self.output is not None:
            self.output.close()
            if not keep:
                Path(self.output.name).unlink()
        self.task = self.output = None


class LocalEngine:
    """The `Engine` port on worker processes.

    Args:
        workers: how many processes.
        memory: bytes that one task may use.
        seconds: wall-clock seconds that one task may take.
        modules: imported by each worker before it gives up its rights.
    """

    def __init__(
        self, workers: int, memory: int = 2 << 30, seconds: float = 300, modules: Iterable[str] = ()
    ) -> None:
        self._count = max(1, workers)
        self._memory = memory
        self._seconds = seconds
        self._modules = list(modules)
        #: what the system enforced on the workers: means to `` or to why it did not
        self.sandbox: dict[str, str] = {}

    def map(self, tasks: Iterable[Task]) -> Generator[Outcome]:
        """See `Engine.map`. A task whose worker dies is reported once and not tried again."""
        waiting = iter(tasks)
        with selectors.DefaultSelector() as selector:
            try:
                while True:
                    yield from self._feed(waiting, selector)
                    if not any(worker.task for worker in _workers(selector)):
                        return
                    yield from self._wait(selector)
            finally:
                for worker in _workers(selector):
                    worker.finish(keep=False)
                    _end(worker)

    def _feed(self, waiting: Iterator[Task], selector: selectors.BaseSelector) -> Iterator[Outcome]:
        """Gives every idle worker a task; starts workers as long as there is work for them."""
        while self._has_room(selector) and (task := next(waiting, None)):
            with contextlib.ExitStack() as opened:
                try:
                    descriptors = [_open(path, opened) for path in (task.path, *task.also)]
                except _Unreadable as error:
                    outcomes = [Outcome(task.key, failure="unreadable", detail=str(error))]
                else:
                    outcomes = self._give(task, descriptors, selector)
            yield from outcomes

    def _has_room(self, selector: selectors.BaseSelector) -> bool:
        workers = _workers(selector)
        return len(workers) < self._count or not all(worker.task for worker in workers)

    def _give(
        self, task: Task, descriptors: list[int], selector: selectors.BaseSelector
    ) -> list[Outcome]:
        """Sends a task to an idle worker or a new one; its outcome, if that cost the worker."""
        worker = next((each for each in _workers(selector) if each.task is None), None)
        if worker is None:
            worker = self._start()
            selector.register(worker.connection.link, selectors.EVENT_READ, worker)
        worker.task, worker.deadline = task, time.monotonic() + self._seconds
        if task.output:
            worker.output = open(task.output, "xb")  # noqa: SIM115 - closed by `finish`
            worker.room = 4 * os.fstat(descriptors[0]).st_size + _ROOM
        worker.connection.link.settimeout(self._seconds)
        emits = bool(task.output)
        request = {"function": task.function, "params": dict(task.params), "emits": emits}
        try:
            worker.connection.send(request, {}, *descriptors)
        except OSError:
            return _lost(worker, selector, "crashed")
        return []

    @staticmethod
    def _wait(selector: selectors.BaseSelector) -> list[Outcome]:
        """Outcomes of the workers that answered and of those past their deadline.

        A list, no generator: a consumer that takes its time between two outcomes must not make
        workers late that have answered, nor find any that is gone.
        """
        nearest = min(worker.deadline for worker in _workers(selector) if worker.task)
        events = selector.select(max(0.0, nearest - time.monotonic()))
        ready: list[_Worker] = [key.data for key, _ in events]
        now = time.monotonic()
        late = [each for each in _workers(selector) if each.task and each.deadline < now]
        outcomes = [outcome for worker in ready for outcome in _collect(worker, selector)]
        for worker in late:
            if worker not in ready:
                outcomes += _lost(worker, selector, "timeout")
        return outcomes

    def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "witnessmark.engines.worker"]
        command += [str(theirs.fileno()), str(self._memory), *self._modules]
        environment = {**_ENVIRONMENT, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            command,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us; we end the workers
        )
        theirs.close()
        worker = _Worker(process, Connection(ours))
        try:
            hello = worker.connection.receive(time.monotonic() + _START_SECONDS)
        except (BrokenWorker, OSError):
            hello = None
        if hello is None:
            code = _end(worker)
            raise StoreFailure(
                f"A worker process did not start (exit code {code}).",
                kept="Everything recorded so far is safe.",
                todo="Run 'witnessmark status'; is there enough memory?",
                code="worker",
            )
        self.sandbox = dict(hello[0]["sandbox"])
        return worker


def _workers(selector: selectors.BaseSelector) -> list[_Worker]:
    return [key.data for key in selector.get_map().values()]


class _Unreadable(Exception):
    """A file of a task cannot be opened, or is no regular file."""


def _open(path: str, opened: contextlib.ExitStack) -> int:
    """A descriptor of a regular file, which never hangs on a pipe, closed with `opened`.

    Raises:
        _Unreadable: it cannot be opened, or is something else.
    """
    try:
        descriptor = os.open(path, _OPENING)
    except OSError as error:
        special = error.errno in (errno.ELOOP, errno.ENXIO)
        raise _Unreadable("not a regular file" if special else error.strerror) from error
    opened.callback(os.close, descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise _Unreadable("not a regular file")
    return descriptor


def _collect(worker: _Worker, selector: selectors.BaseSelector) -> list[Outcome]:
    """Reads a worker's answer; one that makes no sense, or that drips, costs the worker."""
    task = worker.task
    try:
        message = worker.connection.receive(max(worker.deadline, time.monotonic() + _GRACE))
        if message is None or task is None:
            raise BrokenWorker("the worker ended")
        if "part" in message[0]:
            worker.write(message[1].get("part", b""))
            if time.monotonic() > worker.deadline:
                raise TimeoutError
            return []
        outcome = _outcome(task.key, *message)
    except TimeoutError:
        return _lost(worker, selector, "timeout")
    except (BrokenWorker, OSError):
        return _lost(worker, selector, "crashed")
    worker.finish(keep=outcome.result is not None)
    return [outcome]


def _outcome(key: str, message: dict[str, Any], blobs: dict[str, bytes]) -> Outcome:
    match message:
        case {"failure": str(failure), "detail": str(detail)}:
            # what else happened to a worker, it cannot say itself
            return Outcome(key, failure="memory" if failure == "memory" else "error", detail=detail)
        case {"value": value} if "failure" not in message:
            return Outcome(key, Result(value, blobs))
    raise BrokenWorker("an answer that is neither result nor failure")


def _lost(worker: _Worker, selector: selectors.BaseSelector, failure: str) -> list[Outcome]:
    """Ends a worker for good; the outcome of the task it had, if it had one."""
    selector.unregister(worker.connection.link)
    task = worker.task
    worker.finish(keep=False)
    code = _end(worker)
    detail = f"signal {-code}" if code < 0 else f"exit code {code}"
    return [Outcome(task.key, failure=failure, detail=detail)] if task else []


def _end(worker: _Worker) -> int:
    """Kills the worker with all that it may have started; it leads its own process group."""
    worker.connection.link.close()
    if sys.platform == "win32":
        worker.process.kill()
    else:
        # before waiting: until then nobody else can get the group's number
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended (macOS)
            os.killpg(worker.process.pid, signal.SIGKILL)
    return worker.process.wait()
