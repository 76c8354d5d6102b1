"""krew's manifests, against the rules that krew and its index publish; krew-manifest.yaml is their one source."""

from __future__ import annotations

import configparser
import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_rev import __version__
from kubectl_rev.cli import multicall
from scripts.packaging import manifests
from tests import krew
from tests.plugin import PLUGINS, ROOT

PLATFORMS = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """As after a release's builds: an archive for each platform, here with nothing inside."""
    for platform in PLATFORMS:
        (tmp_path / f"kubectl-rev_v{__version__}_{platform}.tar.gz").write_text(platform)
    return tmp_path


def test_the_source_has_one_complete_document_for_each_plugin() -> None:
    documents = list(yaml.safe_load_all((ROOT / "krew-manifest.yaml").read_text()))
    assert [document["metadata"]["name"] for document in documents] == list(PLUGINS)
    for document in documents:
        assert krew.problems(yaml.dump(document), f"{document['metadata']['name']}.yaml") == []
        assert len(document["spec"]["platforms"]) == len(PLATFORMS)


def test_a_manifest_for_each_plugin(dist: Path) -> None:
    written = manifests.write(dist, dist / "krew", "someone/kubectl-rev")
    assert [path.name for path in written] == [f"{plugin}.yaml" for plugin in PLUGINS]
    for path in written:
        assert krew.problems(path.read_text(), path.name) == []
        spec = yaml.safe_load(path.read_text())["spec"]
        assert spec["version"] == f"v{__version__}"
        assert spec["homepage"] == "https://github.com/someone/kubectl-rev"
        for platform, each in zip(PLATFORMS, spec["platforms"], strict=True):
            archive = f"kubectl-rev_v{__version__}_{platform}.tar.gz"
            assert each["uri"] == f"https://github.com/someone/kubectl-rev/releases/download/v{__version__}/{archive}"
            assert each["sha256"] == hashlib.sha256((dist / archive).read_bytes()).hexdigest()


def test_a_platform_that_was_not_built_is_left_out(dist: Path) -> None:
    for archive in dist.glob("*_darwin_*"):
        archive.unlink()
    for path in manifests.write(dist, dist / "krew"):
        systems = [p["selector"]["matchLabels"]["os"] for p in yaml.safe_load(path.read_text())["spec"]["platforms"]]
        assert systems == ["linux", "linux", "windows"]


def test_no_archive_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="run scripts/package archive"):
        manifests.write(tmp_path, tmp_path / "krew")


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_caveat_names_the_links(plugin: str) -> None:
    """krew links only the plugin itself; the one link for completion is the user's to make."""
    caveats = next(p["spec"]["caveats"] for p in manifests.plugins() if p["metadata"]["name"] == plugin)
    assert f"ln -s {multicall.file_name(plugin)} " in caveats
    assert f'/bin/{multicall.file_name(plugin, completes=True)}"' in caveats


def test_pip_and_krew_have_the_same_names() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = [
        line.split(" = ")[0] for line in setup["options.entry_points"]["console_scripts"].split("\n") if "=" in line
    ]
    expected = [multicall.file_name(plugin) for plugin in PLUGINS]
    expected += [multicall.file_name(plugin, completes=True) for plugin in PLUGINS]
    assert scripts == expected
    assert list(multicall.PLUGINS) == list(PLUGINS)


GOOD = next(manifests.plugins())
BAD: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "version": (("spec", "version"), "0.1.0"),
    "name": (("metadata", "name"), "rev_status"),
    "shortDescription": (("spec", "shortDescription"), "x" * 51),
    "description": (("spec", "description"), "x" * 81),
    "sha256": (("spec", "platforms", 0, "sha256"), "A" * 64),
    "selects no platform": (("spec", "platforms", 0, "selector", "matchLabels", "arch"), "riscv64"),
    "is selected twice": (("spec", "platforms", 0, "selector", "matchLabels", "arch"), "arm64"),
    "bin leaves": (("spec", "platforms", 0, "bin"), "../kubectl-rev"),
}


@pytest.mark.parametrize("problem", BAD)
def test_the_rules_find(problem: str) -> None:
    where, value = BAD[problem]
    plugin: Any = copy.deepcopy(GOOD)
    inner = plugin
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    assert [said for said in krew.problems(yaml.dump(plugin), "rev-status.yaml") if problem in said]


def test_the_rules_find_a_second_document() -> None:
    text = (ROOT / "krew-manifest.yaml").read_text()
    assert krew.problems(text, "rev-status.yaml") == [
        "4 documents: krew reads the first and says nothing of the others"
    ]
