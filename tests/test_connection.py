"""connection, kubeconfig, credentials, faults: the right server, as the right person, and words for what goes wrong.

Where kubectl has an answer it is asked: the same kubeconfig and flags, and both must send the same headers.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import websocket
import yaml
from urllib3 import exceptions as http

from kubectl_rev.cluster import error_mapping
from kubectl_rev.cluster.address import shown
from kubectl_rev.cluster.connection import JSON_PATCH, Connection, ConnectionFlags, connect
from kubectl_rev.cluster.kubeconfig import resolve
from kubectl_rev.errors import Changed, ClusterError, Forbidden, NotFound, RevError, Unreachable, UsageError
from tests.local_server import Answer, Request, Server, authority, serving, status, tls_server

KUBECTL = Path(sys.executable).parent / "kubectl"
SECRET = "s3cr3t-t0ken"


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(ca: Path) -> Iterator[Server]:
    with serving(tls=tls_server(ca)) as running:
        yield running


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kubeconfig but the test's own, no proxy, no pod."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def kubeconfig(
    server: str, ca: Path | None, user: dict[str, Any], *, namespace: str = "", **cluster: Any
) -> dict[str, Any]:
    """A valid one: context, cluster and user are called `it`."""
    trust = {"certificate-authority": str(ca / "ca.crt")} if ca else {}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": namespace}}],
        "clusters": [{"name": "it", "cluster": {"server": server, **trust, **cluster}}],
        "users": [{"name": "it", "user": user}],
    }


def written(config: dict[str, Any], path: str | Path = "config") -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(yaml.safe_dump(config))
    return str(path)


def plugin(answer: str, name: str = "plugin") -> dict[str, Any]:
    """An exec credential plugin that runs this shell text."""
    Path(name).write_text(f"#!/bin/sh\n{answer}\n")
    Path(name).chmod(0o755)
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(Path(name).absolute()),
        "interactiveMode": "Never",
    }


def credential(**fields: str) -> str:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": fields}
    return f"echo '{json.dumps(answer)}'"


def flags(options: ConnectionFlags) -> list[str]:
    """These options as kubectl takes them."""
    names = {"as_user": "--as", "as_groups": "--as-group", "as_uid": "--as-uid"}
    found = []
    for name in options.__dataclass_fields__:
        value = getattr(options, name)
        for each in value if isinstance(value, tuple) else [value]:
            if each:
                text = "true" if each is True else each
                found.append(f"{names.get(name, '--' + name.replace('_', '-'))}={text}")
    return found


def identity(request: Request) -> dict[str, Any]:
    """All that tells the server who asks."""
    names = {
        key for key, _ in request.headers if key.lower().startswith("impersonate") or key.lower() == "authorization"
    }
    found: dict[str, Any] = {name.lower(): request.get(name) for name in names}
    return found | {"certificate": request.certificate}


def both(server: Server, options: ConnectionFlags) -> tuple[dict[str, Any], dict[str, Any]]:
    """Who kubectl was and who we were, with the same environment and flags."""
    server.requests.clear()
    command = [str(KUBECTL), "get", "--raw", "/probe", *flags(options)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 0, run.stderr
    with connect(options) as connection:
        connection.get("/probe")
    theirs, ours = (identity(request) for request in server.requests if request.path == "/probe")
    return theirs, ours


ACTING = {"as": "bob", "as-uid": "u1", "as-groups": ["a", "b"], "as-user-extra": {"example.org/x y": ["1", "2"]}}
USERS: dict[str, tuple[dict[str, Any], ConnectionFlags]] = {
    "a token": ({"token": SECRET}, ConnectionFlags()),
    "a token file with a final newline": ({"tokenFile": "token"}, ConnectionFlags()),
    "a token and a token file": ({"token": "old", "tokenFile": "token"}, ConnectionFlags()),
    "a password": ({"username": "u", "password": "p"}, ConnectionFlags()),
    "a certificate": ({"client-certificate": "client.crt", "client-key": "client.key"}, ConnectionFlags()),
    "impersonation": ({"token": SECRET, **ACTING}, ConnectionFlags()),
    "impersonation, --as": ({"token": SECRET, **ACTING}, ConnectionFlags(as_user="eve")),
    "impersonation, --as-group": ({"token": SECRET, **ACTING}, ConnectionFlags(as_groups=("c",))),
    "impersonation, --as --as-group --as-uid": (
        {"token": SECRET, **ACTING},
        ConnectionFlags(as_user="eve", as_groups=("c", "d"), as_uid="u2"),
    ),
    "--as": ({"token": SECRET}, ConnectionFlags(as_user="system:serviceaccount:a:b", as_groups=("x",))),
    "--token over a token": ({"token": "old"}, ConnectionFlags(token=SECRET)),
    "--token over a password": ({"token": "old"}, ConnectionFlags(token=SECRET)),
    "--token next to a certificate": (
        {"client-certificate": "client.crt", "client-key": "client.key"},
        ConnectionFlags(token=SECRET),
    ),
}


@pytest.mark.parametrize("case", USERS)
def test_we_are_who_kubectl_is(server: Server, ca: Path, case: str) -> None:
    user, options = USERS[case]
    Path("token").write_text(f"{SECRET}\n")
    for name in ("client.crt", "client.key"):
        Path(name).write_bytes((ca / name).read_bytes())
    os.environ["KUBECONFIG"] = written(kubeconfig(server.url, ca, user))
    theirs, ours = both(server, options)
    assert ours == theirs
    assert any(ours.values())


PLUGINS = {
    "a token": credential(token=SECRET),
    "a token that expires": credential(token=SECRET, expirationTimestamp="2099-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("case", PLUGINS)
def test_exec_plugins_give_what_they_give_kubectl(server: Server, ca: Path, case: str) -> None:
    config = kubeconfig(server.url, ca, {"exec": plugin(PLUGINS[case])})
    config["users"][0]["user"]["exec"]["command"] = "./bin/../plugin"  # relative to the file, not to here
    written(config, "kube/config")
    Path("plugin").rename("kube/plugin")
    theirs, ours = both(server, ConnectionFlags(kubeconfig="kube/config"))
    assert ours == theirs == {"authorization": [f"Bearer {SECRET}"], "certificate": ""}


def test_an_exec_plugin_may_give_a_certificate(server: Server, ca: Path) -> None:
    answer = json.dumps(
        {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {
                "clientCertificateData": (ca / "client.crt").read_text(),
                "clientKeyData": (ca / "client.key").read_text(),
            },
        }
    )
    Path("answer").write_text(answer)
    user = {"exec": plugin(f"cat {Path('answer').absolute()}")}
    theirs, ours = both(server, ConnectionFlags(kubeconfig=written(kubeconfig(server.url, ca, user))))
    assert ours == theirs == {"certificate": "alice"}


def test_a_plugin_is_asked_again_when_its_token_has_expired(server: Server, ca: Path) -> None:
    user = {"exec": plugin("echo x >> ran\n" + credential(token=SECRET, expirationTimestamp="2001-01-01T00:00:00Z"))}
    with connect(ConnectionFlags(kubeconfig=written(kubeconfig(server.url, ca, user)))) as connection:
        connection.get("/one")
        connection.get("/two")
    assert len(Path("ran").read_text().split()) == 3  # to begin with, and for each request


def test_a_plugin_is_told_what_kubectl_tells_it(server: Server, ca: Path) -> None:
    spec = plugin('echo "$ONE $1" $KUBERNETES_EXEC_INFO >> told\n' + credential(token=SECRET))
    spec |= {"provideClusterInfo": True, "env": [{"name": "ONE", "value": "1"}], "args": ["two"]}
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    config = kubeconfig(server.url, ca, {"exec": spec}, extensions=[extension], **{"tls-server-name": "api.test"})
    both(server, ConnectionFlags(kubeconfig=written(config)))
    theirs, ours = (line.split(" ", 2) for line in Path("told").read_text().splitlines())
    assert ours[:2] == theirs[:2] == ["1", "two"]
    assert json.loads(ours[2]) == json.loads(theirs[2])


def test_kubeconfig_files_merge_as_in_kubectl(server: Server, ca: Path) -> None:
    """The first to name something wins; what does not exist is skipped; paths belong to their own file."""
    one = kubeconfig("https://wrong.invalid", None, {"client-certificate": "client.crt", "client-key": "client.key"})
    one |= {"clusters": None, "contexts": []}
    two = kubeconfig(server.url, None, {"token": "loses"}, namespace="shop")
    two["clusters"][0]["cluster"]["certificate-authority"] = "../two/ca.crt"
    two["current-context"] = "loses"
    for name, folder in (("client.crt", "one"), ("client.key", "one"), ("ca.crt", "two")):
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / name).write_bytes((ca / name).read_bytes())
    files = ["missing", written(one, "one/config"), written(two, "two/config")]
    os.environ["KUBECONFIG"] = os.pathsep.join(files)
    theirs, ours = both(server, ConnectionFlags())
    assert ours == theirs == {"certificate": "alice"}
    with connect() as connection:
        assert (connection.namespace, connection.context, connection.user) == ("shop", "it", "it")


FLAGS = {
    "--context": ConnectionFlags(context="other"),
    "--user": ConnectionFlags(user="other"),
    "--cluster": ConnectionFlags(context="dead", cluster="it"),
    "--server": ConnectionFlags(context="dead", server="SERVER", certificate_authority="CA"),
    "--server, no trust": ConnectionFlags(context="dead", server="SERVER", insecure_skip_tls_verify=True),
    "--insecure-skip-tls-verify over a CA": ConnectionFlags(insecure_skip_tls_verify=True),
    "--certificate-authority over insecure": ConnectionFlags(context="insecure", certificate_authority="CA"),
    "--tls-server-name": ConnectionFlags(tls_server_name="api.test"),
    "--server clears tls-server-name": ConnectionFlags(context="named", server="SERVER"),
}


@pytest.mark.parametrize("case", FLAGS)
def test_flags_override_as_in_kubectl(server: Server, ca: Path, case: str) -> None:
    config = kubeconfig(server.url, ca, {"token": "it"})
    trusted = config["clusters"][0]["cluster"]
    config["users"].append({"name": "other", "user": {"token": "other"}})
    for name, cluster in (
        ("dead", {"server": "https://127.0.0.1:1"}),
        ("insecure", {"server": server.url, "insecure-skip-tls-verify": True}),
        ("named", {**trusted, "tls-server-name": "wrong.test"}),
    ):
        config["clusters"].append({"name": name, "cluster": cluster})
        config["contexts"].append({"name": name, "context": {"cluster": name, "user": "it"}})
    config["contexts"].append({"name": "other", "context": {"cluster": "it", "user": "other"}})
    given = {n: getattr(FLAGS[case], n) for n in FLAGS[case].__dataclass_fields__}
    given = {
        n: {"SERVER": server.url, "CA": str(ca / "ca.crt")}.get(v, v) if isinstance(v, str) else v
        for n, v in given.items()
    }
    os.environ["KUBECONFIG"] = written(config)
    theirs, ours = both(server, ConnectionFlags(**given))
    assert ours == theirs


def test_a_server_without_any_kubeconfig(server: Server, ca: Path) -> None:
    theirs, ours = both(
        server, ConnectionFlags(server=server.url, token=SECRET, certificate_authority=str(ca / "ca.crt"))
    )
    assert ours == theirs == {"authorization": [f"Bearer {SECRET}"], "certificate": ""}


def test_no_credentials_over_plain_http() -> None:
    with serving() as server:
        config = written(kubeconfig(server.url, None, {"token": SECRET, "as": "bob"}))
        theirs, ours = both(server, ConnectionFlags(kubeconfig=config))
    assert ours == theirs == {"impersonate-user": ["bob"], "certificate": ""}


def test_data_in_the_kubeconfig(server: Server, ca: Path) -> None:
    def data(name: str) -> str:
        return base64.b64encode((ca / name).read_bytes()).decode()

    user = {"client-certificate-data": data("client.crt"), "client-key-data": data("client.key")}
    config = kubeconfig(server.url, None, user, **{"certificate-authority-data": data("ca.crt")})
    theirs, ours = both(server, ConnectionFlags(kubeconfig=written(config)))
    assert ours == theirs == {"certificate": "alice"}


def test_a_proxy_of_the_cluster_is_used(ca: Path) -> None:
    with serving() as proxy:
        config = kubeconfig("http://api.test", None, {}, **{"proxy-url": str(proxy.url)})
        with connect(ConnectionFlags(kubeconfig=written(config))) as connection:
            connection.get("/probe")
    assert [request.path for request in proxy.requests] == ["http://api.test/probe"]


def test_the_namespace() -> None:
    config = kubeconfig("https://it.test", None, {}, namespace="shop")
    plain = kubeconfig("https://it.test", None, {})
    assert connect(ConnectionFlags(kubeconfig=written(config))).namespace == "shop"
    assert connect(ConnectionFlags(kubeconfig=written(config), namespace="cart")).namespace == "cart"
    assert connect(ConnectionFlags(kubeconfig=written(plain))).namespace == "default"


HERE = ConnectionFlags(kubeconfig="config")
BAD_CONFIGS: dict[str, tuple[str, ConnectionFlags, type[RevError], str]] = {
    "missing": ("", ConnectionFlags(kubeconfig="nowhere"), Unreachable, "cannot read kubeconfig nowhere"),
    "not YAML": (
        f"token: '{SECRET}",
        ConnectionFlags(kubeconfig="config"),
        Unreachable,
        "config is not a valid kubeconfig: not YAML: found unexpected end of stream in line",
    ),
    "not a kubeconfig": (
        "[1, 2]",
        ConnectionFlags(kubeconfig="config"),
        Unreachable,
        "not a valid kubeconfig: expected",
    ),
    "binary": ("\0\1", ConnectionFlags(kubeconfig="config"), Unreachable, "not a valid kubeconfig"),
    "a list that is none": (
        "users: 3",
        ConnectionFlags(kubeconfig="config"),
        Unreachable,
        "users: expected array, got int",
    ),
    "empty": ("", ConnectionFlags(kubeconfig="config"), UsageError, "no current context"),
    "no such context": ("CONFIG", ConnectionFlags(kubeconfig="config", context="itt"), UsageError, "did you mean it?"),
    "no such cluster": ("CONFIG", ConnectionFlags(kubeconfig="config", cluster="zzz"), UsageError, "available: it"),
    "no such user": (
        "CONFIG",
        ConnectionFlags(kubeconfig="config", user="zzz"),
        UsageError,
        'user "zzz" not found; available: ',
    ),
    "a group but nobody": ("CONFIG", ConnectionFlags(kubeconfig="config", as_groups=("a",)), UsageError, "add --as"),
    "no file, no pod": ("", ConnectionFlags(), Unreachable, "no kubeconfig, and not in a pod"),
    "not an address": (
        "CONFIG",
        ConnectionFlags(kubeconfig="config", server="https://a b:c"),
        Unreachable,
        "not an address",
    ),
    "a server that is no text": (
        "clusters: [{name: c, cluster: {server: 12}}]",
        HERE,
        Unreachable,
        "clusters[0].cluster.server: expected str, got int",
    ),
    "exec that is none": (
        "users: [{name: u, user: {exec: x}}]",
        HERE,
        Unreachable,
        "users[0].user.exec: expected object",
    ),
    "exec with half a variable": (
        "users: [{name: u, user: {exec: {command: x, env: [{value: y}]}}}]",
        HERE,
        Unreachable,
        "env[0].value: expected str, got bool",
    ),
    "a CA that is none": (
        "CONFIG",
        ConnectionFlags(kubeconfig="config", certificate_authority=__file__),
        Unreachable,
        "certificate-authority of the kubeconfig: no certificate in PEM",
    ),
    "a missing CA": (
        "CONFIG",
        ConnectionFlags(kubeconfig="config", certificate_authority="nowhere"),
        Unreachable,
        "which the kubeconfig names: no such file",
    ),
}


@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_a_kubeconfig_that_cannot_be_used(case: str) -> None:
    text, options, kind, words = BAD_CONFIGS[case]
    if text == "CONFIG":
        written(kubeconfig("https://it.test", None, {"token": SECRET}))
    elif text or case == "empty":
        Path("config").write_text(text)
    with pytest.raises(kind) as raised, connect(options) as connection:
        connection.get("/probe")
    assert words in str(raised.value)
    tidy(raised.value)


def test_an_auth_provider_that_kubectl_dropped() -> None:
    config = written(kubeconfig("https://it.test", None, {"auth-provider": {"name": "gcp"}}))
    with pytest.raises(Unreachable, match="has the auth-provider gcp, which kubectl dropped"):
        connect(ConnectionFlags(kubeconfig=config))


def tidy(error: BaseException) -> None:
    """One line of bounded length, without the secret."""
    text = str(error)
    assert SECRET not in text
    assert text.isprintable()
    assert text
    assert len(text) < 600
    assert isinstance(error, RevError)


BAD_PLUGINS = {
    "missing": ({"command": "no-such-plugin"}, "no-such-plugin was not found: run x"),
    "failing": ({"shell": "exit 3"}, "failed (3): log in again"),
    "silent": ({"shell": "true"}, "did not answer with a credential"),
    "garbled": ({"shell": f"echo {SECRET}"}, "did not answer with a credential"),
    "empty": ({"shell": credential()}, "gave neither token nor certificate"),
    "old": ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "that kubectl dropped"),
    "asking": ({"interactiveMode": "Always"}, "needs a terminal"),
    "no program": ({"shell": "", "break": "yes"}, "cannot be run: Exec format error"),
}


@pytest.mark.parametrize("case", BAD_PLUGINS)
def test_an_exec_plugin_that_fails(case: str, capfd: pytest.CaptureFixture[str]) -> None:
    fields, words = BAD_PLUGINS[case]
    spec = plugin(fields.get("shell", "true")) | {"installHint": "run\nx"}
    spec |= {key: value for key, value in fields.items() if key not in ("shell", "break")}
    if "break" in fields:
        Path("plugin").write_bytes(b"\x7fELF")
    with pytest.raises(Unreachable) as raised:
        connect(ConnectionFlags(kubeconfig=written(kubeconfig("https://it.test", None, {"exec": spec}))))
    assert words in str(raised.value)
    tidy(raised.value)
    assert capfd.readouterr() == ("", "")


ANSWERS: dict[str, tuple[Answer, type[RevError], str]] = {
    "401": (status(401, "Unauthorized"), Unreachable, "log in again"),
    "403": (
        status(403, 'pods is forbidden: User "bob" cannot list resource "pods" in API group "" at the cluster scope'),
        Forbidden,
        'may not list pods: forbidden to user "bob"',
    ),
    "403 in a namespace": (
        status(
            403,
            'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "a": RBAC: no',
        ),
        Forbidden,
        'may not list pods: forbidden to user "bob": RBAC: no',
    ),
    "403 by a webhook": (status(403, "pods is forbidden: \x1b[31mno\npods today"), Forbidden, "[31mno pods today"),
    "404": (status(404, "the server could not find the requested resource"), NotFound, "could not find"),
    "404 of something else": (Answer(404, b"<html>"), NotFound, "does not serve pods (not Found): is it the right"),
    "404 of a namespace": (status(404, 'namespaces "gone" not found'), NotFound, 'namespaces "gone" not found'),
    "409": (status(409, "it cannot be so"), error_mapping.Rejected, "it cannot be so"),
    "410": (status(410, "too old resource version"), error_mapping.Expired, "too old"),
    "422": (status(422, "it is wrong"), error_mapping.Rejected, "it is wrong"),
    "429": (Answer(429, b"", {"Retry-After": "0"}), Unreachable, "overloaded"),
    "500": (
        status(500, "etcd is down"),
        error_mapping.ServerFault,
        "cannot list pods: the server answered 500: etcd is down",
    ),
    "503 of a proxy": (Answer(503, b"<html>\x1b</html>"), error_mapping.ServerFault, "503: service Unavailable"),
    "a login page": (Answer(302, b"", {"Location": "/login"}), Unreachable, "redirects elsewhere"),
    "a protobuf status": (
        Answer(404, b"k8s\0\x0a\x0b\x0a\x02v1\x12\x05Table" + b"\x12\x0a\x1a\x08it is no\x1a\x00\x22\x00"),
        NotFound,
        "it is no",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_the_server_refuses(case: str) -> None:
    answer, kind, words = ANSWERS[case]
    with serving(lambda _: answer) as server, connect(ConnectionFlags(server=server.url)) as connection:
        with pytest.raises(kind) as raised:
            connection.get("/api/v1/pods")
        assert words in str(raised.value)
        assert len(server.requests) == (3 if case == "429" else 1)
    tidy(raised.value)


def test_a_patch_whose_test_failed_is_not_an_invalid_one() -> None:
    """Both are 422; only the second names a field."""
    failed = status(422, "the server rejected our request due to an error in our request", details={})
    conflict = status(409, "Operation cannot be fulfilled")
    invalid = status(422, "bad label", details={"causes": [{"field": "metadata.labels"}]})
    for answer, kind in ((failed, Changed), (invalid, error_mapping.Rejected), (conflict, Changed)):
        with (
            serving(lambda _, answer=answer: answer) as server,  # type: ignore[misc]
            connect(ConnectionFlags(server=server.url)) as connection,
            pytest.raises(kind),
        ):
            connection.send("PATCH", "/api/v1/namespaces/shop", b"[]", content_type=JSON_PATCH)


def test_a_busy_server_is_asked_again() -> None:
    answers = [Answer(429, headers={"Retry-After": "0"}), Answer(429, headers={"Retry-After": "0"}), Answer(body=b"1")]
    with serving(lambda _: answers.pop(0)) as server, connect(ConnectionFlags(server=server.url)) as connection:
        assert connection.get("/x") == b"1"


@pytest.mark.parametrize("chunks", [0, 7])
def test_far_servers_may_compress(chunks: int) -> None:
    """As kubectl asks them to; 0.0.0.0 is this machine, but not by its name."""

    def answer(request: Request) -> Answer:
        if request.get("Accept-Encoding") != ["gzip"]:
            return Answer(body=b"plain", chunks=chunks)
        return Answer(body=gzip.compress(b"compressed"), headers={"Content-Encoding": "gzip"}, chunks=chunks)

    with serving(answer) as server:
        for url, body in ((server.url, b"plain"), (server.url.replace("127.0.0.1", "0.0.0.0"), b"compressed")):
            with connect(ConnectionFlags(server=url)) as connection:
                assert connection.get("/x") == body


def refusing_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_nobody_listens() -> None:
    refused = pytest.raises(Unreachable, match=r"cannot connect to .*: connection refused: is the cluster up")
    with connect(ConnectionFlags(server=f"https://127.0.0.1:{refusing_port()}")) as connection, refused:
        connection.get("/x")


def test_no_such_host() -> None:
    refused = pytest.raises(Unreachable, match=r"cannot connect to https://nowhere\.invalid: ")
    with connect(ConnectionFlags(server="https://nowhere.invalid", request_timeout=5)) as connection, refused:
        connection.get("/x")


def test_a_server_that_says_nothing_is_given_up() -> None:
    never = threading.Event()
    with serving(lambda _: Answer(after=never)) as server:
        with connect(ConnectionFlags(server=server.url, request_timeout=0.2)) as connection:
            started = time.monotonic()
            with pytest.raises(Unreachable, match="did not answer in time while asked to list pods"):
                connection.get("/api/v1/pods")
            assert time.monotonic() - started < 2
        never.set()


def test_half_an_answer_is_an_error() -> None:
    broken = pytest.raises(Unreachable, match="broke while asked to list pods")
    with (
        serving(lambda _: Answer(body=b"half", length=8)) as server,
        connect(ConnectionFlags(server=server.url)) as it,
        broken,
    ):
        it.get("/api/v1/pods")


TRUST = {
    "nobody we know": (
        ConnectionFlags(),
        "cannot trust https://127.0.0.1:PORT: self-signed certificate in certificate chain",
    ),
    "another name": (ConnectionFlags(certificate_authority="CA", tls_server_name="x.test"), "not valid for 'x.test'"),
    "plain http": (ConnectionFlags(server="http://127.0.0.1:PORT"), "PORT"),
}


@pytest.mark.parametrize("case", TRUST)
def test_tls_that_fails(server: Server, ca: Path, case: str) -> None:
    options, words = TRUST[case]
    given = ConnectionFlags(
        server=(options.server or "https://127.0.0.1:PORT").replace("PORT", str(server.port)),
        certificate_authority=options.certificate_authority and str(ca / "ca.crt"),
        tls_server_name=options.tls_server_name,
        token=SECRET,
    )
    with connect(given) as connection, pytest.raises(Unreachable) as raised:
        connection.get("/x")
    assert words.replace("PORT", str(server.port)) in str(raised.value)
    tidy(raised.value)


def test_tls_with_a_server_that_has_none() -> None:
    broken = pytest.raises(Unreachable, match="does not speak TLS")
    with (
        serving() as server,
        connect(ConnectionFlags(server=server.url.replace("http:", "https:"))) as connection,
        broken,
    ):
        connection.get("/x")


def test_a_line_break_in_a_token_cannot_begin_a_header(server: Server, ca: Path) -> None:
    options = ConnectionFlags(
        server=server.url, certificate_authority=str(ca / "ca.crt"), token=f"{SECRET}\r\nX-Evil: 1"
    )
    server.requests.clear()
    with connect(options) as connection, pytest.raises(UsageError) as raised:
        connection.get("/x")
    assert not server.requests
    tidy(raised.value)


def test_requests_are_logged_without_credentials(server: Server, ca: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kubectl_rev.http")
    with connect(
        ConnectionFlags(server=server.url, certificate_authority=str(ca / "ca.crt"), token=SECRET)
    ) as connection:
        connection.get("/api", {"limit": "1"})
    assert f"GET {server.url}/api?limit=1 200 OK in " in caplog.text
    assert SECRET not in caplog.text


def test_a_password_in_the_address_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kubectl_rev.http")
    with serving() as server:
        with connect(ConnectionFlags(server=server.url.replace("://", f"://me:{SECRET}@"))) as connection:
            connection.get("/api")
        assert f"GET {server.url}/api 200" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "https://adm:PW/x@127.0.0.1:1",
        "https://adm:PW@127.0.0.1:1",
        "https://adm:P W@[::1",
        "adm:PW@127.0.0.1:1",
        "x://PW@y",
    ],
)
@pytest.mark.parametrize("field", ["server", "proxy-url"])
def test_a_password_in_an_address_is_never_said(field: str, address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    config = kubeconfig("https://127.0.0.1:1", None, {"token": "t"})
    config["clusters"][0]["cluster"][field] = address
    with (
        pytest.raises(RevError) as raised,
        connect(ConnectionFlags(kubeconfig=written(config), request_timeout=2)) as connection,
    ):
        connection.get("/x")
    for secret in ("PW", "P W", "adm"):
        assert secret not in f"{raised.value} {caplog.text}"


ADDRESSES = {
    "it.test:6443": ("http", {}),
    "localhost:8080/": ("http", {}),
    "10.0.0.1": ("http", {"insecure_skip_tls_verify": True}),
    "it.test": ("http", {"certificate_authority": "ca.crt"}),
    "HTTPS://it.test": ("https", {}),
    "https://it.test": ("https", {}),
}


@pytest.mark.parametrize("given", ADDRESSES)
def test_an_address_without_a_scheme_gets_client_gos(given: str) -> None:
    """k8s.io/client-go/rest/url_utils.go; what is said about TLS is looked at later only."""
    scheme, more = ADDRESSES[given]
    host = given.lower().removeprefix("https://").rstrip("/")
    assert resolve(ConnectionFlags(server=given, **more)).server == f"{scheme}://{host}"


def test_the_address_that_is_shown_has_no_password() -> None:
    assert shown("https://u:p@it.test:6443/x") == "https://it.test:6443/x"
    assert shown("u:p@it.test:6443") == "it.test:6443"
    assert shown("https://u:p@it.test/a://b") == "https://it.test/a://b"
    assert shown("https://it.test/x@y") == "https://it.test/x@y"


CALLS = {
    ("GET", "/api/v1/pods"): error_mapping.Call("list", "pods"),
    ("GET", "/api/v1/namespaces"): error_mapping.Call("list", "namespaces"),
    ("GET", "/api/v1/namespaces/shop"): error_mapping.Call("get", "namespaces", "", "shop"),
    ("GET", "/api/v1/namespaces/shop/pods"): error_mapping.Call("list", "pods", "shop"),
    ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web"): error_mapping.Call(
        "patch", "deployments.apps", "shop", "web"
    ),
    ("POST", "/api/v1/namespaces/a/pods/b/portforward"): error_mapping.Call("create", "pods/portforward", "a", "b"),
    ("GET", "/readyz"): error_mapping.Call("get", "/readyz"),
}


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_requests_in_the_words_of_rbac(method: str, path: str) -> None:
    assert error_mapping.call(method, path) == CALLS[method, path]


def subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


class _Response:
    def tell(self) -> int:
        return 1

    length_remaining = 2


ODD: dict[type[BaseException], Callable[[], BaseException]] = {
    http.MaxRetryError: lambda: http.MaxRetryError(None, "/x", http.SSLError("it broke")),  # type: ignore[arg-type]
    http.IncompleteRead: lambda: http.IncompleteRead(1, 2),
    http.InvalidChunkLength: lambda: http.InvalidChunkLength(_Response(), b"x"),  # type: ignore[arg-type]
}


CLIENTS = sorted({*subclasses(http.HTTPError), *subclasses(websocket.WebSocketException)}, key=str)


@pytest.mark.parametrize("kind", CLIENTS)
def test_every_error_of_the_client_has_words(kind: type[BaseException]) -> None:
    """Made without their constructors, which differ; what they say is tested above."""
    error = ODD[kind]() if kind in ODD else kind.__new__(kind, "it broke")
    translated = error_mapping.failed(error, "https://it.test")
    assert isinstance(translated, ClusterError)
    tidy(translated)


@pytest.mark.skipif(int(kubernetes.__version__.split(".")[0]) < 37, reason="older clients always load it")
def test_importing_it_does_not_load_the_generated_client() -> None:
    code = "import sys, kubectl_rev.cluster.read; print(any('core_v1_api' in m for m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[1])),
    )
    assert run.stdout.strip() == "False"


def test_a_connection_closes() -> None:
    with serving() as server, connect(ConnectionFlags(server=server.url)) as connection:
        assert isinstance(connection, Connection)
        assert connection.get("/x") == b"{}"
