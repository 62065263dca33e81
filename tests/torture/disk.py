"""A disk that forgets: replays a program's system calls, cut at any point.

What was not synced may or may not be there after a power cut. Three kinds of luck:

* `nothing`: neither bytes nor names reach the disk before their sync.
* `names`: names (creations, renames, removals) are there at once, bytes only after their sync.
* a random seed: of everything not synced, some is there and some is not; writes are torn.
"""

from __future__ import annotations

import dataclasses
import random
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from tests.torture.tracing import Call, text

_FD = re.compile(r"(-?\d+)<(.*?)>(?:\(deleted\))?$")
_SPLIT = re.compile(r', (?=(?:[^"]*"[^"]*")*[^"]*$)')


@dataclasses.dataclass
class _File:
    """Bytes now, bytes on the disk, and the writes between (offset, bytes; None: truncation)."""

    now: bytearray
    durable: bytes
    pending: list[tuple[int, bytes | None]] = dataclasses.field(default_factory=list)


class Disk:
    """The folder of an archive as the disk has it.

    Args:
        start: the folder before the program ran; all of it is durable.
        real: the path under which the traced program saw that folder.
        deaf: pattern of paths whose syncs do nothing (to show that each sync is needed).
    """

    def __init__(self, start: Path, real: Path, deaf: str = "") -> None:
        self._real = str(real)
        self._deaf = re.compile(deaf) if deaf else None
        self._files: list[_File] = []
        self._names: dict[str, int] = {}
        self._folders: set[str] = {"."}
        for path in sorted(start.rglob("*")):
            inside = str(PurePosixPath(path.relative_to(start)))
            if path.is_dir():
                self._folders.add(inside)
            else:
                data = path.read_bytes()
                self._names[inside] = self._new(data, data)
        self._durable_names = dict(self._names)
        self._durable_folders = set(self._folders)
        self._moved: list[tuple[str, str]] = []  # renames of folders that are not synced yet
        self._offsets: dict[int, int] = {}
        self.output = ""

    def _new(self, now: bytes, durable: bytes) -> int:
        self._files.append(_File(bytearray(now), durable))
        return len(self._files) - 1

    def replay(self, calls: Iterable[Call]) -> None:
        """Carries out calls as the running system saw them."""
        for call in calls:
            if call.result >= 0:
                arguments = _SPLIT.split(call.arguments)
                getattr(self, f"_{call.name}", lambda *_: None)(call, arguments)

    def _inside(self, path: str) -> str | None:
        if path == self._real:
            return "."
        prefix = self._real + "/"
        return path.removeprefix(prefix) if path.startswith(prefix) else None

    def _target(self, argument: str) -> tuple[int, str | None]:
        match = _FD.match(argument)
        if not match:
            return -1, None
        return int(match.group(1)), self._inside(_path(match.group(2)))

    # --- calls ------------------------------------------------------------------------------

    def _openat(self, call: Call, arguments: Sequence[str]) -> None:
        path = self._inside(_path(text(arguments[1]).decode()))
        self._offsets[call.result] = 0
        if path is None or path in self._folders:
            return
        if path not in self._names and "O_CREAT" in arguments[2]:
            self._names[path] = self._new(b"", b"")
        if path in self._names and "O_TRUNC" in arguments[2]:
            self._change(path, 0, None)

    def _write(self, call: Call, arguments: Sequence[str]) -> None:
        number, path = self._target(arguments[0])
        data = text(arguments[1])[: call.result]
        if number == 1:
            self.output += data.decode()
        if path is not None and path in self._names:
            self._change(path, self._offsets.get(number, 0), data)
            self._offsets[number] = self._offsets.get(number, 0) + len(data)

    def _pwrite64(self, call: Call, arguments: Sequence[str]) -> None:
        _, path = self._target(arguments[0])
        if path is not None and path in self._names:
            self._change(path, int(arguments[3]), text(arguments[1])[: call.result])

    def _ftruncate(self, call: Call, arguments: Sequence[str]) -> None:
        _, path = self._target(arguments[0])
        if path is not None and path in self._names:
            self._change(path, int(arguments[1]), None)

    def _change(self, path: str, offset: int, data: bytes | None) -> None:
        file = self._files[self._names[path]]
        _apply(file.now, offset, data)
        file.pending.append((offset, data))

    def _fsync(self, call: Call, arguments: Sequence[str]) -> None:
        _, path = self._target(arguments[0])
        if path is None or (self._deaf and self._deaf.search(path)):
            return
        if path in self._folders:
            self._sync_names(path)
        elif path in self._names:
            file = self._files[self._names[path]]
            file.durable, file.pending = bytes(file.now), []

    _fdatasync = _fsync

    def _sync_names(self, folder: str) -> None:
        for old, new in [each for each in self._moved if _parent(each[1]) == folder]:
            self._moved.remove((old, new))
            _move(self._durable_names, old, new)
            self._durable_folders = {_under(each, old, new) for each in self._durable_folders}
        for names, durable in (
            (self._names, self._durable_names),
            (dict.fromkeys(self._folders, 0), None),
        ):
            here = {name: each for name, each in names.items() if _parent(name) == folder}
            if durable is None:
                self._durable_folders |= here.keys()
                continue
            for name in [name for name in durable if _parent(name) == folder]:
                if name not in here:
                    del durable[name]
            durable.update(here)

    def _rename(self, call: Call, arguments: Sequence[str]) -> None:
        old, new = (self._inside(_path(text(each).decode())) for each in arguments)
        if old in self._names and new is not None:
            self._names[new] = self._names.pop(old)
        elif old in self._folders and old is not None and new is not None:
            _move(self._names, old, new)
            self._folders = {_under(each, old, new) for each in self._folders}
            self._moved.append((old, new))

    def _unlink(self, call: Call, arguments: Sequence[str]) -> None:
        self._names.pop(self._inside(_path(text(arguments[0]).decode())) or "", None)

    def _mkdir(self, call: Call, arguments: Sequence[str]) -> None:
        if path := self._inside(_path(text(arguments[0]).decode())):
            self._folders.add(path)

    # --- the cut ------------------------------------------------------------------------------

    def power_cut(self, target: Path, luck: str) -> None:
        """Writes what is on the disk after a power cut now into the new folder `target`."""
        chance = random.Random(luck)
        random_luck = luck not in ("nothing", "names")
        names = dict(self._names if luck == "names" else self._durable_names)
        folders = self._folders if luck == "names" else self._durable_folders
        if random_luck:
            names, folders = self._some_names(chance)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name, number in names.items():
            parents = {str(p) for p in PurePosixPath(name).parents}
            if parents <= folders:
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self._content(number, chance if random_luck else None))

    def _some_names(self, chance: random.Random) -> tuple[dict[str, int], set[str]]:
        before, after, known = dict(self._durable_names), dict(self._names), self._durable_folders
        present = set(self._folders)
        for old, new in self._moved:  # a folder's rename is there or not, with all that is in it
            if chance.random() < 0.5:
                _move(before, old, new)
                known = {_under(each, old, new) for each in known}
            else:
                _move(after, new, old)
                present = {_under(each, new, old) for each in present}
        folders = {f for f in sorted(present) if f in known or chance.random() < 0.5}
        names = {}
        for name in sorted(after.keys() | before.keys()):
            both = [each.get(name) for each in (before, after)]
            chosen = both[0] if both[0] == both[1] else chance.choice(both)
            if chosen is not None:
                names[name] = chosen
        return names, folders

    def _content(self, number: int, chance: random.Random | None) -> bytes:
        file = self._files[number]
        data = bytearray(file.durable)
        for offset, written in file.pending if chance else ():
            if chance and chance.random() < 0.5:
                torn = written and written[: chance.randrange(len(written) + 1)]
                _apply(data, offset, chance.choice([written, torn]))
        return bytes(data)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset : offset + len(data)] = data


def _under(name: str, old: str, new: str) -> str:
    """`name` after the folder `old` became `new`."""
    return new + name[len(old) :] if name == old or name.startswith(old + "/") else name


def _move(names: dict[str, int], old: str, new: str) -> None:
    for name in [each for each in names if each.startswith(old + "/")]:
        names[_under(name, old, new)] = names.pop(name)


def _path(raw: str) -> str:
    return bytes.fromhex(raw.replace("\\x", "")).decode() if raw.startswith("\\x") else raw


def _parent(name: str) -> str:
    return "" if name == "." else str(PurePosixPath(name).parent)
