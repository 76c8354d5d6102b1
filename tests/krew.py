"""What krew demands of a manifest and does with an archive, written down from its sources.

pkg/index/types.go, internal/index/validation, internal/installation, internal/download (v0.5.0), and what reviewers of
its index ask for (docs/developer-guide). krew itself is not here: it cannot be had from a package registry.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from pathlib import Path
from typing import Any

import yaml

API = "krew.googlecontainertools.github.com/v1alpha2"
SUPPORTED = {
    *(("windows", arch) for arch in ("386", "amd64", "arm64")),
    *(("linux", arch) for arch in ("386", "amd64", "arm64", "arm", "ppc64le")),
    *(("darwin", arch) for arch in ("386", "amd64", "arm64")),
}
_SEMVER = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


def problems(text: str, file_name: str) -> list[str]:
    """Why krew, its index or a reviewer of it would refuse this manifest."""
    documents = [document for document in yaml.safe_load_all(text) if document is not None]
    if len(documents) != 1:
        return [f"{len(documents)} documents: krew reads the first and says nothing of the others"]
    plugin = documents[0]
    name, spec = plugin["metadata"]["name"], plugin["spec"]
    found = {
        f"apiVersion is not {API}": plugin["apiVersion"] != API,
        "kind is not Plugin": plugin["kind"] != "Plugin",
        "name: lower-case words and dashes": not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name),
        "name: not kubectl or kube": name.startswith("kube"),
        "the file is called NAME.yaml": file_name != f"{name}.yaml",
        "version: semantic, with a leading v": not _SEMVER.fullmatch(spec["version"]),
        "shortDescription: one line of at most 50": not 0 < len(spec["shortDescription"]) <= 50
        or "\n" in spec["shortDescription"],
        "description is missing": not spec.get("description", "").strip(),
        "description: wrapped at 80": any(len(line) > 80 for line in spec["description"].splitlines()),
        "description: no examples": "kubectl rev-" in spec["description"],
        "homepage is missing": not spec.get("homepage", "").startswith("https://"),
        "no platform": not spec["platforms"],
    }
    return [problem for problem, is_so in found.items() if is_so] + _platform_problems(spec["platforms"])


def _platform_problems(platforms: list[dict[str, Any]]) -> list[str]:
    found, seen = [], set()
    for each in platforms:
        labels = each["selector"]["matchLabels"]
        pair = (labels.get("os"), labels.get("arch"))
        if set(labels) != {"os", "arch"} or pair not in SUPPORTED:
            found.append(f"{labels} selects no platform that krew supports")
        if pair in seen:
            found.append(f"{pair} is selected twice")
        seen.add(pair)
        if not re.fullmatch(r"[a-f0-9]{64}", each["sha256"]):
            found.append("sha256: 64 hexadecimal digits, lower case")
        if not re.fullmatch(r"https://\S+\.(tar\.gz|zip)", each["uri"]):
            found.append("uri: a .tar.gz or .zip")
        path = Path(each["bin"])
        if path.is_absolute() or ".." in path.parts:
            found.append("bin leaves the installation directory")
        if (labels["os"] == "windows") != (path.suffix == ".exe"):
            found.append("bin: an .exe on Windows and only there")
    return found


def install(manifest: Path, archive: Path, root: Path, platform: tuple[str, str]) -> Path:
    """Install a plugin from a local archive as `krew install --manifest --archive` does; its link in ROOT/bin."""
    plugin = yaml.safe_load(manifest.read_text())
    spec = plugin["spec"]
    chosen = next(p for p in spec["platforms"] if tuple(p["selector"]["matchLabels"].values()) == platform)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == chosen["sha256"]
    store = root / "store" / plugin["metadata"]["name"] / spec["version"]
    unpack(archive, store)
    program = store / chosen["bin"]
    assert program.is_file()
    link = root / "bin" / f"kubectl-{plugin['metadata']['name'].replace('-', '_')}"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(program)
    return link


def unpack(archive: Path, to: Path) -> None:
    """krew's tar reader: it refuses links, devices and names with two dots."""
    with tarfile.open(archive, "r:gz") as tar:
        for entry in tar:
            assert entry.isreg() or entry.isdir(), f"unable to handle file type of {entry.name}"
            assert not entry.name.startswith("/") | (".." in entry.name), f"suspicious entry {entry.name}"
        tar.extractall(to, filter="tar")
