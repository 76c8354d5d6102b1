"""The injectors of Istio 1.6 to 1.10, as their charts made them, for the istiods of today to serve.

Written from the charts' rules (docs/istio-semantics.md, section 1.4). Only admissionregistration's v1beta1 is
not as it was: no API server has it any more. What istiod itself decides afterwards is today's, of 1.30 and 1.31.
"""

from collections.abc import Iterator
from typing import Any

from kubectl_rev.core.mesh import labels
from tests.cluster.admission.server import Object

_NAME = "sidecar-injector.istio.io"


def _in(key: str, *values: str) -> Object:
    return {"key": key, "operator": "In", "values": list(values)}


def _not_in(key: str, *values: str) -> Object:
    return {"key": key, "operator": "NotIn", "values": list(values)}


def _absent(key: str) -> Object:
    return {"key": key, "operator": "DoesNotExist"}


def _all(*expressions: Object) -> Object:
    return {"matchExpressions": list(expressions)}


_NOT_OUT = _not_in(labels.INJECT, "false")
_UNLABELLED = (_absent(labels.INJECTION), _absent(labels.REV))


def era_1_6(revision: str) -> list[Object]:
    """1.6 to 1.8: one entry, no objectSelector, and `istio.io/rev=default` is nobody's name."""
    return [_entry("", _of_1_6(revision))]


def era_1_6_by_default(revision: str) -> list[Object]:
    """1.6 to 1.8, the unrevisioned control plane installed with enableNamespacesByDefault."""
    env, not_disabled = _absent("istio-env"), _not_in(labels.INJECTION, "disabled")
    everywhere = _all(_not_in("name", "istio-system"), not_disabled, env, _absent(labels.REV))
    return [_entry("", everywhere)] if revision == "default" else era_1_6(revision)


def era_1_8_opt_in(revision: str) -> list[Object]:
    """1.6 to 1.8 with objectSelector.enabled and without autoInject: the pod must ask too."""
    if revision == "default":
        return [_entry("", _of_1_6(revision), {"matchLabels": {labels.INJECT: "true"}})]
    return [_entry("", _of_1_6(revision), _all(_absent(labels.INJECT), _in(labels.REV, revision)))]


def era_1_9(revision: str) -> list[Object]:
    """1.9, and up to 1.10 with useLegacySelectors: 1.6's, but the pod's label can refuse."""
    return [_entry("", _of_1_6(revision), _all(_NOT_OUT))]


def era_1_9_new(revision: str) -> list[Object]:
    """1.9 with useLegacySelectors=false: pods' labels begin to count, `istio.io/rev=default` does not yet."""
    return list(_default_entries() if revision == "default" else _revision_entries("", revision))


def era_1_10(revision: str) -> list[Object]:
    """1.10: the default revision answers to its name, and there are tags. The same to this day."""
    found = list(_revision_entries("rev.", revision))
    return found + list(_default_entries()) if revision == "default" else found


def _of_1_6(revision: str) -> Object:
    if revision == "default":
        return {"matchLabels": {labels.INJECTION: "enabled"}}
    return _all(_absent(labels.INJECTION), _in(labels.REV, revision))


def _revision_entries(prefix: str, name: str) -> Iterator[Object]:
    yield _entry(f"{prefix}namespace.", _all(_in(labels.REV, name), _absent(labels.INJECTION)), _all(_NOT_OUT))
    yield _entry(f"{prefix}object.", _all(*_UNLABELLED), _all(_NOT_OUT, _in(labels.REV, name)))


def _default_entries() -> Iterator[Object]:
    yield _entry("namespace.", _all(_in(labels.INJECTION, "enabled")), _all(_NOT_OUT))
    yield _entry("object.", _all(*_UNLABELLED), _all(_in(labels.INJECT, "true"), _absent(labels.REV)))


def _entry(prefix: str, namespaces: Object, objects: Object | None = None) -> Object:
    selector = {"objectSelector": objects} if objects else {}
    return {"name": prefix + _NAME, "namespaceSelector": namespaces, **selector}


def injector(
    name: str, revision: str, entries: list[Object], ca: str, tag: str | None = None, component: bool = True
) -> Object:
    """A whole configuration whose entries go to the istiod of REVISION. 1.6 and 1.7 had no `component` label."""
    service = "istiod" if revision == "default" else f"istiod-{revision}"
    common: dict[str, Any] = {
        "clientConfig": {
            "service": {"name": service, "namespace": "istio-system", "path": "/inject", "port": 443},
            "caBundle": ca,
        },
        "sideEffects": "None",
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        "failurePolicy": "Fail",
        "admissionReviewVersions": ["v1beta1", "v1"],
    }
    said = {labels.REV: revision, labels.APP: labels.INJECTOR_APP, "release": "istio"}
    if component:
        said[labels.OPERATOR_COMPONENT] = "Pilot"
    if tag:
        said[labels.TAG] = tag
    return {"metadata": {"name": name, "labels": said}, "webhooks": [common | entry for entry in entries]}
