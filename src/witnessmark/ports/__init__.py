"""What the inside asks of the outside. Implementations live in `stores`, `custody`, `engines`.

Everything here is a `Protocol` or a frozen value; each port has one contract suite in
`tests/contracts` that its memory fake and its real implementation both pass.
"""

from __future__ import annotations

from witnessmark.ports.catalog import (
    AnchorRow,
    CosignatureRow,
    DecisionRow,
    Gap,
    LinkRow,
    MaterialRow,
    Member,
    ObjectRow,
    Queries,
    ReferenceLinkRow,
    ReferenceRow,
    RunRow,
    Seen,
    SightingRow,
)
from witnessmark.ports.collecting import (
    Asking,
    Claim,
    Collector,
    Item,
    LeftOut,
    Preflight,
    Reached,
    Resuming,
    Settled,
    Unreadable,
)
from witnessmark.ports.examining import Engine, Examination, Outcome, Report, Result, Task
from witnessmark.ports.keeping import Blobs, Journal, Project, Stored
from witnessmark.ports.private import Opened, PrivateRows, SealedValue, Vault
from witnessmark.ports.witnessing import Contradiction, WatchedLog, WitnessMemory

__all__ = [
    "AnchorRow",
    "Asking",
    "Blobs",
    "Claim",
    "Collector",
    "Contradiction",
    "CosignatureRow",
    "DecisionRow",
    "Engine",
    "Examination",
    "Gap",
    "Item",
    "Journal",
    "LeftOut",
    "LinkRow",
    "MaterialRow",
    "Member",
    "ObjectRow",
    "Opened",
    "Outcome",
    "Preflight",
    "PrivateRows",
    "Project",
    "Queries",
    "Reached",
    "ReferenceLinkRow",
    "ReferenceRow",
    "Report",
    "Result",
    "Resuming",
    "RunRow",
    "SealedValue",
    "Seen",
    "Settled",
    "SightingRow",
    "Stored",
    "Task",
    "Unreadable",
    "Vault",
    "WatchedLog",
    "WitnessMemory",
]
