"""Run a plugin as its user does: a process of its own, its streams and its exit code."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kubectl_rev.cli.run import outcome

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "kubectl_rev/examples/half-migrated.yaml"
PLUGINS = ("rev-status", "rev-migrate", "rev-verify", "rev-fix-validation")


class Result(NamedTuple):
    code: int
    out: str
    err: str


def call(*arguments: str, plugin: str = "rev-status") -> Result:
    """The same without the price of a process: for the many cases that differ in their text only."""
    module = importlib.import_module(f"kubectl_rev.cli.{plugin.removeprefix('rev-').replace('-', '_')}")
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = outcome(module.command, module.PROG, arguments)
    out.seek(0)
    return Result(code, out.read(), err.getvalue())


def run(
    *arguments: str,
    plugin: str = "rev-status",
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Result:
    """What `kubectl PLUGIN ARGUMENTS` answers; relative paths are the checkout's."""
    path = ROOT / "plugins" / f"kubectl-{plugin.replace('-', '_')}"
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", **(env or {})},
        timeout=timeout,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)
