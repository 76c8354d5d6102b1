"""What the person `limited` may do in the tests of rev-fix-validation: what the command needs, but for some of it."""

RULES = {
    "pods": ("", ["pods", "services", "namespaces", "configmaps"], ["get", "list"]),
    "validators": (
        "admissionregistration.k8s.io",
        ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        ["get", "list"],
    ),
    "slices": ("discovery.k8s.io", ["endpointslices"], ["list"]),
    "apps": ("apps", ["deployments", "statefulsets", "daemonsets", "replicasets"], ["list"]),
    "batch": ("batch", ["jobs", "cronjobs"], ["list"]),
    "config": ("networking.istio.io", ["*"], ["list"]),
    "more config": ("security.istio.io", ["*"], ["list"]),
    "telemetry": ("telemetry.istio.io", ["*"], ["list"]),
    "extensions": ("extensions.istio.io", ["*"], ["list"]),
    "probe": ("networking.istio.io", ["gateways"], ["create"]),
    "patch": ("admissionregistration.k8s.io", ["validatingwebhookconfigurations"], ["patch"]),
    "delete": ("admissionregistration.k8s.io", ["validatingwebhookconfigurations"], ["delete"]),
}


def allow(world, *without, only=None):
    """Let the user `limited` do what the command needs, but for some rules; `only` narrows resources of a rule."""
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
