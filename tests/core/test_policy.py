"""istiod's own word, by release: pkg/kube/inject/inject.go `injectRequired` of 1.6, 1.11, 1.12, 1.26, 1.27 and HEAD."""

from typing import Any

import pytest

from kubectl_rev.core.mesh.istiod_veto import InjectorConfig, Release, Veto, may_be_at_least, release, veto
from kubectl_rev.core.mesh.selectors import LabelSelector

INJECT = "sidecar.istio.io/inject"
ENABLED = InjectorConfig(policy="enabled")


def ask(
    *,
    namespace: str = "shop",
    label: str | None = None,
    annotation: str | None = None,
    host_network: bool | None = False,
    config: InjectorConfig | None = ENABLED,
    versions: tuple[str, ...] = ("1.30.3",),
    **labels: str,
) -> Veto:
    return veto(
        namespace=namespace,
        labels=labels if label is None else {INJECT: label, **labels},
        annotations={} if annotation is None else {INJECT: annotation},
        host_network=host_network,
        config=config,
        versions=versions,
    )


RELEASES: dict[str, Release | None] = {
    "1.30.3": (1, 30),
    "v1.6.8": (1, 6),
    "1.31-alpha.0123": (1, 31),
    "1.27.0-rc.1": (1, 27),
    "1.24.6-tetrate2": (1, 24),
    "2.0": (2, 0),
    "1": None,
    "latest": None,
    "": None,
    "1.x": None,
    "x.30": None,
    "1.30.x": (1, 30),
    "1.30.3.4": (1, 30),
    "master-0a1b": None,
    "1.6.0": (1, 6),
    "1.0.0": None,  # what an unreleased chart calls itself
    "1.5.10": None,  # no revisions yet
}


@pytest.mark.parametrize(("version", "known"), RELEASES.items(), ids=[repr(each) for each in RELEASES])
def test_release(version: str, known: Release | None) -> None:
    assert release(version) == known


PASSES = "no host network, no opt-out, policy enabled"
#               1.6    1.11   1.12   1.26   1.27   1.31     what istiod does; - is "as the policy says"
OLD_NEW = ("1.6.8", "1.11.8", "1.12.0", "1.26.8", "1.27.0", "1.31.0")
LABELS = {
    "true":        ("-",   "-",   "yes", "yes", "yes", "yes"),
    "false":       ("-",   "-",   "no",  "no",  "no",  "no"),
    "":            ("-",   "-",   "-",   "-",   "-",   "-"),
    "yes":         ("-",   "-",   "yes", "yes", "-",   "-"),
    "on":          ("-",   "-",   "yes", "yes", "-",   "-"),
    "Y":           ("-",   "-",   "yes", "yes", "-",   "-"),
    "True":        ("-",   "-",   "yes", "yes", "-",   "-"),
    "no":          ("-",   "-",   "no",  "no",  "-",   "-"),
    "False":       ("-",   "-",   "no",  "no",  "-",   "-"),
    "disabled":    ("-",   "-",   "no",  "no",  "-",   "-"),
}  # fmt: skip
ANNOTATIONS = {
    "true":        ("yes", "yes", "yes", "yes", "yes", "yes"),
    "false":       ("no",  "no",  "no",  "no",  "no",  "no"),
    "":            ("-",   "-",   "-",   "-",   "-",   "-"),
    "yes":         ("yes", "yes", "yes", "yes", "-",   "-"),
    "False":       ("no",  "no",  "no",  "no",  "-",   "-"),
    "disabled":    ("no",  "no",  "no",  "no",  "-",   "-"),
}  # fmt: skip
ROWS = [
    (what, value, version, word)
    for what, table in (("label", LABELS), ("annotation", ANNOTATIONS))
    for value, words in table.items()
    for version, word in zip(OLD_NEW, words, strict=True)
]


@pytest.mark.parametrize(("what", "value", "version", "word"), ROWS)
def test_values_by_release(what: str, value: str, version: str, word: str) -> None:
    said = f"{what} {INJECT}={value}"
    wanted = {"yes": Veto(True, f"{said} asks for it"), "no": Veto(False, f"{said} opts out"), "-": Veto(True, PASSES)}
    asked: dict[str, Any] = {what: value}
    assert ask(**asked, versions=(version,)) == wanted[word]


NOT_KNOWN = "differently, and istiod's release is not known"
ORDER: dict[str, tuple[dict[str, Any], Veto]] = {
    "host network before all else": (
        {"host_network": True, "label": "true", "namespace": "kube-system"},
        Veto(False, "host network"),
    ),
    "a system namespace before the label": (
        {"namespace": "kube-public", "label": "true"},
        Veto(False, "istiod never injects in kube-public"),
    ),
    "istio-system is no system namespace": ({"namespace": "istio-system"}, Veto(True, PASSES)),
    "the label before the annotation": (
        {"label": "true", "annotation": "false"},
        Veto(True, f"label {INJECT}=true asks for it"),
    ),
    "an empty label still hides the annotation": ({"label": "", "annotation": "false"}, Veto(True, PASSES)),
    "up to 1.11 the annotation alone": (
        {"label": "true", "annotation": "false", "versions": ("1.11.0",)},
        Veto(False, f"annotation {INJECT}=false opts out"),
    ),
    "asking beats neverInjectSelector": (
        {"label": "true", "app": "x", "config": InjectorConfig("enabled", [LabelSelector({"app": "x"})])},
        Veto(True, f"label {INJECT}=true asks for it"),
    ),
    "neverInjectSelector before always": (
        {
            "app": "x",
            "config": InjectorConfig("enabled", [LabelSelector({"app": "x"})], [LabelSelector({"app": "x"})]),
        },
        Veto(False, "its neverInjectSelector matches the pod"),
    ),
    "alwaysInjectSelector before the policy": (
        {"app": "x", "config": InjectorConfig("disabled", None, [LabelSelector({"app": "x"})])},
        Veto(True, "its alwaysInjectSelector matches the pod"),
    ),
    "an empty selector in the lists matches nothing": (
        {"config": InjectorConfig("enabled", [LabelSelector()])},
        Veto(True, PASSES),
    ),
    "one selector of several suffices": (
        {"app": "y", "config": InjectorConfig("enabled", [LabelSelector({"app": "x"}), LabelSelector({"app": "y"})])},
        Veto(False, "its neverInjectSelector matches the pod"),
    ),
    "policy disabled": ({"config": InjectorConfig("disabled")}, Veto(False, "its policy is disabled")),
    "policy unknown counts as no": (
        {"config": InjectorConfig("maybe")},
        Veto(False, "its policy is maybe, neither enabled nor disabled"),
    ),
    "policy empty counts as no, whatever the pod asks": (
        {"label": "true", "config": InjectorConfig()},
        Veto(False, "its policy is empty, neither enabled nor disabled"),
    ),
    "asking beats the policy": (
        {"label": "true", "config": InjectorConfig("disabled")},
        Veto(True, f"label {INJECT}=true asks for it"),
    ),
    "no config read: taken as enabled": (
        {"config": None},
        Veto(True, "no opt-out; its policy was not read and is taken as enabled"),
    ),
    "host network not read, and it would be injected": (
        {"host_network": None},
        Veto(None, "whether the pod is on the host network was not read"),
    ),
    "host network not read, and it would not be injected anyway": (
        {"host_network": None, "label": "false"},
        Veto(False, f"label {INJECT}=false opts out"),
    ),
    "release unknown, and the releases agree": (
        {"versions": (), "annotation": "false"},
        Veto(False, f"annotation {INJECT}=false opts out"),
    ),
    "release unknown, plain label": ({"versions": (), "label": "true"}, Veto(True, f"label {INJECT}=true asks for it")),
    "release unknown, no word from the pod": ({"versions": ()}, Veto(True, PASSES)),
    "release unknown, and the releases differ": (
        {"versions": (), "label": "no"},
        Veto(None, f"releases read label {INJECT}=no {NOT_KNOWN}"),
    ),
    "a version that says nothing is no release": (
        {"versions": ("latest",), "annotation": "disabled"},
        Veto(None, f"releases read annotation {INJECT}=disabled {NOT_KNOWN}"),
    ),
    "one of two versions is not known": (
        {"versions": ("1.30.3", "latest"), "label": "no"},
        Veto(None, f"releases read label {INJECT}=no {NOT_KNOWN}"),
    ),
    "a rollout between two releases that agree": (
        {"versions": ("1.27.0", "1.31.0"), "label": "no"},
        Veto(True, PASSES),
    ),
    "a rollout between two releases that differ": (
        {"versions": ("1.26.0", "1.27.0"), "label": "no"},
        Veto(None, f"releases read label {INJECT}=no {NOT_KNOWN}"),
    ),
}


@pytest.mark.parametrize(("asked", "wanted"), ORDER.values(), ids=ORDER.keys())
def test_order(asked: dict[str, Any], wanted: Veto) -> None:
    assert ask(**asked) == wanted


UNKNOWN_RELEASE = [
    # 1.11 reads the annotation alone, all later releases the label first
    ("true", "false", ENABLED),
    # 1.12 to 1.26 take "yes" for a wish, before and after it is none
    ("yes", None, InjectorConfig(policy="disabled")),
    ("no", None, ENABLED),
]


@pytest.mark.parametrize(("label", "annotation", "config"), UNKNOWN_RELEASE)
def test_an_unknown_release_is_asked_as_each_era_would_answer(
    label: str, annotation: str | None, config: InjectorConfig
) -> None:
    assert ask(label=label, annotation=annotation, config=config, versions=("latest",)).accepts is None


def test_of_an_unknown_release_nothing_is_claimed_that_depends_on_it() -> None:
    assert ask(label="true", versions=("latest",)).accepts is True
    assert ask(label="false", versions=("latest",)).accepts is None
    assert ask(label="false", annotation="false", versions=("latest",)).accepts is False
    assert ask(label="false", versions=("latest", "1.30.3")).accepts is None
    off = InjectorConfig(policy="disabled")
    assert ask(label="true", config=off, versions=("latest",)).accepts is None


@pytest.mark.parametrize("namespace", ["kube-node-lease", "local-path-storage"])
def test_up_to_1_8_only_two_namespaces_are_left_alone(namespace: str) -> None:
    assert ask(namespace=namespace, versions=("1.8.6",)).accepts is True
    assert ask(namespace=namespace, versions=("1.9.0",)).accepts is False
    assert ask(namespace=namespace, versions=("latest",)).accepts is None
    assert ask(namespace="kube-system", versions=("latest",)).accepts is False


@pytest.mark.parametrize(
    ("versions", "is_it"),
    [
        ((), True),
        (("latest",), True),
        (("1.11.4",), True),
        (("1.12.0",), True),
        (("1.10.6",), False),
        (("1.10.6", "1.12.0"), True),
        (("1.10.6", "latest"), False),
    ],
)
def test_what_may_be_of_a_release_or_later(versions: tuple[str, ...], is_it: bool) -> None:
    assert may_be_at_least(versions, (1, 11)) is is_it
