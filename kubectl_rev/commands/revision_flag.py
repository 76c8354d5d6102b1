"""The revision or tag that a flag names: noted on stderr where it could be both, an error where it is neither."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_rev.commands.lookup import READ
from kubectl_rev.commands.source import Source
from kubectl_rev.core.mesh import revision_names
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.revision_names import EITHER, Kind, Named
from kubectl_rev.errors import ClusterError, UsageError
from kubectl_rev.render.text import gap_text

_SHOWN_BY = {Kind.REVISION: READ["revisions"], Kind.TAG: READ["tags"]}


def named(survey: Survey, text: str, source: Source, kinds: Iterable[Kind] = EITHER, *, running: bool = False) -> Named:
    """`core.mesh.revision_names.of_flag`. Raises UsageError, and ClusterError where the lists that tell are missing."""
    kinds = tuple(kinds)
    try:
        found = revision_names.of_flag(survey, text, kinds, running=running)
    except revision_names.WrongKind as error:
        raise UsageError(str(error)) from error
    except revision_names.UnknownName as error:
        kind, name = revision_names.split(text)
        for resource in (each for of in ((kind,) if kind else kinds) for each in _SHOWN_BY[of]):
            for gap in sorted(survey.snapshot.gaps):
                if gap.resource == resource and not gap.namespace:
                    what = kind or " or ".join(kinds)
                    raise ClusterError(f'whether there is a {what} "{name}" is not known: {gap_text(gap)}') from error
        raise UsageError(str(error)) from error
    source.note(found.note)
    return found
