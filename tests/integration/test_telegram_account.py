"""The account that reads Telegram: where it comes from, and that it stands nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CHEAP, SCOPE, SECRET
from tests.unit.collection.telegram_live import ACCOUNT, Bench
from witnessmark import settings
from witnessmark.archive import Archive, collecting, telegram_account
from witnessmark.collection.telegram import Telegram
from witnessmark.collection.telegram_port import Credentials
from witnessmark.errors import BadInput, Locked

ENVIRONMENT = {
    "WITNESSMARK_TELEGRAM_API_ID": "4711",
    "WITNESSMARK_TELEGRAM_API_HASH": "canary-api-hash",
    "WITNESSMARK_TELEGRAM_SESSION": "canary-session",
}


def fields(account: Credentials) -> tuple[int, str, str]:
    return account.api_id, account.api_hash, account.session


def test_the_environment_comes_first_then_the_vault(archive: Archive) -> None:
    with pytest.raises(BadInput) as caught:
        telegram_account.account(archive, {})
    assert caught.value.code == "no_credentials"
    assert "WITNESSMARK_TELEGRAM_SESSION" in caught.value.todo
    telegram_account.keep(archive, Credentials(5, "of the vault", "its session"))
    assert fields(telegram_account.account(archive, {})) == (5, "of the vault", "its session")
    assert fields(telegram_account.account(archive, ENVIRONMENT)) == fields(ACCOUNT)
    telegram_account.forget(archive)
    with pytest.raises(BadInput):
        telegram_account.account(archive, {})


def test_a_locked_vault_keeps_it(archive: Archive) -> None:
    telegram_account.keep(archive, ACCOUNT)
    with Archive.open(archive.folder) as locked:
        with pytest.raises(Locked) as caught:
            telegram_account.account(locked, {})
        assert caught.value.todo


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, "") for name in ENVIRONMENT],
        *[("WITNESSMARK_TELEGRAM_API_ID", each) for each in ("x", "-1", "0", "٣", "9" * 30)],
    ],
)
def test_half_an_account_is_refused_without_telling_it(name: str, value: str) -> None:
    with pytest.raises(BadInput) as caught:
        telegram_account.from_environment({**ENVIRONMENT, name: value})
    assert "canary" not in str(caught.value)


def test_the_collector_gets_what_the_settings_say(archive: Archive) -> None:
    archive.settings = settings.Settings(
        proxy="socks5h://127.0.0.1:9050",
        telegram=settings.Telegram(wait_seconds=5, run_mb=3, recheck=7),
    )
    collector = collecting.choose("telegram:invented_valley")
    assert isinstance(collector, Telegram)
    with collecting.connected(archive, collector):
        terms = collector.terms
    assert (terms.proxy, terms.direct) == ("socks5h://127.0.0.1:9050", False)
    assert (terms.wait_seconds, terms.run_bytes, terms.recheck) == (5, 3 << 20, 7)


def test_the_settings_of_telegram_are_read(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text("[telegram]\ndirect = true\nrecheck = 9\n")
    found = settings.read(tmp_path).telegram
    assert (found.direct, found.recheck, found.wait_seconds) == (True, 9, 900)
    assert "# [telegram]" in settings.text()


def test_no_file_of_the_archive_holds_the_account_or_the_words(archive: Archive) -> None:
    bench = Bench(archive)
    telegram_account.keep(archive, ACCOUNT)
    bench.client.add(1, b"film" * 600, "canary caption").add(3, b"other" * 600)
    bench.run()
    del bench.client.messages[1]
    bench.run()
    archive.close()
    canaries = [b"canary", b"invented_valley", b"Invented Valley News", b"1234567890"]
    for file in archive.folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert not [each for each in canaries if each in data], file


def run(folder: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "WITNESSMARK" not in name}
    return subprocess.run(
        [sys.executable, "-m", "witnessmark.cli", "collect", *more, "--archive", str(folder)],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    Archive.create(tmp_path / "archive", SCOPE, "Canary Person", SECRET, CHEAP).close()
    done = run(tmp_path / "archive", "telegram:invented_valley", "--json")
    assert done.returncode
    assert "WITNESSMARK_TELEGRAM_SESSION" in done.stdout + done.stderr
    done = run(tmp_path / "archive", "https://t.me/invented_valley", "--json", **ENVIRONMENT)
    assert done.returncode
    assert "no proxy" in done.stdout + done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_finds_the_account_in_the_vault(tmp_path: Path) -> None:
    with Archive.create(tmp_path / "archive", SCOPE, "Canary Person", SECRET, CHEAP) as made:
        telegram_account.keep(made, ACCOUNT)
    done = run(tmp_path / "archive", "telegram:invented_valley", "--json")
    assert "which is locked" in done.stdout + done.stderr
    done = run(
        tmp_path / "archive",
        "telegram:invented_valley",
        "--json",
        WITNESSMARK_PASSPHRASE=SECRET.decode(),
    )
    assert "no proxy" in done.stdout + done.stderr
    assert json.dumps(ACCOUNT.session) not in done.stdout
