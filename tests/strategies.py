"""Hypothesis: label maps, injectors and whole worlds, small enough that interesting things meet."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.installers import Condition, Status
from kubectl_rev.core.mesh.objects import Object, WebhookConfiguration
from kubectl_rev.core.mesh.resources import RESOURCES
from kubectl_rev.core.mesh.selectors import LabelSelector, Operator, Requirement
from kubectl_rev.core.mesh.snapshot import Gap, Snapshot
from tests.build import (
    config_map,
    cron_job,
    daemon_set,
    deployment,
    endpoints,
    gateway,
    injector,
    istiod,
    job,
    metadata_only,
    ns,
    owned_by,
    pod,
    proxy_container,
    replica_set,
    rollout,
    sail,
    service,
    stateful_set,
    traces,
    validator,
    workload,
    world,
)

# The same examples in every run: a failure is a failure of the change, and the time is known.
settings.register_profile("fast", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("fast")

REVISIONS = ("default", "canary", "blue")
NAMES = (*REVISIONS, "prod", "ghost", "")
KEYS = ("istio-injection", "istio.io/rev", "sidecar.istio.io/inject", "app", "istio.io/dataplane-mode")
VALUES = ("enabled", "disabled", "true", "false", "yes", "ambient", "", *NAMES)
SPACES = ("shop", "istio-system", "kube-system", "away")

label_maps = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=4)
requirements = st.builds(
    Requirement,
    st.sampled_from(KEYS),
    st.sampled_from(Operator),
    st.lists(st.sampled_from(VALUES), max_size=2).map(tuple),
)
selectors = st.builds(
    LabelSelector,
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=1),
    st.lists(requirements, max_size=2).map(tuple),
)
subjects = st.builds(
    Subject,
    st.sampled_from(SPACES),
    label_maps,
    label_maps,
    st.dictionaries(st.just("sidecar.istio.io/inject"), st.sampled_from(VALUES)),
    st.sampled_from([False, True, None]),
    st.booleans(),
)


@st.composite
def injectors(draw: st.DrawFn, name: str) -> WebhookConfiguration:
    """The charts' injectors of any layout, or one with selectors that nobody thought of."""
    made = injector(
        draw(st.sampled_from(REVISIONS)),
        name=name,
        tag=draw(st.sampled_from([None, None, "prod", "default"])),
        layout=draw(st.sampled_from(["current", "current", "1.9", "1.6"])),
        service=draw(st.sampled_from([None, "istiod", "nowhere"])),
        url=draw(st.sampled_from([None, None, None, "https://elsewhere.example/inject"])),
        deactivated=draw(st.booleans()),
        auto=draw(st.booleans()),
        failure_policy=draw(st.sampled_from(["Fail", "Ignore"])),
        match_conditions=draw(st.sampled_from([(), (), (), ("true",)])),
    )
    if draw(st.booleans()):
        for webhook in made.webhooks:
            webhook.namespace_selector, webhook.object_selector = draw(selectors), draw(selectors)
    return made


def short(found: dict[str, str]) -> str:
    """As `build` takes labels."""
    return " ".join(f"{key}={value}" for key, value in found.items())


_MAKERS = (deployment, stateful_set, daemon_set, replica_set, rollout, cron_job, job)


@st.composite
def owners(draw: st.DrawFn, number: int) -> list[Object]:
    """A workload with its pods, a chain of two, or pods of a controller that nobody knows."""
    where, name = draw(st.sampled_from(SPACES)), f"w{number}"
    made_by = draw(st.sampled_from(_MAKERS))
    baked = proxy_container(draw(st.sampled_from(REVISIONS)), role=draw(st.sampled_from(["sidecar", "router"])))
    notes = st.dictionaries(
        st.sampled_from(
            ["inject.istio.io/templates", "sidecar.istio.io/status", "sidecar.istio.io/inject", "istio.io/rev"]
        ),
        st.sampled_from(["gateway", "{}", "canary", "false"]),
        max_size=1,
    )
    top = made_by(
        name,
        where,
        short(draw(label_maps)),
        host_network=draw(st.booleans()),
        annotations=draw(notes),
        proxy=draw(st.sampled_from([None, None, baked])),
    )
    chain: list[Any] = [top]
    if draw(st.booleans()):
        chain.append(workload(draw(st.sampled_from(["ReplicaSet", "Job"])), f"{name}-1", where, owner=top))
    listed = draw(st.lists(st.sampled_from(chain), max_size=2, unique_by=id))
    found: list[Object] = list(listed)
    for n in range(draw(st.integers(0, 3))):
        each = pod(
            f"{name}-{n}",
            where,
            short(draw(label_maps)),
            on=draw(st.sampled_from([None, *REVISIONS])),
            era=draw(st.sampled_from(["1.8", "1.12", "1.30"])),
            owner=draw(st.sampled_from([chain[-1], None])),
            native=draw(st.booleans()),
            phase=draw(st.sampled_from(["Running", "Running", "Pending"])),
            terminating=draw(st.booleans()),
            created=draw(st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"])),
        )
        if draw(st.booleans()):
            each.metadata.owner_references = owned_by("CloneSet", "c")
        found.append(metadata_only(each) if draw(st.booleans()) else each)
    return found


@st.composite
def objects(draw: st.DrawFn) -> list[Object]:
    """A world's objects, as a flat list."""
    found: list[Object] = [ns(name, short(draw(label_maps))) for name in SPACES if draw(st.booleans())]
    for n, revision in enumerate(draw(st.lists(st.sampled_from(REVISIONS), max_size=3, unique=True))):
        its = service(
            revision, tag=draw(st.sampled_from([None, None, "prod"])), name=f"istiod-{revision}" if n else "istiod"
        )
        version = draw(st.sampled_from(["1.8.6", "1.26.8", "1.30.3", "latest"]))
        found += [istiod(revision, version=version), its, endpoints(its, draw(st.booleans())), config_map(revision)]
    for n in range(draw(st.integers(0, 3))):
        found.append(draw(injectors(f"injector-{n}")))
    for n in range(draw(st.integers(0, 1))):
        name = draw(st.sampled_from(["istiod-default-validator", f"v{n}"]))
        found.append(validator(draw(st.sampled_from(REVISIONS)), name=name))
    for n in range(draw(st.integers(0, 4))):
        found += draw(owners(n))
    if draw(st.booleans()):
        found.append(gateway("g", "shop", short(draw(label_maps))))
    if draw(st.booleans()):
        used = Status(conditions=(Condition(type="InUse", status=draw(st.sampled_from(["True", "False", "Unknown"]))),))
        found.append(sail(draw(st.sampled_from(["Istio", "IstioRevision", "IstioRevisionTag"])), "mesh", status=used))
    return found


resources = st.sampled_from([kind.resource for kind in RESOURCES if not kind.preflight])
gaps = st.builds(Gap, st.just("list"), resources, st.sampled_from(["", "shop"]), st.sampled_from(["", "forbidden"]))


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    """A world that could have been read from a cluster, with its gaps."""
    made = world(draw(objects()), gaps=draw(st.lists(gaps, max_size=2, unique=True)))
    for each in made.istiods:
        if draw(st.booleans()):
            made.versions[f"{each.namespace}/{each.name}"] = "1.31.0"
    return made


_LIKE_OTHER_TYPES = [
    *"y~=-?:,%@`|>'\"",
    "no",
    "on",
    "null",
    "1e3",
    "0x1F",
    "0o7",
    "010",
    "1_0",
    ".5",
    "-1",
    ".inf",
    "<<",
]
_LIKE_YAML = ["2026-01-01", "#x", "{}", "[]", "!x", "&a", "*a", "- a", "a: b", "a #b", " x ", "? x", "\n", "a\nb", "\t"]
_UNPRINTABLE = ["\x1b[31m", "\u2028", "\ufeff", "\x85", "💥", json.dumps(traces("x"))]
# Text that breaks careless quoting.
nasty = st.text(max_size=8) | st.sampled_from(_LIKE_OTHER_TYPES + _LIKE_YAML + _UNPRINTABLE)
