"""istiod's decision: a webhook was called, does istiod inject the pod or send it back untouched?

The order is `injectRequired`'s (pkg/kube/inject/inject.go). How the inject label or annotation is read changed twice:
1.6 to 1.11 read only the annotation; 1.12 put the label first; up to 1.26 y, yes, true, on (any case) meant yes and any
other word no; since 1.27 exactly "true" and "false" count and any other word means "as the policy says" (PR 56737).
Up to 1.8 only two namespaces are never injected. All of it was held against `injectRequired` of 211 releases.
Where the releases disagree and the release is not known, the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from kubectl_rev.core.mesh import labels as well_known
from kubectl_rev.core.mesh.selectors import LabelSelector

# pkg/kube/inject/initializer.go: IgnoredNamespaces; up to 1.8 only the first two
_FIRST_SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public"})
SYSTEM_NAMESPACES = _FIRST_SYSTEM_NAMESPACES | {"kube-node-lease", "local-path-storage"}

Labels = Mapping[str, str]
Release = tuple[int, int]
_OLDEST: Release = (1, 6)
_MORE_SYSTEM_NAMESPACES: Release = (1, 9)
_LABEL_FIRST: Release = (1, 12)
_STRICT: Release = (1, 27)
SUPPORTED_SKEW = 1  # istio.io/latest/docs/releases/supported-releases: the control plane may be one minor ahead
_ERAS: tuple[Release, ...] = ((1, 8), (1, 11), (1, 26), _STRICT)


class InjectorConfig(msgspec.Struct, rename="camel", omit_defaults=True):
    """Key `config` of ConfigMap `istio-sidecar-injector[-REV]`: templates/istiod-injector-configmap.yaml."""

    policy: str = ""
    never_inject_selector: list[LabelSelector] | None = None
    always_inject_selector: list[LabelSelector] | None = None
    templates: dict[str, Any] | None = None
    aliases: dict[str, list[str]] | None = None


class Veto(msgspec.Struct, frozen=True):
    """`accepts` is None when it cannot be told from here; `because` says what decided."""

    accepts: bool | None
    because: str


def release(version: str) -> Release | None:
    """(1, 30) of "1.30.3" or "1.31-alpha.abc"; None of anything else, such as "latest".

    Also None of what is older than revisions (1.6): charts that were never released call themselves 1.0.0.
    """
    parts = version.removeprefix("v").split("-")[0].split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    number = int(parts[0]), int(parts[1])
    return number if number >= _OLDEST else None


def newest(versions: Iterable[str]) -> Release:
    """The newest release of these, for comparing: (0, 0) where none is known."""
    return max((release(version) or (0, 0) for version in versions), default=(0, 0))


def may_be_at_least(versions: Iterable[str], wanted: Release) -> bool:
    """Whether one of these may be of that release or later; none, and what is no release, may be any."""
    known = [number for version in versions if (number := release(version))]
    return not known or max(known) >= wanted


def veto(
    *,
    namespace: str,
    labels: Labels,
    annotations: Labels,
    host_network: bool | None,
    config: InjectorConfig | None,
    versions: tuple[str, ...],
) -> Veto:
    """Decide for one pod. `config` None: not read (a gap, or a control plane elsewhere), taken as enabled."""
    if host_network:
        return Veto(False, "host network")
    if config is not None and config.policy not in ("enabled", "disabled"):  # then nothing that a pod asks for counts
        return Veto(False, f"its policy is {config.policy or 'empty'}, neither enabled nor disabled")
    releases = _releases(versions)
    answers = [_of_release(namespace, labels, annotations, config, known) for known in releases]
    if len({answer.accepts for answer in answers}) > 1:
        system = namespace in SYSTEM_NAMESPACES - _FIRST_SYSTEM_NAMESPACES
        what = namespace if system else _asked(labels, annotations, releases[-1])[1]
        return Veto(None, f"releases read {what} differently, and istiod's release is not known")
    if host_network is None and answers[-1].accepts:
        return Veto(None, "whether the pod is on the host network was not read")
    return answers[-1]


def _of_release(
    namespace: str, labels: Labels, annotations: Labels, config: InjectorConfig | None, known: Release
) -> Veto:
    if namespace in (SYSTEM_NAMESPACES if known >= _MORE_SYSTEM_NAMESPACES else _FIRST_SYSTEM_NAMESPACES):
        return Veto(False, f"istiod never injects in {namespace}")
    word, said = _asked(labels, annotations, known)
    match word:
        case "yes":
            return Veto(True, f"{said} asks for it")
        case "no":
            return Veto(False, f"{said} opts out")
    return _by_config(labels, config)


def _by_config(labels: Labels, config: InjectorConfig | None) -> Veto:
    if config is None:
        return Veto(True, "no opt-out; its policy was not read and is taken as enabled")
    if any(_selects(selector, labels) for selector in config.never_inject_selector or ()):
        return Veto(False, "its neverInjectSelector matches the pod")
    if any(_selects(selector, labels) for selector in config.always_inject_selector or ()):
        return Veto(True, "its alwaysInjectSelector matches the pod")
    if config.policy == "enabled":
        return Veto(True, "no host network, no opt-out, policy enabled")
    return Veto(False, f"its policy is {config.policy}")


def _selects(selector: LabelSelector, labels: Labels) -> bool:
    """An empty selector in these lists matches nothing: inject.go skips it (`!selector.Empty()`)."""
    return bool(selector.requirements) and selector.matches(labels)


def _releases(versions: tuple[str, ...]) -> tuple[Release, ...]:
    """The releases to ask: the control plane's own, or the last of each era when it is unknown."""
    known = tuple(number for version in versions if (number := release(version)))
    return known if known and len(known) == len(versions) else _ERAS


def _asked(labels: Labels, annotations: Labels, known: Release) -> tuple[Literal["yes", "no", "default"], str]:
    """How a release reads the pod's wish, and where it found it."""
    key = well_known.INJECT
    by_label = key in labels and known >= _LABEL_FIRST
    value = labels[key] if by_label else annotations.get(key, "")
    said = f"label {key}={value}" if by_label else f"annotation {key}={value}"
    if known >= _STRICT:
        return ("yes" if value == "true" else "no" if value == "false" else "default"), said
    if not value:
        return "default", said
    return ("yes" if value.lower() in ("y", "yes", "true", "on") else "no"), said
