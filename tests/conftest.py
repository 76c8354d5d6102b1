"""What all tests share: the golden files, and a header that says what runs."""

import importlib.metadata
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew; read the diff as prose")


def pytest_report_header():
    names = ("kubernetes", "typer", "msgspec", "protobuf", "hypothesis")
    return "versions: " + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


# What tests report of themselves; in a process of pytest-xdist's it goes to the one that prints the summary.
_reported = []


@pytest.fixture(scope="session")
def report():
    """Takes a line that is shown at the end of the run, such as how much was compared."""
    return _reported.append


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["reported"] = _reported


def pytest_testnodedown(node):
    _reported.extend(getattr(node, "workeroutput", {}).get("reported", []))


def pytest_terminal_summary(terminalreporter):
    for line in _reported:
        terminalreporter.write_line(line)


@pytest.fixture
def golden(request):
    """Compare a whole output with its file, or write it with --update-golden."""

    def compare(name, text):
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert text == path.read_text()

    return compare
