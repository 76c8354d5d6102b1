"""Every list in every format, on the shipped dump: whole outputs, rewritten only by --update-golden."""

import json

import pytest

from kubectl_rev.errors import ExitCode
from tests.plugin import EXAMPLE, call

LISTS = ("overview", "revisions", "tags", "namespaces", "workloads", "pods", "gateways")


@pytest.mark.parametrize("output", ["table", "wide", "json", "yaml", "name"])
@pytest.mark.parametrize("kind", LISTS)
def test_lists(kind, output, golden):
    arguments = [] if kind == "overview" else [kind]
    code, out, _ = call(*arguments, "-A", "-f", EXAMPLE, "-o", output)
    assert code == ExitCode.OK
    golden(f"{kind}.{output}", out)


@pytest.mark.parametrize("subject", ["ns/shop", "deploy/web -n shop", "ns/both"])
def test_explanations(subject, golden):
    for output in ("table", "json"):
        code, out, err = call(*subject.split(), "-f", EXAMPLE, "-o", output)
        assert (code, err) == (ExitCode.OK, "")
        golden(f"why {subject.replace('/', ' ')}.{output}", out)


@pytest.mark.parametrize("subject", ["deploy/pay -n shop", "deploy/blog -n blog", "cronjob/report -n shop"])
def test_conditions_in_explanations(subject, golden):
    for output in ("table", "json"):
        code, out, err = call(*subject.split(), "-f", "tests/worlds/conditions/cluster.yaml", "-o", output)
        assert (code, err) == (ExitCode.OK, "")
        golden(f"why {subject.replace('/', ' ')}.{output}", out)


def test_json_and_yaml_say_the_same():
    import yaml

    for kind in LISTS:
        arguments = ["-A", "-f", EXAMPLE, *([] if kind == "overview" else [kind])]
        assert json.loads(call(*arguments, "-o", "json").out) == yaml.safe_load(call(*arguments, "-o", "yaml").out)


def test_every_item_has_every_field():
    """jq scripts need not ask whether a field is there."""
    for kind in LISTS[1:]:
        items = json.loads(call(kind, "-A", "-f", EXAMPLE, "-o", "json").out)["items"]
        assert len({tuple(item) for item in items}) <= 1, kind


def test_names_go_into_the_next_command():
    lines = call("workloads", "-A", "--drifted", "-f", EXAMPLE, "-o", "name").out.splitlines()
    assert lines
    for line in lines:
        subject, flag, namespace = line.split()
        assert flag == "-n"
        assert call(subject, "-n", namespace, "-f", EXAMPLE).code == ExitCode.OK


def test_filters_narrow_and_agree_with_the_whole():
    def items(*arguments):
        return json.loads(call("workloads", "-A", "-f", EXAMPLE, "-o", "json", *arguments).out)["items"]

    everything = items()
    assert items("--drifted") == [item for item in everything if item["drift"]]
    on_canary = [i for i in everything if i["selected"]["revision"] == "canary" or "canary" in i["proxyRevisions"]]
    assert items("--revision", "canary") == on_canary
    assert 0 < len(on_canary) < len(everything)
    both = items("-l", "app=web") + items("-l", "app!=web")
    assert sorted(map(str, both)) == sorted(map(str, everything))


def test_a_filtered_overview_speaks_of_what_is_left():
    def codes(*arguments):
        report = json.loads(call("-f", EXAMPLE, "-o", "json", *arguments).out)
        return {n["name"] for n in report["namespaces"]}, {f["subject"]["name"] for f in report["findings"]}

    spaces, subjects = codes("--drifted")
    assert spaces == {"billing", "drifted", "ghost", "shop"}
    assert "both" not in subjects
    assert subjects < codes()[1]
