"""The self-contained archive of this platform: frozen by PyInstaller, packed so that the same input gives the same."""

from __future__ import annotations

import gzip
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from kubectl_rev import __version__

ROOT = Path(__file__).resolve().parents[2]
_PACKAGING = ROOT / "scripts/packaging"
_OS = {"Linux": "linux", "Darwin": "darwin", "Windows": "windows"}
_ARCH = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def name() -> str:
    """`kubectl-rev_v1.2.3_linux_amd64.tar.gz`, in Go's words, which are krew's."""
    return f"kubectl-rev_v{__version__}_{_OS[platform.system()]}_{_ARCH[platform.machine()]}.tar.gz"


def build(dist: Path, cache: Path) -> Path:
    """The archive in `dist`; built, unless one of the same sources is in the cache."""
    kept = cache / f"archive-{_key()}.tar.gz"
    if not kept.exists():
        sys.stderr.write("freezing the program with PyInstaller (a minute or two of CPU)\n")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            made = Path(work) / "archive.tar.gz"
            pack(_frozen(Path(work), cache / "pyinstaller"), made)
            made.replace(kept)
    dist.mkdir(exist_ok=True)
    return Path(shutil.copy(kept, dist / name()))


def _key() -> str:
    """A hash of all that goes into the archive."""
    found = hashlib.sha256(f"{sys.version} {sys.base_prefix} {platform.platform()}".encode())
    sources = [ROOT / "LICENSE", *_PACKAGING.iterdir(), *(ROOT / "kubectl_rev").rglob("*")]
    for path in sorted(path for path in sources if path.is_file() and path.suffix != ".pyc"):
        found.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]


def _frozen(work: Path, config: Path) -> Path:
    """The directory that PyInstaller makes, with the licence beside the executable."""
    subprocess.run(
        [
            *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR"),
            *("--workpath", work / "work", "--distpath", work / "dist", _PACKAGING / "kubectl-rev.spec"),
        ],
        # The order of sets would show in the bytes. The time in compiled modules comes from the second.
        env=os.environ | {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0", "PYINSTALLER_CONFIG_DIR": str(config)},
        cwd=ROOT,
        stdout=sys.stderr,
        check=True,
    )
    tree = work / "dist/kubectl-rev"
    shutil.copy(ROOT / "LICENSE", tree / "LICENSE")
    return tree


def pack(tree: Path, to: Path) -> None:
    """Write a .tar.gz that krew unpacks: regular files only, no two dots in a name, nothing of when, who or where."""
    with (
        to.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(path for path in tree.rglob("*") if not path.is_dir()):
            entry = tarfile.TarInfo(path.relative_to(tree).as_posix())
            if ".." in entry.name:
                raise ValueError(f"krew refuses an archive with a name like {entry.name}")
            entry.size = path.stat().st_size  # of what a link points at, which is written in its place
            entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
