"""The mistakes that people make with revisions: what is said to each, and the command that mends it, which works.

A mending command of ours is run; one that labels is carried out on the same objects, and the mistake is then gone.
tests/cluster/test_mistakes.py does the same on a real cluster with real kubectl and istioctl.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kubectl_rev.core.mesh import labels as well_known
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from kubectl_rev.dumps import snapshot_file
from kubectl_rev.errors import ExitCode
from tests.build import (
    ISTIO,
    control_plane,
    deployment,
    injector,
    ns,
    proxy_container,
    running,
    validator,
    world,
)
from tests.plugin import EXAMPLE, ROOT, Result, call


class Mistake(NamedTuple):
    """`asked` is what somebody types; `names` is said of the mistake; `mends` is the command that mends it.

    `advised` is what the answer says about that, where it is not the whole command.
    """

    parts: list[Any]
    asked: str
    names: str
    mends: str
    advised: str = ""


BOTH = [control_plane(), control_plane("canary", version="1.31.0"), validator(), ns(ISTIO)]
ON_CANARY = ns("shop", "rev=canary")
INJECTORS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"


def mesh(*parts: Any) -> list[Any]:
    """default and canary, alive and in agreement, and these."""
    return [*BOTH, *parts]


def label(*words: str) -> str:
    return shlex.join(("kubectl", "label", "namespace", "shop", *words))


STATUS = "kubectl rev-status -f DUMP"
EGRESS = deployment(
    "egress", "edge", "inject=true", annotations={well_known.TEMPLATES: "gateway"}, proxy=proxy_container()
)
MISTAKES: dict[str, Mistake] = {
    "the old label was left beside the new one": Mistake(
        mesh(ns("shop", "injection=enabled rev=canary")), STATUS,
        "istio-injection=enabled decides (the default injects), istio.io/rev=canary is ignored",
        label("istio-injection-"),
    ),
    "a revision label where injection is switched off": Mistake(
        mesh(ns("shop", "injection=disabled rev=canary")), STATUS,
        "istio-injection=disabled decides (nothing injects), istio.io/rev=canary is ignored",
        label("istio.io/rev-"),
    ),
    "a revision typed wrong in a label": Mistake(
        mesh(ns("shop", "rev=canry")), STATUS,
        "istio.io/rev=canry names no revision or tag (did you mean canary?): new pods get no sidecar",
        label("istio.io/rev=canary", "--overwrite"),
    ),
    "a value that is neither enabled nor disabled": Mistake(
        mesh(ns("shop", "injection=true")), STATUS,
        "istio-injection=true injects nothing: only istio-injection=enabled does",
        label("istio-injection=enabled", "--overwrite"),
    ),
    "a label key typed wrong": Mistake(
        mesh(ns("shop", "istio.io/revision=canary")), STATUS,
        "the label istio.io/revision means nothing on a namespace; did you mean istio.io/rev?",
        label("istio.io/revision-", "istio.io/rev=canary", "--overwrite"),
    ),
    "a pod's label on a namespace": Mistake(
        mesh(ns("shop", "inject=true")), STATUS,
        "the label sidecar.istio.io/inject means nothing on a namespace; did you mean istio-injection?",
        label("sidecar.istio.io/inject-", "istio-injection=enabled", "--overwrite"),
    ),
    "a revision that has been uninstalled": Mistake(
        mesh(ns("shop", "rev=1-6-5")), STATUS,
        "istio.io/rev=1-6-5 names no revision or tag: new pods get no sidecar",
        label("istio.io/rev=default", "--overwrite"),
    ),
    "the label was taken off, the sidecars run on": Mistake(
        mesh(ns("shop"), running(deployment("web"), "canary")), STATUS,
        "1 pod would come back without a sidecar: neither the namespace nor the pod asks for it",
        label("istio.io/rev=canary", "--overwrite"),
    ),
    "ambient and a sidecar": Mistake(
        mesh(ns("shop", "rev=canary mode=ambient")), STATUS,
        "istio.io/dataplane-mode=ambient and an injection label: new pods get a sidecar",
        label("istio.io/dataplane-mode-"),
    ),
    "nobody answers to istio-injection=enabled": Mistake(
        [control_plane("canary"), validator("canary"), ns(ISTIO), ns("shop", "injection=enabled")], STATUS,
        "no injector answers to istio-injection=enabled: nothing holds the default: new pods get no sidecar",
        "istioctl tag set default --revision canary --overwrite",
    ),
    "a tag to nowhere": Mistake(
        mesh(injector("gone", tag="prod"), ns("shop", "rev=prod")), STATUS,
        "tag prod points at revision gone, which has no control plane",
        "kubectl rev-migrate --tag prod --to default",
    ),
    "two defaults: both inject": Mistake(
        mesh(injector("canary", tag="default"), ns("shop", "injection=enabled")), STATUS,
        "istio-revision-tag-default (canary) and istio-sidecar-injector (default) all select it: the last one called",
        "istioctl tag set default --revision canary --overwrite",
    ),
    "two defaults: one injects, the other validates": Mistake(
        [control_plane(deactivated=True), control_plane("canary"), injector("canary", tag="default"), validator()],
        STATUS, "default means canary for injection, default for validation, canary for gateways",
        "istioctl tag set default --revision canary --overwrite",
    ),
    "relabelled and not restarted": Mistake(
        mesh(ON_CANARY, running(deployment("web"), "default")), STATUS,
        "1 pod on default, canary is selected", "kubectl rollout restart deployment/web -n shop",
    ),
    "a control plane scaled to zero": Mistake(
        mesh(control_plane("blue", ready=()), deployment("istiod-blue", ISTIO, "app=istiod rev=blue", replicas=0)),
        STATUS, "its deployment/istiod-blue is scaled to zero",
        "kubectl scale deployment/istiod-blue -n istio-system --replicas=1",
    ),
    "a validator whose Service went with the old revision": Mistake(
        [control_plane("canary"), validator("gone"), ns(ISTIO)], STATUS,
        'service "istiod-gone" not found', "kubectl rev-fix-validation",
    ),
    "a gateway forgotten before an uninstall": Mistake(
        mesh(ns("edge", "rev=canary"), running(EGRESS, "default")),
        "kubectl rev-verify --uninstall default -f DUMP",
        "deployment/egress -n edge  1 pod injected by it", "kubectl rollout restart deployment/egress -n edge",
    ),
    "a gateway that rev-migrate leaves alone": Mistake(
        mesh(ns("edge", "injection=enabled"), running(EGRESS, "default")),
        "kubectl rev-migrate edge --to canary -f DUMP --dry-run=client", "it is a gateway (injected)",
        "kubectl rev-migrate edge --to canary --include-gateways", "only with --include-gateways",
    ),
    "an uninstall while a tag points there": Mistake(
        mesh(injector(tag="prod")), "kubectl rev-verify --uninstall default -f DUMP",
        "tag/prod  the tag stays and leads nowhere", "kubectl rev-migrate --tag prod --to canary",
    ),
    "a tag where a revision is asked": Mistake(
        mesh(injector("canary", tag="prod")), "kubectl rev-verify --uninstall prod -f DUMP",
        "error: prod is a tag of revision canary", "kubectl rev-verify --uninstall canary", "use --uninstall canary",
    ),
    "a revision typed wrong in a command": Mistake(
        mesh(ns("shop", "injection=enabled")), "kubectl rev-migrate shop --to canry -f DUMP --dry-run=client",
        'error: revision or tag "canry" not found; available: canary, default',
        "kubectl rev-migrate shop --to canary", "did you mean canary?",
    ),
    "a namespace that is in no mesh": Mistake(
        mesh(ns("shop")), "kubectl rev-migrate shop --to canary -f DUMP --dry-run=client",
        "error: nobody injects namespace shop: it has no injection label",
        "kubectl rev-migrate shop --to canary --enroll", "--enroll puts it in the mesh",
    ),
    "no namespaces": Mistake(
        mesh(ns("shop", "injection=enabled")), "kubectl rev-migrate --to canary -f DUMP --dry-run=client",
        "error: which namespaces? name them", "kubectl rev-migrate --from default --to canary", "say --from REVISION",
    ),
    "a namespace's name alone": Mistake(
        mesh(ON_CANARY), "kubectl rev-status shop -f DUMP", 'error: unknown type "shop"',
        "kubectl rev-status ns/shop", "as in ns/shop",
    ),
    "a context typed wrong": Mistake(
        [], "kubectl rev-status --kubeconfig CONFIG --context prdo", 'error: context "prdo" not found; available: prod',
        "kubectl config get-contexts prod --kubeconfig CONFIG", "did you mean prod?",
    ),
    "another cluster than one thinks": Mistake(
        [ns("default")], STATUS, "error: no Istio here: no control plane and no sidecar injector",
        "kubectl config get-contexts --kubeconfig CONFIG",
        "is this the right context? kubectl config get-contexts lists them",
    ),
    "a right that is missing": Mistake(
        [*BOTH, Gap("list", "pods", "", "forbidden")], STATUS, "Not checked: pods (may not list: forbidden)",
        "kubectl rev-verify --rbac",
    ),
    "every right is missing": Mistake(
        [Gap("list", what, "", "forbidden") for what in ("namespaces", "pods", INJECTORS)], STATUS,
        f"error: may not list namespaces, pods, {INJECTORS}: forbidden", "kubectl rev-verify --rbac",
    ),
}  # fmt: skip

CONFIG = {
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {}}],
}


def snapshot(parts: list[Any]) -> Snapshot:
    return world(*(p for p in parts if not isinstance(p, Gap)), gaps=[p for p in parts if isinstance(p, Gap)])


def typed(command: str, at: Path) -> Result:
    """What a command answers, with the dump and the kubeconfig that are at this place."""
    kubectl, plugin, *rest = shlex.split(
        command.replace("DUMP", str(at / "dump")).replace("CONFIG", str(at / "config"))
    )
    assert kubectl == "kubectl"
    return call(*rest, plugin=plugin)


def prepare(parts: list[Any], at: Path) -> Snapshot:
    found = snapshot(parts)
    snapshot_file.save(found, str(at / "dump"))
    (at / "config").write_text(json.dumps(CONFIG))
    return found


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_the_answer_names_it_and_what_mends_it(mistake: Mistake, tmp_path: Path) -> None:
    prepare(mistake.parts, tmp_path)
    code, out, err = typed(mistake.asked, tmp_path)
    said = out + err
    assert mistake.names in said
    assert (mistake.advised or mistake.mends) in said
    assert code != ExitCode.BUG
    assert "REVISION" not in (mistake.mends + mistake.names)


OURS = {name: each for name, each in MISTAKES.items() if each.mends.startswith("kubectl rev-")}
READS = {"rev-status": "-f DUMP", "rev-migrate": "-f DUMP --dry-run=client", "rev-verify": "-f DUMP"}
READS["rev-fix-validation"] = "-f DUMP --dry-run=client"


@pytest.mark.parametrize("mistake", OURS.values(), ids=OURS.keys())
def test_a_mending_command_of_ours_is_one(mistake: Mistake, tmp_path: Path) -> None:
    """It is understood, and says something of what was wrong, or plans to change it."""
    prepare(mistake.parts, tmp_path)
    plugin = mistake.mends.split()[1]
    answer = typed(f"{mistake.mends} {READS[plugin]}", tmp_path)
    assert answer.code in (ExitCode.OK, ExitCode.FINDINGS, ExitCode.NO_ANSWER), answer.err
    assert not answer.err.startswith("error:"), answer.err
    assert answer.out or answer.err


HINTED = [EXAMPLE, *(str(path) for path in sorted((ROOT / "tests/worlds").glob("*/cluster.yaml")))]
ASKED = ("rev-status", "rev-verify", *(f"rev-verify --{flag} {revision}" for flag in ("revision", "uninstall")
         for revision in ("default", "canary")))  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("dump", HINTED, ids=lambda path: Path(path).parts[-2])
def test_every_printed_command_of_ours_is_one_that_works(dump: str, asked: str) -> None:
    """On the stories' dumps: whatever is printed to be copied is understood, and plans or answers something."""
    plugin, *rest = asked.split()
    printed = call(*rest, "-f", dump, "-o", "json", plugin=plugin)
    assert printed.out or printed.code == ExitCode.USAGE, printed.err  # a revision that this story does not have
    findings = json.loads(printed.out)["findings"] if printed.out else []
    for hint in {finding["hint"] for finding in findings if finding["hint"].startswith("kubectl rev-")}:
        _, ours, *words = shlex.split(hint)
        given = [] if "-f" in words else ["-f", dump]
        dry = READS[ours].split()[2:]
        answer = call(*words, *given, *dry, plugin=ours)
        assert answer.code in (ExitCode.OK, ExitCode.FINDINGS, ExitCode.NO_ANSWER), f"{hint}: {answer.err}"
    assert not [finding for finding in findings if "REVISION" in finding["hint"]]


LABELS = {name: each for name, each in MISTAKES.items() if each.mends.startswith("kubectl label ")}


@pytest.mark.parametrize("mistake", LABELS.values(), ids=LABELS.keys())
def test_once_labelled_the_mistake_is_gone(mistake: Mistake, tmp_path: Path) -> None:
    found = prepare(mistake.parts, tmp_path)
    _, _, resource, name, *changes = shlex.split(mistake.mends)
    (subject,) = [each for each in found.namespaces if (resource, each.name) == ("namespace", name)]
    for change in changes:
        key, equals, value = change.partition("=")
        if equals:
            subject.labels[key] = value
        elif change.endswith("-") and not change.startswith("-"):
            assert subject.labels.pop(change[:-1], None) is not None, f"{change}: there is no such label"
    snapshot_file.save(found, str(tmp_path / "dump"))
    answer = typed(mistake.asked, tmp_path)
    assert answer.code == ExitCode.OK, answer.err
    assert mistake.names not in answer.out
    assert mistake.mends not in answer.out
