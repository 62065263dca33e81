"""Where copies of the archive lie: remembered sealed, named in entries by a keyed digest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from witnessmark.archive.archive import Archive

_PREFIX = "place."
#: Bad copies that were replaced by good ones, kept for whoever asks what happened to them.
DAMAGED = "damaged"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A folder with copies: its keyed digest (32 hex digits), and where it was last."""

    digest: str
    folder: Path

    @property
    def reachable(self) -> bool:
        """Whether it is there now (a stick may lie in a drawer)."""
        return (self.folder / "objects").is_dir()

    def holds(self, sha256: str) -> bool:
        """Whether a copy of that name lies there, whatever its bytes."""
        there = (self.folder / "objects" / sha256[:2] / sha256).exists()
        return there or any((self.folder / DAMAGED).glob(f"{sha256}*"))


def place(archive: Archive, folder: Path) -> Place:
    """The place of a folder. Its digest says nothing to those without the archive's secret."""
    folder = folder.resolve()
    return Place(archive.vault.natural_key("copy", str(folder)), folder)


def remember(archive: Archive, folder: Path) -> Place:
    """Puts a place down, sealed, for audits and disposals. Works locked."""
    found = place(archive, folder)
    archive.vault.keep(_PREFIX + found.digest, str(found.folder))
    return found


def forget(archive: Archive, folder: Path) -> None:
    """Forgets a place that is no more."""
    archive.vault.drop_kept(_PREFIX + place(archive, folder).digest)


def remembered(archive: Archive) -> list[Place]:
    """All places put down. Raises `Locked` when there are any and nobody is at work."""
    kept = archive.vault.kept(_PREFIX)
    return [Place(name.removeprefix(_PREFIX), Path(str(path))) for name, path in kept.items()]
