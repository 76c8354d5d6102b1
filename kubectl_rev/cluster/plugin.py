"""Exec credential plugins: run the command that a kubeconfig names, as kubectl does.

The protocol is client.authentication.k8s.io (k8s.io/client-go/plugin/pkg/client/auth/exec/exec.go). The Python client's
own runner is not used: it hides what a plugin says on stderr, which may be how to log in, knows no `interactiveMode` or
`installHint`, and goes on anonymously when a plugin fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from kubectl_rev.cluster.error_mapping import clean
from kubectl_rev.cluster.kubeconfig_types import Cluster, Exec, read
from kubectl_rev.dumps.yaml_reader import without_nulls
from kubectl_rev.dumps.yaml_values import values
from kubectl_rev.errors import Unreachable

_SKEW = timedelta(seconds=60)  # before it expires a credential is renewed
_GROUP = "client.authentication.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_EXTENSION = f"{_GROUP}/exec"  # of a cluster: what it wants to tell the plugin
_TOLD = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")


class Credential(msgspec.Struct, rename="camel"):
    """`status` of what a plugin answers: a token, or a client certificate with its key, or all."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None

    @property
    def expired(self) -> bool:
        return self.expiration_timestamp is not None and datetime.now(UTC) > self.expiration_timestamp - _SKEW


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str
    kind: Literal["ExecCredential"]
    status: Credential


class Plugin:
    """A credential plugin, and what it last gave.

    A token is renewed when it has expired. A certificate is not: that needs a new command.
    """

    def __init__(self, config: Exec, cluster: Cluster) -> None:
        self._config, self._cluster = config, cluster
        self._name = clean(config.command)
        self._lock = threading.Lock()
        self.credential = Credential()
        if config.api_version not in _VERSIONS:
            raise self._error("speaks a version that kubectl dropped: update it")

    def run(self) -> Credential:
        """Ask it for a credential. Raises Unreachable when it gives none."""
        self.credential = self._run()
        return self.credential

    def token(self) -> str:
        with self._lock:
            return (self.run() if self.credential.expired else self.credential).token

    def _error(self, what: str) -> Unreachable:
        return Unreachable(f"the credential plugin {self._name} {what}")

    def _program(self) -> str:
        """Where it is; never in the current directory, which somebody else may have filled: os/exec, ErrDot."""
        program = shutil.which(self._config.command)
        if program is None:
            hint = clean(self._config.install_hint) or "install it, or fix the kubeconfig"
            raise self._error(f"was not found: {hint}")
        if not os.path.isabs(program):
            raise self._error("was found by a path relative to the current directory: give PATH absolute ones")
        return program

    def _run(self) -> Credential:
        program, interactive = self._program(), self._interactive()
        try:
            run = subprocess.run(
                [program, *(argument or "" for argument in self._config.args)],
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # its stderr is the person's
                env=os.environ | self._environment(interactive),
                check=True,
            )
            answer = msgspec.convert(without_nulls(next(values(run.stdout), None)), _Answer)
        except subprocess.CalledProcessError as error:
            raise self._error(f"failed ({error.returncode}): log in again") from error
        except OSError as error:
            raise self._error(f"cannot be run: {error.strerror}") from error
        except (ValueError, RecursionError):  # no cause: it would quote what may be a token
            raise self._error("did not answer with a credential") from None
        given = answer.status
        both = bool(given.client_certificate_data), bool(given.client_key_data)
        if answer.api_version != self._config.api_version or both[0] != both[1] or not (given.token or both[0]):
            raise self._error("gave neither token nor certificate: log in again")
        if given.expiration_timestamp and given.expiration_timestamp.tzinfo is None:
            given.expiration_timestamp = given.expiration_timestamp.replace(tzinfo=UTC)
        return given

    def _interactive(self) -> bool:
        """Whether it may ask the person, by `interactiveMode`; v1beta1 may leave that out."""
        mode = self._config.interactive_mode or "IfAvailable"
        available = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not available:
            raise self._error("needs a terminal to ask on: log in there first")
        return mode != "Never" and available

    def _environment(self, interactive: bool) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._config.provide_cluster_info:
            spec["cluster"] = self._cluster_info()
        info = {"apiVersion": self._config.api_version, "kind": "ExecCredential", "spec": spec}
        # To Go a variable is NAME=VALUE in one, so that a name may have a `=`.
        given = dict(f"{one.name}={one.value}".partition("=")[::2] for one in self._config.env)
        return given | {"KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}

    def _cluster_info(self) -> dict[str, Any]:
        cluster = self._cluster
        if cluster.certificate_authority:
            cluster = replace(cluster, certificate_authority_data=read(cluster.certificate_authority))
        told = {key: value for key, value in msgspec.to_builtins(cluster).items() if key in _TOLD}
        configs = [one.extension for one in cluster.extensions if one.name == _EXTENSION]
        return told | ({"config": configs[0]} if configs else {})
