"""The account that reads Telegram: kept in the vault, or given by the environment of one command.

Never on a command line, which every program of the machine can read; never in an entry, an error
or a log.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from witnessmark.archive.archive import Archive
from witnessmark.collection.telegram import Telegram
from witnessmark.collection.telegram_port import Credentials, Terms
from witnessmark.errors import BadInput, Locked
from witnessmark.ports import Collector

_ACCOUNT = "telegram.account"
_VARIABLES = {
    "api_id": "WITNESSMARK_TELEGRAM_API_ID",
    "api_hash": "WITNESSMARK_TELEGRAM_API_HASH",
    "session": "WITNESSMARK_TELEGRAM_SESSION",
}
_HOW = f"Set {', '.join(_VARIABLES.values())} (the last is Telethon's string session)."
_NONE = "Nothing was collected."


def keep(archive: Archive, account: Credentials) -> None:
    """Seals the account in the vault, in place of an earlier one. Works locked."""
    archive.vault.keep(
        _ACCOUNT,
        {"api_id": account.api_id, "api_hash": account.api_hash, "session": account.session},
    )


def forget(archive: Archive) -> None:
    """Removes the account from the vault; its session goes on until it is ended at Telegram."""
    archive.vault.drop_kept(_ACCOUNT)


def from_environment(environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """The account that the environment gives; None when it names none.

    Raises:
        BadInput: only a part of it is there, or its api id is no number.
    """
    given = {name: environment.get(variable, "") for name, variable in _VARIABLES.items()}
    if not any(given.values()):
        return None
    return _read(given)


def account(archive: Archive, environment: Mapping[str, str] = os.environ) -> Credentials:
    """The account to collect with: the environment's, or the vault's.

    Raises:
        BadInput: there is none, or it is not whole (`no_credentials`).
        Locked: it is in the vault, and nobody is at work.
    """
    if given := from_environment(environment):
        return given
    if not archive.vault.kept_names(_ACCOUNT):
        raise BadInput(
            "There is no Telegram account to collect with.",
            kept=_NONE,
            todo=_HOW,
            code="no_credentials",
        )
    try:
        kept = archive.vault.kept(_ACCOUNT)[_ACCOUNT]
    except Locked as error:
        raise Locked(
            "The Telegram account is in the vault, which is locked.",
            kept=_NONE,
            todo="Give the passphrase (WITNESSMARK_PASSPHRASE) or the key file.",
        ) from error
    return _read(kept if isinstance(kept, Mapping) else {})


def equip(archive: Archive, collector: Collector) -> None:
    """Gives the collector of live channels its account and its terms; others need nothing."""
    if not isinstance(collector, Telegram):
        return
    settings = archive.settings
    collector.credentials = lambda: account(archive)
    collector.terms = Terms(
        proxy=settings.proxy,
        direct=settings.telegram.direct,
        wait_seconds=settings.telegram.wait_seconds,
        run_bytes=settings.telegram.run_mb << 20,
        recheck=settings.telegram.recheck,
    )


def _read(given: Mapping[str, object]) -> Credentials:
    number, words, session = (given.get(name) for name in ("api_id", "api_hash", "session"))
    digits = str(number)
    sound = digits.isascii() and digits.isdecimal() and 0 < len(digits) < 16 and int(digits) > 0
    if not sound or not isinstance(words, str) or not isinstance(session, str):
        words = ""
    if not words or not session:
        raise BadInput(
            "The Telegram account is not whole: it is an api id (a number), an api hash and a "
            "session.",
            kept=_NONE,
            todo=_HOW,
            code="no_credentials",
        )
    return Credentials(int(digits), words, str(session))
