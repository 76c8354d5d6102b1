"""Addresses of servers and proxies, as Go's net/url and net/http/httpproxy take them.

Which proxy: client-go rest/config.go and k8s.io/apimachinery/pkg/util/net/http.go for `proxy-url` and the environment,
golang.org/x/net/http/httpproxy for the rest.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import quote, unquote, urlsplit

_PORTS = {"https": "443", "http": "80"}
# Of what stands before the path: a name and password in the characters of RFC 3986, a host or [IPv6], digits.
_LOGIN = r"(?P<login>[\w.~!$&'()*+,;=:@%-]*)@"
_HOST = r"(?P<host>\[[0-9a-fA-F:.]*:[0-9a-fA-F:.%\w]*\]|[^\s\[\]@:<>\"\\^`{|}]*)"
_AUTHORITY = re.compile(rf"(?:{_LOGIN})?{_HOST}(?::(?P<port>\d*))?", re.ASCII)


class Malformed(ValueError):
    """No address. It says nothing of it: there may be a password in what was given."""


def address_of(server: str) -> tuple[str, str]:
    """The address of an API server as SCHEME://HOST[:PORT][/PATH], and the `user:password` that stands in it.

    Without a scheme it is http (rest/url_utils.go): whether anything is said about TLS is looked at later only.
    """
    text = server if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]", server) else f"http://{server}"
    scheme, _, rest = text.partition("://")
    authority, path = re.fullmatch(r"([^/?#]*)([^?]*).*", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not match["host"] or scheme.lower() not in _PORTS or re.search(r"[\x00-\x1f\x7f]", server):
        raise Malformed
    if int(match["port"] or 0) > 65535 or (text is not server and path.rstrip("/") != ""):
        raise Malformed
    path = quote(unquote(path.rstrip("/")), safe="/~!$&'()*+,;=:@-._") if path.startswith("/") else ""
    port = f":{match['port']}" if match["port"] else ""
    return f"{scheme.lower()}://{match['host']}{port}{path}", login_of(match["login"])


def login_of(given: str | None) -> str:
    """`user:password` as HTTP's basic authentication has it, of what stands in an address."""
    name, _, password = (given or "").partition(":")
    return f"{unquote(name)}:{unquote(password)}" if given else ""


def shown(url: str) -> str:
    """An address without any `user:password@`."""
    try:
        return address_of(url)[0] if "://" in url else address_of(url)[0].removeprefix("http://")
    except Malformed:
        return "(no address)"


def proxy_of(server: str, named: str) -> str:
    """The proxy on the way to a server, none if empty: `named` is `proxy-url`, which counts without exception.

    Raises Malformed where kubectl would refuse it.
    """
    if named:
        if named.partition("://")[0].lower() not in ("http", "https", "socks5"):
            raise Malformed
        return _proxy(named)
    parts = urlsplit(server)
    proxy = _environment(f"{parts.scheme.upper()}_PROXY")
    if proxy and parts.scheme == "http" and os.environ.get("REQUEST_METHOD"):
        raise Malformed  # a CGI program, where the client of a web server can set HTTP_PROXY
    if not proxy or _direct(parts.hostname or "", str(parts.port or _PORTS[parts.scheme])):
        return ""
    return _proxy(proxy)


def _environment(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.lower()) or ""


def _proxy(given: str) -> str:
    """A proxy's address; anything but TLS and SOCKS is spoken to in HTTP, as Go does it."""
    scheme, split, rest = given.partition("://")
    if not split or not rest:
        scheme, rest = "http", given
    authority = re.split(r"[/?#]", rest)[0]
    match = _AUTHORITY.fullmatch(authority)
    if not scheme or match is None or not match["host"] or int(match["port"] or 0) > 65535:
        raise Malformed
    scheme = {"https": "https", "socks5": "socks5h", "socks5h": "socks5h"}.get(scheme.lower(), "http")
    return f"{scheme}://{authority}"


def _direct(host: str, port: str) -> bool:
    """Whether the environment's proxy is not for this host: never for this machine itself, and by NO_PROXY."""
    ip = _ip(host)
    if host == "localhost" or (ip is not None and ip.is_loopback):
        return True
    exceptions = [exception.strip() for exception in _environment("NO_PROXY").lower().split(",")]
    return "*" in exceptions or any(_excepted(exception, host, ip, port) for exception in exceptions)


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _excepted(exception: str, host: str, ip: IPv4Address | IPv6Address | None, port: str) -> bool:
    """Whether one entry of NO_PROXY means this host: a network, or an address or a domain, perhaps with a port."""
    if "/" in exception:
        try:
            return ip is not None and ip in ip_network(exception, strict=False)
        except ValueError:
            return False
    split = re.fullmatch(r"(\[.*\]|[^:]*):(\d*)", exception)
    name, only = split.groups() if split else (exception, "")
    if not name or only not in ("", port):
        return False
    if ip is not None:
        return ip == _ip(name.strip("[]") if split else name)
    domain = name.removeprefix("*") if name.startswith("*.") else name
    return host.endswith("." + domain.removeprefix(".")) or host == domain
