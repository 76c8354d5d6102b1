"""The RBAC that rev-verify ships: enough for SAFE, and nothing in it can be left out without its saying so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kubectl_rev.core.mesh.resources import PREFLIGHT
from kubectl_rev.errors import ExitCode
from tests.testcluster import Cluster
from tests.testcluster.xds import FakeProxy

pytestmark = pytest.mark.cluster
Rule = tuple[str, str, str, str]  # namespace, group, resource, verb
_CONFIG = ("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io")
# Asked for only where the group is served, or with others that are enough: leaving these out changes nothing here.
_NOT_ON_THIS_CLUSTER = ("sailoperator.io", "install.istio.io")
_NEEDED_BY_FALLBACK = ("pods/exec",)
_NEEDED_BY_SAVE = tuple(kind.plural for kind in PREFLIGHT)  # `rev-status --save` keeps them for a migration


@pytest.fixture(scope="module")
def mesh(cluster: Cluster) -> Cluster:
    cluster.reset("istioctl")
    return cluster


@pytest.fixture(scope="module")
def rules(mesh: Cluster) -> list[Rule]:
    """Every single permission of the objects that `--rbac` prints, with `*` spelled out."""
    printed = mesh.run("kubectl", "rev-verify", "--rbac").stdout
    shown = mesh.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", input=printed)
    decoder, position, found = json.JSONDecoder(), 0, []
    while position < len(shown.rstrip()):
        item, position = decoder.raw_decode(shown, position)
        position += len(shown[position:]) - len(shown[position:].lstrip())
        for rule in item["rules"]:
            for group in rule["apiGroups"]:
                for resource in _spelled_out(mesh, group, rule["resources"]):
                    found += [(item["metadata"].get("namespace", ""), group, resource, verb) for verb in rule["verbs"]]
    return found


def _spelled_out(mesh: Cluster, group: str, resources: list[str]) -> Iterator[str]:
    if resources != ["*"]:
        yield from resources
    elif group in _CONFIG:
        names = mesh.kubectl("api-resources", "--api-group", group, "-o", "name").split()
        yield from (name.partition(".")[0] for name in names)
    else:
        yield "gateways"


def _allow(user: str, rules: list[Rule]) -> list[dict[str, Any]]:
    """A person who may do exactly this."""
    objects = []
    for namespace in sorted({rule[0] for rule in rules}):
        given = [
            {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
            for where, group, resource, verb in rules
            if where == namespace
        ]
        kind, metadata = "Role" if namespace else "ClusterRole", {"name": user}
        if namespace:
            metadata["namespace"] = namespace
        api = "rbac.authorization.k8s.io"
        objects.append({"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": given})
        binding = {"apiVersion": f"{api}/v1", "kind": f"{kind}Binding", "metadata": metadata}
        binding["subjects"] = [{"kind": "User", "name": user, "apiGroup": api}]
        binding["roleRef"] = {"kind": kind, "name": user, "apiGroup": api}
        objects.append(binding)
    return objects


def _verify(mesh: Cluster, user: str, *flags: str) -> tuple[int, str, str]:
    done = mesh.run("kubectl", "rev-verify", "--uninstall", "canary", f"--as={user}", *flags, check=False)
    return done.returncode, done.stdout, done.stderr


def test_what_is_printed_is_enough(mesh: Cluster, rules: list[Rule]) -> None:
    mesh.apply(*_allow("all-of-it", rules))
    code, out, err = _verify(mesh, "all-of-it")
    assert (code, err) == (ExitCode.OK, ""), out
    assert out.endswith("SAFE to uninstall revision canary with istioctl.\n")


def test_without_any_single_one_it_is_not_safe_and_the_rule_is_named(mesh: Cluster, rules: list[Rule]) -> None:
    """403 on each resource in turn: exit 3, UNKNOWN, and the rule that grants it; never SAFE."""
    left_out = {
        (rule[0], rule[1], rule[2])
        for rule in rules
        if rule[1] not in _NOT_ON_THIS_CLUSTER and rule[2] not in _NEEDED_BY_FALLBACK + _NEEDED_BY_SAVE
    }
    assert len(left_out) > 30
    cases = {f"without-{number}": missing for number, missing in enumerate(sorted(left_out))}
    mesh.apply(*(o for user, missing in cases.items() for o in _allow(user, [r for r in rules if r[:3] != missing])))
    with ThreadPoolExecutor(3) as pool:
        answers = dict(zip(cases, pool.map(lambda user: _verify(mesh, user), cases), strict=True))
    wrong = {}
    for user, (namespace, group, resource) in cases.items():
        code, out, err = answers[user]
        if _fallback_serves(resource):
            continue
        rule = f'apiGroups: ["{group}"], resources: ["{resource}"]'
        named = rule in out or rule in err
        if code != ExitCode.NO_ANSWER or not named or "UNKNOWN to uninstall" not in out:
            wrong[namespace, group, resource] = (code, named, out.rpartition("\n\n")[2], err)
    assert not wrong


def _fallback_serves(resource: str) -> bool:
    """Without port-forward, exec is tried: the test below."""
    return resource == "pods/portforward"


def test_without_port_forward_istiod_is_asked_by_exec(mesh: Cluster, rules: list[Rule]) -> None:
    """pilot-discovery request, in the istiod's container; the optional Role of `--rbac` is what it needs."""
    mesh.apply(*_allow("by-exec", [rule for rule in rules if rule[2] != "pods/portforward"]))
    istiod = mesh.istiods("default")[0]
    with FakeProxy("vm-1", "shop", "10.9.9.9", istiod.address):
        code, out, err = _verify(mesh, "by-exec")
        assert (code, err) == (ExitCode.OK, ""), out
        assert out.endswith("SAFE to uninstall revision canary with istioctl.\n")
        done = mesh.run("kubectl", "rev-verify", "--uninstall", "default", "--as=by-exec", check=False)
    assert done.returncode == ExitCode.FINDINGS
    assert "vm-1" in done.stdout, "the proxy that only istiod's answer tells of"


def test_without_port_forward_and_exec_both_rules_are_named(mesh: Cluster, rules: list[Rule]) -> None:
    mesh.apply(*_allow("no-istiod", [rule for rule in rules if not rule[2].startswith("pods/")]))
    code, out, _ = _verify(mesh, "no-istiod")
    assert code == ExitCode.NO_ANSWER
    for resource in ("pods/portforward", "pods/exec"):
        assert f'Role in namespace istio-system: {{apiGroups: [""], resources: ["{resource}"]' in out
    assert "REV301" in [line.split()[1] for line in out.splitlines() if line.startswith(" ?     REV")]


def test_nobody_at_all_gets_no_answer(mesh: Cluster) -> None:
    code, out, err = _verify(mesh, "nobody-knows")
    assert (code, out) == (ExitCode.NO_ANSWER, "")
    assert err.startswith("error: may not list namespaces, pods, ")


def test_json_has_the_rule_too(mesh: Cluster, rules: list[Rule]) -> None:
    mesh.apply(*_allow("no-services", [rule for rule in rules if rule[2] != "services"]))
    code, out, _ = _verify(mesh, "no-services", "-o", "json")
    said = json.loads(out)
    assert (code, said["verdict"]) == (ExitCode.NO_ANSWER, "UNKNOWN")
    assert 'ClusterRole: {apiGroups: [""], resources: ["services"], verbs: ["get", "list"]}' in {
        gap["grant"] for gap in said["gaps"]
    }
