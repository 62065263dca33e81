"""Who had it, what was destroyed, what may go where: custody, disposal, the two profiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.forge import package as b
from support.forge.package import ANNA, BOHDAN, STRANGER, THUMBNAIL, VIDEO, Fields, Package, Record
from tests.corpus.case import ARCHIVE_KEY, Case, add, attack, record_attack, register

COPY = b"a copy without traces of the device"
PARTNER = b.Signer(41)


def good(name: str, make: Callable[[], Package], **more: Any) -> None:
    add(Case(name, "holds", lambda path: make().write(path), trust=(ARCHIVE_KEY,), **more))


def transferred(made: Record, receiver: b.Signer | None = None) -> int:
    fields: Fields = dict(b.later_statements()["custody.transferred/1"])
    if receiver:
        fields["receiver_key"] = b.b64(receiver.public)
    return made.add("custody.transferred/1", fields, BOHDAN)


def receipted(made: Record, of: int, signer: b.Signer | None = None, **more: object) -> None:
    fields = {**b.receipt(made, of, signer), **more}
    made.add("custody.receipted/1", {k: v for k, v in fields.items() if v is not None}, BOHDAN)


def handed(receiver: b.Signer | None, signer: b.Signer | None) -> Callable[[], Package]:
    """A transfer with its receipt."""

    def make() -> Package:
        made = b.record()
        receipted(made, transferred(made, receiver), signer)
        return Package(made)

    return make


def gap() -> Package:
    made = b.record()
    transferred(made)
    return Package(made)


good("transfer_without_receipt", gap, reports=("custody_gap",))
good("receipt_by_the_receiver", handed(PARTNER, PARTNER), without=("custody_gap", "receipt_stated"))
good("receipt_by_somebody", handed(None, PARTNER), reports=("receipt_stated",))
good(
    "receipt_on_our_word", handed(None, None), reports=("receipt_stated",), without=("custody_gap",)
)


def receipt_attack(
    name: str, receiver: b.Signer | None, bend: Callable[[Record, int], None]
) -> None:
    def bend_record(made: Record) -> None:
        bend(made, transferred(made, receiver))

    record_attack("receipt", name, bend_record)


def twice(made: Record, transfer: int) -> None:
    receipted(made, transfer, PARTNER)
    receipted(made, transfer, PARTNER, received_at="2026-01-05T00:00:00Z")


def on_our_word_twice(made: Record, transfer: int) -> None:
    receipted(made, transfer)
    receipted(made, transfer, received_at="2026-01-05T00:00:00Z")


receipt_attack("receipt_twice_on_our_word", None, on_our_word_twice)
receipt_attack("receipt_by_another", PARTNER, lambda m, t: receipted(m, t, STRANGER))
receipt_attack("receipt_unsigned", PARTNER, lambda m, t: receipted(m, t))
receipt_attack(
    "receipt_without_key", PARTNER, lambda m, t: receipted(m, t, PARTNER, receiver_key=None)
)
receipt_attack(
    "receipt_key_is_short", None, lambda m, t: receipted(m, t, PARTNER, receiver_key="AAAA")
)
receipt_attack(
    "receipt_at_another_time",
    PARTNER,
    lambda m, t: receipted(m, t, PARTNER, received_at="2025-01-05T00:00:00Z"),
)
receipt_attack("receipt_twice", PARTNER, twice)
receipt_attack(
    "receipt_of_no_transfer", None, lambda m, t: receipted(m, t, PARTNER, transfer=t - 1)
)
receipt_attack("receipt_of_the_future", None, lambda m, t: receipted(m, t, transfer=t + 5))

# Disposal


def disposing(second: b.Signer = BOHDAN, signer: b.Signer = BOHDAN) -> Callable[[Record], object]:
    fields = b.seconded("object.disposed/1", second, signer)
    return lambda made: made.add("object.disposed/1", fields, ANNA)


def disposed() -> Package:
    made = b.record()
    disposing()(made)
    return Package(made, objects=[THUMBNAIL])


good("disposed", disposed, reports=("disposed_objects",))
record_attack("disposed", "disposed_and_here", disposing())
record_attack("author", "disposed_by_one_person", disposing(ANNA, ANNA))
record_attack("entry_signature", "disposed_without_the_second", disposing(BOHDAN, ANNA))


@attack("author")
def disposed_alone(path: Path) -> Path:
    made = b.record()
    fields = {**b.seconded("object.disposed/1", BOHDAN, BOHDAN), "second": "alone"}
    made.add("object.disposed/1", fields, ANNA)
    return Package(made, objects=[THUMBNAIL]).write(path)


# The court's profile: nothing that speaks against it stays behind

CONTRARY = b"what the other side's camera saw"


def contrary(made: Record, relation: str = "contradicts") -> None:
    made.add("object.stored/1", {**b.stored(CONTRARY), "derived_from": b.sha256(VIDEO)})
    fields = {**b.later_statements()["material.linked/1"], "relation": relation}
    made.add("material.linked/1", {**fields, "b": b.sha256(CONTRARY)}, BOHDAN)


def with_contrary() -> Package:
    made = b.record()
    contrary(made)
    return Package(made, objects=[VIDEO, THUMBNAIL, CONTRARY])


good("contrary_material_is_here", with_contrary)
record_attack("contrary", "contrary_left_behind", contrary)
record_attack("contrary", "matching_footage_left_behind", lambda m: None, objects=[VIDEO])


def decided(made: Record) -> None:
    """A person says that it is not the same footage: the reader shall see what they compared."""
    made.add("object.stored/1", {**b.stored(CONTRARY), "derived_from": b.sha256(VIDEO)})
    fields = {**b.later_statements()["link.decided/1"], "b": b.sha256(CONTRARY)}
    made.add("link.decided/1", fields, BOHDAN)


record_attack("contrary", "decided_footage_left_behind", decided)
record_attack(
    "contrary",
    "another_original_left_behind",
    lambda m: m.add("object.stored/1", b.stored(CONTRARY)),
)

# The profile for sharing: copies only, each with where it came from


def shared(
    made: Record | None = None, objects: list[bytes] | None = None, **derived: object
) -> Package:
    made = made or b.record()
    said = {**b.stored(COPY), "derived_from": b.sha256(VIDEO), **derived}
    made.add("object.stored/1", {name: value for name, value in said.items() if value})
    fields = {**b.later_statements()["derivative.made/1"], "derivative": b.sha256(COPY)}
    made.add("derivative.made/1", fields)
    return Package(made, objects=objects or [COPY], export={"profile": "share"})


good("shared_copy", shared, reports=("originals_not_here", "unanchored"))
good(
    "shared_nothing",
    lambda: Package(objects=[], attachments=[], disclosures=[], export={"profile": "share"}),
)
register("original_in_a_share", "profile", lambda p: shared(objects=[COPY, VIDEO]).write(p))
register("copy_of_another", "profile", lambda p: shared(derived_from=b.sha256(THUMBNAIL)).write(p))
register("unknown_profile", "profile", lambda p: Package(export={"profile": "spine"}).write(p))


@attack("profile")
def thumbnail_in_a_share(path: Path) -> Path:
    """Derived, as `object.stored/1` says; but nobody said how."""
    return Package(objects=[THUMBNAIL], export={"profile": "share"}).write(path)


@attack("profile")
def derivative_as_an_original(path: Path) -> Path:
    """The copy goes as an original: no entry says it was made from one."""
    return shared(derived_from=None, objects=[COPY]).write(path)


def also(kind: str) -> Callable[[], Package]:
    """The small record with one more statement of the later types."""

    def make() -> Package:
        made = b.record()
        by = BOHDAN if kind in b.SIGNED else None
        made.add(kind, b.later_statements()[kind], by)
        return Package(made)

    return make


for kind in b.later_statements():
    good("also_" + kind.replace(".", "_").replace("/", "_"), also(kind))
for kind, fields in b.later_statements().items():
    missing = next(iter(fields))
    record_attack(
        "field",
        f"without_{missing}_{kind.split('/')[0].replace('.', '_')}",
        lambda m, k=kind, f=fields, x=missing: m.add(
            k, {n: v for n, v in f.items() if n != x}, BOHDAN if k in b.SIGNED else None
        ),
    )


def its_own_copy() -> Package:
    """An original that is its own copy stays an original: without an anchor, it is unanchored."""
    made = b.record()
    made.add("object.stored/1", {**b.stored(VIDEO), "derived_from": b.sha256(VIDEO)})
    return Package(made)


good("its_own_copy", its_own_copy, reports=("unanchored",))


def called_derived_later(made: Record) -> None:
    made.add("object.stored/1", b.stored(CONTRARY))
    made.add("object.stored/1", {**b.stored(CONTRARY), "derived_from": b.sha256(VIDEO)})


record_attack("contrary", "original_called_derived_later", called_derived_later)
