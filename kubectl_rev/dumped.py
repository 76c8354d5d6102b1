"""The originals in a dump: what a plan needs of the objects that it would change.

A dump of `kubectl get -o yaml` has them whole; one made by --save does not, and then the plan's patches test less.
"""

from __future__ import annotations

from kubectl_rev import manifests
from kubectl_rev.core.originals import Original, Originals
from kubectl_rev.core.reasons import ROLLED
from kubectl_rev.documents import decode, documents

_KINDS = frozenset({"Namespace", "CronJob", *ROLLED})


def originals(text: str) -> Originals:
    """Those of a text that has been read as a Snapshot already, so that it is known to be one."""
    found = []
    for head, raw in manifests.flat(documents(text)):
        if head.kind in _KINDS and raw is not None:
            each = decode(raw, Original)
            each.kind = head.kind
            found.append(each)
    return Originals(found)
