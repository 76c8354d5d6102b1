"""What the name in a flag stands for: a revision or a tag. One rule for every flag of every command.

A name is a revision if there is one of that name, else a tag; `revision/NAME` and `tag/NAME` say which. The revision
comes first because these flags are about control planes and what runs on them, as istioctl's own `--revision` is, and
because a command that is run again must mean the same after a tag has moved: once the tag `default` points to canary,
`--revision default` is still about what is left on the unrevisioned control plane. Of several control planes of one
name each is named with its namespace: `NAMESPACE/NAME`.

The *label* `istio.io/rev=NAME` is not decided here: webhooks decide it, and those of a tag come first (`Mesh.resolve`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.suggestions import did_you_mean


class Kind(StrEnum):
    """The two things that a name in a flag can stand for."""

    REVISION = "revision"
    TAG = "tag"


EITHER = tuple(Kind)


class Named(msgspec.Struct, frozen=True):
    """What a name stands for, as labels have it; `revision` is what it leads to, for a revision itself.

    `other` is the revision that a tag of the same name points to, where the name alone would not have told: it is set
    only if no kind was given, and if the tag points to another revision.
    """

    kind: Kind
    name: str
    revision: str
    other: str = ""

    @property
    def note(self) -> str:
        """What a person is told who may have meant the other; empty where there is no other."""
        if not self.other:
            return ""
        return (
            f'"{self.name}" is both a revision and a tag (of revision {self.other}): '
            f"using {Kind.REVISION}/{self.name}; for the tag use {Kind.TAG}/{self.name}"
        )


class UnknownName(ValueError):
    """No revision or tag has this name, or several have; the message has those that exist, and the nearest."""


class WrongKind(ValueError):
    """A tag was named where only a revision makes sense, or a revision where only a tag does."""


def of_flag(
    survey: Survey, text: str, allowed: Sequence[Kind] = EITHER, *, running: bool = False, home: str = ""
) -> Named:
    """What a flag's value names; `allowed` is what the flag takes, `home` the namespace of --istio-namespace.

    `running`: a revision that only proxies still name, its control plane being gone, is one too: what runs on it can be
    looked for. Raises UnknownName and WrongKind.
    """
    kind, name = split(text)
    name = survey.mesh.called(name, home)
    there = survey.mesh.revisions | (_run_on(survey) if running else set())
    points_to = survey.mesh.tag_revisions
    if kind and kind not in allowed:
        raise WrongKind(f"{text} is a {kind}: a {allowed[0]} is wanted")
    wanted = (kind,) if kind else allowed
    if Kind.REVISION in wanted and name in survey.mesh.namesakes:
        several = sorted(survey.mesh.all_called(name))
        homes = " and ".join(sorted(survey.mesh.namesakes[name]))
        raise UnknownName(f"revision {name} has control planes in {homes}: say {' or '.join(several)}")
    if Kind.REVISION in wanted and name in there:
        other = "" if kind or Kind.TAG not in allowed else points_to.get(name, name)
        return Named(Kind.REVISION, label_of(name), name, "" if other == name else other)
    if Kind.TAG in wanted and name in points_to:
        return Named(Kind.TAG, name, points_to[name])
    if Kind.TAG not in allowed and name in points_to:
        raise WrongKind(f"{name} is a tag of revision {points_to[name]}, not a revision")
    if Kind.REVISION not in allowed and name in there:
        raise WrongKind(f"{name} is a revision, not a tag")
    names = (there if Kind.REVISION in wanted else set()) | (points_to.keys() if Kind.TAG in wanted else set())
    what = " or ".join(sorted(wanted))
    available = ", ".join(sorted(names)) or "none"
    raise UnknownName(f'{what} "{name}" not found; available: {available}{did_you_mean(name, names)}')


def split(text: str) -> tuple[Kind | None, str]:
    """The kind, where one was given, and the name: neither has a slash, but that of one of several namesakes."""
    kind, slash, name = text.partition("/")
    return (Kind(kind), name) if slash and kind in EITHER else (None, text)


def _run_on(survey: Survey) -> set[str]:
    groups = [group for workload in survey.workloads for group in workload.groups]
    return {group.proxy.revision for group in groups if group.proxy and group.proxy.revision}
