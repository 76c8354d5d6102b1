"""Conditions to ask the API server about, written down with what may not be known of them, and pods to ask with."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import NamedTuple

from tests.cluster.admission.rows import Place

# Decided from what is known of a pod, whatever it has: never unknown.
DECIDED = (
    # whether labels are there
    "has(object.metadata.labels)",
    "has(object.metadata.labels) && has(object.metadata.labels.app)",
    "!has(object.metadata.labels) || !('team' in object.metadata.labels)",
    "has(object.metadata.labels.tier)",
    "'app' in object.metadata.labels",
    "!('app.kubernetes.io/name' in object.metadata.labels)",
    "has(object.metadata.labels) ? 'team' in object.metadata.labels : true",
    # their values
    "object.metadata.labels.app == 'web'",
    "object.metadata.labels['app'] != \"web\"",
    "object.metadata.labels['app.kubernetes.io/name'] in ['web', 'api']",
    "object.metadata.labels['app.kubernetes.io/name'].startsWith('we')",
    "object.metadata.labels.app.endsWith('b') || object.metadata.labels.app.contains('pi')",
    "object.metadata.labels.version.matches('^v?[0-9]+$')",
    "object.metadata.labels.app.matches(r'^\\w+[-.]\\d{1,2}$')",
    "object.metadata.labels.app.lowerAscii() == 'web' && object.metadata.labels.app.upperAscii() == 'WEB'",
    "object.metadata.labels.app.split('-')[0] == 'web'",
    "object.metadata.labels.app.split('-')[1] == '1'",
    "object.metadata.labels.app + '-1' == 'web-1'",
    "size(object.metadata.labels.app) == 3",
    "object.metadata.labels.app > 'b' && object.metadata.labels.app <= 'web'",
    "object.metadata.labels.version == 2",
    "object.metadata.labels.version < 2",
    "object.metadata.labels.app in {'web': 1, 'api': 2}",
    "{'web': true, 'api': false}[object.metadata.labels.app]",
    "object.metadata.labels.app.deeper == 'x'",
    "object.metadata.labels == null",
    # all of them
    "size(object.metadata.labels) == 2",
    "object.metadata.labels.size() > 1",
    "object.metadata.labels.exists(k, k == 'team')",
    "object.metadata.labels.exists(k, object.metadata.labels[k] == 'web')",
    "object.metadata.labels.all(k, k.startsWith('app'))",
    "object.metadata.labels.exists_one(k, k.contains('app'))",
    "object.metadata.labels.exists(k, v, k == 'tier' && v in ['back', 'front'])",
    "object.metadata.labels.all(k, v, k != 'team' || v == 'payments')",
    "object.metadata.labels.filter(k, k.startsWith('a')).size() == 1",
    "object.metadata.labels.map(k, k.size()).exists(n, n > 10)",
    "'web' in object.metadata.labels.map(k, object.metadata.labels[k])",
    "['web', 'api'].exists(a, object.metadata.labels.app == a)",
    "object.metadata.labels.exists(k, object.metadata.labels.missing == k)",
    # optional values
    "object.metadata.?labels.?app.orValue('') == 'web'",
    "object.metadata.?labels['app.kubernetes.io/name'].orValue('none') == 'none'",
    "object.metadata.?labels.team.hasValue()",
    "object.metadata.labels[?'tier'].orValue('x').matches('^(back|front)$')",
    "object.metadata.?labels.orValue({'app': 'none'}).app == 'web'",
    "object.metadata.?labels.?app.value() == 'web'",
    # errors on one side
    "object.metadata.labels.missing == 'x' || true",
    "object.metadata.labels.missing == 'x' && false",
    "true || object.metadata.labels.missing == 'x'",
    "object.metadata.labels.missing == 'x' || object.metadata.namespace == 'conditions-1'",
    "[1, 2].exists(i, i == 2 || object.metadata.labels.missing == 'x')",
    "[2, 1].all(i, i == 1 && object.metadata.labels.missing == 'x')",
    "object.metadata.namespace == 'conditions-1' ? object.metadata.labels.missing == 'x' : true",
    "!(object.metadata.labels.app == 'web')",
    "[1, 2][2] == 1",
    "9223372036854775807 + 1 == 0",
    # the request
    "request.namespace == 'conditions-1'",
    "request.namespace in ['conditions-0', 'kube-system']",
    "object.metadata.namespace != 'conditions-0'",
    "object.metadata.namespace == request.namespace && object.metadata.namespace.matches('^conditions-[02]$')",
    "request.operation == 'CREATE' && request.operation != 'UPDATE'",
    "request.kind.kind == 'Pod' && request.kind.group == '' && request.kind.version == 'v1'",
    "request.resource.resource == 'pods' && request.requestResource.resource == request.resource.resource",
    "request.requestKind.kind == 'Deployment'",
    "has(request.subResource)",
    "!has(request.subResource) || request.subResource == ''",
    "request.subResource == ''",
    "oldObject == null && object != null",
    "oldObject != null && oldObject.metadata.labels.app == 'web'",
    "object.kind == 'Pod' && object.apiVersion == 'v1'",
    # the spec, as far as it is read
    "has(object.spec) && has(object.spec.hostNetwork) && object.spec.hostNetwork",
    "object.spec.?hostNetwork.orValue(false) == true",
    "object.spec.hostNetwork == false",
    # annotations that are read
    "has(object.metadata.annotations) && 'sidecar.istio.io/inject' in object.metadata.annotations",
    "object.metadata.?annotations[?'sidecar.istio.io/inject'].orValue('true') == 'true'",
    "object.metadata.?annotations[?'inject.istio.io/templates'].hasValue()",
    # constants
    "1 + 1 == 2 && -1 < 0 && 0x10 == 16 && 1.5 > 1 && '\\u00e9'.size() == 1 && '''a''' == \"a\" && r'\\d' == '\\\\d'",
    "dyn(1) == 1.0 && string(1) == '1' && dyn('a') != dyn(1) && [1, 2] == [1, 2] && !([1] == [1, 2])",
    "[1, 2].map(i, i + 1) == [2, 3] && 'a' in ['a'] && !('b' in ['a']) // of no object",
)  # fmt: skip
# Not decided for every pod: with the words that the reason has where it is not.
OPEN = {
    "object.spec.nodeName == 'x'": "object.spec.nodeName",
    "has(object.spec.nodeSelector)": "object.spec.nodeSelector",
    "object.spec.containers.exists(c, c.image.startsWith('web'))": "object.spec.containers",
    "object.spec.?priorityClassName.orValue('') == ''": "object.spec.priorityClassName",
    "has(object.metadata.generateName) || object.metadata.name == 'x'": "object.metadata.",
    "object.metadata.?ownerReferences.orValue([]).size() == 0": "object.metadata.ownerReferences",
    "request.name == 'web'": "request.name",
    "request.userInfo.username == 'system:admin'": "request.userInfo",
    "!('system:nodes' in request.userInfo.groups)": "request.userInfo",
    "has(request.options)": "request.options",
    "authorizer.group('').resource('pods').check('create').allowed()": "authorizer",
    "namespaceObject == null": "namespaceObject",
    "object.metadata.?annotations[?'corp.example/x'].orValue('') == 'y'": "annotations",
    "has(object.metadata.annotations) && object.metadata.annotations.exists(k, k.startsWith('corp'))": "annotations",
    "has(object.metadata.annotations)": "annotations",
    "size(object.metadata.annotations) == 1": "annotations",
    "has(object.metadata.labels.app.deeper)": "of what is no map",
    "isURL('https://a.example')": "isURL()",
    "ip('10.0.0.1').family() == 4": "ip()",
    "quantity('1Mi').isGreaterThan(quantity('1k'))": "quantity()",
    "object.metadata.labels.app.find('[a-z]') == 'w'": "find()",
    "sets.contains(['web'], [object.metadata.labels.app])": "sets",
    "'%s'.format([object.metadata.labels.app]) == 'web'": "format()",
    "object.metadata.labels.app.replace('w', 'v') == 'veb'": "replace()",
    "type('a') == string": "type()",
    "object.metadata.labels.app.size() * 2 == 6": "_*_",
    "uint(2) == 2u": "'2u'",
    "object.metadata.labels == {'app': 'web'}": "comparing maps",
    "object.metadata.labels.app.matches('^(we|b)+$')": "the regular expression",
    "duration('1h') > duration('1m')": "duration()",
    "[1].exists(i, object.spec.nodeName == 'x' && i == 1)": "object.spec.nodeName",
    # what is known decides some of them
    "object.metadata.namespace == 'conditions-1' && object.spec.nodeName == 'x'": "object.spec.nodeName",
    "object.metadata.namespace == 'conditions-1' || request.userInfo.username == 'x'": "request.userInfo",
    "object.metadata.labels.missing == 'x' && object.spec.nodeName == 'x'": "object.spec.nodeName",
}
# Several conditions of one webhook.
SEVERAL = (
    (DECIDED[7], DECIDED[57]),
    ("object.metadata.labels.missing == 'x'", "object.metadata.namespace != 'conditions-1'"),
    ("object.spec.nodeName == 'x'", "'team' in object.metadata.labels"),
    ("object.spec.nodeName == 'x'", "object.metadata.labels.missing == 'x'"),
    ("object.metadata.labels.missing == 'x'", "true", "object.metadata.labels.app != 'web'"),
)

PLACES = tuple(Place(f"conditions-{number}", {"kubectl-rev-test": "conditions"}) for number in range(3))
_LABELS: tuple[dict[str, str], ...] = (
    {}, {"app": "web"}, {"app": "api", "tier": "back"}, {"app": "web-1", "version": "2", "team": "payments"},
    {"app.kubernetes.io/name": "web"}, {"app.kubernetes.io/name": "api", "app": "web", "tier": "", "version": "v10"},
    {"team": "other", "sidecar.istio.io/inject": "false"}, {"app": "WEB"}, {"tier": "middle", "app": "x.99"},
)  # fmt: skip
_ANNOTATIONS: tuple[dict[str, str], ...] = (
    {}, {"sidecar.istio.io/inject": "false"}, {"corp.example/x": "y"},
    {"sidecar.istio.io/inject": "true", "corp.example/x": "z", "inject.istio.io/templates": "grpc-agent"},
)  # fmt: skip


class Pod(NamedTuple):
    """A pod to be created."""

    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]
    host_network: bool


def full() -> list[Pod]:
    """Everything with everything."""
    names = [place.name for place in PLACES]
    return [Pod(*values) for values in product(names, _LABELS, _ANNOTATIONS, (False, True))]


def sample() -> list[Pod]:
    """Each label, each annotation and each namespace."""
    pods = full()
    return pods[:: len(pods) // 12 + 1]


def composed(number: int) -> list[str]:
    """Conditions put together at random from those that are decided, always the same ones."""
    random = Random(13)

    def one(depth: int) -> str:
        if not depth or random.random() < 0.2:
            return f"({random.choice(DECIDED[:-1])})"
        parts = [one(depth - 1) for _ in range(3)]
        forms = ["({0} && {1})", "({0} || {1})", "!{0}", "({0} ? {1} : {2})", "[{0}, {1}].exists(b, b)",
                 "[1, 2].all(i, i == 1 ? {0} : {1})", "({0} == {1})"]  # fmt: skip
        return random.choice(forms).format(*parts)

    return [one(2) for _ in range(number)]
