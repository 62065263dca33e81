"""A time-stamping authority on loopback: `openssl ts` behind a web server, with knobs."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.forge import der

OPENSSL = shutil.which("openssl")
_CONFIG = """[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
_SHA256 = "2.16.840.1.101.3.4.2.1"


class Authority:
    """Root, middle and stamper, and where their files lie.

    Attributes:
        folder: keys, certificates and configuration; `root.pem` is what to pin.
        url: where it listens, once it does.
        mood: `` (honest), `nonce`, `imprint`, `stranger` (signs with certificates that nobody
            pinned), `hang`, `500`, `garbage`, `html`, `busy` (500 twice, then honest),
            `replay` (its first answer again), `rejection`.
        digest: the hash by which it signs.
        asked: requests so far.
    """

    def __init__(self, folder: Path, name: str = "one", kind: str = "p256") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name, self.kind = folder, name, kind
        self.url = ""
        self.mood, self.digest = "", "sha256"
        self.asked: list[bytes] = []
        self.first = b""
        self.make()
        self.make("stranger")

    @property
    def roots(self) -> Path:
        """The PEM file to pin."""
        return self.folder / "root.pem"

    def make(self, prefix: str = "", days: tuple[float, float] = (-30, 3650)) -> None:
        """New certificates; `days` from now are the stamper's validity."""
        now = datetime.now(UTC)
        root = _Certified(f"{self.name}{prefix} root", self.kind)
        middle = _Certified(f"{self.name}{prefix} middle", self.kind, root)
        stamper = _Certified(f"{self.name}{prefix} stamper", self.kind, middle, stamps=True)
        stamper.since, stamper.until = (now + timedelta(days=each) for each in days)
        for each, file in ((root, "root"), (middle, "middle"), (stamper, "stamper")):
            (self.folder / f"{prefix}{file}.pem").write_bytes(each.pem)
            (self.folder / f"{prefix}{file}.key").write_bytes(each.key_pem)
        (self.folder / "tsa.cnf").write_text(_CONFIG.format(folder=self.folder))

    def revocations(self, reason: x509.ReasonFlags) -> bytes:
        """A list (PEM) of an hour ago by which the stamper is revoked tomorrow."""
        now = datetime.now(UTC)
        middle = x509.load_pem_x509_certificate((self.folder / "middle.pem").read_bytes())
        stamper = x509.load_pem_x509_certificate((self.folder / "stamper.pem").read_bytes())
        entry = x509.RevokedCertificateBuilder(stamper.serial_number, now + timedelta(days=1))
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        made = x509.CertificateRevocationListBuilder(
            issuer_name=middle.subject,
            last_update=now - timedelta(hours=1),
            next_update=now + timedelta(days=9),
        ).add_revoked_certificate(entry.build())
        key = serialization.load_pem_private_key((self.folder / "middle.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def stamp(self, request: bytes, prefix: str = "") -> bytes:
        """The real `openssl ts -reply` to a request (DER)."""
        query, reply = self.folder / "query.tsq", self.folder / "reply.tsr"
        query.write_bytes(request)
        assert OPENSSL
        command = [
            *(OPENSSL, "ts", "-reply", "-config", self.folder / "tsa.cnf", "-section", "one"),
            *("-queryfile", query, "-signer", self.folder / f"{prefix}stamper.pem"),
            *("-inkey", self.folder / f"{prefix}stamper.key", f"-{self.digest}", "-out", reply),
            *("-chain", self.folder / f"{prefix}middle.pem"),
        ]
        subprocess.run(command, check=True, capture_output=True)
        return reply.read_bytes()


@dataclasses.dataclass
class _Certified:
    """A certificate and its key."""

    name: str
    kind: str
    issuer: _Certified | None = None
    stamps: bool = False
    since: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC) - _YEAR)
    until: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC) + 10 * _YEAR)

    def __post_init__(self) -> None:
        self.key = (
            rsa.generate_private_key(65537, 2048)
            if self.kind == "rsa"
            else ec.generate_private_key(ec.SECP384R1() if self.kind == "p384" else ec.SECP256R1())
        )

    @property
    def pem(self) -> bytes:
        issuer = self.issuer or self
        made = x509.CertificateBuilder(
            issuer_name=_named(issuer.name),
            subject_name=_named(self.name),
            public_key=self.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self.since,
            not_valid_after=self.until,
        )
        made = made.add_extension(x509.BasicConstraints(not self.stamps, None), critical=True)
        own = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        made = made.add_extension(own, critical=False)
        if self.stamps:
            use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            made = made.add_extension(use, critical=True)
        signed = made.sign(issuer.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


_YEAR = timedelta(days=365)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def query(digest: bytes, nonce: int) -> bytes:
    """A request over this SHA-256, with certificates."""
    imprint = der.sequence(der.algorithm(_SHA256, null=True), der.octets(digest))
    return der.sequence(der.integer(1), imprint, der.integer(nonce), b"\x01\x01\xff")


def _bent(request: bytes, mood: str) -> bytes:
    """The request that an authority in this mood answers instead."""
    from witnessmark.anchoring.der import SEQUENCE, one

    _, imprint, nonce, *_ = one(request, SEQUENCE).members()
    digest = imprint.members()[1].body
    if mood == "imprint":
        return query(bytes(32), nonce.number)
    if mood == "nonce":
        return query(digest, nonce.number ^ 1)
    return request


class _Handler(http.server.BaseHTTPRequestHandler):
    authority: Authority

    def do_POST(self) -> None:
        authority = self.authority
        request = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        authority.asked.append(request)
        mood = authority.mood
        if mood == "busy":
            mood = "500" if len(authority.asked) < 3 else ""
        match mood:
            case "hang":
                time.sleep(30)
            case "500":
                self.say(500, b"", "text/plain")
            case "html":
                self.say(200, b"<html>Log in first</html>", "text/html")
            case "garbage":
                self.say(200, b"\x30\x03\x02\x01", "application/timestamp-reply")
            case "rejection":
                self.say(200, b"\x30\x05\x30\x03\x02\x01\x02", "application/timestamp-reply")
            case "replay" if authority.first:
                self.say(200, authority.first, "application/timestamp-reply")
            case _:
                prefix = "stranger" if mood == "stranger" else ""
                answer = authority.stamp(_bent(request, mood), prefix)
                authority.first = authority.first or answer
                self.say(200, answer, "application/timestamp-reply")

    def say(self, status: int, body: bytes, kind: str) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def listening(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """A web server on loopback, and its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def running(folder: Path, name: str = "one", kind: str = "p256") -> Iterator[Authority]:
    """An authority that is up."""
    authority = Authority(folder, name, kind)
    with listening(type("Handler", (_Handler,), {"authority": authority})) as url:
        authority.url = url
        yield authority
