"""krew's manifests: one for each plugin, from krew-manifest.yaml and the archives that were built."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kubectl_rev import __version__

SOURCE = Path(__file__).resolve().parents[2] / "krew-manifest.yaml"
_VERSION, _REPOSITORY = "v0.0.0", "OWNER/kubectl-rev"  # as krew-manifest.yaml has them


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as a block, as people write them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write(dist: Path, where: Path, repository: str = "") -> list[Path]:
    """`NAME.yaml` in `where` for each plugin; their paths. `repository` has the release: `someone/kubectl-rev`."""
    where.mkdir(parents=True, exist_ok=True)
    written = []
    for plugin in plugins():
        text = yaml.dump(filled(plugin, dist, repository), Dumper=_Dumper, sort_keys=False, width=100)
        path = where / f"{plugin['metadata']['name']}.yaml"
        path.write_text(text)
        written.append(path)
    return written


def plugins() -> Iterator[dict[str, Any]]:
    """The documents of krew-manifest.yaml, with this version in them."""
    yield from yaml.safe_load_all(SOURCE.read_text().replace(_VERSION, f"v{__version__}"))


def filled(plugin: dict[str, Any], dist: Path, repository: str = "") -> dict[str, Any]:
    """A plugin with the hashes of its archives; platforms whose archive is not in `dist` are left out."""
    platforms = []
    for each in plugin["spec"]["platforms"]:
        archive = dist / each["uri"].rpartition("/")[2]
        if archive.exists():
            uri = each["uri"].replace(_REPOSITORY, repository or _REPOSITORY)
            platforms.append(each | {"uri": uri, "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()})
    if not platforms:
        raise SystemExit(f"error: no archive of v{__version__} in {dist}: run scripts/package archive")
    homepage = plugin["spec"]["homepage"].replace(_REPOSITORY, repository or _REPOSITORY)
    return plugin | {"spec": plugin["spec"] | {"homepage": homepage, "platforms": platforms}}
