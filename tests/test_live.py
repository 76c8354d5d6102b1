"""The live display of a migration: what stands on the terminal while it runs, and that nothing of it is left."""

import io
import re
from contextlib import redirect_stderr

import pytest

from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.commands.migrate_talk import Live
from kubectl_rev.core.migration.plan import Plan
from kubectl_rev.core.migration.run import Throttle
from tests.test_executor import World, move

_PART = re.compile(r"\x1b\[(?P<up>\d+)F|(?P<clear>\x1b\[J)|(?P<end>\n)|(?P<text>[^\x1b\n]+)")


class Screen(io.StringIO):
    """A terminal that knows what the display uses: text, new lines, some lines up, and clearing what follows."""

    def __init__(self, terminal=True):
        super().__init__()
        self.terminal, self.lines, self.row = terminal, [""], 0

    def isatty(self):
        return self.terminal

    def write(self, text):
        at = 0
        while part := _PART.match(text, at):
            at = part.end()
            if part["up"]:
                self.row -= int(part["up"])
                assert self.row >= 0, "it went up beyond what it had written"
            elif part["clear"]:
                self.lines[self.row :] = [""]
            elif part["end"]:
                self.row += 1
                self.lines += [""] * (self.row + 1 - len(self.lines))
            else:
                self.lines[self.row] += part["text"]
        assert at == len(text), f"what is this: {text[at:]!r}"
        return len(text)


def run(plan, screen, **pace):
    """Carry the plan out as the command does; what was said, and what stood on the screen at every look."""
    execution = Execution(plan, Throttle(**{"timeout": 10, **pace}), world := World(), world.clock)
    says, looks = [], []
    with redirect_stderr(screen):
        live = Live(execution)

        def tick():
            live.draw()
            looks.append([line for line in screen.lines if line])

        execution.tick = tick
        for outcome in execution.run():
            says.append(outcome.message)
            live.line(outcome.message)
        live.end()
    return says, looks


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")


def test_bars_while_it_runs_and_only_lines_at_the_end():
    screen = Screen()
    says, looks = run(Plan(moves=(move("shop", "web", "db"),)), screen)
    assert screen.lines == [*says, ""]
    assert [
        "namespace/shop labeled",
        "deployment.apps/web restarted",
        "deployment.apps/web rolled out (canary, 1/1)",
        "deployment.apps/db restarted",
        "shop   ██████████░░░░░░░░░░   1/2   deployment.apps/db 0/1",
        "1 rolled out, 1 under way, 0 left",
    ] in looks


def test_many_namespaces_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen()
    _, looks = run(Plan(moves=tuple(move(f"ns-{n}", "web") for n in range(10))), screen, overall=10)
    drawn = [[line for line in look if "░" in line or "under way" in line] for look in looks]
    assert max(map(len, drawn)) == 8 + 1
    assert "0 rolled out, 10 under way, 0 left (2 m" in [look[-1] for look in drawn if look]
    assert all(len(line) < 40 for look in drawn for line in look)


@pytest.mark.parametrize(("terminal", "term"), [(False, "xterm"), (True, "dumb")])
def test_elsewhere_there_are_lines_and_nothing_else(monkeypatch, terminal, term):
    monkeypatch.setenv("TERM", term)
    screen = Screen(terminal)
    says, looks = run(Plan(moves=(move("shop", "web"),)), screen)
    assert screen.lines == [*says, ""]
    assert not any("under way" in line for look in looks for line in look)
