"""The cross product that admission is asked about. `prod` is a tag where the world has it, `ghost` is nothing ever."""

from itertools import product
from typing import NamedTuple

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import Metadata, PodSpec, PodTemplate

# What issue 3 asks for. None: the label is absent.
NAMESPACE_INJECTION = (None, "enabled", "disabled", "other", "")
NAMESPACE_REV = (None, "default", "canary", "prod", "ghost")
POD_INJECT = (None, "true", "false")
POD_REV = (None, "canary", "prod", "ghost")
ANNOTATION = (None, "true", "false")
HOST_NETWORK = (False, True)

# What is asked on top of it: values that releases read differently, and the pod label that names the default revision.
MORE_POD_INJECT = (*POD_INJECT, "yes", "")
MORE_POD_REV = (*POD_REV, "default")
MORE_ANNOTATION = (*ANNOTATION, "yes")


class Place(NamedTuple):
    """A namespace that pods are created in, with the labels that the tests give it."""

    name: str
    labels: dict[str, str]


class Row(NamedTuple):
    """One pod to be created in one namespace."""

    namespace: str
    inject: str | None
    rev: str | None
    annotation: str | None = None
    host_network: bool = False

    @property
    def labels(self) -> dict[str, str]:
        return given({labels.INJECT: self.inject, labels.REV: self.rev})

    @property
    def annotations(self) -> dict[str, str]:
        return given({labels.INJECT: self.annotation})

    @property
    def is_plain(self) -> bool:
        """Nothing but labels, as in Istio's documentation."""
        return self.annotation is None and not self.host_network

    @property
    def template(self) -> PodTemplate:
        """The row as our own code sees it in a workload."""
        return PodTemplate(
            metadata=Metadata(labels=self.labels, annotations=self.annotations),
            spec=PodSpec(host_network=self.host_network),
        )


def given(values: dict[str, str | None]) -> dict[str, str]:
    """The labels there are, without the absent ones."""
    return {key: value for key, value in values.items() if value is not None}


def place_name(injection: str | None, rev: str | None) -> str:
    return f"place-{NAMESPACE_INJECTION.index(injection)}-{NAMESPACE_REV.index(rev)}"


PRODUCT = tuple(
    Place(place_name(injection, rev), given({labels.INJECTION: injection, labels.REV: rev}))
    for injection, rev in product(NAMESPACE_INJECTION, NAMESPACE_REV)
)
# istiod leaves the first four alone whatever they are labelled, and the last two not.
SPECIAL = (
    Place("kube-system", {}),
    Place("kube-public", {labels.INJECTION: "enabled"}),
    Place("kube-node-lease", {labels.REV: "canary"}),
    Place("local-path-storage", {labels.INJECTION: "enabled"}),
    Place("istio-system", {}),
    Place("default", {}),
)
PLACES = PRODUCT + SPECIAL


def full() -> list[Row]:
    """Everything with everything."""
    names = [place.name for place in PRODUCT]
    everything = product(names, MORE_POD_INJECT, MORE_POD_REV, MORE_ANNOTATION, HOST_NETWORK)
    return [Row(*values) for values in everything] + _special()


def sample() -> list[Row]:
    """Every pair of namespace labels and pod labels as it is, and once more with an annotation and a host network.

    Which of these goes with which pair rotates, so that every namespace and every pod meets each of them.
    """
    names = [place.name for place in PRODUCT]
    plain = [Row(*values) for values in product(names, POD_INJECT, POD_REV)]
    rest = list(product(MORE_ANNOTATION, HOST_NETWORK))
    rotated = [
        Row(name, inject, rev, *rest[(i + 3 * j) % len(rest)])
        for i, name in enumerate(names)
        for j, (inject, rev) in enumerate(product(MORE_POD_INJECT, MORE_POD_REV))
    ]
    return list(dict.fromkeys(plain + rotated)) + _special()


def _special() -> list[Row]:
    return [Row(place.name, inject, rev) for place in SPECIAL for inject in POD_INJECT for rev in (None, "canary")]
