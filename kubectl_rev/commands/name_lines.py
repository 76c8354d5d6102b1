"""`-o name`: a line for each object, for `-f -` of the next command and for kubectl.

What is in the one namespace that was asked for is named alone, as kubectl does. Else each line has its `-n`: of several
such lines in one kubectl command the last `-n` would count for all, so that a note says how to call it for each line.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_rev.commands.terminal import err
from kubectl_rev.core.checks.model import Ref
from kubectl_rev.render import text

NOTE = "note: names in several namespaces; give kubectl one line at a time: … -o name | xargs -L1 kubectl get"


def name_lines(refs: Iterable[Ref], within: str = "") -> str:
    """The lines; `within` is the namespace that was asked for, empty for several. The note goes to stderr."""
    refs = list(refs)
    if len({ref.namespace for ref in refs if ref.namespace}) > 1:
        err(NOTE)
    return "\n".join(text.name(ref.kind, "" if ref.namespace == within else ref.namespace, ref.name) for ref in refs)
