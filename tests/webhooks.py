"""The entries of Istio's injectors, by layout: manifests/charts/istio-control/istio-discovery/templates.

`current` is 1.10 to 1.31 (mutatingwebhook.yaml and revision-tags-mwc.yaml at HEAD), `1.9` what 1.9 installs by default
(useLegacySelectors with objectSelector), `1.6` what 1.6 to 1.8 install (objectSelector off).
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, Requirement

Entry = tuple[str, LabelSelector, LabelSelector]  # prefix of the name, namespaceSelector, objectSelector

_INJECTION, _REV, _INJECT = "istio-injection", "istio.io/rev", "sidecar.istio.io/inject"
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")


def _in(key: str, *values: str) -> Requirement:
    return Requirement(key, Operator.IN, values)


def _not_in(key: str, *values: str) -> Requirement:
    return Requirement(key, Operator.NOT_IN, values)


def _absent(key: str) -> Requirement:
    return Requirement(key, Operator.DOES_NOT_EXIST)


def _all(*requirements: Requirement) -> LabelSelector:
    return LabelSelector(match_expressions=requirements)


def entries(layout: str, name: str, *, auto: bool = False) -> Iterator[Entry]:
    """The entries of the injector that answers to a revision or tag; `default` is the unrevisioned one or that tag."""
    match layout:
        case "current":
            yield from _current(name, auto)
        case "1.9":
            yield "", _legacy(name), _all(_not_in(_INJECT, "false"))
        case "1.6" if auto:
            yield (
                "",
                _all(
                    _not_in("name", "istio-system"),
                    _not_in(_INJECTION, "disabled"),
                    _absent("istio-env"),
                    _absent(_REV),
                ),
                _all(),
            )
        case "1.6":
            yield "", _legacy(name), _all()
        case _:
            raise ValueError(layout)


def _legacy(name: str) -> LabelSelector:
    if name == "default":
        return LabelSelector(match_labels={_INJECTION: "enabled"})
    return _all(_absent(_INJECTION), _in(_REV, name))


def _current(name: str, auto: bool) -> Iterator[Entry]:
    no_opt_out, unlabelled = _not_in(_INJECT, "false"), (_absent(_INJECTION), _absent(_REV))
    yield "rev.namespace.", _all(_in(_REV, name), _absent(_INJECTION)), _all(no_opt_out)
    yield "rev.object.", _all(_absent(_REV), _absent(_INJECTION)), _all(no_opt_out, _in(_REV, name))
    if name == "default":
        yield "namespace.", _all(_in(_INJECTION, "enabled")), _all(no_opt_out)
        yield "object.", _all(*unlabelled), _all(_in(_INJECT, "true"), _absent(_REV))
        if auto:
            everywhere = _all(*unlabelled, _not_in("kubernetes.io/metadata.name", *_SYSTEM))
            yield "auto.", everywhere, _all(_absent(_INJECT), _absent(_REV))
