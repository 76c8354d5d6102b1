"""What pip gets: the wheel and the sdist have all that the program needs and nothing of ours that it does not."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from kubectl_rev import __version__
from tests.plugin import ROOT

STEM = f"kubectl_rev-{__version__}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with both, made from a copy of what is committed, or would be."""
    where = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (where / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, where / "checkout" / name)
    build = [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel", "--outdir", where / "dist"]
    subprocess.run([*build, where / "checkout"], cwd=where, capture_output=True, check=True)
    return where / "dist"


def test_the_wheel_is_complete(built: Path) -> None:
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        metadata = message_from_bytes(wheel.read(f"{STEM}.dist-info/METADATA"))
        scripts = configparser.ConfigParser()
        scripts.read_string(wheel.read(f"{STEM}.dist-info/entry_points.txt").decode())
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "kubectl_rev").rglob("*.py")}
    data = {"kubectl_rev/py.typed", "kubectl_rev/rbac.yaml", "kubectl_rev/examples/half-migrated.yaml"}
    assert {name for name in names if ".dist-info/" not in name} == ours | data
    assert f"{STEM}.dist-info/licenses/LICENSE" in names
    assert metadata["Requires-Python"] == ">=3.11"
    assert "# kubectl rev" in str(metadata.get_payload())
    assert len(scripts["console_scripts"]) == 8


def test_no_requirement_fights_a_shared_environment(built: Path) -> None:
    """Lower bounds only, and each of a version that scripts/test --lowest has tried."""
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as wheel:
        metadata = message_from_bytes(wheel.read(f"{STEM}.dist-info/METADATA"))
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert {line.split(">=")[0] for line in needed} >= {"typer", "kubernetes", "tabulate"}
    assert not [line for line in needed if any(sign in line for sign in ("==", "<", "~", "!", ","))]


def test_the_sdist_is_complete(built: Path) -> None:
    with tarfile.open(built / f"{STEM}.tar.gz") as sdist:
        names = {name.removeprefix(f"{STEM}/") for name in sdist.getnames()}
    for needed in (
        "LICENSE",
        "README.md",
        "setup.cfg",
        "pyproject.toml",
        "kubectl_rev/rbac.yaml",
        "kubectl_rev/py.typed",
    ):
        assert needed in names
    assert not [name for name in names if name.split("/")[0] in ("tests", "scripts", "plugins")]
