"""`archive.toml`: what is a setting, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from witnessmark import settings
from witnessmark.errors import BadInput

WHOLE = """
proxy = "socks5h://127.0.0.1:9050"
quota_items = 5
[anchors]
every_hours = 12
direct = false
headers = "headers.txt"
[anchors.relied_until]
sha256 = "2035-12-31"
[[anchors.authorities]]
name = "First"
url = "https://stamps.example.org/tsr"
roots = "first.pem"
[[anchors.authorities]]
name = "Second"
roots = "second.pem"
crls = "lists.pem"
[[anchors.calendars]]
name = "Calendar"
url = "https://calendar.example.org"
"""


def read(folder: Path, text: str) -> settings.Settings:
    (folder / settings.FILE).write_text(text)
    return settings.read(folder)


def test_tables(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert (found.proxy, found.quota_items, found.anchors.every_hours) == (
        "socks5h://127.0.0.1:9050", 5, 12,
    )  # fmt: skip
    first, second = found.anchors.authorities
    assert (first.name, first.roots, first.crls, second.url) == ("First", "first.pem", "", "")
    assert found.anchors.calendars == (
        settings.Calendar(name="Calendar", url="https://calendar.example.org"),
    )
    assert found.anchors.files == ["first.pem", "second.pem", "lists.pem", "headers.txt"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("every_hours = 12", "every_hours = -1"),
        ("every_hours = 12", "every_hours = true"),
        ("2035-12-31", "2035-02-31"),
        ("2035-12-31", "20351231"),
        ("sha256 =", "md5 ="),
        ("direct = false", "direct = 1"),
        ("direct = false", 'direct = "true"'),
        ("direct = false", "directly = true"),
        ('roots = "first.pem"', ""),
        ('roots = "first.pem"', "roots = 5"),
        ('name = "Second"', 'name = "First"'),
        ('name = "Calendar"', 'name = "Second"'),
        ('name = "Second"', 'name = "../x"'),
        ('name = "Second"', 'name = ""'),
        ("[anchors]", "[anchor]"),
        ("[[anchors.calendars]]", "[anchors.calendars]"),
        ("quota_items = 5", "anchors = 5"),
    ],
)
def test_what_is_no_setting(tmp_path: Path, old: str, new: str) -> None:
    assert old in WHOLE
    with pytest.raises(BadInput) as caught:
        read(tmp_path, WHOLE.replace(old, new, 1))
    assert settings.FILE in caught.value.what


def test_one_rule_of_names() -> None:
    """Also for what a partner calls their calendar."""
    assert all(settings.is_name(each) for each in ("A", "The First 2.0_b-c", "x" * 40))
    assert not any(settings.is_name(each) for each in ("", " x", "../x", "x\n", "x" * 41))
