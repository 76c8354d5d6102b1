"""The fields of a kubeconfig that we use, with the types that client-go gives them: tools/clientcmd/api/v1/types.go.

A value of another type is refused, as kubectl refuses it: `insecure-skip-tls-verify: "false"` is no boolean.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kubectl_rev.errors import Unreachable


class Extension(msgspec.Struct):
    """`extensions[]`: what some tool keeps there."""

    name: str = ""
    extension: Any = None


class Cluster(msgspec.Struct, rename="kebab", kw_only=True, frozen=True, omit_defaults=True):
    """`clusters[].cluster`."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: bytes = b""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[Extension] = []


class Variable(msgspec.Struct):
    """`exec.env[]`."""

    name: str = ""
    value: str = ""


class Exec(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """`users[].user.exec`: a credential plugin."""

    api_version: str = ""
    command: str = ""
    args: list[str | None] = []
    env: list[Variable] = []
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class AuthProvider(msgspec.Struct):
    """`users[].user.auth-provider`; of those there were only `oidc` is left."""

    name: str = ""
    config: dict[str, str] = {}


class User(msgspec.Struct, rename="kebab", kw_only=True, frozen=True):
    """`users[].user`."""

    client_certificate: str = ""
    client_certificate_data: bytes = b""
    client_key: str = ""
    client_key_data: bytes = b""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    as_user: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str | None] = []
    as_user_extra: dict[str, list[str | None]] = {}
    auth_provider: AuthProvider | None = None
    exec: Exec | None = None
    extensions: list[Extension] = []


class Context(msgspec.Struct, frozen=True):
    """`contexts[].context`."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""
    extensions: list[Extension] = []


class Named(msgspec.Struct):
    """One of a list of a kubeconfig."""

    name: str = ""
    body: Any = None


class NamedCluster(Named):
    """One of `clusters`."""

    body: Cluster = msgspec.field(default=Cluster(), name="cluster")


class NamedUser(Named):
    """One of `users`."""

    body: User = msgspec.field(default=User(), name="user")


class NamedContext(Named):
    """One of `contexts`."""

    body: Context = msgspec.field(default=Context(), name="context")


class File(msgspec.Struct, rename="kebab"):
    """A whole kubeconfig."""

    kind: str = ""
    api_version: str = msgspec.field(default="", name="apiVersion")
    preferences: dict[str, Any] = {}
    clusters: list[NamedCluster | None] = []
    users: list[NamedUser | None] = []
    contexts: list[NamedContext | None] = []
    current_context: str = ""
    extensions: list[Extension] = []


def read(path: str) -> bytes:
    """A file that the kubeconfig names. Raises Unreachable."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise Unreachable(f"cannot read {path}, which the kubeconfig names: {why.lower()}") from error
