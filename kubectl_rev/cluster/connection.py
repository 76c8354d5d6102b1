"""Raw requests to one API server, as the right person, over one pool of connections.

Of the Kubernetes client this uses the configuration, authentication and the urllib3 pool of its ApiClient; its
generated API classes are never touched (0.5 s), nor its raw calls, which since 37 do not raise on an HTTP error.
"""

from __future__ import annotations

import base64
import logging
import os
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

# Before the client is imported: it loads pydantic, and plugins of that would be searched in every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")

import urllib3
from kubernetes.client import ApiClient
from urllib3.exceptions import HTTPError, InsecureRequestWarning
from urllib3.util.ssl_ import create_urllib3_context

from kubectl_rev.cluster import error_mapping
from kubectl_rev.cluster.credentials import configuration
from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.cluster.kubeconfig import IN_CLUSTER, Target, impersonation, resolve, shown
from kubectl_rev.errors import RevError, Unreachable, UsageError

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
CHUNK = 1 << 18
_TIMEOUT = 30.0
_CONNECT_TIMEOUT = 10.0
_POOL = 16
_RETRIES_WHEN_BUSY = 2
_RETRY = urllib3.Retry(connect=1, read=0, redirect=0, status=0, other=0, respect_retry_after_header=False)
_LOCAL = ("localhost", "127.", "[::1]", "::1")

log = logging.getLogger("kubectl_rev.http")


def connect(options: ConnectionFlags | None = None) -> Connection:
    """Resolve kubeconfig and flags and make a Connection; nothing is sent yet, except by an exec plugin.

    Raises UsageError for names that do not exist, Unreachable for a kubeconfig that cannot be used.
    """
    options = options or ConnectionFlags()
    return Connection(resolve(options), options.request_timeout or _TIMEOUT)


def _tls(configuration: Any, authority: str) -> ssl.SSLContext:
    """The TLS context that the client would make for each connection of this configuration.

    `authority` is the kubeconfig's CA in base64, if it has one: the client's way leads through a temporary file, which
    another thread that connects at the same time finds while it is still empty.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE)
    # urllib3 sets these anew for every connection, in a context that other threads are shaking hands with: OpenSSL
    # frees what they are sending, and the server answers "decode error".
    context.set_alpn_protocols(["http/1.1"])
    context.set_alpn_protocols = lambda alpn_protocols: None  # type: ignore[method-assign]
    # Python 3.13 refuses certificates without a key identifier; Go, and so kubectl, does not, and clusters have them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with _named("certificate-authority"):
        if authority and configuration.verify_ssl:
            context.load_verify_locations(cadata=base64.b64decode(authority).decode())
        elif configuration.ssl_ca_cert:
            context.load_verify_locations(configuration.ssl_ca_cert)
        elif configuration.verify_ssl:
            context.load_default_certs()
    with _named("client-certificate and client-key"):
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


@contextmanager
def _named(fields: str) -> Iterator[None]:
    """OpenSSL says of a bad file neither which it is nor what is wrong."""
    try:
        yield
    except (ssl.SSLError, ValueError) as error:
        raise Unreachable(f"{fields} of the kubeconfig: no certificate in PEM that can be used") from error


class Connection:
    """An API server as one person sees it. Safe to use from several threads.

    `namespace` is the current one; `context`, `cluster` and `user` are the kubeconfig's names (`in-cluster` in a pod);
    `server` is the address as it may be shown.
    """

    def __init__(self, target: Target, timeout: float = _TIMEOUT) -> None:
        self.namespace, self.context = target.namespace, target.context
        self.cluster, self.user = target.cluster_name, target.user_name
        self.server = shown(target.server)
        self.timeout = timeout
        self.impersonation = impersonation(target.user)
        self.configuration = configuration(target)
        self.configuration.connection_pool_maxsize = _POOL
        self.configuration.retries = _RETRY
        self._base = target.server
        self._compress = not (target.cluster_name == IN_CLUSTER or (urlsplit(self._base).netloc).startswith(_LOCAL))
        self._lock = threading.Lock()
        urllib3.disable_warnings(InsecureRequestWarning)  # the person asked for it, in the kubeconfig or by flag
        try:
            self.tls = _tls(self.configuration, target.cluster.get("certificate-authority-data", ""))
            self._pool: Any = ApiClient(self.configuration).rest_client.pool_manager
        except ImportError as error:
            raise Unreachable("a socks proxy needs the Python package PySocks: pip install 'urllib3[socks]'") from error
        except (HTTPError, ValueError, OSError) as error:
            raise error_mapping.failed(error, self.server) from error
        # One context for all connections. Left alone, each would load its own, which takes 20 ms with the system's CAs.
        for key in ("ca_certs", "cert_file", "key_file", "ca_cert_data"):
            self._pool.connection_pool_kw.pop(key, None)
        self._pool.connection_pool_kw["ssl_context"] = self.tls

    def get(self, path: str, query: Mapping[str, str] | None = None, accept: str = JSON) -> bytes:
        """The body of a GET. Raises what `error_mapping` makes of a failure, as all requests do."""
        with self.stream(path, query, accept) as chunks:
            return b"".join(chunks)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> bytes:
        """The answer to a POST, PUT, PATCH or DELETE. A 409 and a failed JSON patch raise Changed."""
        headers = {"Accept": JSON, "Content-Type": content_type}
        with self._asked(method, path, query, headers, body or None) as chunks:
            return b"".join(chunks)

    def stream(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = JSON, timeout: float | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """A GET whose body arrives in chunks; leaving the block early drops the connection. For lists and watches."""
        return self._asked("GET", path, query, {"Accept": accept}, None, timeout)

    def headers(self) -> list[tuple[str, str]]:
        """Who we are, for a request made elsewhere (port-forward): the credential and whom we act as."""
        with self._lock:  # an expired credential is renewed once, not by every thread
            if self.configuration.refresh_api_key_hook is not None:
                self.configuration.refresh_api_key_hook(self.configuration)
            # Not auth_settings(): in 36.0 that looks under one of the two names, and the token is under the other.
            keys = self.configuration.api_key
            credential = keys.get("BearerToken") or keys.get("authorization") or ""
        found = [("Authorization", credential.strip())] if credential else []
        found += self.impersonation
        if any(not value.isprintable() for _, value in found):  # a line break would begin another header
            raise UsageError("the token or the name to act as has characters that no request can carry")
        return found

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        return f"{self._base}{path}{'?' + urlencode(query) if query else ''}"

    def close(self) -> None:
        self._pool.clear()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: float | None = None,
    ) -> Iterator[Iterator[bytes]]:
        asked = error_mapping.call(method, path, watch="watch" in (query or {}))
        response = self._response(asked, method, self.url(path, query), headers, body, timeout or self.timeout)
        whole = False

        def chunks() -> Iterator[bytes]:
            nonlocal whole
            try:
                # urllib3 takes None for no in chunked bodies.
                yield from response.stream(CHUNK, decode_content=True)
            except (HTTPError, OSError) as error:
                raise error_mapping.failed(error, self.server, asked) from error
            whole = True

        try:
            yield chunks()
        finally:
            # A connection with an unread rest cannot be used again.
            response.release_conn() if whole else response.close()

    def _response(
        self, asked: error_mapping.Call, method: str, url: str, extra: Mapping[str, str], body: Any, timeout: float
    ) -> Any:
        """The response, with its body still to be read. A 429 is waited for twice."""
        for attempt in range(_RETRIES_WHEN_BUSY + 1):
            headers = urllib3.HTTPHeaderDict(self.headers())
            headers |= {"User-Agent": "kubectl-rev", **extra}
            if self._compress:  # a list shrinks tenfold; next to the server that costs more than it saves
                headers["Accept-Encoding"] = "gzip"
            started = time.monotonic()
            try:
                response = self._pool.request(
                    method,
                    url,
                    body=body,
                    headers=headers,
                    timeout=urllib3.Timeout(connect=min(timeout, _CONNECT_TIMEOUT), read=timeout),
                    preload_content=False,
                    redirect=False,
                )
            except (HTTPError, OSError) as error:
                log.info("%s %s failed in %d ms", method, shown(url), (time.monotonic() - started) * 1000)
                raise error_mapping.failed(error, self.server, asked) from error
            except ValueError:  # http.client, of a header that has a line break; its text quotes the value
                raise UsageError("the token or the name to act as has characters that no request can carry") from None
            status, spent = f"{response.status} {response.reason or ''}", (time.monotonic() - started) * 1000
            log.info("%s %s %s in %d ms", method, shown(url), status, spent)
            if 200 <= response.status < 300:
                return response
            if response.status != 429 or attempt == _RETRIES_WHEN_BUSY:
                raise self._fault(asked, response, extra.get("Content-Type") == JSON_PATCH)
            response.close()
            time.sleep(error_mapping.retry_after(response.headers))
        raise AssertionError("unreachable")

    def _fault(self, asked: error_mapping.Call, response: Any, json_patch: bool) -> RevError:
        text = b""
        with suppress(HTTPError, OSError):
            text = response.read(1 << 16)
        response.close()
        return error_mapping.answered(asked, response.status, response.reason or "", text, self.server, json_patch)
