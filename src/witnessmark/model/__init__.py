"""Frozen types of what the record says. Standard library only; one file a noun.

`STATEMENTS` maps every entry type to its class. Importing this package registers them all.
"""

from witnessmark.model.anchor import (
    AnchorFailed,
    AnchorReceived,
    CosignatureReceived,
    ForkReported,
)
from witnessmark.model.attachments import attachments, made_from
from witnessmark.model.custody import (
    AuditedPlace,
    BadCopy,
    CustodyReceipted,
    CustodyReceived,
    CustodyTransferred,
    Disposed,
    FixityAudited,
    MaterialLinked,
    ObjectDisposed,
)
from witnessmark.model.derivative import DerivativeMade, StreamDigest
from witnessmark.model.entry import KEY_ID, Entry, Recorded, key_id
from witnessmark.model.export import ExportMade
from witnessmark.model.finding import FindingRecorded
from witnessmark.model.genesis import Genesis
from witnessmark.model.json import Json
from witnessmark.model.key import KeyRevoked, KeyRotated
from witnessmark.model.link import DecidedSpan, LinkDecided, LinkFound, LinkSegment
from witnessmark.model.object import ObjectStored
from witnessmark.model.person import PersonAdded
from witnessmark.model.protected import Protected, ValueDisclosed, ValueErased
from witnessmark.model.reference import ReferenceClaimed, ReferenceExported, ReferenceMatched
from witnessmark.model.renewal import DigestsRenewed, RenewalAnchored
from witnessmark.model.risk import RiskRecorded
from witnessmark.model.run import RunRecorded, Tally
from witnessmark.model.scope import Scope, ScopeChanged
from witnessmark.model.search import SearchRecorded
from witnessmark.model.sighting import Attachment, ClaimedHash, DatedBy, SightingRecorded
from witnessmark.model.statement import STATEMENTS, Statement

__all__ = [
    "KEY_ID",
    "STATEMENTS",
    "AnchorFailed",
    "AnchorReceived",
    "Attachment",
    "AuditedPlace",
    "BadCopy",
    "ClaimedHash",
    "CosignatureReceived",
    "CustodyReceipted",
    "CustodyReceived",
    "CustodyTransferred",
    "DatedBy",
    "DecidedSpan",
    "DerivativeMade",
    "DigestsRenewed",
    "Disposed",
    "Entry",
    "ExportMade",
    "FindingRecorded",
    "FixityAudited",
    "ForkReported",
    "Genesis",
    "Json",
    "KeyRevoked",
    "KeyRotated",
    "LinkDecided",
    "LinkFound",
    "LinkSegment",
    "MaterialLinked",
    "ObjectDisposed",
    "ObjectStored",
    "PersonAdded",
    "Protected",
    "Recorded",
    "ReferenceClaimed",
    "ReferenceExported",
    "ReferenceMatched",
    "RenewalAnchored",
    "RiskRecorded",
    "RunRecorded",
    "Scope",
    "ScopeChanged",
    "SearchRecorded",
    "SightingRecorded",
    "Statement",
    "StreamDigest",
    "Tally",
    "ValueDisclosed",
    "ValueErased",
    "attachments",
    "key_id",
    "made_from",
]
