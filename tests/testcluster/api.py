"""A small client of the API server for the parts of the cluster itself: JSON in, JSON out, one admin."""

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.testcluster import credentials
from tests.testcluster.errors import ClusterError

Object = dict[str, Any]

_PATCH_TYPES = {"strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml"}


class Api:
    """Speaks to the API server as admin. Makes a connection per request: it serves few and slow callers."""

    def __init__(self, ca: Path) -> None:
        self._tls = ssl.create_default_context(cafile=str(ca))

    def healthy(self) -> bool:
        try:
            return self._request("GET", "/readyz", timeout=2)[0] == 200
        except OSError:
            return False

    def get(self, path: str) -> Object:
        return self._json("GET", path)

    def post(self, path: str, body: Object) -> Object:
        return self._json("POST", path, body)

    def ensure(self, path: str, body: Object) -> None:
        """Create an object unless it is there already."""
        status, data = self._request("POST", path, body)
        if status not in (201, 409):
            raise ClusterError(f"POST {path}: {status} {data.decode(errors='replace')}")

    def patch(self, path: str, body: Object, kind: str = "strategic") -> Object:
        """A strategic merge patch, or a server-side apply."""
        query = "?fieldManager=testcluster&force=true" if kind == "apply" else ""
        return self._json("PATCH", path + query, body, _PATCH_TYPES[kind])

    def watch(self, path: str) -> Iterator[Object]:
        """The events of a list from its beginning on, until the server ends the watch."""
        connection = self._connect(timeout=None)
        try:
            connection.request("GET", path + "&watch=1", headers=self._headers())
            response = connection.getresponse()
            for line in response:
                yield json.loads(line)
        finally:
            connection.close()

    def _json(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Object:
        status, data = self._request(method, path, body, kind)
        answer: Object = json.loads(data) if data.startswith(b"{") else {"message": data.decode(errors="replace")}
        if status >= 400:
            raise ClusterError(f"{method} {path}: {status} {answer.get('message', '')}")
        return answer

    def _request(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json", timeout: float = 30
    ) -> tuple[int, bytes]:
        connection = self._connect(timeout)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {**self._headers(), "Content-Type": kind})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _connect(self, timeout: float | None) -> http.client.HTTPSConnection:
        address = urlsplit(credentials.SERVER)
        return http.client.HTTPSConnection(address.hostname or "", address.port, timeout=timeout, context=self._tls)

    @staticmethod
    def _headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {credentials.token('admin')}"}
