"""scripts/package, inside the virtual environment that it made."""

import os
import sys
from pathlib import Path

from scripts.packaging import manifests
from scripts.packaging.archive import ROOT, build

DIST = ROOT / "dist"


def main(what: str = "all") -> None:
    if what in ("all", "archive"):
        sys.stdout.write(f"{build(DIST, Path(os.environ['KUBECTL_REV_PACKAGE_CACHE']))}\n")
    if what == "all":
        what = "manifests"
    if what in ("manifests", "index"):
        where = DIST / "krew" if what == "manifests" else ROOT / "plugins"
        for path in manifests.write(DIST, where, os.environ.get("GITHUB_REPOSITORY", "")):
            sys.stdout.write(f"{path}\n")


main(*sys.argv[1:])
