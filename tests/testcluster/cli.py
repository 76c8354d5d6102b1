"""The command line of scripts/cluster."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from tests.testcluster import build, places, versions
from tests.testcluster.build import say
from tests.testcluster.cluster import LAYOUTS, Cluster
from tests.testcluster.errors import ClusterError

DESCRIPTION = """\
A real Istio canary cluster on this machine, without containers: etcd, the Kubernetes control plane and two istiods
(default and canary), in a network namespace of its own. Only the kubelet is simulated, by kwok.
"""
EPILOG = """\
Needs Go for the first start (about 20 minutes, later starts take seconds), and root or user namespaces.
Everything is kept in ${KUBECTL_REV_CACHE:-~/.cache/kubectl-rev}.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. 1 is a failure, and the answer of `status` when the cluster is down."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(Cluster(options.name), options))
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ClusterError, OSError) as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="scripts/cluster", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw
    )
    parser.add_argument("--name", default=None, help="which cluster (default: the one this runs in, else dev)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="build what is missing, start everything, wait until it is ready")
    up.add_argument("--layout", choices=LAYOUTS, default="istioctl", help="how Istio is installed")
    up.set_defaults(run=_up)
    commands.add_parser("down", help="end it and remove its data").set_defaults(run=_down)
    commands.add_parser("status", help="what runs; exit code 0 if it is up, 1 if not").set_defaults(run=_status)
    layout = commands.add_parser("layout", help="take it back to pristine, with Istio installed that way")
    layout.add_argument("layout", choices=LAYOUTS)
    layout.set_defaults(run=_layout)
    commands.add_parser("possible", help="can this machine have one? exit code 1, and why not").set_defaults(
        run=_possible
    )
    made = commands.add_parser("build", help="build what `up` does not need: Argo Rollouts (15 minutes)")
    made.add_argument("what", choices=["rollouts"])
    made.set_defaults(run=_build)
    shell = commands.add_parser("shell", help="run a command in it, by default your shell")
    shell.add_argument("command", nargs=argparse.REMAINDER)
    shell.set_defaults(run=_shell)
    return parser


def _up(cluster: Cluster, options: argparse.Namespace) -> int:
    if not cluster.up(options.layout):
        say(f"cluster {cluster.name} is already up (layout {cluster.layout})")
        return 0
    ready = sum(istiod.ready for istiod in cluster.istiods())
    print(f"cluster is up (layout {cluster.layout}): {ready} istiods ready")
    print(f"export KUBECONFIG={cluster.kubeconfig}   # only valid inside: {_self(cluster)} shell [COMMAND…]")
    return 0


def _down(cluster: Cluster, options: argparse.Namespace) -> int:
    say(f"cluster {cluster.name} " + ("is down" if cluster.down() else "was not up"))
    return 0


def _status(cluster: Cluster, options: argparse.Namespace) -> int:
    if not cluster.is_up():
        message = cluster.dir.read_state().get("message")
        print(f"cluster {cluster.name} is down" + (f": {message}" if message else ""))
        return 1
    print(f"cluster {cluster.name} is up (layout {cluster.layout})")
    print(f"kubernetes {versions.KUBERNETES}, etcd {versions.ETCD}, kwok {versions.KWOK}: running")
    for istiod in cluster.istiods():
        state = "ready" if istiod.ready else "not ready"
        print(f"istiod {istiod.version or '?'} (revision {istiod.revision}, {istiod.namespace}/{istiod.name}): {state}")
    print(f"logs: {cluster.dir.logs}")
    return 0


def _possible(cluster: Cluster, options: argparse.Namespace) -> int:
    build.check_possible()
    return 0


def _layout(cluster: Cluster, options: argparse.Namespace) -> int:
    cluster.reset(options.layout)
    say(f"cluster {cluster.name} is pristine (layout {cluster.layout})")
    return 0


def _build(cluster: Cluster, options: argparse.Namespace) -> int:
    build.ensure_rollouts()
    return 0


def _shell(cluster: Cluster, options: argparse.Namespace) -> int:
    command = options.command or [os.environ.get("SHELL", "/bin/sh")]
    environment = cluster.environment()
    python = subprocess.run([places.CHECKOUT / "scripts/venv"], stdout=subprocess.PIPE, text=True, check=True).stdout
    environment["PATH"] = f"{os.path.dirname(python)}:{environment['PATH']}"  # what the plugins in it need
    entered = cluster.command(command)
    sys.stdout.flush()
    try:
        os.execvpe(entered[0], entered, environment)
    except OSError as error:
        raise ClusterError(f"{entered[0]}: {error.strerror}") from None


def _self(cluster: Cluster) -> str:
    return "scripts/cluster" if cluster.name == "dev" else f"scripts/cluster --name {cluster.name}"
