"""`derived/work.db`: what is only worth remembering. Losing it costs time, never a fact."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import sqlalchemy as sa

from witnessmark.errors import StoreFailure
from witnessmark.stores.database import Database

tables = sa.MetaData()
READ = sa.Table(
    "read_files",
    tables,
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("sign", sa.Text, nullable=False),
)
COMPARED = sa.Table(
    "compared",
    tables,
    sa.Column("a", sa.Integer, primary_key=True),
    sa.Column("b", sa.Integer, primary_key=True),
    sa.Column("matcher", sa.Text, primary_key=True),
)


RUNNING = sa.Table(
    "running",
    tables,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("process", sa.Integer, nullable=False),
)
#: asking others again: how often in vain, and not before when
ASKED = sa.Table(
    "asked",
    tables,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Text, nullable=False),
)
#: questions that are under way to a partner; lost, they are asked anew
QUESTIONS = sa.Table(
    "questions",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
)


AUDIT = sa.Table(
    "audit",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
)
AUDITED = sa.Table(
    "audited",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("repaired", sa.Boolean, nullable=False),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """A copy that an audit read: `what` is empty, or `missing`, `changed`, `unreadable`."""

    name: str
    place: str
    size: int
    what: str = ""
    repaired: bool = False


class WorkDb:
    """Signs of files already read, pairs already compared, runs under way, whom to ask again."""

    def __init__(self, path: Path) -> None:
        try:
            self._open(path)
        except StoreFailure:
            # nothing in it is worth more than the archive's opening: start again
            for left in path.parent.glob(f"{path.name}*"):
                left.unlink()
            self._open(path)

    def _open(self, path: Path) -> None:
        self._database = Database(path)
        with self._database.write() as connection:
            tables.create_all(connection)

    def begin(self, run: str, process: int) -> None:
        """Puts down that a process is at work on a run."""
        with self._database.write() as connection:
            connection.execute(sa.insert(RUNNING), {"run": run, "process": process})

    def end(self, run: str) -> None:
        """The run is over, one way or the other."""
        with self._database.write() as connection:
            connection.execute(sa.delete(RUNNING).where(RUNNING.c.run == run))

    def processes(self) -> list[int]:
        """Processes of all runs under way."""
        with self._database.read() as connection:
            return list(connection.scalars(sa.select(RUNNING.c.process)))

    def process(self, run: str) -> int | None:
        """The process that began a run and has not ended it."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(RUNNING.c.process).where(RUNNING.c.run == run))

    def remembered(self, places: list[str]) -> dict[str, str]:
        """Place to the sign under which it was last read."""
        query = sa.select(READ.c.place, READ.c.sign).where(READ.c.place.in_(places))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {place: sign for place, sign in rows}

    def remember(self, signs: Mapping[str, str]) -> None:
        """Puts down signs for next time."""
        if signs:
            with self._database.write() as connection:
                connection.exec_driver_sql(
                    "INSERT OR REPLACE INTO read_files (place, sign) VALUES (?, ?)",
                    list(signs.items()),
                )

    def compared(self, matcher: str) -> set[tuple[int, int]]:
        """Pairs of object keys that this matcher has compared."""
        query = sa.select(COMPARED.c.a, COMPARED.c.b).where(COMPARED.c.matcher == matcher)
        with self._database.read() as connection:
            return {(a, b) for a, b in connection.execute(query)}

    def add_compared(self, pairs: Iterable[tuple[int, int]], matcher: str) -> None:
        """Puts down compared pairs."""
        rows = [(a, b, matcher) for a, b in pairs]
        if rows:
            with self._database.write() as connection:
                connection.exec_driver_sql(
                    "INSERT OR IGNORE INTO compared (a, b, matcher) VALUES (?, ?, ?)", rows
                )

    def asked(self, subject: str) -> tuple[int, str]:
        """How often somebody was asked in vain, and not before when they are asked again."""
        query = sa.select(ASKED.c.attempts, ASKED.c.not_before).where(ASKED.c.subject == subject)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (row.attempts, row.not_before) if row else (0, "")

    def ask_again(self, subject: str, attempts: int, not_before: str) -> None:
        """Puts down that it was in vain."""
        with self._database.write() as connection:
            connection.exec_driver_sql(
                "INSERT OR REPLACE INTO asked (subject, attempts, not_before) VALUES (?, ?, ?)",
                (subject, attempts, not_before),
            )

    def tried(self, prefix: str) -> dict[str, int]:
        """Subjects that begin so, with how often it was in vain."""
        query = sa.select(ASKED.c.subject, ASKED.c.attempts)
        query = query.where(ASKED.c.subject.startswith(prefix, autoescape=True))
        with self._database.read() as connection:
            return {subject: attempts for subject, attempts in connection.execute(query)}

    def answered(self, subject: str) -> None:
        """Forgets that somebody was asked in vain."""
        with self._database.write() as connection:
            connection.execute(sa.delete(ASKED).where(ASKED.c.subject == subject))

    def add_question(self, name: str, size: int, nonce: int) -> None:
        """Puts down what goes to a partner: name, checkpoint, nonce."""
        row = {"id": name, "size": size, "nonce": str(nonce)}
        with self._database.write() as connection:
            connection.execute(sa.insert(QUESTIONS), row)

    def question(self, name: str) -> tuple[int, int] | None:
        """Checkpoint and nonce of a question that was put down."""
        query = sa.select(QUESTIONS.c.size, QUESTIONS.c.nonce).where(QUESTIONS.c.id == name)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (row.size, int(row.nonce)) if row else None

    def audit(self) -> tuple[str, str] | None:
        """Key and start of the audit that was begun and not ended."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(AUDIT.c.key, AUDIT.c.started_at)).first()
        return (row.key, row.started_at) if row else None

    def begin_audit(self, key: str, started_at: str) -> None:
        """Forgets any earlier audit and begins one."""
        with self._database.write() as connection:
            for table in (AUDIT, AUDITED):
                connection.execute(sa.delete(table))
            connection.execute(sa.insert(AUDIT), {"key": key, "started_at": started_at})

    def audited(self) -> list[Look]:
        """What the audit under way has read."""
        with self._database.read() as connection:
            return [Look(*row) for row in connection.execute(sa.select(AUDITED))]

    def add_audited(self, looks: Iterable[Look]) -> None:
        """Puts down what was read."""
        if rows := [dataclasses.asdict(each) for each in looks]:
            with self._database.write() as connection:
                connection.execute(sa.insert(AUDITED).prefix_with("OR REPLACE"), rows)

    def end_audit(self) -> None:
        """The audit under way is in the record now."""
        with self._database.write() as connection:
            for table in (AUDIT, AUDITED):
                connection.execute(sa.delete(table))

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
