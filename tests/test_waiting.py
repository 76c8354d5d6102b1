"""What is said while somebody waits or watches: a sign of life, what matters first, and a clean end."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from kubectl_rev.commands.mesh_checks import MESH_CHECKS
from kubectl_rev.commands.verify import holds
from kubectl_rev.commands.watch import cut
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.status import answers
from kubectl_rev.core.verification.verify import Verdict
from kubectl_rev.errors import ExitCode, Unreachable
from kubectl_rev.render import status
from kubectl_rev.render.text import Style
from tests.build import control_plane, injector, ns, validator, world
from tests.local_server import Answer, Request, serving
from tests.plugin import ROOT
from tests.test_verify import report


class Clock:
    """Time that passes while somebody sleeps, and no other way."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_waiting_gives_a_sign_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    *_, held = holds(lambda: (None, report()), 90, clock=clock, sleep=clock.sleep)  # type: ignore[arg-type,return-value]
    first, *again, last = capsys.readouterr().err.splitlines()
    assert not held
    assert first.startswith("UNKNOWN on revision old")
    assert again == [f"still {first} ({left}s left)" for left in (60, 30, 0)]
    assert last.startswith("timed out: ")


def test_a_change_is_a_sign_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    clock, verdicts = Clock(), iter([Verdict.UNKNOWN, *[Verdict.INCOMPLETE] * 9, Verdict.COMPLETE])

    def answer() -> tuple[None, object]:
        return None, report(verdict=next(verdicts))

    *_, held = holds(answer, 600, clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]
    assert held
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["UNKNOWN", "INCOMPLETE"]


def test_a_cluster_that_is_away_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()

    def answer() -> tuple[None, object]:
        raise Unreachable("no route")

    with pytest.raises(Unreachable):
        holds(answer, 60, clock=clock, sleep=clock.sleep)  # type: ignore[arg-type]
    assert capsys.readouterr().err.splitlines() == ["no route", "still no route (30s left)"]


def test_what_does_not_fit_is_said() -> None:
    assert cut(["a", "b", "c"], 3) == ["a", "b", "c"]
    assert cut(["a", "b", "c", "d"], 3) == ["a", "b", "… 2 more lines: all of them without -w"]


def test_on_a_screen_that_cuts_errors_come_before_namespaces() -> None:
    spaces = [ns(f"n{number:02}", "injection=enabled rev=x") for number in range(30)]
    survey = Survey(world(control_plane(), validator(), injector("gone", tag="old"), ns("istio-system"), *spaces))
    report = answers.overview(survey, MESH_CHECKS)
    text = status.overview(report, Style(width=100, limit=20), findings_first=True)
    shown = cut(text.split("\n"), 23)
    assert any(line.startswith("REV102 error") for line in shown)
    assert shown[-1].endswith("more lines: all of them without -w")
    assert "NAMESPACE " not in "\n".join(status.overview(report, Style(width=100, limit=20)).split("\n")[-3:])


def test_the_prompt_begins_on_a_line_of_its_own_after_ctrl_c() -> None:
    arrived, never = threading.Event(), threading.Event()

    def answer(_: Request) -> Answer:
        arrived.set()
        return Answer(after=never)

    main, side = pty.openpty()
    start = (  # in a background job it is ignored, and that is inherited
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from kubectl_rev.cli import status; sys.argv[0] = 'kubectl-rev_status'; status.main()"
    )
    with serving(answer) as server:
        command = [sys.executable, "-c", start, "--server", server.url]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=side, cwd=ROOT, env={**os.environ}
        )
        os.close(side)
        try:
            assert arrived.wait(60)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == ExitCode.INTERRUPTED
            assert os.read(main, 1000) == b"\r\n"
        finally:
            process.kill()
            never.set()
            os.close(main)
