"""How an entry stands, from stamps in any order."""

from __future__ import annotations

from witnessmark.catalog.standing import Standings
from witnessmark.ports import AnchorRow


def row(size: int, authority: str, time: str | None, state: str = "stamped") -> AnchorRow:
    return AnchorRow(
        entry=size + 1, size=size, root="", kind="rfc3161", authority=authority, state=state,
        time=time, height=None, proof="", chain=None, via="proxy", received_at="",
    )  # fmt: skip


def test_the_earliest_time_over_any_checkpoint_that_holds_the_entry() -> None:
    found = Standings(
        [
            row(20, "B", "2026-01-03T00:00:00Z"),
            row(10, "A", "2026-01-02T00:00:00.5Z"),
            row(10, "B", "2026-01-02T00:00:00Z"),
            row(30, "A", "2026-01-01T00:00:00Z"),  # a clock that was behind: earlier, and it counts
        ]
    )
    assert str(found.of(9, "then")) == "anchored by A, at 2026-01-01T00:00:00Z"
    assert found.size == 30
    only = Standings([row(10, "A", "2026-01-02T00:00:00.5Z"), row(10, "B", "2026-01-02T00:00:00Z")])
    assert str(only.of(9, "then")) == "anchored by A, B, at 2026-01-02T00:00:00Z"
    assert str(only.of(10, "then")) == "unanchored since then"
    assert only.of(10, "then").members() == {"state": "unanchored", "since": "then"}


def test_a_later_checkpoint_does_not_make_an_entry_older() -> None:
    found = Standings([row(10, "A", "2026-01-01T00:00:00Z"), row(20, "A", "2026-01-02T00:00:00Z")])
    assert found.of(5, "").at == "2026-01-01T00:00:00Z"
    assert found.of(15, "").at == "2026-01-02T00:00:00Z"


def test_promises() -> None:
    found = Standings([row(10, "A", None, "pending"), row(5, "B", "2026-01-01T00:00:00Z")])
    assert found.of(4, "").state == "anchored"
    assert str(found.of(5, "then")) == "pending: promised by A; unanchored since then"
    assert found.of(10, "then").state == "unanchored"
    assert Standings([row(9, "A", "2026-01-01T00:00:00Z", "pending")]).of(5, "").state == "pending"
    assert Standings([]).size == 0
