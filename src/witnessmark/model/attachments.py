"""Which blobs a statement points to, whatever its type."""

from __future__ import annotations

import dataclasses

from witnessmark.model.finding import FindingRecorded
from witnessmark.model.sighting import Attachment, SightingRecorded
from witnessmark.model.statement import Statement


def made_from(said: Statement | None) -> str | None:
    """The object whose examination or sighting a statement's attachments belong to."""
    match said:
        case FindingRecorded(object=name) | SightingRecorded(object=name):
            return name
    return None


def attachments(said: Statement | None) -> tuple[Attachment, ...]:
    """All attachments of a statement, by its fields; a new entry type needs no line here."""
    if said is None:
        return ()
    found: list[Attachment] = []
    for field in dataclasses.fields(said):
        value = getattr(said, field.name)
        if isinstance(value, Attachment):
            found.append(value)
        elif isinstance(value, tuple):
            found += [each for each in value if isinstance(each, Attachment)]
    return tuple(found)
