"""The auth-provider `oidc` of a kubeconfig: an ID token, renewed by its issuer when it has expired.

As client-go does it (plugin/pkg/client/auth/oidc/oidc.go, and golang.org/x/oauth2 for the request). The Python client's
own is not used: it does not check the issuer's certificate where the kubeconfig names no CA.
"""

from __future__ import annotations

import base64
import os
import tempfile
import time
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec
import urllib3

from kubectl_rev.cluster.address import Malformed, address_of, proxy_of
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.cluster.transport import pool, tls
from kubectl_rev.dumps.yaml_values import values
from kubectl_rev.dumps.yaml_writer import write_yaml
from kubectl_rev.errors import Unreachable

_SKEW = 10.0  # seconds before it expires a token is renewed
_LIMIT = 1 << 20  # bytes of an issuer's answer
_TIMEOUT = 30.0
T = TypeVar("T")


class _Claims(msgspec.Struct):
    exp: float = 0.0


class _Metadata(msgspec.Struct):
    token_endpoint: str


class _Tokens(msgspec.Struct):
    id_token: str
    refresh_token: str = ""


class Provider:
    """`auth-provider.config`; new tokens are written to the kubeconfig `file`, for the user of that name."""

    def __init__(self, config: dict[str, str], file: str, user: str) -> None:
        self._config, self._file, self._user = config, file, user
        if missing := [key for key in ("idp-issuer-url", "client-id") if not config.get(key)]:
            raise Unreachable(f"auth-provider oidc of user {user} has no {missing[0]}")

    def token(self) -> str:
        """A valid ID token. Raises Unreachable."""
        known = self._config.get("id-token", "")
        return known if known and self._expires(known) > time.time() + _SKEW else self._renewed()

    def _error(self, what: str) -> Unreachable:
        return Unreachable(f"auth-provider oidc of user {self._user}: {what}")

    def _expires(self, token: str) -> float:
        try:
            _, claims, _ = token.split(".")
            return from_json(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), _Claims).exp
        except (ValueError, msgspec.DecodeError):
            raise self._error("the id-token is no JWT: log in again") from None

    def _renewed(self) -> str:
        config = self._config
        if not config.get("refresh-token"):
            raise self._error("the id-token has expired, and there is no refresh-token: log in again")
        issuer = config["idp-issuer-url"].rstrip("/")
        where = self._asked("GET", f"{issuer}/.well-known/openid-configuration", _Metadata).token_endpoint
        form = {"grant_type": "refresh_token", "refresh_token": config["refresh-token"]}
        name, secret = config["client-id"], config.get("client-secret", "")
        basic = urllib3.make_headers(basic_auth=f"{quote_plus(name)}:{quote_plus(secret)}")
        try:
            tokens = self._asked("POST", where, _Tokens, urlencode(form), basic)
        except Unreachable:  # an issuer may want them in the body instead
            form |= {"client_id": name} | ({"client_secret": secret} if secret else {})
            tokens = self._asked("POST", where, _Tokens, urlencode(form))
        new = {"id-token": tokens.id_token} | ({"refresh-token": tokens.refresh_token} if tokens.refresh_token else {})
        self._config = config | new
        if self._file:
            _write_back(self._file, self._user, new)
        return tokens.id_token

    def _asked(self, method: str, url: str, kind: type[T], form: str = "", headers: dict[str, str] | None = None) -> T:
        """What the issuer answers; it is trusted by its certificate alone, and not followed elsewhere."""
        config = self._config
        try:
            server, _ = address_of(url)
            ca = base64.b64decode(config.get("idp-certificate-authority-data", ""))
            context = tls(ca, config.get("idp-certificate-authority", ""))
            response = pool(server, proxy_of(server, ""), context).request(
                method,
                server if method == "POST" else url,
                body=form or None,
                headers={"Content-Type": "application/x-www-form-urlencoded", **(headers or {})} if form else {},
                timeout=_TIMEOUT,
                redirect=False,
                preload_content=False,
            )
            body = response.read(_LIMIT)
            response.close()
            if response.status != 200:
                raise self._error(f"its issuer answered {response.status}: log in again")
            return from_json(body, kind)
        except msgspec.DecodeError:  # no cause: it would quote what may be a token
            raise self._error("its issuer did not answer with what was asked for") from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError, Malformed) as error:
            raise self._error(f"its issuer cannot be reached ({type(error).__name__}): log in again") from error


def _write_back(path: str, user: str, new: dict[str, str]) -> None:
    """Keep new tokens in the kubeconfig they came from: many issuers rotate the refresh token, so that losing the new
    one would log the person out. What cannot be written is used for this run only.
    """
    with suppress(OSError, KeyError, TypeError, ValueError):
        with open(path, "rb") as stream:
            config: Any = next(values(stream.read(), by_hand=True))
        for entry in config["users"]:
            if entry["name"] == user:
                entry["user"]["auth-provider"]["config"] |= new
        real = os.path.realpath(path)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(real))
        with os.fdopen(handle, "wb") as file:
            file.write(write_yaml(config))
        os.replace(temporary, real)
