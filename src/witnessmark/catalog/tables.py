"""The projection of the record as tables: integer keys, no protected values, all rebuildable.

Keys come from the record (the index of the entry that a row stems from, or `part` of it), never
from the order of inserting, so that every replay gives identical rows.

Long random names (SHA-256, keyed places) are found through the first 63 bits as an integer:
an index of integers stays small enough to keep inserts cheap at millions of rows.
"""

from __future__ import annotations

import sqlalchemy as sa


def short(hexadecimal: str) -> int:
    """The first 63 bits of a hexadecimal name, for an index; equal names have equal numbers."""
    return int(hexadecimal[:16], 16) >> 1


def part(entry: int, number: int) -> int:
    """Key of the `number`-th row (below 4,096) that stems from one entry."""
    return entry << 12 | number


class Tables:
    """All catalog tables; `suffix` names the shadow set that a rebuild fills."""

    def __init__(self, suffix: str = "") -> None:
        self.metadata = metadata = sa.MetaData()
        self.suffix = suffix

        def table(name: str, *columns: sa.Column[object] | sa.Index) -> sa.Table:
            return sa.Table(name + suffix, metadata, *columns)

        def index(name: str, *columns: str, unique: bool = False) -> sa.Index:
            return sa.Index(name + suffix, *columns, unique=unique)

        #: how far the projection has come
        self.projected = table(
            "projected",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("size", sa.Integer, nullable=False),
        )
        self.objects = table(
            "objects",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("short", sa.Integer, nullable=False),
            sa.Column("sha256", sa.LargeBinary, nullable=False),
            sa.Column("size", sa.Integer, nullable=False),
            sa.Column("kind", sa.Text, nullable=False),
            sa.Column("derived_from", sa.Integer),
            index("objects_short", "short"),
        )
        self.runs = table(
            "runs",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("run", sa.Text, nullable=False, unique=True),
            sa.Column("source", sa.Text, nullable=False),
            sa.Column("party", sa.Text, nullable=False),
            sa.Column("reference", sa.Text),
            sa.Column("started_at", sa.Text, nullable=False),
            sa.Column("tally", sa.Text),
            sa.Column("entry", sa.Integer),
        )
        self.sightings = table(
            "sightings",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("object", sa.Integer),
            sa.Column("run", sa.Integer, nullable=False),
            sa.Column("place_short", sa.Integer, nullable=False),
            sa.Column("place", sa.LargeBinary, nullable=False),
            sa.Column("content", sa.LargeBinary, nullable=False),
            sa.Column("outcome", sa.Text, nullable=False),
            sa.Column("reason", sa.Text, nullable=False),
            sa.Column("kind", sa.Text, nullable=False),
            index("sightings_place", "place_short"),
            index("sightings_object", "object"),
        )
        self.dates = table(
            "dates",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("sighting", sa.Integer, nullable=False),
            sa.Column("what", sa.Text, nullable=False),
            sa.Column("at", sa.Text, nullable=False),
            sa.Column("grade", sa.Text, nullable=False),
            sa.Column("bounds_media", sa.Boolean, nullable=False),
            index("dates_sighting", "sighting"),
        )
        self.findings = table(
            "findings",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("object", sa.Integer, nullable=False),
            sa.Column("check", sa.Text, nullable=False),
            sa.Column("version", sa.Text, nullable=False),
            sa.Column("result", sa.Text, nullable=False),
            sa.Column("reason", sa.Text, nullable=False),
            index("findings_once", "object", "check", "version", unique=True),
        )
        self.links = table(
            "links",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("a", sa.Integer, nullable=False),
            sa.Column("b", sa.Integer, nullable=False),
            sa.Column("relation", sa.Text, nullable=False),
            sa.Column("score", sa.Text, nullable=False),
            sa.Column("matcher", sa.Text, nullable=False),
            sa.Column("content", sa.Integer, nullable=False),
            index("links_once", "a", "b", "matcher", "content", unique=True),
            index("links_b", "b"),
        )
        self.segments = table(
            "segments",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("link", sa.Integer, nullable=False),
            sa.Column("a_start", sa.Integer, nullable=False),
            sa.Column("a_end", sa.Integer, nullable=False),
            sa.Column("b_start", sa.Integer, nullable=False),
            sa.Column("b_end", sa.Integer, nullable=False),
            sa.Column("rate", sa.Text, nullable=False),
            sa.Column("transform", sa.Text, nullable=False),
            index("segments_link", "link"),
        )
        #: what people say of pairs of stretches; later rows win over earlier ones
        self.decisions = table(
            "link_decisions",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("entry", sa.Integer, nullable=False),
            sa.Column("a", sa.Integer, nullable=False),
            sa.Column("b", sa.Integer, nullable=False),
            sa.Column("decision", sa.Text, nullable=False),
            sa.Column("a_start", sa.Integer, nullable=False),
            sa.Column("a_end", sa.Integer, nullable=False),
            sa.Column("b_start", sa.Integer, nullable=False),
            sa.Column("b_end", sa.Integer, nullable=False),
            index("link_decisions_a", "a"),
            index("link_decisions_b", "b"),
        )
        #: recordings: object segments joined by links; the id is the lowest segment's in it.
        #: Members with the same `take` are one camera's, as people confirmed
        self.members = table(
            "recording_members",
            sa.Column("recording", sa.Integer, primary_key=True),
            sa.Column("object", sa.Integer, primary_key=True),
            sa.Column("start", sa.Integer, primary_key=True),
            sa.Column("end", sa.Integer, nullable=False),
            sa.Column("take", sa.Integer),
            index("recording_members_object", "object"),
        )
        #: fingerprints without their video, as somebody claims them; `name` is the blob's SHA-256
        self.references = table(
            "reference_claims",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("collection", sa.Text, nullable=False),
            sa.Column("name", sa.LargeBinary, nullable=False),
            sa.Column("version", sa.Text, nullable=False),
            sa.Column("duration", sa.Integer, nullable=False),
            sa.Column("claimed_date", sa.Text),
            index("reference_claims_name", "name"),
        )
        #: matches of objects with such fingerprints; they join no recording
        self.reference_links = table(
            "reference_links",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("object", sa.Integer, nullable=False),
            sa.Column("reference", sa.LargeBinary, nullable=False),
            sa.Column("relation", sa.Text, nullable=False),
            sa.Column("score", sa.Text, nullable=False),
            sa.Column("matcher", sa.Text, nullable=False),
            sa.Column("content", sa.Integer, nullable=False),
            index("reference_links_once", "object", "reference", "matcher", "content", unique=True),
        )
        #: entries of people and runs: few among the many sightings, objects, findings and links
        self.acts = table(
            "acts",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("type", sa.Text, nullable=False),
            index("acts_type", "type"),
        )
        #: stamps from outside; `proof` is the blob that holds one
        self.anchors = table(
            "anchors",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("size", sa.Integer, nullable=False),
            sa.Column("root", sa.LargeBinary, nullable=False),
            sa.Column("kind", sa.Text, nullable=False),
            sa.Column("authority", sa.Text, nullable=False),
            sa.Column("state", sa.Text, nullable=False),
            sa.Column("time", sa.Text),
            sa.Column("height", sa.Integer),
            sa.Column("proof", sa.LargeBinary, nullable=False),
            sa.Column("chain", sa.LargeBinary),
            sa.Column("via", sa.Text, nullable=False),
            sa.Column("received_at", sa.Text, nullable=False),
            index("anchors_once", "size", "kind", "authority", "state", unique=True),
        )
        self.people = table(
            "people",
            sa.Column("key", sa.Text, primary_key=True),
            sa.Column("state", sa.Text, nullable=False),
        )
        self.risks = table(
            "risks",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("decision", sa.Text, nullable=False),
        )
        self.erased = table(
            "erased",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("by_entry", sa.Integer, nullable=False),
            sa.Column("entry", sa.Integer, nullable=False),
            sa.Column("field", sa.Text, nullable=False),
            index("erased_entry", "entry"),
        )
        #: things given out of hand; without a receipt, an open gap
        self.transfers = table(
            "transfers",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("at", sa.Text, nullable=False),
            sa.Column("receipt", sa.Integer),
        )
        self.transferred = table(
            "transferred",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("transfer", sa.Integer, nullable=False),
            sa.Column("object", sa.Integer, nullable=False),
            index("transferred_transfer", "transfer"),
            index("transferred_object", "object"),
        )
        #: bytes that were destroyed: objects, and attachments made from them
        self.disposed = table(
            "disposed",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("by_entry", sa.Integer, nullable=False),
            sa.Column("short", sa.Integer, nullable=False),
            sa.Column("sha256", sa.LargeBinary, nullable=False),
            index("disposed_short", "short"),
        )
        #: what people say bears on what
        self.materials = table(
            "materials",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("a", sa.Integer, nullable=False),
            sa.Column("b", sa.Integer, nullable=False),
            sa.Column("relation", sa.Text, nullable=False),
            index("materials_a", "a"),
            index("materials_b", "b"),
        )
        #: `public` is the key without its name: one public key counts once for a checkpoint
        self.cosignatures = table(
            "cosignatures",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("size", sa.Integer, nullable=False),
            sa.Column("root", sa.LargeBinary, nullable=False),
            sa.Column("public", sa.Text, nullable=False),
            sa.Column("witness", sa.Text, nullable=False),
            sa.Column("time", sa.Text, nullable=False),
            sa.Column("signature", sa.Text, nullable=False),
            index("cosignatures_once", "size", "public", unique=True),
        )
