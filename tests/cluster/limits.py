"""What the person `limited` may do in the tests of rev-fix-validation: what the command needs, but for some of it."""

import json

from kubectl_rev.cluster.connection import ConnectionFlags, connect
from tests.cluster.validating import wait_until

_ADMISSION = "admissionregistration.k8s.io"
_BOTH = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
RULES = {
    "read": ("", ["pods", "services", "namespaces"], ["list"]),
    "configmaps": ("", ["configmaps"], ["get"]),
    "validators": (_ADMISSION, _BOTH, ["list"]),
    "slices": ("discovery.k8s.io", ["endpointslices"], ["list"]),
    "apps": ("apps", ["deployments", "statefulsets", "daemonsets", "replicasets"], ["list"]),
    "batch": ("batch", ["jobs", "cronjobs"], ["list"]),
    "config": ("networking.istio.io", ["*"], ["list"]),
    "more config": ("security.istio.io", ["*"], ["list"]),
    "telemetry": ("telemetry.istio.io", ["*"], ["list"]),
    "extensions": ("extensions.istio.io", ["*"], ["list"]),
    "probe": ("networking.istio.io", ["gateways"], ["create"]),
    "get": (_ADMISSION, ["validatingwebhookconfigurations"], ["get"]),
    "patch": (_ADMISSION, ["validatingwebhookconfigurations"], ["patch"]),
    "delete": (_ADMISSION, ["validatingwebhookconfigurations"], ["delete"]),
    "make": ("", ["services"], ["create"]),
    "repoint": ("", ["services"], ["patch"]),
    "unmake": ("", ["services"], ["delete"]),
}
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def allow(world, *without, only=None):
    """Let the user `limited` do what the command needs, but for some rules; `only` narrows resources of a rule.

    Returns when the server acts on it.
    """
    rules = [
        {"apiGroups": [group], "resources": (only or {}).get(name, resources), "verbs": verbs}
        for name, (group, resources, verbs) in RULES.items()
        if name not in without
    ]
    metadata = {"name": "limited-validation"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited-validation"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"}],
    }
    world.cluster.apply({**role, "rules": rules}, binding)
    known = _rights({"apiGroups": [g], "resources": r, "verbs": v} for g, r, v in RULES.values())
    wanted = _rights(rules)
    with connect(ConnectionFlags(context="limited")) as connection:
        body = json.dumps({"spec": {"namespace": "istio-system"}}).encode()

        def holds():
            status = json.loads(connection.send("POST", _REVIEW, body))["status"]
            return _rights(status["resourceRules"]) & known == wanted

        wait_until(holds, "the rights of limited")


def _rights(rules):
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule.get("apiGroups") or [""]
        for resource in rule.get("resources") or []
        for verb in rule["verbs"]
    }
