"""`examine`, `check`, `rebuild`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from witnessmark.cli.options import ArchiveOption, JsonOption, opened
from witnessmark.cli.output import dump, progress, safe, say, show_unenforced, size, table

if TYPE_CHECKING:
    from witnessmark.archive import Archive


def examine(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Plain files; without any, the archive's objects.")
    ] = None,
    archive: ArchiveOption = Path(),
    check: Annotated[
        list[str] | None, typer.Option("--check", help="Only this check (may be repeated).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Looks into files with every check there is. A finding is never pass or fail.

    Examples: witnessmark examine clip.mp4 --json; witnessmark examine --archive ~/archive
    """
    if files:
        raise typer.Exit(_examine_files(files, check or [], as_json))
    from witnessmark.archive import examining

    with opened(archive) as held, progress("examining", quiet=as_json) as advance:
        counts = examining.examine(held, check or [], advance)
        unenforced = held.unenforced()
    if as_json:
        dump({"findings": counts, "unenforced": unenforced})
        return
    show_unenforced(unenforced)
    for name, results in counts.items():
        found = ", ".join(f"{n} {r.replace('_', ' ')}" for r, n in sorted(results.items()))
        say(f"{name}: {found or 'nothing left to examine'}")


def _examine_files(files: Sequence[Path], chosen: Sequence[str], as_json: bool) -> int:
    from witnessmark.engines.local import LocalEngine
    from witnessmark.errors import BadInput
    from witnessmark.ports import Task
    from witnessmark.verification import examinations

    known = examinations.load()
    if unknown := set(chosen) - known.keys():
        raise BadInput(f"There is no check '{min(unknown)}'.", todo=f"Checks: {', '.join(known)}.")
    checks = [known[name] for name in (chosen or sorted(known))]
    tasks = [
        Task(
            f"{number} {each.name}",
            "witnessmark.verification.examinations:run",
            str(path),
            {"name": each.name, "size": path.stat().st_size if path.is_file() else 0},
        )
        for number, path in enumerate(files)
        for each in checks
    ]
    engine = LocalEngine(os.cpu_count() or 1, modules=[type(each).__module__ for each in checks])
    with closing(engine.map(tasks)) as outcomes:
        found = {outcome.key: outcome for outcome in outcomes}
    failed = 0
    for number, path in enumerate(files):
        findings = []
        for each in checks:
            outcome = found[f"{number} {each.name}"]
            report: Any = outcome.result.value if outcome.result else None
            if not isinstance(report, dict):
                report = {"result": "inconclusive", "reason": outcome.failure}
            failed += outcome.failure == "unreadable"
            findings.append({"check": each.name, "version": each.version, **report})
        if as_json:
            dump({"file": str(path), "findings": findings})
        else:
            _show_findings(path, findings)
    return 1 if failed else 0


def _show_findings(path: Path, findings: Iterable[dict[str, Any]]) -> None:
    say(safe(path))
    for each in findings:
        reason = f" ({safe(each['reason'])})" if each.get("reason") else ""
        say(f"  {each['check']} {each['version']}: {safe(each['result'])}{reason}")
        rows = [*each.get("values", {}).items(), *each.get("tags", {}).items()]
        table(rows, indent="    ")


def check(
    package: Annotated[
        Path | None, typer.Argument(help="A package to check; without one, the archive.")
    ] = None,
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="File with keys you trust.")
    ] = None,
    archive: ArchiveOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Checks that bytes and record are intact: of the archive, or of a package.

    A package is checked by check.py, which shares no code with this program; a BagIt bag that
    others made, against its own manifests.

    Examples: witnessmark check --archive ~/archive; witnessmark check package --trust their.key
    """
    if package is not None:
        if _is_others_bag(package) and not trust:
            raise typer.Exit(_check_bag(package, as_json))
        raise typer.Exit(_check_package(package, trust or [], as_json))
    from witnessmark.archive import checking

    trusted = _trusted(trust or [])
    with (
        opened(archive, reading=True) as held,
        progress("checking", quiet=as_json, unit="bytes") as advance,
    ):
        total = held.queries.counts()["bytes"]
        checked = checking.check(held, lambda done: advance(done, total))
        if trust and not trusted & _archive_keys(held):
            what = f"None of the keys that you trust is that of {held.origin}."
            checked.problems.append(("trust", what))
    if as_json:
        problems = [{"code": code, "what": what} for code, what in checked.problems]
        counts = {"entries": checked.entries, "blobs": checked.blobs, "bytes": checked.bytes}
        counts["anchors"] = checked.anchors
        dump({**counts, "problems": problems, "notes": checked.notes})
    else:
        say(f"{checked.entries} entries, {checked.blobs} files, {size(checked.bytes)} looked at.")
        if checked.anchors:
            say(f"{checked.anchors} stamps from outside looked at.")
        for note in checked.notes:
            say(f"  note: {safe(note)}")
        for code, what in checked.problems:
            say(f"  ! {safe(what)} [{code}]")
        if not checked.problems:
            say("Everything is as the record says. That is not to say that what it shows is true.")
    raise typer.Exit(1 if checked.problems else 0)


def _trusted(paths: Sequence[Path]) -> set[str]:
    """Keys from files, one a line. Raises `BadInput`."""
    from witnessmark.errors import BadInput, BadRecord
    from witnessmark.record.note import VerifierKey

    found = set()
    for path in paths:
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
            keys = {str(VerifierKey.parse(line)) for line in lines if line and line[0] != "#"}
        except (OSError, ValueError, BadRecord) as error:
            why = getattr(error, "strerror", None) or str(error).rstrip(".")
            raise BadInput(f"The trust file {path} cannot be used: {why}.") from error
        if not keys:
            raise BadInput(f"The trust file {path} holds no keys.", todo="One key a line.")
        found |= keys
    return found


def _archive_keys(held: Archive) -> set[str]:
    """The archive's key, and those from which it was rotated."""
    from witnessmark.record.history import KEY_ENTRIES, History

    history = History()
    for index in held.queries.acts(*KEY_ENTRIES):
        history.add(held.journal.entry(index))
    return {str(key) for _, key in history.archive_keys}


def _is_others_bag(folder: Path) -> bool:
    """Whether it declares itself a bag, and nowhere a package of this program."""
    if not (folder / "bagit.txt").is_file():
        return False
    try:
        with open(folder / "bag-info.txt", "rb") as file:
            return b"Witnessmark-" not in file.read(1 << 20)
    except FileNotFoundError:
        return not (folder / "seal.tlog-proof").exists()


def _check_bag(folder: Path, as_json: bool) -> int:
    """3: what can be checked holds, and by whom it is cannot be."""
    from witnessmark.reporting.received import check_bag

    found = check_bag(folder)
    if as_json:
        notes = list(found.notes)
        dump({"bag": found.version, "files": found.files, "notes": notes, "by_whom": None})
        return 3
    say(f"A BagIt {found.version} bag that others made, no package of this program: its "
        f"{found.files} files are those of its manifests.")  # fmt: skip
    for note in found.notes:
        say(f"! {safe(note)}")
    say("By whom it is, and whether its manifests were made again, such a bag cannot show.")
    return 3


def _check_package(package: Path, trust: Sequence[Path], as_json: bool) -> int:
    import subprocess
    import sys
    import tempfile

    from witnessmark.archive.handing_over import checkers

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "check.py"
        script.write_bytes(checkers()["check.py"])
        keys = [argument for path in trust for argument in ("--trust", str(path))]
        command = [sys.executable, "-I", str(script), str(package), *keys]
        return subprocess.run([*command, *(["--json"] if as_json else [])], check=False).returncode


def rebuild(archive: ArchiveOption = Path(), as_json: JsonOption = False) -> None:
    """Makes the catalog again from the record; works locked too.

    Example: witnessmark rebuild --archive ~/archive
    """
    with opened(archive) as held:
        head = held.journal.head()
        with progress("rebuilding", quiet=as_json) as advance:
            count, same = held.rebuild(lambda done: advance(done, head.size if head else None))
    if as_json:
        dump({"entries": count, "identical": same})
    else:
        say(f"{count} entries replayed; " + (
            "every row is as it was." if same else "some rows were not as the record says; mended."
        ))  # fmt: skip


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (examine, check, rebuild):
        app.command()(command)
