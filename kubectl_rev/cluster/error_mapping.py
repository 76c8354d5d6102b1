"""What a failed request means to the person: every error of the client and of the server becomes one of ours.

The one place where errors of urllib3, websocket-client and the Kubernetes client are translated. Messages come partly
from the server, so control characters are stripped; they never hold a credential. The original is chained as the cause.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from urllib3 import exceptions as http

from kubectl_rev.cluster import wire
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.errors import RIGHTS, Changed, ClusterError, Forbidden, NotFound, RevError, TimedOut, Unreachable

_LIMIT = 300  # characters of a server's message
_RBAC = re.compile(r'.*?is forbidden: User "(?P<user>.*)" cannot .*?(?:scope|in the namespace "[^"]*")(?P<more>.*)')


class Call(NamedTuple):
    """A request in RBAC's words: `list deployments.apps` in a namespace; `name` is empty for a whole collection."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{'/' + self.name if self.name else ''}{where}"


class ServerFault(Unreachable):
    """The API server answered 5xx: it is there, but cannot do this."""


class Expired(ClusterError):
    """The API server answered 410: what a watch or a next page wanted to go on from is gone."""


class Rejected(ClusterError):
    """Any other 4xx, `status` says which: an admission webhook or the API server does not accept the request."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


def call(method: str, path: str, watch: bool = False) -> Call:
    """What a request asks for, read from its path, by the rules of k8s.io/apiserver/pkg/endpoints/request."""
    parts = path.split("?")[0].strip("/").split("/")
    group, rest = (parts[1], parts[3:]) if parts[0] == "apis" and len(parts) > 3 else ("", parts[2:])
    if parts[0] not in ("api", "apis") or not rest:
        return Call(method.lower(), path.split("?")[0])
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, sub = (*rest, "", "")[:3]
    verbs = {"GET": "get" if name else "list", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    verb = "watch" if watch else verbs.get(method, method.lower())
    return Call(verb, f"{resource}{'.' + group if group else ''}{'/' + sub if sub else ''}", namespace, name)


class _Details(msgspec.Struct):
    causes: list[msgspec.Raw] | None = None


class Status(msgspec.Struct):
    """What the API server says of what it did: `Success` or `Failure`, and why."""

    status: str = ""
    message: str = ""
    details: _Details | None = None


def answered(asked: Call, status: int, reason: str, body: bytes, server: str, json_patch: bool = False) -> RevError:
    """The error for an HTTP status outside 2xx, with the words of the `Status` object in the body."""
    told = _status(body)
    said = _lower(clean(told.message) or clean(reason) or f"HTTP {status}")
    match status:
        case 401:
            return Unreachable(
                f"{server}: the server has asked for the client to provide credentials: log in again "
                "(they are missing, wrong or expired)"
            )
        case 403:
            return Forbidden(asked.verb, asked.resource, asked.namespace, _refusal(said))
        case 404:
            # An API server said it, and not somebody in between, or Go's own router.
            if told.status and "could not find the requested resource" not in said:
                return NotFound(said)
            return NotFound(f"{server} does not serve {asked.resource} ({said}): is it the right address?")
        case 409 if asked.verb not in RIGHTS:
            return Changed(said)
        case 410:
            return Expired(said)
        # A 422 names the fields that are wrong; when the `test` of a JSON patch failed it names none.
        case 422 if json_patch and not (told.details and told.details.causes):
            return Changed(f"{asked.resource}/{asked.name} changed meanwhile: it is not what it was when it was read")
        case 429:
            return Unreachable(f"{server} is overloaded, try again later: {said}")
        case status if 300 <= status < 400:
            return Unreachable(f"{server} redirects elsewhere ({status}): is it the address of an API server?")
        case 400 if "HTTP request to an HTTPS server" in said:  # net/http's own words
            return Unreachable(f"{server} speaks TLS: its address must begin with https://")
        case status if status >= 500:
            return ServerFault(f"cannot {asked}: the server answered {status}: {said}")
        case _:
            return Rejected(said, status)


def clean(text: str) -> str:
    """One printable line of bounded length."""
    line = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(line.split())
    return line if len(line) <= _LIMIT else line[: _LIMIT - 1] + "…"


def _status(body: bytes) -> Status:
    """The body as a Status; what somebody else says (a proxy's page) is a message at most."""
    if body.startswith(wire.MAGIC):
        return Status("Failure", wire.status_message(body))
    try:
        return from_json(body, Status)
    except msgspec.DecodeError:
        text = body[:_LIMIT].decode("utf-8", "replace")
        return Status(message="" if "<" in text else text)


def _lower(sentence: str) -> str:
    """Our errors begin in lower case; an abbreviation stays what it is."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def _refusal(message: str) -> str:
    """RBAC's sentence shortened to what the error does not say already; any other (admission) as it is."""
    if match := _RBAC.fullmatch(message):
        return f'forbidden to user "{match["user"]}"{match["more"]}'
    return message


def failed(error: BaseException, server: str, asked: Call | None = None) -> Unreachable:
    """The error for a request that got no answer, or not all of it: network, TLS, proxy, timeout."""
    while isinstance(error, http.MaxRetryError) and error.reason is not None:
        error = error.reason
    doing = f" while asked to {asked}" if asked else ""
    if isinstance(error, http.SSLError | ssl.SSLError):
        return _tls(error, server)
    if isinstance(error, http.ProxyError):
        return Unreachable(
            f"cannot reach {server} through the proxy ({_cause(error)}): check proxy-url and HTTPS_PROXY"
        )
    if isinstance(error, http.NewConnectionError | http.ConnectTimeoutError | ConnectionRefusedError):
        # NewConnectionError is also a ConnectTimeoutError, of which only the plain one means silence.
        why = "no answer" if type(error) is http.ConnectTimeoutError else _cause(error)
        return Unreachable(f"cannot connect to {server}: {why}: is the cluster up, and is --context the right one?")
    if isinstance(error, http.ReadTimeoutError | TimeoutError):
        return TimedOut(f"{server} did not answer in time{doing}: is it overloaded? raise --request-timeout")
    if isinstance(error, http.LocationValueError | http.LocationParseError):
        return Unreachable(f"{server} is not an address of a server: check the kubeconfig or --server")
    if isinstance(error, http.ProtocolError):  # its words are http.client's, about chunks and bytes
        return Unreachable(f"the connection to {server} broke{doing}: the answer ended too early: try again")
    if isinstance(error, http.DecodeError | OSError):
        return Unreachable(f"the connection to {server} broke{doing}: {_cause(error)}: try again")
    return Unreachable(f"cannot talk to {server}{doing}: {_cause(error)}")


def _tls(error: BaseException, server: str) -> Unreachable:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        detail = re.search(r"certificate verify failed: (.*?)(?: \(_ssl|$)", text)
        why = _lower(clean(detail[1]).rstrip(".")) if detail else "certificate verify failed"
        return Unreachable(f"cannot trust {server}: {why}: check --certificate-authority or --tls-server-name")
    if "doesn't match" in text or ("match" in text and "hostname" in text.lower()):
        return Unreachable(f"cannot trust {server}: its certificate is for another name: check --tls-server-name")
    if any(sign in text for sign in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF")):
        return Unreachable(f"{server} does not speak TLS: is it the address of an API server?")
    if "ALERT" in text.upper():
        return Unreachable(f"{server} refused the TLS handshake ({_cause(error)}): check the client certificate")
    return Unreachable(f"TLS with {server} failed: {_cause(error)}")


def _cause(error: BaseException) -> str:
    """What the system said, the innermost of it: `connection refused` rather than a chain of Python reprs."""
    seen: BaseException | None = error
    said = ""
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            said = clean(seen.strerror).lower()
        seen = seen.__cause__ or seen.__context__
    if said:
        return said
    # urllib3 writes "<HTTPSConnection object at 0x…>: Failed …".
    text = re.sub(r"^.*?object at 0x[0-9a-f]+>: |^HTTPS?Connection\([^)]*\): ", "", str(error))
    return clean(text) or type(error).__name__


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait, bounded: 1 when it does not say, or says a date (RFC 9110 10.2.3)."""
    given = headers.get("Retry-After", "1")
    return min(float(given), 10.0) if given.isascii() and given.isdigit() else 1.0
