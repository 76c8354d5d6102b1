"""Who injects, for every combination of labels: istio-semantics.md §1.3 and §1.4 as data.

test_injection.py holds the program against it, exhaustively; docs/which-label-wins.md is made from it.
"""

from __future__ import annotations

Winner = tuple[str, str] | None  # revision, injector
Values = tuple[str | None, ...]
Row = tuple[Values, Values, Values, Values, Winner]

# Namespace istio-injection, namespace istio.io/rev, pod sidecar.istio.io/inject, pod istio.io/rev; None is absent.
INJECTION: Values = (None, "enabled", "disabled", "true", "")
REV: Values = (None, "canary", "prod", "default", "ghost", "")
INJECT: Values = (None, "true", "false", "")
ANY_INJECTION, ANY_REV, ANY_INJECT = INJECTION, REV, INJECT

ABSENT: Values = (None,)
OTHER: Values = ("disabled", "true", "")  # any value but enabled
GHOST: Values = ("ghost", "")
WILLING: Values = (None, "true", "")

CANARY = ("canary", "istio-sidecar-injector-canary")
PROD = ("blue", "istio-revision-tag-prod")  # a tag: the injector answers to its name, its revision is another
UNREVISIONED = ("default", "istio-sidecar-injector")
TAGGED = ("canary", "istio-revision-tag-default")


def current(default: Winner, plain: Winner = None) -> list[Row]:
    """1.10 and later. `default`: who holds it; `plain`: who takes a pod and namespace without any label."""
    return [
        (ANY_INJECTION, ANY_REV, ("false",), ANY_REV, None),
        (OTHER, ANY_REV, WILLING, ANY_REV, None),
        (("enabled",), ANY_REV, WILLING, ANY_REV, default),  # odd but true: both istio.io/rev are ignored
        (ABSENT, ("canary",), WILLING, ANY_REV, CANARY),  # odd but true: the pod's own label is ignored
        (ABSENT, ("prod",), WILLING, ANY_REV, PROD),
        (ABSENT, ("default",), WILLING, ANY_REV, default),
        (ABSENT, GHOST, WILLING, ANY_REV, None),
        (ABSENT, ABSENT, ABSENT, ABSENT, plain),
        (ABSENT, ABSENT, ("",), ABSENT, None),
        (ABSENT, ABSENT, ("true",), ABSENT, default),
        (ABSENT, ABSENT, WILLING, ("canary",), CANARY),
        (ABSENT, ABSENT, WILLING, ("prod",), PROD),
        (ABSENT, ABSENT, WILLING, ("default",), default),
        (ABSENT, ABSENT, WILLING, GHOST, None),
    ]


def legacy(inject: Values) -> list[Row]:
    """1.6 to 1.9: the pod's labels say nothing, in 1.9 but `inject=false`; istio.io/rev=default means nothing."""
    return [
        (ANY_INJECTION, ANY_REV, tuple(v for v in INJECT if v not in inject), ANY_REV, None),
        (OTHER, ANY_REV, inject, ANY_REV, None),
        (("enabled",), ANY_REV, inject, ANY_REV, UNREVISIONED),
        (ABSENT, ("canary",), inject, ANY_REV, CANARY),
        (ABSENT, (None, "prod", "default", "ghost", ""), inject, ANY_REV, None),
    ]
