"""An API server and a proxy that remember who asked, and both clients asked the same: kubectl and we."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubectl_rev.cluster.connection import ConnectionFlags, connect
from kubectl_rev.errors import RevError
from tests.local_server import Server, authority, serving, tls_server

KUBECTL = Path(sys.executable).parent / "kubectl"
_ABOUT_US = ("authorization", "proxy-authorization")


@dataclass
class Proxy:
    """An HTTP proxy that leads all tunnels to the API server, whatever name is asked for."""

    port: int
    asked: list[tuple[str, str]] = field(default_factory=list)  # what was asked for, and the credential


@contextlib.contextmanager
def proxying(to: int, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy on the loopback; plain requests are answered by itself."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(listener.getsockname()[1])

    def tunnel(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(10)
            if tls:
                client = tls.wrap_socket(client, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := client.recv(4096)):
                    return
                head += more
            lines = head.decode("latin-1").split("\r\n")
            credential = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("proxy-auth")]
            proxy.asked.append((" ".join(lines[0].split()[:2]), "".join(credential)))
            if not lines[0].startswith("CONNECT"):
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                return
            with socket.create_connection(("127.0.0.1", to)) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                threading.Thread(target=_pump, args=(server, client), daemon=True).start()
                _pump(client, server)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=tunnel, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield proxy
    finally:
        listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@dataclass
class World:
    """The servers that a case may name, and the folder of certificates and plugins, `$DIR`."""

    folder: Path
    secure: Server
    plain: Server
    proxy: Proxy
    names: list[str] = field(default_factory=list)  # that were asked for in TLS handshakes

    def fill(self, text: str) -> str:
        """A text of a case with the addresses of this world."""
        places = {
            "$URL": self.secure.url,
            "$PORT": str(self.secure.port),
            "$PLAIN": self.plain.url,
            "$PROXY": f"127.0.0.1:{self.proxy.port}",
            "$DIR": str(self.folder),
        }
        for name, value in places.items():
            text = text.replace(name, value)
        return text

    def forget(self) -> None:
        for seen in (self.secure.requests, self.plain.requests, self.proxy.asked, self.names):
            seen.clear()

    def seen(self) -> dict[str, Any]:
        """Who asked for what, and how they came here; nothing where no request arrived."""
        asked = [("tls", r) for r in self.secure.requests] + [("plain", r) for r in self.plain.requests]
        found: dict[str, Any] = {"proxy": list(self.proxy.asked)} if self.proxy.asked else {}
        for server, request in asked[-1:]:
            found |= {"server": server, "path": request.path, "certificate": request.certificate}
            found["name"] = self.names[-1].lower() if server == "tls" and self.names else ""
            for key in {key.lower() for key, _ in request.headers}:
                if key in _ABOUT_US or key.startswith("impersonate"):
                    found[key] = request.get(key)
        return found


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """The servers of all cases."""
    authority(folder)
    context, names = tls_server(folder), []
    context.sni_callback = lambda _, name, __: names.append(name or "")
    with serving(tls=context) as secure, serving() as plain, proxying(secure.port) as proxy:
        yield World(folder, secure, plain, proxy, names)


@dataclass
class Heard:
    """What the servers saw of one client, and what it said where it gave up."""

    seen: dict[str, Any]
    said: str = ""


def ask_kubectl(world: World, flags: list[str], environment: dict[str, str]) -> Heard:
    """What kubectl sends."""
    world.forget()
    run = subprocess.run(
        [str(KUBECTL), "get", "--raw", "/probe", *flags],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    return Heard(world.seen(), f"{run.stdout.strip()} {run.stderr.strip()}" if run.returncode else "")


def ask_us(world: World, options: ConnectionFlags, environment: dict[str, str]) -> Heard:
    """What we send, in this process. An exception that is no RevError is a defect, and goes on."""
    world.forget()
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    said = ""
    try:
        with connect(options) as connection:
            connection.get("/probe")
    except RevError as error:
        said = str(error)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Heard(world.seen(), said)
