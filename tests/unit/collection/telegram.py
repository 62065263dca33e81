"""What tests of Telegram exports share: reading one, and writing one by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from witnessmark.collection.telegram_export import TelegramExport
from witnessmark.ports import Item

FIXTURES = Path(__file__).parent / "fixtures"


def collect(where: Path) -> list[Item]:
    return list(TelegramExport().items(str(where)))


def by_number(where: Path) -> dict[Any, Item]:
    return {item.place[-1]: item for item in collect(where)}


def notes(where: Path) -> dict[str, str]:
    return dict(TelegramExport().preflight(str(where)).notes)


def outcomes(items: list[Item]) -> list[tuple[Any, str, str]]:
    return [(item.place[-1], item.outcome, item.reason) for item in items]


def read(item: Item) -> bytes:
    assert item.open is not None
    with item.open() as file:
        return file.read()


def dates(item: Item) -> list[tuple[str, str, bool]]:
    assert all(date.grade == "stated" for date in item.dates)
    return [(date.what, date.at, date.bounds_media) for date in item.dates]


def export(folder: Path, *messages: object, **chat: object) -> Path:
    """A single chat's `result.json` around raw messages."""
    folder.mkdir(exist_ok=True)
    whole = {"name": "Party A", "type": "public_channel", "id": 5, **chat, "messages": messages}
    (folder / "result.json").write_text(json.dumps(whole))
    return folder


def message(number: int = 1, **fields: object) -> dict[str, object]:
    return {"id": number, "type": "message", "date_unixtime": "1603437753", "text": "", **fields}
