"""How a server is reached: TLS as Go has it, and a pool of connections, perhaps through a proxy.

The pool is that of the Kubernetes client's ApiClient; its generated API classes are never touched (0.5 s), nor its raw
calls, which since 37 do not raise on an HTTP error.
"""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

# Before the client is imported: it loads pydantic, and plugins of that would be searched in every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")

import urllib3
from kubernetes.client import ApiClient, Configuration
from urllib3.util.ssl_ import create_urllib3_context

from kubectl_rev.cluster.address import login_of
from kubectl_rev.cluster.deadline import POOLS
from kubectl_rev.cluster.kubeconfig_types import read
from kubectl_rev.errors import Unreachable

_POOL = 16
_RETRY = urllib3.Retry(connect=1, read=0, redirect=0, status=0, other=0, respect_retry_after_header=False)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def tls(
    authority: bytes, path: str = "", *, insecure: bool = False, certificate: bytes | None = None, key: bytes = b""
) -> ssl.SSLContext:
    """A TLS context that trusts the certificates in `authority` or in the file, else the system's; with a client
    certificate, if there is one. One for all connections: to load the system's takes 20 ms. Raises Unreachable.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE if insecure else ssl.CERT_REQUIRED)
    # urllib3 sets these anew for every connection, in a context that other threads are shaking hands with: OpenSSL
    # frees what they are sending, and the server answers "decode error".
    context.set_alpn_protocols(["http/1.1"])
    context.set_alpn_protocols = lambda alpn_protocols: None  # type: ignore[method-assign]
    # Python 3.13 refuses certificates without a key identifier; Go, and so kubectl, does not, and clusters have them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # Go trusts what is in the file, a root or not
    if path:
        authority = read(path)
    if insecure:
        pass
    elif authority or path:
        _trust(context, authority)
    else:
        context.load_default_certs()
    if certificate is not None:
        _identify(context, certificate, key)
    return context


def _trust(context: ssl.SSLContext, authority: bytes) -> None:
    """The certificates of a file, as crypto/x509 takes them: what stands between them and what is none is skipped."""
    for pem in _PEM.findall(authority):
        with suppress(ssl.SSLError, ValueError):
            context.load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(pem.decode()))
    if not context.cert_store_stats()["x509"]:
        raise Unreachable("certificate-authority of the kubeconfig: no certificate in PEM that can be used")


def _identify(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Python takes a certificate from files alone: for a moment there are some that only we can read."""

    def no_password() -> str:  # else OpenSSL asks on the terminal
        raise ValueError

    with tempfile.TemporaryDirectory() as folder:
        files = {Path(folder, "certificate"): certificate, Path(folder, "key"): key}
        for path, content in files.items():
            path.write_bytes(content)
        try:
            context.load_cert_chain(*files, password=no_password)  # type: ignore[misc,arg-type]  # of one tuple
        except (ssl.SSLError, ValueError) as error:  # which does not say what is wrong
            what = "client-certificate and client-key of the kubeconfig"
            raise Unreachable(f"{what}: no certificate in PEM that can be used, with its key") from error


def pool(server: str, proxy: str, context: ssl.SSLContext, server_name: str = "") -> Any:
    """A urllib3 pool manager for a server, by way of this proxy alone.

    Raises Unreachable for a SOCKS proxy where PySocks is missing.
    """
    configuration = Configuration()
    scheme, _, place = proxy.partition("://")
    login, _, host = place.rpartition("@")
    configuration.host, configuration.no_proxy = server, ""
    configuration.proxy = proxy if "socks" in scheme else f"{scheme}://{host}" if proxy else None
    configuration.proxy_headers = urllib3.make_headers(proxy_basic_auth=login_of(login)) if login else None
    configuration.proxy_ssl_context = context
    configuration.verify_ssl = context.verify_mode is ssl.CERT_REQUIRED
    configuration.tls_server_name = server_name or None
    configuration.connection_pool_maxsize, configuration.retries = _POOL, _RETRY
    try:
        manager: Any = ApiClient(configuration).rest_client.pool_manager
    except ImportError as error:
        raise Unreachable("a socks proxy needs the Python package PySocks: pip install 'urllib3[socks]'") from error
    for name in ("ca_certs", "cert_file", "key_file", "ca_cert_data"):
        manager.connection_pool_kw.pop(name, None)
    manager.connection_pool_kw["ssl_context"] = context
    if "socks" not in scheme:
        manager.pool_classes_by_scheme = POOLS
    return manager
