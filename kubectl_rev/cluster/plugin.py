"""Exec credential plugins: run the command that a kubeconfig names, as kubectl does.

The protocol is client.authentication.k8s.io (k8s.io/client-go/plugin/pkg/client/auth/exec/exec.go). The Python client's
own runner is not used: it hides what a plugin says on stderr, which may be how to log in, knows no `interactiveMode` or
`installHint`, and goes on anonymously when a plugin fails.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kubectl_rev.cluster.error_mapping import clean
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.errors import Unreachable

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EXTENSION = "client.authentication.k8s.io/exec"  # of a cluster: what it wants to tell the plugin
_SKEW = timedelta(seconds=60)  # before it expires a credential is renewed
_CLUSTER = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")


class Credential(msgspec.Struct, rename="camel"):
    """`status` of what a plugin answers: a token, or a client certificate with its key."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None

    @property
    def expired(self) -> bool:
        return self.expiration_timestamp is not None and datetime.now(UTC) > self.expiration_timestamp - _SKEW


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str
    status: Credential


class Plugin:
    """`users[].user.exec`, and what it last gave. Raises Unreachable when it gives nothing.

    A token is renewed when it has expired. A certificate is not: that needs a new command.
    """

    def __init__(self, config: dict[str, Any], cluster: dict[str, Any]) -> None:
        self._config, self._cluster = config, cluster
        self._name = clean(str(config.get("command") or ""))
        self._lock = threading.Lock()
        self.credential = self._run()

    def token(self) -> str:
        with self._lock:
            if self.credential.expired:
                self.credential = self._run()
            return self.credential.token

    def _error(self, what: str) -> Unreachable:
        return Unreachable(f"the credential plugin {self._name} {what}")

    def _run(self) -> Credential:
        version = self._config.get("apiVersion")
        if version not in _VERSIONS:
            raise self._error("speaks a version that kubectl dropped: update it")
        if (program := shutil.which(str(self._config.get("command") or ""))) is None:
            hint = clean(str(self._config.get("installHint") or "")) or "install it, or fix the kubeconfig"
            raise self._error(f"was not found: {hint}")
        interactive = self._interactive()
        try:
            run = subprocess.run(
                [program, *map(str, self._config.get("args") or ())],
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # its stderr is the person's
                env=os.environ | self._environment(interactive),
                check=True,
            )
            answer = from_json(run.stdout, _Answer)
        except subprocess.CalledProcessError as error:
            raise self._error(f"failed ({error.returncode}): log in again") from error
        except OSError as error:
            raise self._error(f"cannot be run: {error.strerror}") from error
        except msgspec.DecodeError:  # no cause: it would quote what may be a token
            raise self._error("did not answer with a credential") from None
        found = answer.status
        if answer.api_version != version or not (
            found.token or (found.client_certificate_data and found.client_key_data)
        ):
            raise self._error("gave neither token nor certificate: log in again")
        if found.expiration_timestamp and found.expiration_timestamp.tzinfo is None:
            found.expiration_timestamp = found.expiration_timestamp.replace(tzinfo=UTC)
        return found

    def _interactive(self) -> bool:
        """Whether it may ask the person, by `interactiveMode`; v1beta1 may leave that out."""
        mode = self._config.get("interactiveMode") or "IfAvailable"
        available = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not available:
            raise self._error("needs a terminal to ask on: log in there first")
        return mode != "Never" and available

    def _environment(self, interactive: bool) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._config.get("provideClusterInfo"):
            spec["cluster"] = self._cluster_info()
        info = {"apiVersion": self._config["apiVersion"], "kind": "ExecCredential", "spec": spec}
        given = {str(item["name"]): str(item.get("value") or "") for item in self._config.get("env") or ()}
        return given | {"KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}

    def _cluster_info(self) -> dict[str, Any]:
        found = {key: self._cluster[key] for key in _CLUSTER if self._cluster.get(key)}
        if (path := self._cluster.get("certificate-authority")) and "certificate-authority-data" not in found:
            try:
                with open(path, "rb") as stream:
                    found["certificate-authority-data"] = base64.b64encode(stream.read()).decode()
            except OSError as error:
                raise Unreachable(f"cannot read {path}: {error.strerror}") from error
        for extension in self._cluster.get("extensions") or ():
            if extension.get("name") == _EXTENSION:
                found["config"] = extension.get("extension")
        return found
