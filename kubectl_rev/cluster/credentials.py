"""Whoever we are to the server: a `kubernetes` Configuration with the target's TLS and credentials, kept fresh.

TLS files, basic auth, client certificates and OIDC are the Python client's work. Its exec plugins and token files are
not enough by themselves: a failing plugin is only logged and the request goes out anonymously, a token file keeps its
final newline and is never read again. So those two are done here, with the client's own plugin runner.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, exec_provider, kube_config

from kubectl_rev.cluster.faults import clean
from kubectl_rev.cluster.kubeconfig import Target
from kubectl_rev.errors import Unreachable

_REREAD = 60.0  # seconds a token file is believed, as client-go does (transport/token_source.go)
_SKEW = 60.0  # seconds before its expiry that a plugin's token is renewed
# The client's configuration package has no types.
ConfigNode: Any = kube_config.ConfigNode
KubeConfigLoader: Any = kube_config.KubeConfigLoader
ExecProvider: Any = exec_provider.ExecProvider

_EXEC_API = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def configuration(target: Target) -> Configuration:
    """The client's configuration for a target; its `auth_settings()` gives a valid credential each time it is asked.

    Raises Unreachable when a file is missing, the data is not what it should be, or the exec plugin fails.
    """
    found = Configuration()
    user = dict(target.user)
    renew: Callable[[], str] | None = None
    # client-go sends no credentials over plain http (clientcmd/client_config.go, IsConfigTransportTLS).
    if not target.server.startswith("https"):
        user = {}
    elif user.get("tokenFile"):
        renew = _TokenFile(str(user.pop("tokenFile"))).token
        user["token"] = renew()
    elif "exec" in user and not user.get("token"):
        plugin = _Plugin(ConfigNode("exec", user.pop("exec")), target.cluster)
        user |= plugin.status
        renew = plugin.token if user.get("token") else None
    try:
        _loader(target, user).load_and_set(found)
    except (ConfigException, binascii.Error, ValueError, KeyError, TypeError) as error:
        why = clean(str(error)) if isinstance(error, ConfigException) else type(error).__name__
        raise Unreachable(f"the kubeconfig entries of context {target.context} cannot be used: {why}") from error
    found.host = target.server
    if renew is not None:
        _keep_fresh(found, renew)
    return found


def _loader(target: Target, user: dict[str, Any]) -> Any:
    config = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": target.cluster}],
        "users": [{"name": "it", "user": user}],
    }

    def persist() -> None:
        write_back(target.user_file, target.user_name, user["auth-provider"]["config"])

    return KubeConfigLoader(config, config_base_path="", config_persister=persist if target.user_file else None)


def _keep_fresh(found: Configuration, renew: Callable[[], str]) -> None:
    """Put the current token where this client keeps it: under `authorization` up to 35, `BearerToken` since."""
    key = next(iter(found.api_key))

    def hook(configured: Configuration) -> None:
        configured.api_key[key] = f"Bearer {renew()}"

    found.refresh_api_key_hook = hook  # type: ignore[assignment]  # the client declares it as None


class _TokenFile:
    """A token that somebody else renews on disk; in a pod that is the kubelet."""

    def __init__(self, path: str) -> None:
        self._path, self._read, self._token = path, float("-inf"), ""

    def token(self) -> str:
        if time.monotonic() - self._read >= _REREAD:
            try:
                with open(self._path, encoding="utf-8") as stream:
                    self._token = stream.read().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise Unreachable(f"cannot read the token file {self._path}: {_words(error)}") from error
            if not self._token:
                raise Unreachable(f"the token file {self._path} is empty")
            self._read = time.monotonic()
        return self._token


class _Plugin:
    """An exec credential plugin (`users[].user.exec`), run again when what it gave has expired.

    Not supported: a client certificate that expires while we run; that needs a new command.
    """

    def __init__(self, config: Any, cluster: dict[str, Any]) -> None:
        self._config, self._cluster = config, ConfigNode("cluster", cluster)
        self._lock = threading.Lock()
        self._expires: datetime | None = None
        self._run()

    def token(self) -> str:
        with self._lock:
            if self._expires and (self._expires - datetime.now(UTC)).total_seconds() < _SKEW:
                self._run()
        return str(self.status.get("token", ""))

    def _run(self) -> None:
        command = str(self._config.value.get("command") or "")
        if self._config.value.get("apiVersion") not in _EXEC_API:
            raise Unreachable(f"the credential plugin {command} speaks an API version that kubectl dropped: update it")
        try:
            answer = ExecProvider(self._config, None, self._cluster).run()
        except FileNotFoundError as error:
            hint = clean(str(self._config.value.get("installHint") or "")) or "install it or fix the kubeconfig"
            raise Unreachable(f"the credential plugin {command} was not found: {hint}") from error
        except Exception as error:  # it also fails in ways of its own (AttributeError on a terminal)
            why = f": {clean(str(error))}" if isinstance(error, ConfigException | OSError) else ""
            raise Unreachable(f"the credential plugin {command} failed{why}: log in again") from error
        status = answer if isinstance(answer, dict) else {}
        self.status: dict[str, str] = {}
        if status.get("token"):
            self.status["token"] = str(status["token"])
        if status.get("clientCertificateData") and status.get("clientKeyData"):
            for key, given in (
                ("client-certificate-data", "clientCertificateData"),
                ("client-key-data", "clientKeyData"),
            ):
                self.status[key] = base64.b64encode(str(status[given]).encode()).decode()
        if not self.status:
            raise Unreachable(f"the credential plugin {command} gave neither a token nor a certificate: log in again")
        self._expires = _time(status.get("expirationTimestamp"))


def _time(text: object) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else None
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed and parsed.tzinfo is None else parsed


def write_back(path: str, user: str, provider: dict[str, Any]) -> None:
    """Keep refreshed OIDC tokens in the kubeconfig they came from, as kubectl does: many issuers rotate the refresh
    token, so that losing the new one would log the person out. What cannot be written is used for this run only.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            config = yaml.safe_load(stream)
        for entry in config["users"]:
            if entry["name"] == user:
                known = entry["user"]["auth-provider"]["config"]
                known |= {key: provider[key] for key in ("id-token", "refresh-token") if key in provider}
        real = os.path.realpath(path)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(real))
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yaml.safe_dump(config, stream, default_flow_style=False)
        os.replace(temporary, real)
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        pass


def _words(error: BaseException) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not text"
