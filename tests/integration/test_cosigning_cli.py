"""`witness`, `cosign`, `keys` and `scope` as people and scripts use them; killed at each step."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from support import proxy
from tests.conftest import SECRET
from tests.integration.test_cli import SCOPE, Program
from tests.integration.test_collecting import holds, size
from tests.integration.test_cosigning import both, by_stick, entries, grow, trusting  # noqa: F401 - a fixture
from tests.stepping import killed_at
from witnessmark.archive import Archive, checking, cosigning, witnessing
from witnessmark.errors import BadInput, WitnessmarkError
from witnessmark.model import CosignatureReceived
from witnessmark.record.note import VerifierKey
from witnessmark.stores.blobs import FileBlobs
from witnessmark.stores.journal import SqlJournal
from witnessmark.stores.witness import WitnessDb


class Club(Program):
    """A club's own folder with its archive."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir()
        (folder / "scope.json").write_text(json.dumps(SCOPE))
        self("init", "archive", "--scope", "scope.json")

    @property
    def line(self) -> str:
        return self("keys").splitlines()[-1]

    def trusts(self, name: str, key: str, **settings: str) -> None:
        text = "".join(f'{name} = "{value}"\n' for name, value in settings.items() if name != "url")
        text += f'[[witnesses]]\nname = "{name}"\nkey = "{key}"\n'
        text += f'url = "{settings["url"]}"\n' if "url" in settings else ""
        (self.folder / "archive" / "archive.toml").write_text(text)


@pytest.fixture
def clubs(tmp_path: Path) -> tuple[Club, Club]:
    return Club(tmp_path / "a"), Club(tmp_path / "b")


def test_two_clubs_with_a_stick(clubs: tuple[Club, Club], tmp_path: Path) -> None:
    a, b = clubs
    stick = tmp_path / "stick"
    stick.mkdir()
    assert "Co-signed by nobody" in a("status")
    b("witness", "sign", "x", "y", code=1)
    assert "witness key" in b.err
    key = b("witness", "key").strip()
    assert b.json("witness", "key") == {"witness": key}
    b("witness", "add", "Club A", a.line)
    b("witness", "add", "Other", a.line, code=1)
    b("witness", "add", "Own", b.line, code=1)
    b("witness", "add", "Own", "junk", code=1)
    a.trusts("B", key)
    request, answer = str(stick / "request"), str(stick / "answer")
    assert a.json("cosign", "--request", request)["old"] == 0
    a("cosign", "--request", request, code=1)
    b("witness", "sign", request, answer)
    taken = a.json("cosign", "--take", answer)
    assert (taken["witness"], taken["size"], taken["new"]) == ("B", 1, True)
    assert "held already" in a("cosign", "--take", answer)
    status = a.json("status")
    assert [each["witness"] for each in status["cosigned"]] == ["B"]
    assert "Co-signed by B up to 1 entries" in a("status")
    assert a.json("rebuild")["identical"] is True
    listed = b.json("witness", "list")
    assert (listed["logs"][0]["seen"], listed["contradictions"]) == (1, [])
    assert "1 entries seen" in b("witness", "list")
    a("cosign", code=2)
    a("cosign", "--ask", "B", "--take", answer, code=2)
    a("cosign", "--ask", "B", code=1)
    assert "no address" in a.err


def test_a_fork_is_loud(clubs: tuple[Club, Club], tmp_path: Path) -> None:
    a, b = clubs
    copy = a.folder / "copy"
    shutil.copytree(a.folder / "archive", copy)
    change = ("scope", "change", "--scope", "scope.json", "--reason")
    a(*change, "one way")
    a(*change, "the other way", "--archive", "copy")
    with Archive.open(copy) as other:
        (tmp_path / "shown").write_bytes(other.journal.note())
    found = a.json("cosign", "--seen", str(tmp_path / "shown"), code=1)
    assert found["error"] == "fork"
    assert "FORK" in a.err
    assert "! FORK" in a("status")
    assert a.json("status")["alarms"]
    checked = a.json("check")
    assert checked["problems"] == []
    assert any("FORK" in note for note in checked["notes"])
    with Archive.open(a.folder / "archive") as ours:
        (tmp_path / "own").write_bytes(ours.journal.note())
    assert a.json("cosign", "--seen", str(tmp_path / "own"))["contradicts"] is False
    # the witness's side is as loud
    b("witness", "add", "Club A", a.line)
    a.trusts("B", b("witness", "key").strip())
    with Archive.open(a.folder / "archive") as ours, Archive.open(copy) as other:
        for number, each in enumerate((ours, other)):
            request = cosigning.question(each, ours.settings.witnesses[0], 0)
            note = each.journal.note(2)
            (tmp_path / f"request-{number}").write_bytes(request._replace(note=note).encode())
    b("witness", "sign", str(tmp_path / "request-0"), str(tmp_path / "answer-0"))
    b("witness", "sign", str(tmp_path / "request-1"), str(tmp_path / "answer-1"), code=1)
    assert "FORK" in b.err
    assert "! FORK of Club A's record" in b("status")
    assert b.json("witness", "list")["contradictions"][0]["kind"] == "fork"
    assert any("FORK of Club A" in note for note in b.json("check")["notes"])


def test_serving_and_asking(clubs: tuple[Club, Club]) -> None:
    a, b = clubs
    b("witness", "serve", "--bind", "127.0.0.1:0", code=1)
    b("witness", "add", "Club A", a.line)
    b("witness", "serve", "--bind", "nonsense", code=1)
    with b.start("witness", "serve", "--bind", "127.0.0.1:0", "--json") as server:
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["port"]
        b("witness", "serve", "--bind", f"127.0.0.1:{port}", code=1)
        assert "cannot be served" in b.err
        name = "witness.example.org"
        with proxy.running({name: port}) as local:
            key = b("witness", "key").strip()
            a.trusts("B", key, proxy=f"http://127.0.0.1:{local.port}", url=f"http://{name}")
            assert a.json("cosign", "--ask", "B")["size"] == 1
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=20)
        assert "Traceback" not in err
    assert a.json("status")["cosigned"][0]["size"] == 1


def test_keys_as_people_use_them(clubs: tuple[Club, Club], tmp_path: Path) -> None:
    a, _ = clubs
    old = a.line
    (row,) = [json.loads(x) for x in a("keys", "list", "--json").splitlines() if "person" in x]
    assert row["name"] == "Canary Person"
    new = a.json("keys", "rotate", "--archive-key")["new"]
    assert a.line == new != old
    listed = a("keys", "list")
    assert "archive, since entry 0: rotated by entry 1" in listed
    thief = json.loads(a("keys", "list", "--json").splitlines()[0])["key"]
    assert "called into doubt" in a("keys", "revoke", thief, "--reason", "stolen")
    a("keys", "suspect", thief, "--after", "1")
    assert "(stolen); SUSPECT from size 1 on" in a("keys", "list")
    a("keys", "rotate", code=2)
    a("keys", "revoke", "Canary Person", "--reason", "left", code=1)
    assert "last person" in a.err
    a.environment["WITNESSMARK_NEW_PASSPHRASE"] = "a changed passphrase"
    person = a.json("keys", "rotate", "--person", "Canary Person")["new"]
    assert person != row["key"]
    a("keys", "rotate", "--person", "Canary Person", code=1)
    a.environment["WITNESSMARK_PASSPHRASE"] = "a changed passphrase"
    a.environment["WITNESSMARK_NEW_PASSPHRASE"] = "a second passphrase"
    a("keys", "--add-person", "Second Person")
    a("keys", "revoke", "Second Person", "--reason", "left")
    assert a.json("check")["problems"] == []
    # options before the inner command would not be heeded: they are refused
    a("keys", "--archive", "elsewhere", "list", code=2)
    assert "after 'list'" in a.err


def test_the_scope_changes(clubs: tuple[Club, Club]) -> None:
    a, _ = clubs
    assert a.json("scope")["parties"] == ["Party A", "Party B"]
    wider = {**SCOPE, "places": ["Invented Valley", "Invented Hill"]}
    (a.folder / "wider.json").write_text(json.dumps(wider))
    assert a.json("scope", "change", "--scope", "wider.json", "--reason", "a hill") == {"entry": 1}
    assert "Invented Hill" in a("scope")
    a("scope", "change", "--scope", "wider.json", code=1)
    assert "reason" in a.err
    (a.folder / "less.json").write_text(json.dumps({**SCOPE, "legal_basis": ""}))
    a("scope", "change", "--scope", "less.json", "--reason", "x", code=1)
    assert "legal_basis" in a.err
    a.environment.pop("WITNESSMARK_PASSPHRASE")
    a("scope", "change", "--scope", "wider.json", "--reason", "x", code=1)
    assert a.json("status")["entries"] == 2


def test_settings_of_witnesses(clubs: tuple[Club, Club]) -> None:
    a, b = clubs
    key = b("witness", "key").strip()
    toml = a.folder / "archive" / "archive.toml"
    for text, why in (
        ('[[witnesses]]\nname = "B"\n', "key"),
        (f'[[witnesses]]\nname = "B"\nkey = "{key.replace("+", "+0", 1)}"\n', "id does not fit"),
        (f'[[witnesses]]\nname = "B"\nkey = "{a.line}"\n', "type 4"),
        (f'[[witnesses]]\nname = ""\nkey = "{key}"\n', "cannot name"),
        (f'[[witnesses]]\nname = "B"\nkey = "{key}"\n' * 2, "cannot name"),
        (f'[[witnesses]]\nname = "B"\nkey = "{key}"\nport = 3\n', "not a setting"),
    ):
        toml.write_text(text)
        a("status", code=1)
        assert why in a.err, text


def test_check_looks_at_cosignatures(both: tuple[Archive, Archive]) -> None:  # noqa: F811 - a fixture
    """Whoever has the archive's key can write that a partner co-signed: it does not hold."""
    ours, partner = both
    key = witnessing.witness(partner).key
    cosigning.take(ours, by_stick(ours, partner, ours.folder.with_name("stick")))
    (said,) = entries(ours, CosignatureReceived)
    assert checking.check(ours).problems == []
    root = cosigning.our_root(ours, 3).hex()
    for fields in (
        {"size": 3, "root": root},
        {"size": 3},
        {"size": 10**6},
        {"time": "2020-01-01T00:00:00Z"},
        {"witness": str(key).replace("/w", "/x")},
        {"witness": "no key"},
        {"signature": "AAAA"},
    ):
        ours.say(CosignatureReceived(**{**said.fields(), **fields}))
    codes = [code for code, _ in checking.check(ours).problems]
    assert codes == ["cosignature"] * 7


# --- killed at each step -------------------------------------------------------------------------

_STEPS = (
    *((WitnessDb, name) for name in ("advance", "contradict")),
    (SqlJournal, "append"),
    (FileBlobs, "put"),
    (witnessing, "write_new_file"),
)


def _sign_and_take(ours: Path, partner: Path, stick: Path) -> None:
    with Archive.open(partner) as held:
        if not (stick / "answer").exists():
            witnessing.sign(held, stick / "request", stick / "answer")
    with Archive.open(ours) as held:
        cosigning.take(held, (stick / "answer").read_bytes())
        try:
            cosigning.compare(held, (stick / "shown").read_bytes())
        except WitnessmarkError as error:
            if error.code != "fork":
                raise


def test_killed_at_any_step_nothing_is_lost_or_said_twice(
    both: tuple[Archive, Archive],  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    ours, partner = both
    stick = tmp_path / "stick"
    stick.mkdir()
    request = cosigning.question(ours, ours.settings.witnesses[0])
    (stick / "request").write_bytes(request.encode())
    shutil.copytree(ours.folder, tmp_path / "fork")
    with Archive.open(tmp_path / "fork") as other:
        other.unlock(SECRET)
        grow(other, 1, "otherwise")
        (stick / "shown").write_bytes(other.journal.note())
    grow(ours)
    ours.close()
    partner.close()
    places = [ours.folder, partner.folder, stick]
    for step in range(1, 100):
        copies = [tmp_path / f"{step}" / place.name for place in places]
        for place, copy in zip(places, copies, strict=True):
            shutil.copytree(place, copy)
        act = functools.partial(_sign_and_take, *copies)
        status, words = killed_at(step, _STEPS, act)
        assert status in (0, -signal.SIGKILL), words
        again, words = killed_at(0, (), act)
        assert again == 0, words
        with Archive.open(copies[0]) as held:
            kinds = [each.entry.type for each in held.journal.read()]
            assert kinds.count("cosignature.received/1") == 1
            assert kinds.count("fork.reported/1") == 1
            assert holds(held)
        shutil.rmtree(tmp_path / f"{step}")
        if status == 0:
            break
    assert step > 8, "fewer steps than there are"


def test_a_rotated_partner_is_known_again(
    both: tuple[Archive, Archive],  # noqa: F811 - a fixture
    tmp_path: Path,
) -> None:
    """After a rotation the witness knows the old key only; the new line takes its place."""
    from witnessmark.archive import key_care

    ours, partner = both
    cosigning.take(ours, by_stick(ours, partner, tmp_path / "stick"))
    new = key_care.rotate_archive(ours)
    answer = by_stick(ours, partner, tmp_path / "stick")
    assert answer.startswith(b"refused 403\n")
    with pytest.raises(Exception, match="another key"):
        cosigning.take(ours, answer)
    witnessing.witness(partner).watch("A", VerifierKey.parse(str(new)))
    taken = cosigning.take(ours, by_stick(ours, partner, tmp_path / "stick"))
    assert taken[0].size == size(ours) - 1
    assert os.path.exists(partner.folder / "witness.db")
    with pytest.raises(BadInput):
        trusting(ours, ("a name\twith a tab", str(witnessing.witness(partner).key)))


def test_a_backup_is_no_witness(both: tuple[Archive, Archive], tmp_path: Path) -> None:  # noqa: F811 - a fixture
    """A witness restored from a backup would have forgotten what it signed."""
    from witnessmark.archive import backing_up

    ours, partner = both
    by_stick(ours, partner, tmp_path / "stick")
    backing_up.backup(partner, tmp_path / "copy")
    assert not list((tmp_path / "copy").glob("witness*"))
    with Archive.open(tmp_path / "copy") as copy:
        assert not copy.is_witness
