"""What the reader sees: gaps folded, prose as wide as the stream that it goes to."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

import msgspec
import pytest

from kubectl_rev.commands.terminal import columns
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.status import answers
from kubectl_rev.dumps.yaml_reader import documents
from kubectl_rev.render import text as render
from kubectl_rev.render.status import control_planes
from kubectl_rev.render.text import gap_texts
from tests.build import control_plane, world


def test_gaps_for_one_reason_are_one_line():
    found = [
        Gap("list", "gateways.networking.istio.io", "", "forbidden"),
        Gap("list", "sidecars.networking.istio.io", "", "forbidden"),
        Gap("list", "telemetries.telemetry.istio.io", "", "forbidden"),
        Gap("list", "virtualservices.networking.istio.io", "", "the server answered 500"),
        Gap("list", "pods", "shop", "forbidden"),
        Gap("list", "services", "shop", "forbidden"),
    ]
    assert list(gap_texts(found)) == [
        "gateways, sidecars of networking.istio.io; telemetries.telemetry.istio.io (may not list: forbidden)",
        "virtualservices.networking.istio.io (may not list: the server answered 500)",
        "pods, services in namespace shop (may not list: forbidden)",
    ]


def test_injectors_that_were_not_read_are_not_missing() -> None:
    (plane,) = answers.control_planes(Survey(world(control_plane(), gaps=[Gap("list", labels.INJECTORS)])))
    assert plane.injectors is None
    shown = {name: cell(plane) for name, cell, *_ in control_planes(wide=True)}
    assert (shown["ISTIOD"], shown["INJECTOR"], shown["WEBHOOKS"]) == ("1/1", "unknown", "?")


def test_a_stream_has_its_own_width(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    parent, child = os.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 53, 0, 0))
    with os.fdopen(child, "w") as terminal:
        assert columns(terminal) == 53
        monkeypatch.setenv("COLUMNS", "99")
        assert columns(terminal) == 99
    os.close(parent)


def test_yaml_is_read_again_as_what_was_written() -> None:
    """kubectl reads an unquoted `y`, `on` or `1e3` as no text."""
    texts = ["y", "N", "on", "off", "1e3", "0x1f", "1_000", ".5", "~", "null", "2024-01-01", "", "a: b", "- a", "%x"]
    written = render.yaml("NamespaceList", {"items": [{"name": text} for text in texts]})
    (document,) = documents(written)
    assert [item["name"] for item in msgspec.json.decode(document)["items"]] == texts
