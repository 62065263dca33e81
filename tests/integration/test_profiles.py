"""The two profiles of a package, its forms, and what goes along with what."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from support import footage
from support.checker import outcome
from tests.conftest import ROOT
from tests.integration.test_collecting import collect
from tests.integration.test_packages import hand_over, key, order
from witnessmark.archive import Archive, handing_over, selecting, sharing
from witnessmark.errors import BadInput, Refused
from witnessmark.model import DerivativeMade, LinkFound, LinkSegment, MaterialLinked
from witnessmark.model.statement import Sha256, Token
from witnessmark.verification import sanitise

DEVICE = "Camera 5 serial C02XK1"


@pytest.fixture
def archive_of_three(archive: Archive, tmp_path: Path) -> Archive:
    """Two videos and a picture, all with words about the device in them."""
    source = tmp_path / "phone"
    source.mkdir()
    for number in range(2):
        footage.synthetic(source / f"{number}.mp4", seed=number, seconds=1, words=DEVICE)
    footage.photo(source / "2.jpg", DEVICE)
    collect(archive, source, "Party A")
    return archive


def link(archive: Archive, a: str, b: str) -> None:
    first, second = sorted((a, b))
    segment = LinkSegment(
        a_start=0, a_end=900, b_start=0, b_end=900, rate=Token("1"), transform=Token("none")
    )
    said = LinkFound(
        a=Sha256(first), b=Sha256(second), relation=Token("same_footage"), score=Token("0.9"),
        fingerprint=Token("f/1"), matcher=Token("m/1"), segments=(segment,),
    )  # fmt: skip
    archive.say(said, (f"sha256:{first}", f"sha256:{second}"))


def names(archive: Archive) -> list[str]:
    return [row.sha256 for row in archive.queries.objects()]


def objects(package: Path) -> set[str]:
    return {path.name for path in (package / "data" / "objects").iterdir()}


# Everything that is linked goes along


def test_what_is_linked_over_two_steps_goes_along(
    archive_of_three: Archive, tmp_path: Path
) -> None:
    a, b, c = names(archive_of_three)
    link(archive_of_three, a, b)
    reason = archive_of_three.protect("reason", "another camera shows more")
    contrary = MaterialLinked(
        a=Sha256(b), b=Sha256(c), relation=Token("contradicts"), reason=reason
    )
    archive_of_three.say(contrary, (f"sha256:{b}", f"sha256:{c}"))
    package = hand_over(archive_of_three, tmp_path / "p", objects=[a])
    assert objects(package) == {a, b, c}
    assert outcome(package, archive_of_three.trust) == ("holds", "")


def test_what_was_left_out_on_purpose_is_refused_by_the_checker(
    archive_of_three: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changed the program so that contrary material stays behind."""
    a, b, _ = names(archive_of_three)
    link(archive_of_three, a, b)
    real = handing_over.package.objects_of
    monkeypatch.setattr(
        handing_over.package, "objects_of", lambda *e: [n for n in real(*e) if n != b]
    )
    package = hand_over(archive_of_three, tmp_path / "p")
    assert outcome(package, archive_of_three.trust) == ("refused", "contrary")


# Copies for sharing


def test_a_share_carries_copies_without_a_trace(archive_of_three: Archive, tmp_path: Path) -> None:
    package = hand_over(archive_of_three, tmp_path / "p", profile="share")
    copies = sharing.recorded(archive_of_three)
    assert set(copies) == set(names(archive_of_three))
    assert objects(package) == set(copies.values())
    assert outcome(package, archive_of_three.trust) == ("holds", "")
    everything = b"".join(path.read_bytes() for path in package.rglob("*") if path.is_file())
    for word in (DEVICE.encode(), b"C02XK1", b"x264"):
        assert word not in everything


def test_the_originals_do_carry_them(archive_of_three: Archive, tmp_path: Path) -> None:
    """The trace that the test above looks for is there to be found."""
    package = hand_over(archive_of_three, tmp_path / "p")
    for name in names(archive_of_three):
        assert DEVICE.encode() in (package / "data" / "objects" / name).read_bytes()


def test_copies_are_made_once_and_are_no_objects_of_their_own(
    archive_of_three: Archive, tmp_path: Path
) -> None:
    before = archive_of_three.queries.counts()["objects"]
    hand_over(archive_of_three, tmp_path / "p", profile="share")
    said = archive_of_three.queries.acts(DerivativeMade.TYPE)
    hand_over(archive_of_three, tmp_path / "q", profile="share")
    assert archive_of_three.queries.acts(DerivativeMade.TYPE) == said
    counts = archive_of_three.queries.counts()
    assert (counts["objects"], counts["derivatives"]) == (before, 3)
    assert not list((archive_of_three.derived).glob("copies/*"))


def test_copies_stay_out_of_a_courts_package(archive_of_three: Archive, tmp_path: Path) -> None:
    hand_over(archive_of_three, tmp_path / "p", profile="share")
    package = hand_over(archive_of_three, tmp_path / "q")
    assert objects(package) == set(names(archive_of_three))
    assert outcome(package, archive_of_three.trust) == ("holds", "")


def test_whoever_has_the_original_can_compare(archive_of_three: Archive, tmp_path: Path) -> None:
    hand_over(archive_of_three, tmp_path / "p", profile="share")
    for original, copy in sharing.recorded(archive_of_three).items():
        row = archive_of_three.queries.object(original)
        data = archive_of_three.blobs.path(copy).read_bytes()
        again: list[bytes] = []
        with archive_of_three.blobs.open(original) as file:
            report = sanitise.sanitise(file, {"kind": row.kind}, again.append).value
        assert b"".join(again) == data
        assert isinstance(report, dict)
        assert sanitise.digests(io.BytesIO(data), row.kind) == report["streams"]


def test_what_cannot_be_sanitised_stops_the_hand_over(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "phone"
    source.mkdir()
    (source / "letter.txt").write_text("Dear all")
    footage.synthetic(source / "0.mp4", seconds=1)
    collect(archive, source, "Party A")
    with pytest.raises(Refused, match="1 of the objects"):
        hand_over(archive, tmp_path / "p", profile="share")
    assert not (tmp_path / "p").exists()
    video = next(row.sha256 for row in archive.queries.objects(("video",)))
    package = hand_over(archive, tmp_path / "q", profile="share", objects=[video])
    assert outcome(package, archive.trust) == ("holds", "")


def test_a_share_has_no_attachments_and_no_findings(
    archive_of_three: Archive, tmp_path: Path
) -> None:
    from witnessmark.archive import examining

    examining.examine(archive_of_three)
    package = hand_over(archive_of_three, tmp_path / "p", profile="share")
    assert not (package / "data" / "attachments").exists()
    assert b"finding.recorded" not in (package / "data" / "record" / "entries").read_bytes()
    assert outcome(package, archive_of_three.trust) == ("holds", "")


def test_there_is_no_other_profile(archive_of_three: Archive, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no profile"):
        hand_over(archive_of_three, tmp_path / "p", profile="public")


# Disclosures: none, some, all


@pytest.mark.parametrize(
    ("asked", "count"), [((), 0), (("person_name",), 1), (("0:person_name",), 1)]
)
def test_disclosures_are_chosen(
    archive_of_three: Archive, tmp_path: Path, asked: tuple[str, ...], count: int
) -> None:
    package = hand_over(archive_of_three, tmp_path / "p", disclose=asked)
    file = package / "data" / "disclosures"
    assert (file.read_bytes().count(b"\n") if file.exists() else 0) == count
    assert outcome(package, archive_of_three.trust) == ("holds", "")


def test_what_is_not_there_cannot_be_disclosed(archive_of_three: Archive, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="1:name"):
        hand_over(archive_of_three, tmp_path / "p", disclose=("1:name",))
    assert not (tmp_path / "p").exists()


def test_all_values_can_be_disclosed(archive_of_three: Archive, tmp_path: Path) -> None:
    package = hand_over(archive_of_three, tmp_path / "p", disclose=("all",))
    lines = (package / "data" / "disclosures").read_bytes().splitlines()
    fields = {json.loads(line)["field"] for line in lines}
    assert {"person_name", "where", "persons_depicted"} <= fields
    assert outcome(package, archive_of_three.trust) == ("holds", "")


# Forms


def test_one_file(archive_of_three: Archive, tmp_path: Path) -> None:
    package = hand_over(archive_of_three, tmp_path / "p.zip")
    assert outcome(package, archive_of_three.trust) == ("holds", "")
    with zipfile.ZipFile(package) as others:
        assert others.testzip() is None
        assert "bagit.txt" in others.namelist()


def test_one_file_encrypted(archive_of_three: Archive, tmp_path: Path) -> None:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    sealed = hand_over(
        archive_of_three, tmp_path / "p.zip.age", age_key=recipient, unencrypted=False
    )
    assert outcome(sealed) == ("refused", "not_a_package")
    (tmp_path / "p.zip").write_bytes(pyrage.decrypt(sealed.read_bytes(), [identity]))
    assert outcome(tmp_path / "p.zip", archive_of_three.trust) == ("holds", "")


def test_a_package_for_another_key_says_what_it_is(
    archive_of_three: Archive, tmp_path: Path
) -> None:
    sealed = hand_over(archive_of_three, tmp_path / "p.tar.age", age_key=key(), unencrypted=False)
    assert outcome(sealed) == ("refused", "not_a_package")


# The checkers' hashes are published outside the package


def test_the_checkers_hashes_are_published(archive_of_three: Archive, tmp_path: Path) -> None:
    """A swapped checker cannot notice itself: a reader compares it with what is published."""
    published = dict(
        reversed(line.split("  "))
        for line in (ROOT / "checker" / "HASHES").read_text().splitlines()
    )
    package = hand_over(archive_of_three, tmp_path / "p")
    words = (package / "README.txt").read_text()
    for name in ("check.py", "check.html"):
        assert published[name] == hashlib.sha256((package / name).read_bytes()).hexdigest()
        assert f"{published[name]}  {name}" in words
    assert "somewhere else" in words


def test_orders_are_checked_before_anything_is_made(
    archive_of_three: Archive, tmp_path: Path
) -> None:
    asked = order(archive_of_three, profile="share", purpose="")
    with pytest.raises(Refused):
        handing_over.export(archive_of_three, tmp_path / "p", asked)
    assert archive_of_three.queries.counts()["derivatives"] == 0


def test_linked_objects_without_links_are_themselves(archive_of_three: Archive) -> None:
    a, *_ = names(archive_of_three)
    assert selecting.with_linked(archive_of_three, [a]) == {a}


# Plain files


def test_plain_files(tmp_path: Path) -> None:
    clip = footage.synthetic(tmp_path / "a.mp4", seconds=1, words=DEVICE)
    other = footage.synthetic(tmp_path / "b.mp4", seed=1, seconds=1)
    report = sharing.make_copy(clip, tmp_path / "copy.mp4")
    assert "h264_sei" in report["removed"]
    assert sharing.compare(clip, tmp_path / "copy.mp4") == "bytes"
    assert sharing.compare(other, tmp_path / "copy.mp4") == "no"
    with (
        av.open(str(tmp_path / "copy.mp4")) as source,
        av.open(str(tmp_path / "again.mkv"), "w", format="matroska") as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert sharing.compare(clip, tmp_path / "again.mkv") == "streams"
    slowed(tmp_path / "copy.mp4", tmp_path / "slow.mkv")
    assert sharing.compare(clip, tmp_path / "slow.mkv") == "packets"


def slowed(source: Path, target: Path) -> None:
    """The same packets, five times slower."""
    with av.open(str(source)) as media, av.open(str(target), "w", format="matroska") as made:
        stream = made.add_stream_from_template(media.streams.video[0])
        for packet in media.demux(video=0):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts * 5, packet.dts * 5, stream
                made.mux(packet)


def test_turned_pictures_stay_turned(tmp_path: Path) -> None:
    clip = footage.synthetic(tmp_path / "a.mp4", seconds=1, turned=90)
    sharing.make_copy(clip, tmp_path / "copy.mp4")

    def look(path: Path) -> tuple[int, int]:
        with av.open(str(path)) as file:
            frames = list(file.decode(video=0))
            return frames[0].rotation, len(frames)

    assert look(tmp_path / "copy.mp4") == look(clip)


@pytest.mark.parametrize(
    "data", [b"", b"words", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x18ftypisom" + bytes(99)]
)
def test_what_has_no_copy_says_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(BadInput):
        sharing.make_copy(path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_pictures_that_a_copy_would_show_less_of(tmp_path: Path) -> None:
    """Several pages, and what is transparent, have no copy."""
    rng = np.random.default_rng(1)
    page = rng.integers(0, 255, (40, 60, 3), np.uint8)
    cv2.imwritemulti(str(tmp_path / "pages.tiff"), [page, page[::-1].copy()])
    glass = np.dstack([page, rng.integers(0, 255, (40, 60), np.uint8)])
    cv2.imwrite(str(tmp_path / "glass.png"), glass)
    for name, why in (("pages.tiff", "moving_picture"), ("glass.png", "transparent")):
        with pytest.raises(BadInput, match=why):
            sharing.make_copy(tmp_path / name, tmp_path / "copy.png")
    cv2.imwrite(str(tmp_path / "solid.png"), np.dstack([page, np.full((40, 60), 255, np.uint8)]))
    sharing.make_copy(tmp_path / "solid.png", tmp_path / "copy.png")


def encoded(path: Path, codec: str, **options: str) -> Path:
    """A few frames by another encoder."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame(320, 240, "yuv420p")))
        out.mux(stream.encode(None))
    return path


def test_what_encoders_leave_in_headers_and_pictures(tmp_path: Path) -> None:
    """H.265 has its encoder's name in the header; MPEG-4 part 2 in every picture."""
    clip = encoded(tmp_path / "a.mp4", "libx265", **{"x265-params": "log-level=none"})
    assert b"x265" in clip.read_bytes()
    sharing.make_copy(clip, tmp_path / "copy.mp4")
    assert b"x265" not in (tmp_path / "copy.mp4").read_bytes()
    with av.open(str(tmp_path / "copy.mp4")) as file:
        assert len(list(file.decode(video=0))) == 10
    with pytest.raises(BadInput, match="codec_mpeg4"):
        sharing.make_copy(encoded(tmp_path / "b.mp4", "mpeg4"), tmp_path / "copy2.mp4")


def test_a_cover_picture_stays_out(tmp_path: Path) -> None:
    sound = tmp_path / "song.mp3"
    with av.open(str(sound), "w") as out:
        stream = out.add_stream("libmp3lame", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.int16), layout="mono")
        frame.sample_rate = 44100
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    cover = footage.photo(tmp_path / "cover.jpg", DEVICE).read_bytes()
    body = b"\0image/jpeg\0\x03\0" + cover
    picture = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(picture) >> shift & 127 for shift in (21, 14, 7, 0))
    plain = sound.read_bytes()
    sound.write_bytes(b"ID3\x03\0\0" + size + picture + plain)
    sharing.make_copy(sound, tmp_path / "copy.mp4")
    assert DEVICE.encode() not in (tmp_path / "copy.mp4").read_bytes()


def test_a_copy_that_comes_back_is_an_original_then(
    archive_of_three: Archive, tmp_path: Path
) -> None:
    """Somebody posts what was shared: it is collected like anything else."""
    hand_over(archive_of_three, tmp_path / "p", profile="share")
    copy = next(iter(sharing.recorded(archive_of_three).values()))
    with pytest.raises(BadInput, match="made here"):
        hand_over(archive_of_three, tmp_path / "q", objects=[copy])
    posted = tmp_path / "posted"
    posted.mkdir()
    shutil.copy(archive_of_three.blobs.path(copy), posted / "again.mp4")
    collect(archive_of_three, posted, "Party B")
    assert copy in names(archive_of_three)
    package = hand_over(archive_of_three, tmp_path / "r")
    assert copy in objects(package)
    assert outcome(package, archive_of_three.trust) == ("holds", "")
    assert archive_of_three.rebuild()[1]


def test_what_is_linked_while_copies_are_made_goes_along(
    archive_of_three: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _ = names(archive_of_three)
    real = sharing.copies

    def meanwhile(*arguments: object) -> dict[str, str]:
        made = real(*arguments)  # type: ignore[arg-type] # handed on as it came
        if not archive_of_three.queries.links(a):
            link(archive_of_three, a, b)
        return made

    monkeypatch.setattr(sharing, "copies", meanwhile)
    package = hand_over(archive_of_three, tmp_path / "p", profile="share", objects=[a])
    copies = sharing.recorded(archive_of_three)
    assert objects(package) == {copies[a], copies[b]}
