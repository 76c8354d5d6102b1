"""What Istio documents of each pair of namespace labels and pod labels, written down by hand.

Nothing here knows of selectors: the tables are istio-semantics.md's (sections 1.3 and 1.4), made from Istio's sources
and documentation, and are held against what the API server and istiod really did. In a cell `*` is anything, `-` an
absent label, `''` an empty one. Under INJECTOR, `holder` is who holds the default, `namespace` and `pod` are whoever
answers to the name in that `istio.io/rev` label, which may be nobody.
"""

from collections.abc import Mapping
from typing import NamedTuple

_TODAY = """
NAMESPACE                                      POD                                    INJECTOR
istio-injection    istio.io/rev                inject    istio.io/rev
*                  *                           false     *                            none
disabled,other,''  *                           -,true    *                            none
enabled            *                           -,true    *                            holder
-                  default,canary,prod,ghost   -,true    *                            namespace
-                  -                           -,true    default,canary,prod,ghost    pod
-                  -                           true      -                            holder
-                  -                           -         -                            none
"""
_LAST = "-                  -                           -         -                            none"
_ONLY_INJECT = "-                  -                           true      -                            holder"
_ERA_1_6 = """
NAMESPACE                                      POD                                    INJECTOR
istio-injection    istio.io/rev                inject    istio.io/rev
*                  *                           false     *                            none
disabled,other,''  *                           -,true    *                            none
enabled            *                           -,true    *                            holder
-                  canary                      -,true    *                            namespace
-                  -,default,prod,ghost        -,true    *                            none
"""
_ERA_1_6_BY_DEFAULT = """
NAMESPACE                                      POD                                    INJECTOR
istio-injection    istio.io/rev                inject    istio.io/rev
*                  *                           false     *                            none
disabled           *                           -,true    *                            none
-,enabled,other,'' -                           -,true    *                            holder
-                  canary                      -,true    *                            namespace
-                  default,prod,ghost          -,true    *                            none
enabled,other,''   default,canary,prod,ghost   -,true    *                            none
"""
_ERA_1_8_OPT_IN = """
NAMESPACE                                      POD                                    INJECTOR
istio-injection    istio.io/rev                inject    istio.io/rev
enabled            *                           true      *                            holder
enabled            *                           -,false   *                            none
-                  canary                      -         canary                       namespace
-                  canary                      -         -,default,prod,ghost         none
-                  canary                      true,false *                           none
-                  -,default,prod,ghost        *         *                            none
disabled,other,''  *                           *         *                            none
"""


class Table(NamedTuple):
    """One table, by the four labels."""

    lines: tuple[tuple[str, ...], ...]

    def line(self, *labels: str | None) -> tuple[str, ...]:
        """The one line that speaks of these labels: istio-injection and istio.io/rev, then the pod's two."""
        found = [line for line in self.lines if all(_covers(*pair) for pair in zip(line, labels, strict=False))]
        assert len(found) == 1, f"{len(found)} lines speak of {labels}: {found}"
        return found[0]

    def injector(self, labels: tuple[str | None, ...], holder: str | None, names: Mapping[str, str]) -> str | None:
        """The revision that injects a pod, None if nobody does."""
        _, namespace_rev, _, pod_rev = labels
        match self.line(*labels)[-1]:
            case "holder":
                return holder
            case "namespace":
                return names.get(namespace_rev or "")
            case "pod":
                return names.get(pod_rev or "")
            case "none":
                return None
            case word:
                raise AssertionError(f"{word} is nobody")


def _covers(cell: str, value: str | None) -> bool:
    said = "-" if value is None else value or "''"
    return cell == "*" or said in cell.split(",")


def _table(text: str) -> Table:
    return Table(tuple(tuple(line.split()) for line in text.strip().splitlines()[2:]))


TODAY = _table(_TODAY)
# enableNamespacesByDefault: a namespace without any label is as good as one that asks.
AUTO = _table(_TODAY.replace(_LAST, _LAST.replace("none", "holder")))
# An unrevisioned control plane of 1.8 beside a canary of today: `inject` alone means nothing to it.
UPGRADE = _table(_TODAY.replace(_ONLY_INJECT, _ONLY_INJECT.replace("holder", "none")))
ERA_1_6 = _table(_ERA_1_6)
ERA_1_6_BY_DEFAULT = _table(_ERA_1_6_BY_DEFAULT)
ERA_1_8_OPT_IN = _table(_ERA_1_8_OPT_IN)
TABLES = {
    "today": TODAY,
    "by default": AUTO,
    "upgrade": UPGRADE,
    "1.6": ERA_1_6,
    "1.6 by default": ERA_1_6_BY_DEFAULT,
    "1.8 opt-in": ERA_1_8_OPT_IN,
}
