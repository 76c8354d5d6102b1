"""Which cluster, as whom, in which namespace: kubeconfig files and kubectl's flags resolved to one `Target`.

The rules are client-go's (tools/clientcmd: loader.go, client_config.go): of several files the first to name a thing
wins, relative paths belong to the file they stand in, flags replace single fields. The Python client's own merger
differs in three ways that matter (the last current-context wins, a user's paths are resolved against the cluster's
file, and `as:` is ignored), so only what is resolved here is handed to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.core.suggestions import did_you_mean
from kubectl_rev.errors import Unreachable, UsageError

IN_CLUSTER = "in-cluster"  # the name of the one cluster, user and context that a pod has
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_ABOUT_TLS = (
    "insecure-skip-tls-verify",
    "certificate-authority",
    "certificate-authority-data",
    "client-certificate",
    "client-certificate-data",
)
_CLUSTER_PATHS = ("certificate-authority",)
_USER_PATHS = ("client-certificate", "client-key", "tokenFile")
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 100 contexts: 10 ms instead of 170


class Entry(msgspec.Struct):
    """One of `clusters`, `users`, `contexts`, with the file it came from."""

    name: str
    cluster: dict[str, Any] | None = None
    user: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    file: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """What stands under the entry's one other key, without nulls."""
        body = self.cluster or self.user or self.context or {}
        return {key: value for key, value in body.items() if value is not None}


class _File(msgspec.Struct, rename={"current_context": "current-context"}):
    clusters: list[Entry] | None = None
    users: list[Entry] | None = None
    contexts: list[Entry] | None = None
    current_context: str | None = None


class Target(msgspec.Struct, kw_only=True):
    """What to connect to: one cluster's and one user's fields as a kubeconfig has them, every path absolute."""

    namespace: str
    context: str
    cluster_name: str
    user_name: str
    cluster: dict[str, Any]
    user: dict[str, Any]
    user_file: str = ""  # where the user came from: refreshed OIDC tokens are written back there, as kubectl does

    @property
    def server(self) -> str:
        """Its address. Without a scheme it is https where anything about TLS is said: rest/url_utils.go."""
        address: str = self.cluster["server"].rstrip("/")
        if "://" in address:
            return address
        fields = self.cluster | self.user
        return f"{'https' if any(fields.get(key) for key in _ABOUT_TLS) else 'http'}://{address}"


def shown(url: str) -> str:
    """An address without any `user:password@`."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().removeprefix("//")


def resolve(options: ConnectionFlags) -> Target:
    """Find out what to connect to.

    Raises UsageError for a context, cluster or user that no kubeconfig names, and Unreachable when there is no usable
    kubeconfig and this is not a pod.
    """
    files = _read(options.kubeconfig)
    if not files and not options.server:
        if (target := _in_cluster()) is not None:
            return _with_flags(target, options)
        if named := os.environ.get("KUBECONFIG"):
            raise Unreachable(f"KUBECONFIG names no file that exists: {named}")
        raise Unreachable("no kubeconfig, and not in a pod: set KUBECONFIG, or give --kubeconfig or --server")
    contexts, clusters, users = (_first([e for f in files for e in getattr(f, kind) or ()]) for kind in _KINDS)
    current = options.context or next((f.current_context for f in files if f.current_context), "")
    context = _named("context", current, contexts)
    cluster_name = options.cluster or str(context.get("cluster", ""))
    user_name = options.user or str(context.get("user", ""))
    cluster = _named("cluster", cluster_name, clusters)
    # kubectl goes on as anonymous when the context's own user is missing; only a --user that is missing stops it.
    user = _named("user", user_name, users) if options.user or user_name in users else {}
    target = Target(
        namespace=str(context.get("namespace") or "default"),
        context=current,
        cluster_name=cluster_name,
        user_name=user_name,
        cluster=cluster,
        user=user,
        user_file=users[user_name].file if user_name in users else "",
    )
    target = _with_flags(target, options)
    if not target.cluster.get("server"):
        known = f": give --context, one of {', '.join(sorted(contexts))}" if contexts else ""
        raise UsageError(f"no current context{known}" if not current else f"context {current} names no server")
    return target


_KINDS = ("contexts", "clusters", "users")


def known(kubeconfig: str, kind: str) -> list[str]:
    """The names of all `contexts`, `clusters` or `users`. Raises Unreachable for a file that is no kubeconfig."""
    return list(dict.fromkeys(entry.name for file in _read(kubeconfig) for entry in getattr(file, kind) or ()))


def impersonation(user: dict[str, Any]) -> list[tuple[str, str]]:
    """The request headers that `as`, `as-uid`, `as-groups` and `as-user-extra` of a kubeconfig user ask for.

    Names and escaping: client-go transport/round_trippers.go (impersonatingRoundTripper, headerKeyEscape).
    Raises UsageError when there is a group or uid but nobody to impersonate: the API server would refuse it.
    """
    name, uid = str(user.get("as") or ""), str(user.get("as-uid") or "")
    groups, extra = user.get("as-groups") or (), user.get("as-user-extra") or {}
    if not name:
        if uid or groups or extra:
            raise UsageError("a group or uid to act as needs a user to act as: add --as")
        return []
    headers = [("Impersonate-User", name)]
    headers += [("Impersonate-Uid", uid)] if uid else []
    headers += [("Impersonate-Group", str(group)) for group in groups]
    return headers + [(f"Impersonate-Extra-{_escaped(k)}", str(v)) for k, values in extra.items() for v in values]


def _escaped(key: str) -> str:
    token = "!#$&'*+-.^_`|~"  # RFC 7230 header characters except "%", which marks the escapes
    return "".join(chr(b) if (chr(b).isalnum() and b < 128) or chr(b) in token else f"%{b:02X}" for b in key.encode())


def _read(flag: str) -> list[_File]:
    """The kubeconfig files that exist, in order; --kubeconfig names exactly one, which must exist."""
    if flag:
        return [_load(flag)]
    paths = [p for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p] or ["~/.kube/config"]
    return [_load(p) for p in map(os.path.expanduser, paths) if os.path.exists(p)]


def _load(path: str) -> _File:
    try:
        with open(path, encoding="utf-8") as stream:
            parsed = yaml.load(stream, Loader=_Loader)
        file = msgspec.convert(parsed or {}, _File)
    except OSError as error:
        raise Unreachable(f"cannot read kubeconfig {path}: {str(error.strerror or error).lower()}") from error
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        # Only the place is told: a YAML error's own text quotes the line, which may hold a secret.
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else str(error) if isinstance(error, msgspec.ValidationError) else ""
        raise Unreachable(f"{path} is not a valid kubeconfig: {where or 'not YAML'}") from error
    base = os.path.dirname(os.path.abspath(path))
    for kind in _KINDS:
        for entry in getattr(file, kind) or ():
            entry.file = path
            _check(entry)
            _absolute(entry.cluster, _CLUSTER_PATHS, base)
            _absolute(entry.user, _USER_PATHS, base)
            # A command without a slash is searched on PATH: client-go loader.go, GetAuthInfoFileReferences.
            plugin = (entry.user or {}).get("exec") or {}
            if os.sep in str(plugin.get("command", "")):
                _absolute(plugin, ("command",), base)
    return file


def _check(entry: Entry) -> None:
    """Raises Unreachable where a field that is used before the client looks at it is not what it should be."""
    server, plugin = (entry.cluster or {}).get("server"), (entry.user or {}).get("exec")
    if server is not None and not isinstance(server, str):
        raise Unreachable(f"{entry.file} is not a valid kubeconfig: the server of cluster {entry.name} is no text")
    if plugin is not None and not isinstance(plugin, dict):
        raise Unreachable(f"{entry.file} is not a valid kubeconfig: exec of user {entry.name} is no mapping")
    for variable in (plugin or {}).get("env") or ():
        if not isinstance(variable, dict) or not variable.get("name"):
            raise Unreachable(f"{entry.file} is not a valid kubeconfig: exec of user {entry.name}: env without a name")


def _absolute(fields: dict[str, Any] | None, keys: Iterable[str], base: str) -> None:
    for key in keys:
        if fields and fields.get(key):
            fields[key] = os.path.normpath(os.path.join(base, str(fields[key])))


def _first(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Entries by name; of several with one name the first wins."""
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(entry.name, entry)
    return found


_LISTED = 10  # names in a message


def _named(kind: str, name: str, known: dict[str, Entry]) -> dict[str, Any]:
    if not name:
        return {}
    if name in known:
        return known[name].fields
    listed = [*sorted(known)[:_LISTED], *(["…"] if len(known) > _LISTED else [])]
    raise UsageError(f'{kind} "{name}" not found; available: {", ".join(listed) or "none"}{did_you_mean(name, known)}')


def _with_flags(target: Target, options: ConnectionFlags) -> Target:
    """Flags replace single fields, with the two exceptions of client-go's getCluster."""
    cluster, user = dict(target.cluster), dict(target.user)
    if options.insecure_skip_tls_verify or options.certificate_authority:
        for key in ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"):
            cluster.pop(key, None)
        if options.certificate_authority:
            cluster["certificate-authority"] = os.path.abspath(options.certificate_authority)
        if options.insecure_skip_tls_verify:
            cluster["insecure-skip-tls-verify"] = True
    if options.server or options.tls_server_name:
        cluster.pop("tls-server-name", None)
    given = {"server": options.server, "tls-server-name": options.tls_server_name}
    cluster |= {key: value for key, value in given.items() if value}
    if options.token:
        for key in ("tokenFile", "exec", "auth-provider", "username", "password"):
            user.pop(key, None)
    acting = {"as": options.as_user, "as-uid": options.as_uid, "as-groups": list(options.as_groups)}
    user |= {key: value for key, value in ({"token": options.token} | acting).items() if value}
    return msgspec.structs.replace(target, cluster=cluster, user=user, namespace=options.namespace or target.namespace)


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
        cluster={"server": f"https://{address}:{port}", "certificate-authority": f"{_SERVICE_ACCOUNT}/ca.crt"},
        user={"tokenFile": token},
    )
