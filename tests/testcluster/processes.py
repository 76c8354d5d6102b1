"""Starts programs with a log each, and knows which of them have died."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.testcluster.errors import ClusterError


def clean_environment() -> dict[str, str]:
    """What servers get: nothing of the caller's that could steer them (proxies, KUBECONFIG, Go settings)."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


def log_end(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for a message that says why something died."""
    if not log.exists():
        return "(no log)"
    return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])


def wait_for(what: str, happened: Callable[[], bool], *, seconds: float, watch: Callable[[], None]) -> None:
    """Poll until something happened. `watch` is called between tries and may raise what makes waiting pointless."""
    deadline = time.monotonic() + seconds
    while not happened():
        watch()
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.1)


@dataclass
class Processes:
    """The children of one process, by name."""

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self, name: str, command: list[str], *, env: dict[str, str] | None = None, folder: Path | None = None
    ) -> None:
        """Start a program; what it prints is appended to its log."""
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                env={**clean_environment(), **(env or {})},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def must_live(self) -> None:
        """Raise, with the end of its log, if one of them has died."""
        for name, process in self.running.items():
            if (code := process.poll()) is not None:
                raise ClusterError(f"{name} ended with {code}; its log ends with:\n{log_end(self.log(name))}")
