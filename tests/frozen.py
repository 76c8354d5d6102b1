"""The archive that scripts/package builds, installed as krew does, and run where there is nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kubectl_rev.cli import multicall
from scripts.packaging import archive as packaging
from tests import krew
from tests.plugin import PLUGINS, ROOT, Result


class Installed(NamedTuple):
    """An archive, krew's directory with its four links, and a PATH that holds those, kubectl and nothing else."""

    archive: Path
    root: Path
    path: str
    home: Path

    def run(self, *words: str, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
        """`kubectl WORDS` with an empty home and a cleared environment."""
        done = subprocess.run(
            [shutil.which("kubectl", path=self.path) or "kubectl", *words],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={"PATH": self.path, "HOME": str(self.home), "COLUMNS": "80", **(env or {})},
            timeout=120,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)


def install(where: Path) -> Installed:
    """Build the archive (seconds when the cache has it), install all four plugins, make the link for completion."""
    subprocess.run([ROOT / "scripts/package"], env={**os.environ, "PYTHON": sys.executable}, check=True)
    archive = ROOT / "dist" / packaging.name()
    platform = (packaging.name().split("_")[2], packaging.name().split("_")[3].removesuffix(".tar.gz"))
    for plugin in PLUGINS:
        krew.install(ROOT / f"dist/krew/{plugin}.yaml", archive, where / "krew", platform)
        # README.md, and the manifest's caveat
        completes = where / "krew/bin" / multicall.file_name(plugin, completes=True)
        completes.symlink_to(multicall.file_name(plugin))
    only = where / "only-kubectl"
    only.mkdir()
    real = shutil.which("kubectl", path=os.path.dirname(sys.executable)) or shutil.which("kubectl")
    (only / "kubectl").symlink_to(real or "kubectl")
    home = where / "home"
    home.mkdir()
    return Installed(archive, where / "krew", f"{where / 'krew/bin'}:{only}", home)
