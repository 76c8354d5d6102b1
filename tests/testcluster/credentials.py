"""The certificates, tokens and kubeconfig of a cluster: a real CA, so that TLS is verified as it is in life."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.testcluster import network
from tests.testcluster.errors import ClusterError

SERVER = "https://127.0.0.1:6443"
# Everyone who can come in by token, with their groups. `limited` and `reader` are bound to nothing:
# a test binds what it wants to show.
TOKENS = {
    "admin": "system:masters",
    "limited": "",
    "reader": "",
}
# Comes in by client certificate instead.
CERTIFICATE_USER = "certificate"


def token(user: str) -> str:
    return f"{user}-token"


def create(folder: Path, kubeconfig: Path) -> None:
    """Write everything the servers and their users need to know each other."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _key(folder / "service-accounts.key")
    _key(folder / "ca.key")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")  # Python 3.13 and later refuse a CA without it
    authority = ("-x509", "-key", folder / "ca.key", "-out", folder / "ca.crt", "-days", "365", "-subj", "/CN=ca")
    _openssl("req", *authority, *usage)
    addresses = f"IP:127.0.0.1,IP:10.96.0.1,IP:{network.NODE_IP},DNS:localhost,DNS:kubernetes.default.svc"
    _certificate(folder, "kube-apiserver", "/CN=kube-apiserver", f"subjectAltName={addresses}")
    _certificate(folder, "kubelet", "/CN=node-0", f"subjectAltName=IP:{network.NODE_IP}")
    _certificate(folder, CERTIFICATE_USER, f"/O=system:masters/CN={CERTIFICATE_USER}", "extendedKeyUsage=clientAuth")
    rows = [f'{token(user)},{user},{user}-uid,"{groups}"' for user, groups in TOKENS.items()]
    (folder / "tokens.csv").write_text("\n".join(rows) + "\n")
    users: dict[str, dict[str, str]] = {user: {"token": token(user)} for user in TOKENS}
    users[CERTIFICATE_USER] = {
        "client-certificate-data": _base64(folder / f"{CERTIFICATE_USER}.crt"),
        "client-key-data": _base64(folder / f"{CERTIFICATE_USER}.key"),
    }
    write_kubeconfig(kubeconfig, folder / "ca.crt", users)


def write_kubeconfig(target: Path, ca: Path, users: dict[str, dict[str, str]]) -> None:
    """One context per user, named after the user; the first is the current one. (JSON is YAML too.)"""
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": SERVER, "certificate-authority-data": _base64(ca)}}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [{"name": name, "context": {"cluster": "test", "user": name}} for name in users],
        "current-context": next(iter(users)),
    }
    target.touch(mode=0o600)
    target.write_text(json.dumps(config, indent=1))


def _key(target: Path) -> None:
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", target)


def _certificate(folder: Path, name: str, subject: str, extension: str) -> None:
    key, request, extensions = (folder / f"{name}.{suffix}" for suffix in ("key", "csr", "ext"))
    _key(key)
    extensions.write_text(f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{extension}\n")
    _openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
    authority = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial")
    signed = ("-out", folder / f"{name}.crt", "-days", "365", "-extfile", extensions)
    _openssl("x509", "-req", "-in", request, *authority, *signed)


def _openssl(*arguments: str | Path) -> None:
    try:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ClusterError("openssl is needed to make the cluster's certificates") from None
    except subprocess.CalledProcessError as error:
        raise ClusterError(f"openssl {arguments[0]} failed:\n{error.stderr.strip()}") from None


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
