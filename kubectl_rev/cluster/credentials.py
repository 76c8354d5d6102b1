"""Whoever we are to the server: a `kubernetes` Configuration with the target's TLS and credentials, kept fresh.

TLS files, basic auth, client certificates and OIDC are the Python client's work. Its exec plugins (see `plugin`) and
token files are not used: of a token file it keeps the final newline, and never reads it again.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, kube_config

from kubectl_rev.cluster.error_mapping import clean
from kubectl_rev.cluster.kubeconfig import Target
from kubectl_rev.cluster.plugin import Credential, Plugin
from kubectl_rev.dumps.yaml_writer import write_yaml
from kubectl_rev.errors import Unreachable

_REREAD = 60.0  # seconds a token file is believed, as client-go does (transport/token_source.go)
# It has no types.
KubeConfigLoader: Any = kube_config.KubeConfigLoader


def configuration(target: Target) -> Configuration:
    """The client's configuration for a target; its `auth_settings()` gives a valid credential each time it is asked.

    Raises Unreachable when a file is missing, the data is not what it should be, or the exec plugin fails.
    """
    found = Configuration()
    user = dict(target.user)
    renew: Callable[[], str] | None = None
    # client-go sends no credentials over plain http (clientcmd/client_config.go, IsConfigTransportTLS).
    provider = user.get("auth-provider") or {}
    if not target.server.startswith("https"):
        user = {}
    elif provider and (not isinstance(provider, dict) or provider.get("name") != "oidc"):
        named = provider.get("name") if isinstance(provider, dict) else provider
        raise Unreachable(
            f"user {target.user_name} has the auth-provider {clean(str(named))}, which kubectl dropped in 1.26: "
            "have its vendor's tool write an exec plugin into the kubeconfig"
        )
    elif user.get("tokenFile"):
        renew = _TokenFile(str(user.pop("tokenFile"))).token
        user["token"] = renew()
    elif "exec" in user and not user.get("token"):
        plugin = Plugin(user.pop("exec"), target.cluster)
        user |= _fields(plugin.credential)
        renew = plugin.token if plugin.credential.token else None
    try:
        _loader(target, user).load_and_set(found)
    except (ConfigException, binascii.Error, ValueError, KeyError, TypeError) as error:
        why = clean(str(error)) if isinstance(error, ConfigException) else type(error).__name__
        raise Unreachable(f"the kubeconfig entries of context {target.context} cannot be used: {why}") from error
    found.host = target.server
    # Not every supported client takes these two over.
    found.tls_server_name = target.cluster.get("tls-server-name") or found.tls_server_name
    if target.cluster.get("proxy-url"):
        found.proxy, found.no_proxy = str(target.cluster["proxy-url"]), ""  # client-go: NO_PROXY is about HTTPS_PROXY
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


def _fields(credential: Credential) -> dict[str, str]:
    """What a plugin gave, as a kubeconfig user has it."""
    found = {"token": credential.token} if credential.token else {}
    if credential.client_certificate_data and credential.client_key_data:
        found["client-certificate-data"] = _base64(credential.client_certificate_data)
        found["client-key-data"] = _base64(credential.client_key_data)
    return found


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


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
                why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not text"
                raise Unreachable(f"cannot read the token file {self._path}: {why}") from error
            if not self._token:
                raise Unreachable(f"the token file {self._path} is empty")
            self._read = time.monotonic()
        return self._token


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
        with os.fdopen(handle, "wb") as file:
            file.write(write_yaml(config))
        os.replace(temporary, real)
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        pass
