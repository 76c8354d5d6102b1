"""What the reader sees: gaps folded, prose as wide as the stream that it goes to."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

import msgspec
import pytest
from msgspec.structs import replace

from kubectl_rev.commands.terminal import columns
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.snapshot import Gap
from kubectl_rev.core.migration.plan import Move
from kubectl_rev.core.migration.run import Outcome, Result, What
from kubectl_rev.core.status import answers
from kubectl_rev.dumps.yaml_reader import documents
from kubectl_rev.render import migrate
from kubectl_rev.render import text as render
from kubectl_rev.render.status import CONTROL_PLANES
from kubectl_rev.render.text import Style, gap_texts
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
    shown = {name: cell(plane) for name, cell, *_ in CONTROL_PLANES}
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


def many(unchanged, moved):
    """A result of so many namespaces, and its plan's moves."""
    names = [*(f"calm-{n}" for n in range(unchanged)), *(f"moved-{n}" for n in range(moved))]
    moves = [Move(namespace=name, before={}, after={"istio.io/rev": "canary"}) for name in names]
    done = [
        Outcome(
            kind="Namespace", namespace="", name=name, message="",
            what=What.LABELED if name.startswith("moved") else What.UNCHANGED,
        )
        for name in names
    ]  # fmt: skip
    result = Result(
        undo=False, to="canary", revision="canary", dry_run="", complete=True, all_moved=True, outcomes=done, left=[],
        not_begun=[], not_restarted=[], skipped=[], findings=[], gaps=[],
    )  # fmt: skip
    return result, moves


TERMINAL = Style(width=100, color=False, limit=20, headers=True, wide=False)


@pytest.mark.parametrize(
    ("unchanged", "moved", "lines"),
    [(25, 2, 4), (25, 0, 1), (2, 2, 5), (0, 3, 4)],
    ids=["some", "all", "few", "none"],
)
def test_namespaces_in_which_nothing_happened_are_one_line_on_a_terminal(unchanged, moved, lines):
    result, moves = many(unchanged, moved)
    shown = migrate.result(result, moves, TERMINAL).splitlines()
    assert len(shown) == lines
    other = " other" if moved else ""
    counted = f"{unchanged}{other} namespaces are unchanged: -o wide shows them"
    assert (shown[-1] == counted) == (unchanged == 25)
    assert len([line for line in shown if line.startswith("moved-")]) == moved
    for whole in (replace(TERMINAL, wide=True), replace(TERMINAL, limit=None)):
        assert len(migrate.result(result, moves, whole).splitlines()) == unchanged + moved + 1
