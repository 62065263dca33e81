"""Who may do what: roles of people, as the record gives them, checked where something is asked.

The program refuses; it cannot bind somebody who has the archive's files, a key that opens them and
another program. That is said in the threat model too.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING

from witnessmark.errors import BadInput, Refused
from witnessmark.model import Genesis, KeyRotated, PersonAdded, key_id
from witnessmark.model.statement import Token
from witnessmark.record.history import KEY_ENTRIES

if TYPE_CHECKING:
    from witnessmark.archive.archive import Archive

#: Who made the archive, anybody who was added, and who may see who published first.
FOUNDER, MEMBER, SOURCES = ROLES = ("founder", "member", "sources")
#: A right and the roles that have it.
FIRST_UPLOADER = "see who published the earliest copy"
RIGHTS = {FIRST_UPLOADER: frozenset({FOUNDER, SOURCES})}


def roles(archive: Archive) -> dict[str, frozenset[str]]:
    """Key id to roles; a key that took another's place has that one's."""
    found: dict[str, frozenset[str]] = {}
    for index in archive.queries.acts(*KEY_ENTRIES):
        match archive.journal.entry(index).said:
            case Genesis(person_key=key):
                found[_id(key)] = frozenset({FOUNDER, MEMBER})
            case PersonAdded(key=key, roles=given):
                found[_id(key)] = frozenset(given)
            case KeyRotated(use="person", old=old, new=new):
                found[_id(new)] = found.get(_id(old), frozenset())
    return found


def _id(key: Token) -> str:
    return key_id(base64.b64decode(key))


def require(archive: Archive, right: str) -> None:
    """Lets the person at work pass who has the right.

    Raises:
        Locked: nobody is at work.
        Refused: their roles do not have it.
    """
    person = archive.working_person().person
    held = roles(archive).get(person, frozenset())
    if not held & RIGHTS[right]:
        raise Refused(
            f"Your roles ({', '.join(sorted(held)) or 'none'}) do not let you {right}.",
            kept="Nothing was shown.",
            todo=f"It takes one of: {', '.join(sorted(RIGHTS[right]))}. A person gets roles when "
            "they are added ('witnessmark keys --add-person NAME --role ROLE').",
            code="role",
        )


def check_grant(archive: Archive, given: Iterable[str]) -> None:
    """Lets the person at work give these roles to somebody: the founder any, others none.

    Raises:
        BadInput: there is no such role, or it cannot be given.
        Refused: the person at work is not the founder.
    """
    given = set(given) - {MEMBER}
    if unknown := given - {SOURCES}:
        raise BadInput(
            f"The role '{min(unknown)}' cannot be given.",
            kept="Nothing was changed.",
            todo=f"Roles are: {MEMBER}, {SOURCES}.",
        )
    person = archive.working_person().person
    if given and FOUNDER not in roles(archive).get(person, frozenset()):
        raise Refused(
            "Only who made the archive gives roles beside that of a member.",
            kept="Nothing was changed.",
            code="role",
        )
