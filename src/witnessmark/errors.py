"""The one family of errors: what happened, what was kept, what to do next.

Anything a person can run into is a `WitnessmarkError`; the command line prints its three
sentences and never a traceback.
"""

from __future__ import annotations


class WitnessmarkError(Exception):
    """Base of all errors that a user may see.

    Args:
        what: what happened, one sentence.
        kept: what is safe all the same ("" when nothing was at stake).
        todo: what to do next ("" when there is nothing to do).
        code: short stable word for scripts; a subclass gives its own default.
    """

    code = "failed"

    def __init__(self, what: str, *, kept: str = "", todo: str = "", code: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.kept = kept
        self.todo = todo
        self.code = code or self.code

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.kept, self.todo) if part)


class BadInput(WitnessmarkError):
    """What was handed in cannot be used as it is."""

    code = "bad_input"


class BadRecord(WitnessmarkError):
    """Bytes that claim to be a part of a record break one of its rules."""

    code = "bad_record"


class Locked(WitnessmarkError):
    """A protected value or a person's key was asked for while the vault is locked."""

    code = "locked"


class Erased(WitnessmarkError):
    """The protected value was erased; its commitment stays in the record."""

    code = "erased"


class Refused(WitnessmarkError):
    """A rule of the archive forbids the act (no risk record, no second person, ...)."""

    code = "refused"


class StoreFailure(WitnessmarkError):
    """A disk, file system or database did not do what it was asked."""

    code = "store_failure"


class NotFound(WitnessmarkError):
    """The thing named is not in this archive."""

    code = "not_found"


class BadStamp(BadRecord):
    """A stamp that somebody gave does not hold; `code` is the reason that the record gets."""

    code = "malformed"
