"""Cut off at random moments, the printed command carries on, however the namespaces were chosen, until it says 0.

The moments come from a seed, which each test's name has and the end of the run repeats; KUBECTL_REV_SEED sets it.
"""

import os
import random
import re
import shlex
import signal
import subprocess
import threading

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do
from tests.cluster.faulty import Fault, Proxy
from tests.plugin import ROOT

pytestmark = pytest.mark.cluster

SEED = int(os.environ.get("KUBECTL_REV_SEED", "20"))
MOMENTS, SAMPLE = 40, 6
ENDS = ("SIGINT", "SIGTERM", "SIGKILL", "errors")
RUNS = 6  # until it must have ended
ENABLED, ALL = ("r-enabled", "r-enabled-too"), ("r-enabled", "r-enabled-too", "r-pinned", "r-rev", "r-tag")
TO = ("--to", "canary", "--yes", "--timeout", "60s")

# How to choose: the words, the namespaces that this means, and what comes through stdin.
WAYS = {
    "names": (ALL, ALL, ""),
    "-l": (("-l", "istio-injection=enabled"), ENABLED, ""),  # the label that the migration removes
    "--from": (("--from", "default"), ALL, ""),
    "-A": (("-A",), ALL, ""),
    "-f -": (("-f", "-"), ALL, "".join(f"namespace/{name}\n" for name in ALL)),
    "--tag": (("--tag", "prod"), ("r-tag",), ""),
}
STAYS = {"bare"}  # what cannot be moved


@pytest.fixture(scope="module")
def spaces(cluster, report):
    cluster.reset("istioctl")
    cluster.istioctl("tag", "set", "prod", "--revision", "default")
    labels = {"r-enabled": {"injection": "enabled"}, "r-enabled-too": {"injection": "enabled"}}
    labels |= {"r-rev": {"rev": "default"}, "r-tag": {"rev": "prod"}, "r-pinned": {}}
    for name, given in labels.items():
        pin = {"istio.io/rev": "default"} if name == "r-pinned" else {}
        cluster.apply(do.namespace(name, **given), do.workload("Deployment", name, "web", replicas=2, labels=pin))
    cluster.apply(
        do.workload("StatefulSet", "r-enabled", "db", replicas=2),
        do.workload("DaemonSet", "r-rev", "agent"),
        do.workload("StatefulSet", "r-tag", "db"),
        do.bare_pod("r-enabled", "bare"),
    )
    do.settled(cluster, *ALL)
    report(f"migrations cut off at random moments: seed {SEED}")
    yield cluster
    do.remove(cluster, *ALL)


@pytest.fixture
def mesh(spaces):
    """Each test begins and ends with everything on default."""
    assert on_default(spaces, ALL) == {f"{name}/{app}" for name in ALL for app in do.by_workload(spaces, name)}
    yield spaces
    for words in (ALL, ("--tag", "prod")):
        back = do.migrate(spaces, "--undo", *words, "--yes")
        assert back.returncode in (ExitCode.OK, ExitCode.USAGE), back.stderr  # no tag was moved


def on_default(cluster, names):
    """The workloads that have a pod on default, as `namespace/app`."""
    found = {name: do.by_workload(cluster, name) for name in names}
    return {f"{name}/{app}" for name in names for app, revisions in found[name].items() if "default" in revisions}


def movable(cluster, names):
    return {each for each in on_default(cluster, names) if each.partition("/")[2] not in STAYS}


class Cut:
    """Ends a run in one way after one of its writes, and some time later."""

    def __init__(self, proxy, rng, end, within):
        done = proxy.count("PATCH", dry_run=False)
        self.at, self.later, self.end = done + rng.randint(1, within), rng.uniform(0, 0.7), end
        self._due = threading.Event()
        proxy.wrote = lambda n: self._due.set() if n >= self.at else None
        if end == "errors":
            proxy.rule = lambda request: Fault(500) if request.write and request.n >= self.at else None

    def __str__(self):
        return f"{self.end} {self.later:.2f} s after write {self.at}"

    def run(self, cluster, command, text):
        """The code and stderr of a run that this ends, if it has not ended by itself."""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, it would be inherited
        process = subprocess.Popen(
            cluster.command(command), env=cluster.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        over = threading.Event()

        def strike():
            while not over.is_set():
                if self._due.wait(0.1):
                    if not over.wait(self.later):
                        process.send_signal(signal.Signals[self.end])
                    return

        thread = threading.Thread(target=strike, daemon=True)
        if self.end != "errors":
            thread.start()
        try:
            _, stderr = process.communicate(text, timeout=180)
        finally:
            over.set()
            process.kill()
        return process.returncode, stderr


def to_go_on(stderr):
    """The command that was printed, if one was."""
    printed = re.findall(r"to go on: (kubectl .*)", stderr)
    return shlex.split(printed[-1]) if printed else None


def rounds():
    for n in range(MOMENTS):
        way = list(WAYS)[n % len(WAYS)]
        yield pytest.param(n, way, id=f"{SEED}-{n} {way}", marks=[] if n < SAMPLE else [pytest.mark.long])


@pytest.mark.parametrize(("n", "way"), list(rounds()))
def test_the_printed_command_carries_on_until_all_is_moved(mesh, tmp_path, n, way):
    rng = random.Random(f"{SEED}-{n}")
    words, names, text = WAYS[way]
    ends = [rng.choice(ENDS) for _ in range(rng.choice((1, 1, 2)))]
    with Proxy(mesh) as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path / "kubeconfig")
        command = ["kubectl", "rev-migrate", *words, *TO, "--kubeconfig", kubeconfig]
        said = []
        for _ in range(RUNS):
            cut = Cut(proxy, rng, ends.pop(0), 2 * len(names) + 2) if ends else None
            if cut:
                code, stderr = cut.run(mesh, command, text)
            else:
                done = mesh.run(*command, input=text, check=False, timeout=240)
                code, stderr = done.returncode, done.stderr
            proxy.rule, proxy.wrote = (lambda request: None), (lambda n: None)
            said.append(f"{cut or 'undisturbed'}: {code}\n{stderr}")
            if code == ExitCode.OK:
                break
            printed = to_go_on(stderr)
            # Only one that was killed may say nothing: then the same command again, whose names are still at hand.
            assert printed or code == -signal.SIGKILL, "\n".join(said)
            command, text = (printed, "") if printed else (command, text)
            assert "--force-owned" not in command
        assert code == ExitCode.OK, "\n".join(said)
        assert movable(mesh, names) == set(), "\n".join(said)


def recipe(pattern):
    """The very text of docs/exit-codes.md."""
    found = re.search(pattern, (ROOT / "docs" / "exit-codes.md").read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"there is no such recipe: {pattern}"
    return found[0]


@pytest.mark.parametrize("n", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 5))])
def test_the_recipe_of_the_exit_codes_ends_when_all_is_moved_and_not_before(mesh, tmp_path, n):
    rng = random.Random(f"{SEED}-recipe-{n}")
    text = recipe(r"^until kubectl rev-migrate.*?^done$")
    with Proxy(mesh) as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path / "kubeconfig")
        fails = {rng.randint(1, 12) for _ in range(3)}  # at a write that is refused a run stops, with code 4
        proxy.rule = lambda request: Fault(403) if request.write and request.n in fails else None
        script = f"export KUBECONFIG={kubeconfig}\nsleep() {{ command sleep 1; }}\n{text}"
        done = mesh.run("bash", "-c", script, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "to go on: " in done.stderr
        assert movable(mesh, ALL) == set(), done.stderr
    strict = mesh.run("bash", "-c", recipe(r"^kubectl rev-migrate [^\n]*--require-all$"), check=False)
    assert strict.returncode == ExitCode.INCOMPLETE  # the bare pod
    assert on_default(mesh, ALL) == {"r-enabled/bare"}


SCRIPT = re.search(r"<!-- upgrade -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("n", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 4))])
def test_the_script_of_the_readme_can_be_run_again_at_any_point(cluster, tmp_path, n):
    """Once it has ended there is no revision default to be uninstalled: then it stops there, and changes nothing."""
    rng = random.Random(f"{SEED}-script-{n}")
    assert SCRIPT
    cluster.reset("istioctl")
    cluster.uninstall("canary")  # the script installs it
    for name in ("shop", "cart"):
        cluster.apply(do.namespace(name, injection="enabled"), do.workload("Deployment", name, "web", replicas=2))
    do.settled(cluster, "shop", "cart")
    tag = "--set tag=1.31.0 --set hub=docker.io/istio"  # what the test cluster starts an istiod for
    said = []
    with Proxy(cluster) as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path / "kubeconfig")
        body = SCRIPT[1].replace("istioctl install", f"istioctl install {tag}")
        # Only what it is about is cut off: neither istioctl nor the port-forward of rev-verify.
        through = f'if [ "$1" = rev-migrate ]; then set -- "$@" --kubeconfig {kubeconfig}; fi'
        script = f'kubectl() {{ {through}; command kubectl "$@"; }}\n{body}'
        fails = {rng.randint(1, 9) for _ in range(2)}
        proxy.rule = lambda request: Fault(403) if request.write and request.n in fails else None
        for _ in range(RUNS):
            done = cluster.run("bash", "-c", script, check=False, timeout=300)
            said.append(f"{done.returncode}\n{done.stdout}{done.stderr}")
            if done.returncode == 0:
                break
            assert done.returncode == ExitCode.INCOMPLETE, "\n".join(said)
            assert "SAFE to uninstall" not in done.stdout
        assert done.returncode == 0, "\n".join(said)
        assert 1 < len(said) <= len(fails) + 1, "\n".join(said)  # of the writes that are to fail some may not come
        assert on_default(cluster, ("shop", "cart")) == set()
        writes = proxy.count("PATCH")
        again = cluster.run("bash", "-c", script, check=False, timeout=300)
        assert again.returncode == ExitCode.USAGE, again.stdout + again.stderr
        assert again.stderr.endswith("error: default is a tag of revision canary: use --uninstall canary\n")
        assert proxy.count("PATCH") == writes
    cluster.reset("istioctl")
