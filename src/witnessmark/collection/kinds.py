"""What kind of thing some bytes are, by their first 512 (never by their name)."""

from __future__ import annotations

_STARTS = (
    (b"\x1a\x45\xdf\xa3", "video"),  # Matroska, WebM
    (b"FLV", "video"),
    (b"\x00\x00\x01\xba", "video"),  # MPEG program stream
    (b"\x00\x00\x01\xb3", "video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),  # ASF, WMV
    (b"\xff\xd8\xff", "picture"),
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"GIF8", "picture"),
    (b"II*\x00", "picture"),
    (b"MM\x00*", "picture"),
    (b"ID3", "sound"),
    (b"OggS", "sound"),
    (b"fLaC", "sound"),
    (b"#!AMR", "sound"),
    (b"%PDF", "document"),
    (b"PK\x03\x04", "document"),
    (b"\xd0\xcf\x11\xe0", "document"),  # old office files
    (b"WARC/", "document"),  # a web archive
)
_STILL_BRANDS = (b"avif", b"heic", b"heix", b"mif1")
_SOUND_BRANDS = (b"M4A ", b"M4B ")
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof")


def sniff(start: bytes) -> str:
    """`video`, `picture`, `sound`, `document` or `other`."""
    for mark, kind in _STARTS:
        if start.startswith(mark):
            return kind
    if start[4:8] in _BOXES:
        brand = start[8:12] if start[4:8] == b"ftyp" else b""
        return (
            "picture" if brand in _STILL_BRANDS else "sound" if brand in _SOUND_BRANDS else "video"
        )
    if start[:4] == b"RIFF":
        return {b"AVI ": "video", b"WEBP": "picture"}.get(start[8:12], "sound")
    if start[:1] == b"G" and start[188:189] in (b"G", b""):
        return "video" if len(start) > 188 else "other"  # MPEG transport stream
    if len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0:
        return "sound"  # MPEG audio frame
    return "other"
