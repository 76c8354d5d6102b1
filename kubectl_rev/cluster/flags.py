"""kubectl's connection flags as a value; it imports nothing, since the help needs it, too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ConnectionFlags:
    """kubectl's connection flags as given; empty means not given.

    `request_timeout` is in seconds, for a whole request; None is the default. `istio_namespace` is where istiod is
    looked for if it may not be looked for everywhere. From `verbosity` 6 on, requests are logged.
    """

    namespace: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    kubeconfig: str = ""
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    as_uid: str = ""
    token: str = ""
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    request_timeout: float | None = None
    istio_namespace: str = ""
    verbosity: int = 0

    def repeated(self, program: str = "kubectl") -> list[str]:
        """The flags that a command of this program must repeat to reach the same cluster as the same person; never the
        token.
        """
        words: list[str] = []
        for field, flag in _REPEATED.get(program, {}).items():
            value = getattr(self, field)
            if field == "server" and value:
                from kubectl_rev.cluster.address import shown

                value = shown(value)
            for one in value if isinstance(value, tuple) else [value] if value else []:
                words += [flag] if one is True else [f"{flag}={one}"]
        return words


_PERSON = ("context", "cluster", "user", "kubeconfig", "as_user", "as_groups", "as_uid")
_SERVER = ("server", "tls_server_name", "insecure_skip_tls_verify", "certificate_authority")
_KUBECTL = {field: f"--{field.replace('_', '-')}" for field in _PERSON + _SERVER}
_KUBECTL |= {"as_user": "--as", "as_groups": "--as-group"}
# By program and field; istioctl has kubectl's flags for the context, the kubeconfig and the impersonation alone.
_REPEATED = {
    "kubectl": _KUBECTL,
    "oc": _KUBECTL,
    "istioctl": {field: _KUBECTL[field] for field in ("context", "kubeconfig", "as_user", "as_groups", "as_uid")},
    "helm": {
        "context": "--kube-context",
        "kubeconfig": "--kubeconfig",
        "as_user": "--kube-as-user",
        "as_groups": "--kube-as-group",
    },
}
