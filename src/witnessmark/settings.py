"""Frozen settings of an archive, read once from its `archive.toml`."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path

from witnessmark.errors import BadInput

FILE = "archive.toml"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """All settings; each has a default that fits one laptop.

    Attributes:
        reserve_mb: free space in MiB that collecting must leave on the disk.
        quota_items, quota_mb: what one run may bring in; more is quarantined, not lost.
        workers: processes for examining and fingerprinting; 0 means one per core.
        worker_memory_mb, worker_seconds: limits of one task on hostile bytes.
    """

    reserve_mb: int = 2_048
    quota_items: int = 200_000
    quota_mb: int = 2_000_000
    workers: int = 0
    worker_memory_mb: int = 2_048
    worker_seconds: int = 300

    @property
    def processes(self) -> int:
        """Worker processes to start."""
        return self.workers or os.cpu_count() or 1


def read(folder: Path) -> Settings:
    """The settings of the archive in `folder`.

    Raises:
        BadInput: `archive.toml` is not TOML, or has a name or a value that is not a setting.
    """
    try:
        table = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{FILE} cannot be read: {error}.", todo="Correct that line.") from error
    known = {field.name for field in dataclasses.fields(Settings)}
    for name, value in table.items():
        if name not in known or type(value) is not int or value < 0:
            raise BadInput(
                f"{FILE}: '{name} = {value}' is not a setting.",
                todo=f"Settings are whole numbers named {', '.join(sorted(known))}.",
            )
    return Settings(**table)


def text() -> str:
    """The `archive.toml` that a new archive gets: every setting, commented out."""
    lines = [f"# {f.name} = {f.default}" for f in dataclasses.fields(Settings)]
    return "# Settings of this archive; remove the # to change one.\n" + "\n".join(lines) + "\n"
