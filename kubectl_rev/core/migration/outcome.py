"""What a run of a plan did, as values: one outcome per change, and the result that JSON shows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubectl_rev.core.checks.model import Finding, Ref
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration.plan import Left, Skipped
from kubectl_rev.core.migration.reasons import What


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    kind: str
    namespace: str
    name: str
    what: What
    message: str
    detail: str = ""


class Result(msgspec.Struct, kw_only=True, rename="camel"):
    """What a run did. `complete` is false when something failed or was not begun; `left` stays as it is.

    `all_moved` is true when it is complete and nothing stays on another revision, as --require-all wants it.
    `not_begun` are namespaces, `not_restarted` the workloads that were to be restarted and were not.
    `gaps` are what the preflight could not look at.
    """

    undo: bool
    to: str
    revision: str
    dry_run: str
    complete: bool
    all_moved: bool
    outcomes: Sequence[Outcome]
    left: Sequence[Left]
    not_begun: Sequence[str]
    not_restarted: Sequence[Ref]
    skipped: Sequence[Skipped]
    findings: Sequence[Finding]
    gaps: Sequence[Gap]
