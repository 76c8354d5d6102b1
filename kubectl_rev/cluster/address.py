"""An API server's address: as client-go completes it, and as it may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit


def complete(address: str, tls: bool) -> str:
    """With a scheme: k8s.io/client-go/rest/url_utils.go, DefaultServerURL; `tls` is where none is said."""
    found = address.rstrip("/")
    if "://" in found:
        return found
    return f"{'https' if tls else 'http'}://{found}"


def shown(url: str) -> str:
    """Without any `user:password@`."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().removeprefix("//")
