"""What every `PrivateRows` must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from witnessmark.ports import PrivateRows, SealedValue
from witnessmark.stores.private import PrivateDb


class MemoryRows:
    """`PrivateRows` in dictionaries."""

    def __init__(self) -> None:
        self._secrets: dict[str, bytes] = {}
        self._values: dict[bytes, bytes] = {}
        self._tombstones: set[bytes] = set()
        self._unsettled: dict[str, tuple[int, list[bytes]]] = {}

    def get(self, name: str) -> bytes | None:
        return self._secrets.get(name)

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self._secrets if name.startswith(prefix))

    def set(self, name: str, value: bytes) -> None:
        self._secrets[name] = value

    def drop(self, name: str) -> None:
        self._secrets.pop(name, None)

    def add(self, values: Sequence[SealedValue], batch: str, since: int) -> None:
        kept = [each for each in values if self._tombstones.isdisjoint(each.tombstones)]
        self._values |= {each.commitment: each.sealed for each in kept}
        if kept:
            self._unsettled[batch] = (since, [each.commitment for each in kept])

    def value(self, commitment: bytes) -> bytes | None:
        return self._values.get(commitment)

    def values(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._values.items()

    def remove(self, commitments: Sequence[bytes], tombstones: Sequence[bytes]) -> None:
        for commitment in commitments:
            self._values.pop(commitment, None)
            for _, waiting in self._unsettled.values():
                waiting[:] = [each for each in waiting if each != commitment]
        self._tombstones.update(tombstones)

    def unsettled(self) -> list[tuple[str, int, list[bytes]]]:
        return [(batch, since, each) for batch, (since, each) in self._unsettled.items() if each]

    def settle(self, batch: str) -> None:
        self._unsettled.pop(batch, None)


@pytest.fixture(params=["memory", "sqlite"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> PrivateRows:
    makers: dict[str, Callable[[], PrivateRows]] = {
        "memory": MemoryRows,
        "sqlite": lambda: PrivateDb(tmp_path / "private.db"),
    }
    return makers[request.param]()


def value(number: int, *tombstones: bytes) -> SealedValue:
    return SealedValue(bytes([number]) * 32, b"sealed %d" % number, tombstones)


def test_secrets(rows: PrivateRows) -> None:
    assert rows.get("a.1") is None
    for name in ("a.1", "a.2", "b.1", "a%"):
        rows.set(name, name.encode())
    rows.set("a.1", b"changed")
    assert rows.get("a.1") == b"changed"
    assert rows.names("a.") == ["a.1", "a.2"]
    assert rows.names("a%") == ["a%"]
    rows.drop("a.1")
    rows.drop("a.1")
    assert rows.names("a.") == ["a.2"]


def test_values_stay_unsettled_until_they_are_settled(rows: PrivateRows) -> None:
    rows.add([value(1), value(2)], "batch", 7)
    assert rows.value(bytes([1]) * 32) == b"sealed 1"
    assert [(b, s, sorted(c)) for b, s, c in rows.unsettled()] == [
        ("batch", 7, [bytes([1]) * 32, bytes([2]) * 32])
    ]
    rows.add([value(3)], "another", 9)
    assert sorted(b for b, _, _ in rows.unsettled()) == ["another", "batch"]
    rows.settle("batch")
    assert [(b, s, c) for b, s, c in rows.unsettled()] == [("another", 9, [bytes([3]) * 32])]
    rows.settle("another")
    assert rows.unsettled() == []
    assert len(list(rows.values())) == 3


def test_removed_values_are_gone_and_their_tombstones_hold(rows: PrivateRows) -> None:
    rows.add([value(1), value(2)], "batch", 0)
    rows.remove([bytes([1]) * 32], [b"t1"])
    assert rows.value(bytes([1]) * 32) is None
    rows.add([value(3, b"t0", b"t1"), value(4, b"t0")], "batch", 5)
    assert rows.value(bytes([3]) * 32) is None
    assert rows.value(bytes([4]) * 32) == b"sealed 4"
    rows.remove([bytes([9]) * 32], [b"t1"])  # what is not there, and what is there already
    assert {commitment[0] for commitment, _ in rows.values()} == {2, 4}
