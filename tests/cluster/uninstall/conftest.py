import pytest

from tests.cluster.uninstall import matrix


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if matrix.MATRIX:
        terminalreporter.section("verdict against reality")
        for line in matrix.lines():
            terminalreporter.write_line(line)
