"""An act in a child of this process that is killed at a step of it, as SIGKILL does.

Forked, because a new interpreter takes longer to import everything than the act itself.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

Step = tuple[Any, str]


def killed_at(last: int, steps: Iterable[Step], act: Callable[[], object]) -> tuple[int, str]:
    """Runs `act`; its exit status as `subprocess` has it, and what it said.

    Args:
        last: number of the moment at which it is killed, before or after one of `steps` (owner and
            the name of its function); 0 for never.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout = sys.stderr = open(1, "w", closefd=False)  # noqa: SIM115 - the child ends
            _arm(last, steps)
            act()
            status = 0
        except BaseException:  # noqa: BLE001 - nothing of a child may go on as a second pytest
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended), said


def _arm(last: int, steps: Iterable[Step]) -> None:
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def stepped(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def step(*arguments: Any, **named: Any) -> Any:
            tick()
            found = real(*arguments, **named)
            tick()
            return found

        setattr(owner, name, step)

    for owner, name in steps:
        stepped(owner, name)
