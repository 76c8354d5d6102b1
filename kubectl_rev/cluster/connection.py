"""Raw requests to one API server, as the right person, over one pool of connections.

What is sent is what kubectl sends (`credentials`), on the way that kubectl takes (`transport`, `address`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BytesIO
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from kubectl_rev.cluster import error_mapping
from kubectl_rev.cluster.address import Malformed, proxy_of
from kubectl_rev.cluster.credentials import impersonation, login, sendable
from kubectl_rev.cluster.deadline import Deadline
from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.cluster.kubeconfig import IN_CLUSTER, Target, resolve
from kubectl_rev.cluster.kubeconfig_types import Cluster
from kubectl_rev.cluster.transport import pool, tls
from kubectl_rev.errors import RevError, Unreachable

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
CHUNK = 1 << 18
_STEP = 1 << 16  # of what is compressed: it may grow a thousandfold
_TIMEOUT = 30.0  # seconds of silence; --request-timeout is for a whole request, as in kubectl
_LONGEST = 600.0  # seconds for a whole request where --request-timeout is not given
_WATCHED = 60.0  # seconds by which a watch may last longer than it is asked for
_WHOLE = 128 << 20  # bytes of answers that are held in memory at one time, before they are decoded
_STREAMED = 1 << 31  # of one that is decoded while it arrives: no protobuf message is longer
_CONNECT_TIMEOUT = 10.0
_RETRIES_WHEN_BUSY = 2
_LOCAL = ("localhost", "127.", "[::1]", "::1")

log = logging.getLogger("kubectl_rev.http")


def connect(options: ConnectionFlags | None = None) -> Connection:
    """Resolve kubeconfig and flags and make a Connection; nothing is sent yet, except by an exec plugin.

    Raises UsageError for names that do not exist, Unreachable for a kubeconfig that cannot be used.
    """
    options = options or ConnectionFlags()
    return Connection(resolve(options), options.request_timeout)


class Connection:
    """An API server as one person sees it. Safe to use from several threads.

    `namespace` is the current one; `context`, `cluster` and `user` are the kubeconfig's names (`in-cluster` in a pod);
    `server` is the address as it may be shown.
    """

    def __init__(self, target: Target, timeout: float | None = None) -> None:
        self.namespace, self.context = target.namespace, target.context
        self.cluster, self.user = target.cluster_name, target.user_name
        self.server, self.server_name = target.server, target.cluster.tls_server_name
        self.timeout, self._longest = timeout or _TIMEOUT, timeout or _LONGEST
        self._login, self._impersonation = login(target), impersonation(target.user)
        local = target.cluster_name == IN_CLUSTER or urlsplit(self.server).netloc.startswith(_LOCAL)
        self._compress = not (local or target.cluster.disable_compression)
        self._lock, self._held = threading.Lock(), 0
        urllib3.disable_warnings(InsecureRequestWarning)  # the person asked for it, in the kubeconfig or by flag
        try:
            self.proxy = proxy_of(self.server, target.cluster.proxy_url)
        except Malformed:
            raise Unreachable("the proxy is not an address: check proxy-url and HTTPS_PROXY") from None
        cluster = target.cluster if self.server.startswith("https:") else Cluster()
        self.tls = tls(
            cluster.certificate_authority_data,
            cluster.certificate_authority,
            insecure=cluster.insecure_skip_tls_verify,
            certificate=self._login.certificate,
            key=self._login.key,
        )
        self._pool = pool(self.server, self.proxy, self.tls, self.server_name)

    def get(self, path: str, query: Mapping[str, str] | None = None, accept: str = JSON) -> bytes:
        """The body of a GET. Raises what `error_mapping` makes of a failure, as all requests do."""
        with self.stream(path, query, accept) as chunks:
            return self._whole(path, chunks)

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
            return self._whole(path, chunks)

    def _whole(self, path: str, chunks: Iterator[bytes]) -> bytes:
        body = BytesIO()  # which gives its buffer away without a copy
        try:
            for chunk in chunks:
                body.write(chunk)
                with self._lock:
                    self._held += len(chunk)
                if self._held > _WHOLE:
                    raise Unreachable(f"{self.server} answered {path} with too much to hold: is it an API server?")
            return body.getvalue()
        finally:
            with self._lock:
                self._held -= body.tell()

    def stream(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = JSON, timeout: float | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """A GET whose body arrives in chunks; leaving the block early drops the connection. For lists and watches."""
        return self._asked("GET", path, query, {"Accept": accept}, None, timeout)

    def headers(self) -> list[tuple[str, str]]:
        """Who we are, for a request made elsewhere (port-forward): the credential and whom we act as."""
        with self._lock:  # an expired credential is renewed once, not by every thread
            credential = self._login.authorization()
        return sendable([*([("Authorization", credential)] if credential else []), *self._impersonation])

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        return f"{self.server}{path}{'?' + urlencode(query) if query else ''}"

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
        with Deadline(timeout + _WATCHED if timeout else self._longest) as deadline:
            silence = min(timeout or self.timeout, deadline.left)
            response = self._response(asked, method, self.url(path, query), headers, body, silence, deadline)
            whole = False

            def chunks() -> Iterator[bytes]:
                nonlocal whole
                size = 0
                try:
                    step = _STEP if response.headers.get("Content-Encoding") else CHUNK
                    # urllib3 takes None for no in chunked bodies.
                    for chunk in response.stream(step, decode_content=True):
                        size += len(chunk)
                        if size > _STREAMED:
                            raise Unreachable(f"{self.server} answered {path} without an end: is it an API server?")
                        yield chunk
                except (HTTPError, OSError, ValueError) as error:  # of a chunk's length below zero
                    raise self._failed(error, asked, deadline) from error
                if deadline.passed:  # to an answer without a length that looks like its end
                    raise self._failed(TimeoutError(), asked, deadline)
                whole = True

            try:
                yield chunks()
            finally:
                # A connection with an unread rest cannot be used again.
                response.release_conn() if whole else response.close()

    def _failed(self, error: BaseException, asked: error_mapping.Call, deadline: Deadline) -> Unreachable:
        return error_mapping.failed(TimeoutError() if deadline.passed else error, self.server, asked)

    def _response(
        self,
        asked: error_mapping.Call,
        method: str,
        url: str,
        extra: Mapping[str, str],
        body: Any,
        timeout: float,
        deadline: Deadline,
    ) -> Any:
        """The response, with its body still to be read. A 429 is waited for twice."""
        for attempt in range(_RETRIES_WHEN_BUSY + 1):
            # http.client writes text as Latin-1, Go as UTF-8.
            sent = [(key, value.encode("utf-8", "surrogateescape").decode("latin-1")) for key, value in self.headers()]
            headers = urllib3.HTTPHeaderDict(sent)
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
            except (HTTPError, OSError, ValueError) as error:
                log.info("%s %s failed in %d ms", method, url, (time.monotonic() - started) * 1000)
                raise self._failed(error, asked, deadline) from error
            status, spent = f"{response.status} {response.reason or ''}", (time.monotonic() - started) * 1000
            log.info("%s %s %s in %d ms", method, url, status, spent)
            if 200 <= response.status < 300:
                return response
            if response.status != 429 or attempt == _RETRIES_WHEN_BUSY:
                raise self._fault(asked, response, extra.get("Content-Type") == JSON_PATCH)
            response.close()
            time.sleep(min(error_mapping.retry_after(response.headers), deadline.left))
        raise AssertionError("unreachable")

    def _fault(self, asked: error_mapping.Call, response: Any, json_patch: bool) -> RevError:
        text = b""
        with suppress(HTTPError, OSError):
            text = response.read(1 << 16)
        response.close()
        return error_mapping.answered(asked, response.status, response.reason or "", text, self.server, json_patch)
