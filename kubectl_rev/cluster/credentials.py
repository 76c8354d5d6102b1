"""Who we are to the server: what goes into the Authorization header, and the client certificate.

Which of several credentials counts is client-go's (rest/transport.go, transport/round_trippers.go,
plugin/pkg/client/auth/exec/exec.go: UpdateTransportConfig). The Python client's own loader is not used: it takes any
YAML value for text, and asks an OIDC issuer without checking its certificate.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import msgspec

from kubectl_rev.cluster.error_mapping import clean
from kubectl_rev.cluster.kubeconfig import Target
from kubectl_rev.cluster.kubeconfig_types import User, read
from kubectl_rev.cluster.oidc import Provider
from kubectl_rev.cluster.plugin import Plugin
from kubectl_rev.errors import Unreachable, UsageError

_REREAD = 60.0  # seconds a token file is believed, as client-go does (transport/token_source.go)


class Login(msgspec.Struct):
    """What we show the server: `authorization` gives a valid header each time it is asked, or nothing; the client
    certificate and its key are PEM.
    """

    authorization: Callable[[], str] = str
    certificate: bytes | None = None
    key: bytes = b""


def login(target: Target) -> Login:
    """The credentials of a target. Raises Unreachable when a file is missing or a plugin or an issuer fails."""
    user = target.user
    if not target.server.startswith("https:"):  # clientcmd/client_config.go, IsConfigTransportTLS
        return Login(lambda: _basic(target.login))
    found = Login()
    if user.client_certificate or user.client_certificate_data:
        found.certificate = user.client_certificate_data or read(user.client_certificate)
        found.key = user.client_key_data or read(user.client_key)
    provider = _provider(target)
    plugin = Plugin(user.exec, target.cluster) if user.exec else None
    if user.token or user.token_file:
        found.authorization = _TokenFile(user.token_file, user.token).header if user.token_file else _bearer(user.token)
    elif user.username:
        found.authorization = lambda: _basic(f"{user.username}:{user.password}")
    elif provider:
        found.authorization = lambda: f"Bearer {provider.token()}"
    elif plugin and found.certificate is None:
        first = plugin.run()
        found.certificate, found.key = first.client_certificate_data.encode() or None, first.client_key_data.encode()
        found.authorization = lambda: f"Bearer {plugin.token()}" if plugin.credential.token else ""
    if target.login:  # net/http: one that stands in the address comes first
        found.authorization = lambda: _basic(target.login)
    elif not plugin:
        found.authorization()  # what cannot be had is an error now
    return found


def _provider(target: Target) -> Provider | None:
    given = target.user.auth_provider
    if given is None:
        return None
    if given.name != "oidc":
        raise Unreachable(
            f"user {target.user_name} has the auth-provider {clean(given.name)}, which kubectl dropped in 1.26: "
            "have its vendor's tool write an exec plugin into the kubeconfig"
        )
    return Provider(given.config, target.user_file, target.user_name)


def _basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""


def _bearer(token: str) -> Callable[[], str]:
    return lambda: f"Bearer {token}"


def impersonation(user: User) -> list[tuple[str, str]]:
    """The request headers that `as`, `as-uid`, `as-groups` and `as-user-extra` of a kubeconfig user ask for.

    Names and escaping: client-go transport/round_trippers.go (impersonatingRoundTripper, headerKeyEscape).
    """
    headers = [("Impersonate-User", user.as_user)] if user.as_user else []
    headers += [("Impersonate-Uid", user.as_uid)] if user.as_uid else []
    headers += [("Impersonate-Group", group or "") for group in user.as_groups]
    extra = [(key, value or "") for key, values in user.as_user_extra.items() for value in values]
    return headers + [(f"Impersonate-Extra-{_escaped(key)}", value) for key, value in extra]


def _escaped(key: str) -> str:
    token = "!#$&'*+-.^_`|~"  # RFC 7230 header characters except "%", which marks the escapes
    return "".join(chr(b) if (chr(b).isalnum() and b < 128) or chr(b) in token else f"%{b:02X}" for b in key.encode())


def sendable(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers without blanks around their values. Raises UsageError where one has a character that Go's net/http
    refuses: a line break would begin another header.
    """
    if any((char < " " and char != "\t") or char == "\x7f" for _, value in headers for char in value):
        raise UsageError("the token or the name to act as has characters that no request can carry")
    return [(name, value.strip(" \t")) for name, value in headers]


class _TokenFile:
    """A token that somebody else renews on disk, in a pod the kubelet; while it cannot be read, what was last known."""

    def __init__(self, path: str, token: str) -> None:
        self._path, self._read, self._token = path, float("-inf"), token

    def header(self) -> str:
        if time.monotonic() - self._read >= _REREAD:
            try:
                self._token = read(self._path).decode("utf-8", "surrogateescape").strip() or self._token
            except Unreachable:
                if not self._token:
                    raise
            if not self._token:
                raise Unreachable(f"the token file {self._path} is empty")
            self._read = time.monotonic()
        return f"Bearer {self._token}"
