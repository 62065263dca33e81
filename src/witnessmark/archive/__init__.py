"""The one door to an archive, and the only place where its parts are wired together."""

from witnessmark.archive.archive import Archive

__all__ = ["Archive"]
