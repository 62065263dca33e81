"""Pages for people: decisions are numbered as their files are, backups say what they lack."""

from __future__ import annotations

from tests.conftest import ROOT
from witnessmark.archive.archive import WITNESS
from witnessmark.archive.backing_up import DATABASES


def test_decisions_are_headed_by_the_number_of_their_file() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    wrong = [
        page.name for page in pages if not page.read_text().startswith(f"# {int(page.name[:4])}. ")
    ]
    assert wrong == []


def test_the_page_about_backups_names_what_is_not_in_them() -> None:
    assert WITNESS not in DATABASES
    copies = (ROOT / "docs" / "keeping.md").read_text().partition("## Audits")[0]
    assert f"`{WITNESS}`" in copies
