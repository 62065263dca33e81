"""Renewals: everything up to a size hashed again by a stronger hash, and that stamped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.forge import package as b
from support.forge.package import Earlier, Files, Package
from support.forge.renewals import HELD, Renewal
from support.forge.tokens import Token
from tests.corpus.case import ARCHIVE_KEY, Case, add, register
from tests.corpus.stamps import CURVE, LISTS, ROOTS, STAMPED, good

TRUST = (ARCHIVE_KEY, ROOTS, LISTS)
VIDEO, CAPTURE, OUTPUT = (b.sha256(each) for each in (b.VIDEO, b.CAPTURE, b.OUTPUT))


def stamp(hash_name: str = "sha512", **knobs: Any) -> dict[str, Callable[[bytes], bytes]]:
    """One stamp over the row, by this hash throughout."""
    token = Token(**{"imprint_hash": hash_name, "digest": hash_name, **knobs})
    return {"first.tsr": token.response}


def renewed(**knobs: Any) -> Package:
    return Renewal(**{"stamps": stamp(), **knobs}).package()


for hash_name in ("sha384", "sha512"):
    good(
        f"renewed_by_{hash_name}",
        lambda n=hash_name: renewed(hash_name=n, stamps=stamp(n)),
        *(ROOTS, LISTS),
        existed_by=STAMPED,
        without=("not_renewed", "unanchored", "needs_revocation_lists"),
    )
good(
    "renewal_signed_by_a_stronger_hash",
    lambda: renewed(hash_name="sha384", stamps=stamp("sha384", digest="sha512")),
    *(ROOTS, LISTS),
    existed_by=STAMPED,
    without=("not_renewed",),
)
good("renewal_without_a_stamp", lambda: renewed(stamps={}), reports=("not_renewed",))
good("renewal_without_roots", renewed, reports=("not_renewed", "needs_roots"))
good(
    "renewal_of_what_was_not_held",
    lambda: renewed(held=HELD[:2]),
    *(ROOTS, LISTS),
    existed_by=STAMPED,
    reports=("not_renewed",),
)
good(
    "renewal_of_more_than_is_here",
    lambda: Renewal(stamps=stamp()).package(
        attachments=[b.OUTPUT], included={*range(8), *range(9, 14)}
    ),
    *(ROOTS, LISTS),
    existed_by=STAMPED,
    without=("not_renewed",),
)


def with_an_older_stamp(wrong: bytes | None = None) -> Package:
    """A token over an earlier checkpoint is an attachment like others, and bound by the renewal."""
    made = b.record()
    text = made.text(5)
    token = Token().response(text)
    fields = {**b.later_statements()["anchor.received/1"], "proof": b.blob(token)}
    made.add("anchor.received/1", fields)
    other = {} if wrong is None else {b.sha256(token): wrong}
    renewal = Renewal(made, held=(*HELD, token), wrong=other, stamps=stamp())
    return renewal.package(earlier={5: Earlier(stamps={"old.tsr": lambda _: token})})


good("renewal_of_an_older_stamp", with_an_older_stamp, ROOTS, LISTS, existed_by=STAMPED)
register(
    "renewal_of_another_older_stamp",
    "renewal",
    lambda path: with_an_older_stamp(b"another token").write(path),
    trust=TRUST,
)


def attack(name: str, code: str = "renewal", **knobs: Any) -> None:
    register(name, code, lambda path: renewed(**knobs).write(path), trust=TRUST)


def bent(name: str, bend: Callable[[bytes], bytes]) -> Callable[[Files], None]:
    def bend_files(files: Files) -> None:
        files[name] = bend(files[name])

    return bend_files


SIZE = 13
attack("renewal_of_another_object", wrong={VIDEO: b"another video"})
attack("renewal_of_another_attachment", wrong={OUTPUT: b"another output"})
attack("renewal_of_another_entry", bend_elements=lambda e: e.__setitem__(5, bytes(64)))
attack("renewal_in_another_order", bend_elements=lambda e: e.insert(3, e.pop(4)))
attack("renewal_row_is_short", bend_elements=lambda e: e.pop())
attack("renewal_row_is_long", bend_elements=lambda e: e.append(bytes(64)))
attack("renewal_of_a_smaller_tree", fields={"size": SIZE - 1})
attack("renewal_of_a_larger_tree", fields={"size": SIZE + 1})
attack(
    "renewal_of_itself",
    bend_elements=lambda e: e.append(bytes(64)),
    fields={"size": SIZE + 1},
)
attack("renewal_by_sha256", hash_name="sha256", stamps=stamp("sha256"))
attack("renewal_by_no_hash", fields={"hash": "__proto__"})
attack("renewal_row_is_another", bend_files=bent("row", lambda data: bytes(len(data))))
attack("renewal_row_of_another_size", fields={"row": {**b.blob(b""), "size": 5}})
attack("renewal_of_no_entry", folder=5)
attack("renewal_line_missing", bend_lines=lambda lines: lines.pop())
attack("renewal_line_too_many", bend_lines=lambda lines: lines.append("f" * 64 + " -\n"))
attack("renewal_lines_swapped", bend_lines=lambda lines: lines.insert(0, lines.pop()))
attack("renewal_line_twice", bend_lines=lambda lines: lines.append(lines[-1]))
attack(
    "renewal_line_short",
    bend_lines=lambda lines: lines.__setitem__(0, lines[0][:-2] + "\n"),
)
attack(
    "renewal_line_in_capitals",
    bend_lines=lambda lines: lines.__setitem__(0, lines[0].upper()),
)
attack("renewal_line_without_end", bend_files=bent("files", lambda data: data[:-1]))
attack("renewal_without_row", "missing_file", bend_files=lambda files: files.pop("row"))
attack("renewal_without_files", "missing_file", bend_files=lambda files: files.pop("files"))
attack("renewal_with_more", "undeclared_file", bend_files=lambda files: files.update({"x": b"x"}))
attack("renewal_stamped_by_sha256", "token_hash", stamps=stamp("sha256"))
attack("renewal_stamped_by_sha384", "token_hash", stamps=stamp("sha384"))
attack("renewal_signed_by_sha256", "token_hash", stamps=stamp(digest="sha256"))
attack("renewal_stamped_by_md5", "token_hash", stamps=stamp(imprint_hash="md5"))
attack("renewal_stamp_over_another", "token_imprint", stamps=stamp(imprint=b"another row"))
attack("renewal_stamp_is_bent", "token_signature", stamps=stamp(break_signature=True))


def over_the_checkpoint(path: Path) -> Path:
    """The stamp of a checkpoint, by a strong hash, in the place of one over the row."""
    text = b.record().text()
    stamps = {"first.tsr": lambda _: stamp()["first.tsr"](text)}
    return renewed(stamps=stamps).write(path)


register("renewal_stamp_over_a_checkpoint", "token_imprint", over_the_checkpoint, trust=TRUST)
add(
    Case(
        "renewal_by_an_algorithm_that_is_not_handled",
        "not_checked",
        lambda path: renewed(stamps=stamp(signer=CURVE.signer)).write(path),
        trust=TRUST,
        reports=("needs_algorithm", "not_renewed"),
    )
)
