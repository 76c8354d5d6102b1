"""Which cluster, as whom, in which namespace: kubeconfig files and kubectl's flags resolved to one `Target`.

The rules are client-go's (tools/clientcmd: loader.go, client_config.go, validation.go): of several files the first to
name a thing wins, relative paths belong to the file they stand in, flags replace single fields, and what has another
type than its field is refused. tests/identity holds all of it against kubectl.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from kubectl_rev.cluster.address import Malformed, address_of
from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.cluster.kubeconfig_types import Cluster, Context, File, Named, User
from kubectl_rev.core.suggestions import did_you_mean
from kubectl_rev.dumps.yaml_reader import spoken, without_nulls
from kubectl_rev.dumps.yaml_values import values
from kubectl_rev.errors import Unreachable, UsageError

IN_CLUSTER = "in-cluster"  # the name of the one cluster, user and context that a pod has
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_PATHS = ("certificate_authority", "client_certificate", "client_key", "token_file")
T = TypeVar("T")


class Config(msgspec.Struct):
    """All files merged: clusters, users and contexts by name."""

    clusters: dict[str, Cluster] = {}
    users: dict[str, User] = {}
    contexts: dict[str, Context] = {}
    current_context: str = ""
    files: dict[str, str] = {}  # where each user stands


class Target(msgspec.Struct, kw_only=True):
    """What to connect to: one cluster's and one user's fields as a kubeconfig has them, every path absolute.

    `server` is the address, in the form SCHEME://HOST[:PORT][/PATH]; `login` stood in it, as `user:password`.
    `user_file` is where the user came from: refreshed OIDC tokens are written back there, as kubectl does.
    """

    namespace: str
    context: str
    cluster_name: str
    user_name: str
    cluster: Cluster
    user: User
    user_file: str = ""
    server: str = ""
    login: str = ""


def resolve(options: ConnectionFlags) -> Target:
    """Find out what to connect to.

    Raises UsageError for a context, cluster or user that no kubeconfig names, and Unreachable when there is no usable
    kubeconfig and this is not a pod.
    """
    config = _read(options.kubeconfig)
    if config is None and not options.server:
        if (target := _in_cluster()) is not None:
            return _with_flags(target, options)
        if named := os.environ.get("KUBECONFIG"):
            raise Unreachable(f"KUBECONFIG names no file that exists: {named}")
        raise Unreachable("no kubeconfig, and not in a pod: set KUBECONFIG, or give --kubeconfig or --server")
    config = config or Config()
    current = options.context or config.current_context
    context = _named("context", current, config.contexts) or Context()
    cluster_name, user_name = options.cluster or context.cluster, options.user or context.user
    # kubectl goes on as anonymous when the context's own user is missing; only a --user that is missing stops it.
    missing = user_name not in config.users and not options.user
    target = Target(
        namespace=context.namespace or "default",
        context=current,
        cluster_name=cluster_name,
        user_name=user_name,
        cluster=_named("cluster", cluster_name, config.clusters) or Cluster(),
        user=(None if missing else _named("user", user_name, config.users)) or User(),
        user_file=config.files.get(user_name, ""),
    )
    if not (options.server or target.cluster.server):
        known = f": give --context, one of {', '.join(sorted(config.contexts))}" if config.contexts else ""
        raise UsageError(f"no current context{known}" if not current else f"context {current} names no server")
    return _with_flags(target, options)


def known(kubeconfig: str, kind: str) -> list[str]:
    """The names of all `contexts`, `clusters` or `users`. Raises Unreachable for a file that is no kubeconfig."""
    return list(getattr(_read(kubeconfig) or Config(), kind))


def _read(flag: str) -> Config | None:
    """The kubeconfig files that exist, merged; --kubeconfig names exactly one, which must exist."""
    paths = [p for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p]
    if not os.environ.get("KUBECONFIG"):
        paths = [os.path.expanduser("~/.kube/config")]
    files = {path: _load(path) for path in ([flag] if flag else filter(os.path.exists, paths))}
    merged = Config()
    for path, file in files.items():
        merged.current_context = merged.current_context or file.current_context
        merged.clusters = _by_name(path, "cluster", file.clusters, Cluster()) | merged.clusters
        merged.users = (users := _by_name(path, "user", file.users, User())) | merged.users
        merged.contexts = _by_name(path, "context", file.contexts, Context()) | merged.contexts
        merged.files = dict.fromkeys(users, path) | merged.files
    return merged if files else None


def _load(path: str) -> File:
    """One file: the first document of it, as kubectl reads it."""
    try:
        with open(path, "rb") as stream:
            content = next(values(stream.read(), by_hand=True), None)
        file = msgspec.convert(_unfolded(without_nulls(content)) or {}, File)
    except OSError as error:
        raise Unreachable(f"cannot read kubeconfig {path}: {str(error.strerror or error).lower()}") from error
    except msgspec.ValidationError as error:
        raise Unreachable(f"{path} is not a valid kubeconfig: {spoken(error)}") from None
    except (ValueError, RecursionError) as error:  # only the place is told: the line itself may hold a secret
        raise Unreachable(f"{path} is not a valid kubeconfig: {error}") from None
    if file.kind not in ("", "Config") or file.api_version not in ("", "v1"):
        raise Unreachable(f"{path} is not a valid kubeconfig: it is no Config of v1")
    return file


def _unfolded(value: Any, key: str = "") -> Any:
    """The same without line breaks in what is base64: encoding/base64 skips them."""
    if isinstance(value, dict):
        return {name: _unfolded(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, str) and key.endswith("-data"):
        return value.replace("\n", "").replace("\r", "")
    return [_unfolded(inner) for inner in value] if isinstance(value, list) else value


def _by_name(path: str, kind: str, entries: Iterable[Named | None], empty: T) -> dict[str, T]:
    """The bodies of one list, their paths absolute. Raises Unreachable where two have one name, as kubectl does."""
    named: dict[str, T] = {}
    for name, body in ((entry.name, entry.body) if entry else ("", empty) for entry in entries):
        if name in named:
            raise Unreachable(f"{path} is not a valid kubeconfig: it has {kind} {name} twice")
        named[name] = _absolute(body, os.path.dirname(os.path.abspath(path)))
    return named


def _absolute(body: Any, base: str) -> Any:
    changes: dict[str, Any] = {
        field: os.path.normpath(os.path.join(base, getattr(body, field)))
        for field in _PATHS
        if getattr(body, field, "")
    }
    plugin = getattr(body, "exec", None)
    # A command without a slash is searched on PATH: client-go loader.go, GetAuthInfoFileReferences.
    if plugin and os.sep in plugin.command:
        changes["exec"] = replace(plugin, command=os.path.normpath(os.path.join(base, plugin.command)))
    return replace(body, **changes)


_LISTED = 10  # names in a message


def _named(kind: str, name: str, known: dict[str, T]) -> T | None:
    """The body of that name; None where no name is given and nothing has none. Raises UsageError."""
    if name in known or not name:
        return known.get(name)
    listed = [*sorted(known)[:_LISTED], *(["…"] if len(known) > _LISTED else [])]
    raise UsageError(f'{kind} "{name}" not found; available: {", ".join(listed) or "none"}{did_you_mean(name, known)}')


def _with_flags(target: Target, options: ConnectionFlags) -> Target:
    """Flags replace single fields, with the two exceptions of client-go's getCluster; then all of it must be usable."""
    cluster: dict[str, Any] = {}
    if options.insecure_skip_tls_verify or options.certificate_authority:
        cluster["insecure_skip_tls_verify"] = options.insecure_skip_tls_verify
        cluster["certificate_authority_data"] = b""
        cluster["certificate_authority"] = options.certificate_authority and os.path.abspath(
            options.certificate_authority
        )
    if options.server or options.tls_server_name:
        cluster["tls_server_name"] = options.tls_server_name
    if options.server:
        cluster["server"] = options.server
    given = {
        "token": options.token,
        "as_user": options.as_user,
        "as_uid": options.as_uid,
        "as_groups": list(options.as_groups),
    }
    target = replace(
        target,
        cluster=replace(target.cluster, **cluster),
        user=replace(target.user, **{field: value for field, value in given.items() if value}),
        namespace=options.namespace or target.namespace,
    )
    try:
        target.server, target.login = address_of(target.cluster.server)
    except Malformed:  # it may hold a password, and is not shown
        raise Unreachable("the server is not an address: check the kubeconfig or --server") from None
    if why := _refusal(target):
        raise Unreachable(f"the kubeconfig entries of context {target.context} cannot be used: {why}")
    if not target.user.as_user and (target.user.as_uid or target.user.as_groups or target.user.as_user_extra):
        raise UsageError("a group or uid to act as needs a user to act as: add --as")
    return target


def _refusal(target: Target) -> str:
    """Why kubectl refuses these fields together, if it does: clientcmd/validation.go, transport.TLSConfigFor."""
    cluster, user, plugin = target.cluster, target.user, target.user.exec
    trusted = cluster.certificate_authority or cluster.certificate_authority_data
    tls = target.server.startswith("https:")
    problems = {
        "certificate-authority and certificate-authority-data": cluster.certificate_authority
        and cluster.certificate_authority_data,
        "a certificate authority and insecure-skip-tls-verify": tls and trusted and cluster.insecure_skip_tls_verify,
        "client-certificate and client-certificate-data": user.client_certificate and user.client_certificate_data,
        "client-key and client-key-data": (user.client_certificate or user.client_certificate_data)
        and user.client_key
        and user.client_key_data,
        "a token and a password": (user.token and (user.username or user.password))
        or (tls and user.token_file and user.username),
        "exec and auth-provider": plugin and user.auth_provider,
    }
    if both := next((what for what, is_so in problems.items() if is_so), ""):
        return f"{both} exclude each other"
    if (user.client_certificate or user.client_certificate_data) and not (user.client_key or user.client_key_data):
        return "a client certificate needs client-key or client-key-data"
    if plugin is None:
        return ""
    if not plugin.command or not plugin.api_version:
        return "exec needs command and apiVersion"
    if any(not variable.name for variable in plugin.env):
        return "exec has a variable without a name in env"
    modes = ("Never", "IfAvailable", "Always", *([""] if plugin.api_version.endswith("beta1") else []))
    return "" if plugin.interactive_mode in modes else "exec needs interactiveMode: Never, IfAvailable or Always"


def _in_cluster() -> Target | None:
    """The cluster this pod runs in: client-go rest/config.go, InClusterConfig; None outside of a pod."""
    host, port = (os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT"))
    token = f"{_SERVICE_ACCOUNT}/token"
    if not host or not port or not os.path.isfile(token):
        return None
    namespace = os.environ.get("POD_NAMESPACE", "")
    if not namespace and os.path.isfile(f"{_SERVICE_ACCOUNT}/namespace"):
        with open(f"{_SERVICE_ACCOUNT}/namespace", encoding="utf-8") as stream:
            namespace = stream.read().strip()
    address = f"[{host}]" if ":" in host else host
    return Target(
        namespace=namespace or "default",
        context=IN_CLUSTER,
        cluster_name=IN_CLUSTER,
        user_name=IN_CLUSTER,
        cluster=Cluster(server=f"https://{address}:{port}", certificate_authority=f"{_SERVICE_ACCOUNT}/ca.crt"),
        user=User(token_file=token),
    )
