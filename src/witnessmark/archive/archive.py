"""`Archive`: create, open, and the verbs, each handed on to its phase."""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from witnessmark import __version__, settings
from witnessmark.archive import disposing, key_care, protecting
from witnessmark.archive import roles as roles_of_people
from witnessmark.catalog import rebuild
from witnessmark.catalog.projection import GuardedProjection
from witnessmark.catalog.queries import SqlQueries
from witnessmark.catalog.tables import Tables
from witnessmark.custody.keys import Kdf, Keyring, Unlocked
from witnessmark.custody.vault import SealedVault
from witnessmark.engines.local import LocalEngine
from witnessmark.errors import BadInput, Locked, NotFound, Refused, StoreFailure
from witnessmark.model import (
    Entry,
    Genesis,
    Json,
    PersonAdded,
    Protected,
    Recorded,
    Scope,
    ScopeChanged,
    Statement,
    key_id,
)
from witnessmark.model.statement import PATTERNS, PublicText, Token
from witnessmark.record import entries
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.history import KEY_ENTRIES, SIGNED, History
from witnessmark.record.note import VerifierKey, sign
from witnessmark.stores.blobs import FileBlobs
from witnessmark.stores.database import Database
from witnessmark.stores.durable import sync_folder, write_file
from witnessmark.stores.journal import SqlJournal
from witnessmark.stores.private import PrivateDb
from witnessmark.stores.witness import WitnessDb
from witnessmark.stores.work import WorkDb

PROGRAM = f"witnessmark {__version__}"
_RECORD, _PRIVATE, _OBJECTS, _DERIVED = "archive.db", "private.db", "objects", "derived"
#: Not in backups: see `stores.witness`.
WITNESS = "witness.db"


class Archive:
    """An open archive. Use `Archive.create` or `Archive.open`, and `close` (or `with`).

    Attributes:
        folder: where it lies.
        derived: folder of what can be made again.
        settings: from `archive.toml`.
        journal, blobs, queries, vault, project, work: its parts, behind their ports.
        person: who is at work, when somebody has unlocked it.
    """

    def __init__(self, folder: Path, origin: str = "", databases: Path | None = None) -> None:
        self.folder = folder
        self.settings = settings.read(folder)
        databases = databases or folder
        self._rows = PrivateDb(databases / _PRIVATE)
        self.keyring = Keyring(self._rows)
        self.database = Database(databases / _RECORD)
        self.journal = SqlJournal(
            self.database, origin, self._sign, prepare=functools.partial(key_care.prepare, self)
        )
        self.blobs = FileBlobs(folder / _OBJECTS, reserve=self.settings.reserve_mb << 20)
        self.derived = databases / _DERIVED
        self.derived.mkdir(exist_ok=True)
        self.work = WorkDb(self.derived / "work.db")
        self.queries = SqlQueries(self.database.read)
        self.project = GuardedProjection(Tables())
        self.engines: list[LocalEngine] = []
        self.person: Unlocked | None = None
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        self._witness_path = databases / WITNESS

    @functools.cached_property
    def vault(self) -> SealedVault:
        """Protected values; locked until `unlock`."""
        private = self.person.vault if self.person else None
        return SealedVault(self._rows, self.keyring.vault_public, self.keyring.seen, private)

    @functools.cached_property
    def witness_memory(self) -> WitnessDb:
        """What this archive has seen as a witness; its file is made at the first use."""
        return WitnessDb(self._witness_path)

    @property
    def is_witness(self) -> bool:
        """Whether this archive co-signs for anybody, or did."""
        return self._witness_path.exists()

    def _sign(self, checkpoint: Checkpoint) -> bytes:
        return sign(checkpoint.text, self.keyring.archive, checkpoint.origin)

    # --- life -------------------------------------------------------------------------------

    @staticmethod
    def create(
        folder: Path, scope: Scope, person_name: str, secret: bytes, kdf: Kdf | None = None
    ) -> Archive:
        """Makes a new archive: keys, genesis, empty stores; in place at once or not at all.

        Raises:
            BadInput: `folder` exists and is not empty, or the scope is not complete.
        """
        _check_scope(scope)
        if folder.exists() and any(folder.iterdir()):
            raise BadInput(
                f"{folder} is not empty.",
                kept="Nothing in it was touched.",
                todo="Choose a new folder for the archive.",
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
        building.mkdir(mode=0o700)
        try:
            _fill(building, scope, person_name, secret, kdf or Kdf())
            if folder.exists():
                folder.rmdir()
            building.rename(folder)
            sync_folder(folder.parent)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        archive = Archive.open(folder)
        archive.unlock(secret)
        return archive

    @staticmethod
    def open(folder: Path, *, reading: bool = False) -> Archive:
        """Opens an archive, locked, and clears away what killed processes left behind.

        Args:
            reading: only look: an archive that cannot be written, or has lost its private.db,
                is opened on copies of its databases.

        Raises:
            NotFound: there is no archive in `folder`.
        """
        missing = [name for name in (_RECORD, _PRIVATE) if not (folder / name).is_file()]
        if len(missing) == 2:
            raise NotFound(
                f"There is no archive in {folder}.",
                todo="Make one with 'witnessmark init', or name it with --archive.",
            )
        if reading and missing != [_RECORD] and (missing or not os.access(folder, os.W_OK)):
            return Archive._open_copies(folder)
        if missing:
            raise StoreFailure(
                f"{missing[0]} is missing from {folder}.",
                kept="Nothing was touched.",
                todo="Restore it from a backup; without private.db the record can still be "
                "checked with 'witnessmark check'.",
                code="incomplete_archive",
            )
        archive = Archive(folder)
        archive.blobs.sweep()
        archive._sweep_downloads()
        archive._sweep_vault()
        archive.update_catalog()
        protecting.finish(archive, _alive)
        disposing.finish(archive, _alive)
        key_care.settle(archive, _alive)
        return archive

    @staticmethod
    def _open_copies(folder: Path) -> Archive:
        # SQLite cannot read a write-ahead log beside a database that it may not write
        copies = tempfile.TemporaryDirectory(prefix="witnessmark-")
        names = (_RECORD, _PRIVATE, WITNESS)
        for path in (path for name in names for path in folder.glob(f"{name}*")):
            shutil.copyfile(path, Path(copies.name) / path.name)
        archive = Archive(folder, databases=Path(copies.name))
        archive._copies = copies
        archive.update_catalog()
        return archive

    def update_catalog(self) -> None:
        """Replays the record for a catalog of an earlier version: there are no migrations."""
        with self.database.read() as connection:
            outdated = rebuild.outdated(connection)
        if outdated:
            self.rebuild()

    def _sweep_downloads(self) -> None:
        """Removes what cut-off downloads left, when no run is under way."""
        if not any(is_alive(process) for process in self.work.processes()):
            shutil.rmtree(self.derived / "incoming", ignore_errors=True)

    def _sweep_vault(self) -> None:
        for batch, since, commitments in self._rows.unsettled():
            if not _alive(batch):
                self.vault.sweep(self.journal.read(since), batch, commitments)

    def unlock(self, secret: bytes) -> Unlocked:
        """Unlocks protected values and a person's signing key. Raises `Locked`."""
        self.person = self.identify(secret)
        self.__dict__.pop("vault", None)  # the next use makes it anew, unlocked
        return self.person

    def identify(self, secret: bytes) -> Unlocked:
        """The person in force whose keys `secret` opens.

        Raises:
            Locked: it opens nobody's.
            Refused: it opens a key that was replaced or revoked.
        """
        states = self.queries.people()
        in_force = {key for key, state in states.items() if state == "active"}
        try:
            return self.keyring.unlock(secret, in_force)
        except Locked:
            if (others := set(self.keyring.people) - in_force) and self.opens(secret, others):
                raise Refused(
                    "The key that this opens is not in force: it was replaced or revoked.",
                    kept="Nothing was changed.",
                    todo="'witnessmark keys list' says which keys are in force.",
                    code="revoked_key",
                ) from None
            raise

    def opens(self, secret: bytes, people: set[str]) -> bool:
        """Whether `secret` opens the keys of one of `people` (key ids)."""
        try:
            self.keyring.unlock(secret, people)
        except Locked:
            return False
        return True

    def close(self) -> None:
        """Closes all files."""
        self.work.close()
        if "witness_memory" in self.__dict__:
            self.witness_memory.close()
        self.database.close()
        self._rows.close()
        if self._copies:
            self._copies.cleanup()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- saying things ------------------------------------------------------------------------

    @property
    def author(self) -> str:
        """Key id under which the archive's programs speak."""
        return key_id(self.keyring.archive.public_key().public_bytes_raw())

    @property
    def origin(self) -> str:
        """The record's name."""
        head = self.journal.head()
        if head is None:
            raise StoreFailure("The record is empty.", todo="Restore the archive from a backup.")
        return head.origin

    @property
    def trust(self) -> str:
        """What a receiver needs from us, by another way: the archive's verifier key."""
        return str(self.history().archive_key)

    def history(self) -> History:
        """The keys of the record, followed from its genesis to now."""
        history = History()
        for index in self.queries.acts(*KEY_ENTRIES):
            history.add(self.journal.entry(index))
        return history

    def say(self, statement: Statement, about: Sequence[str] = ()) -> Recorded:
        """Appends one entry: signed by the person at work if its type asks for it.

        Raises:
            Locked: it must be signed and nobody is at work.
        """
        return self.say_all([(statement, tuple(about))])[0]

    def say_all(
        self,
        said: Sequence[tuple[Statement, tuple[str, ...]]],
        look: Callable[[int], None] = lambda _: None,
    ) -> list[Recorded]:
        """Appends entries together.

        Args:
            look: called when nobody else can append any more, with the size of the record before
                these entries; when it raises, nothing is appended.
        """
        head = self.journal.head()

        def project(connection: Any, taken: Sequence[Recorded]) -> None:
            look(taken[0].index)
            self.project(connection, taken)

        try:
            made = [self._entry(statement, about) for statement, about in said]
            self.vault.flush(head.size if head else 0)
            taken = self.journal.append(made, project)
        except BaseException:
            self.vault.discard()
            raise
        self.vault.settle()
        return taken

    def _entry(self, statement: Statement, about: tuple[str, ...]) -> Entry:
        if statement.TYPE not in SIGNED:
            return Entry(
                type=statement.TYPE, by=self.author, about=about, fields=statement.fields()
            )
        person = self.working_person()
        bare = Entry(
            type=statement.TYPE,
            by=person.person,
            about=about,
            fields=statement.fields(),
            said_at=_now(),
        )
        return entries.sign(bare, self.origin, person.signing)

    def add_person(
        self, name: str, secret: bytes, kdf: Kdf | None = None, roles: Sequence[str] = ()
    ) -> str:
        """Gives a further person keys under their own secret; their key id.

        Args:
            roles: beside `member`, which everybody is; see `archive.roles`.

        Raises:
            Locked: nobody is at work.
            Refused: the secret is too short, or opens somebody's keys already; or the person at
                work may not give these roles.
        """
        roles_of_people.check_grant(self, roles)
        person, head = self.working_person(), self.journal.head()
        key_care.check_secret(self, secret)
        since = head.size if head else 0
        with key_care.settling(self):
            added = self.keyring.coming_person(secret, person.vault, kdf or Kdf(), since)
            key = Token(_base64(added.signing.public_key().public_bytes_raw()))
            name_ref = self.protect("name", name)
            given = tuple(Token(role) for role in dict.fromkeys(("member", *roles)))
            self.say(PersonAdded(key=key, name=name_ref, roles=given), (added.person,))
        return added.person

    def working_person(self) -> Unlocked:
        """Who is at work. Raises `Locked` when nobody is."""
        if self.person is None:
            raise Locked(
                "This takes a person's signature, and the archive is locked.",
                kept="Nothing was changed.",
                todo="Give the passphrase (WITNESSMARK_PASSPHRASE) or the key file (--key-file).",
            )
        return self.person

    def change_scope(self, scope: Scope, reason: str) -> Recorded:
        """States the whole new scope, with a public reason.

        Raises:
            Refused: the scope or the reason is not complete.
        """
        _check_scope(scope)
        if not PATTERNS[PublicText].fullmatch(reason) or not reason.strip():
            raise Refused(
                "The reason is not stated in up to 4,000 plain characters.",
                kept="Nothing was changed.",
                todo="Give --reason; it is public, so name no person in it.",
                code="reason",
            )
        return self.say(ScopeChanged(scope=scope, reason=PublicText(reason.strip())))

    def scope(self) -> Scope:
        """The scope in force."""
        found = Genesis.read(self.journal.entry(0).entry.fields).scope
        for index in self.queries.acts(ScopeChanged.TYPE):
            found = ScopeChanged.read(self.journal.entry(index).entry.fields).scope
        return found

    # --- the catalog and the workers -------------------------------------------------------------

    def rebuild(self, progress: Callable[[int], None] = lambda _: None) -> tuple[int, bool]:
        """Makes the catalog again; how many entries, and whether every row is as before."""
        with self.database.write() as connection:
            before = rebuild.digests(connection)
            count = rebuild.rebuild(connection, self.journal.read(), progress)
            return count, rebuild.digests(connection) == before

    def engine(self, modules: Sequence[str]) -> LocalEngine:
        """Workers for tasks on hostile bytes."""
        limits = self.settings
        memory, seconds = limits.worker_memory_mb << 20, limits.worker_seconds
        self.engines.append(LocalEngine(limits.processes, memory, seconds, modules))
        return self.engines[-1]

    def unenforced(self) -> dict[str, str]:
        """What this system did not enforce on the workers used so far, and why."""
        states = {k: v for engine in self.engines for k, v in engine.sandbox.items()}
        return {means: why for means, why in states.items() if why}

    def protect(self, field: str, value: Json) -> Protected:
        """A commitment for a statement about to be said."""
        return self.vault.protect(field, value)

    @contextlib.contextmanager
    def disclosable(self) -> Iterator[None]:
        """Raises `Locked` unless protected values can be read."""
        if self.vault.locked:
            self.working_person()
        yield


def _fill(folder: Path, scope: Scope, person_name: str, secret: bytes, kdf: Kdf) -> None:
    rows = PrivateDb(folder / _PRIVATE)
    _, person = Keyring.create(rows, secret, kdf)
    rows.close()
    write_file(folder / settings.FILE, settings.text().encode(), 0o644)
    origin = f"witnessmark/{secrets.token_hex(8)}"
    with Archive(folder, origin) as archive:
        archive.person = person
        public = archive.keyring.archive.public_key().public_bytes_raw()
        key = VerifierKey(origin, public)
        genesis = Genesis(
            origin=Token(origin),
            archive_key=Token(str(key)),
            person_key=Token(_base64(person.signing.public_key().public_bytes_raw())),
            person_name=archive.protect("person_name", person_name),
            scope=scope,
        )
        bare = Entry(type=genesis.TYPE, by=person.person, fields=genesis.fields(), said_at=_now())
        with archive.database.write() as connection:
            rebuild.create(connection)
        archive.vault.flush(0)
        archive.journal.append([entries.sign(bare, origin, person.signing)], archive.project)
        archive.vault.settle()
        key_care.write_trust(archive, key)
    sync_folder(folder)


def _check_scope(scope: Scope) -> None:
    missing = [
        name
        for name in ("purpose", "parties", "places", "dates", "legal_basis")
        if not getattr(scope, name)
    ]
    if missing and not scope.scratch:
        raise Refused(
            f"The scope does not state: {', '.join(missing)}.",
            kept="Nothing was made or changed.",
            todo="Nothing can be collected before it is stated; --scratch makes a try-out.",
            code="scope",
        )


def is_alive(process: int | None) -> bool:
    """Whether a process of this machine exists. (A number used again only delays a clean-up.)"""
    if process is None or os.name == "nt":  # there, signal 0 would end the process: untested
        return process is not None
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _alive(name: str) -> bool:
    """Whether the process whose number `name` begins with exists."""
    number = name.partition("-")[0]
    return is_alive(int(number) if number.isdecimal() else None)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
