"""REV5xx: is Istio's config validated? Every finding is `validation.diagnose`'s, in the catalogue's words.

A default tag and a default validator that disagree are REV105's, which looks at all four meanings of default.
"""

from __future__ import annotations

from functools import lru_cache

from kubectl_rev.core.checks import sources
from kubectl_rev.core.checks.hints import NO_HINT, OVERWRITE, Hint, command, sentence
from kubectl_rev.core.checks.model import Check, Found, Ref, Severity
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import IstioConfig
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.remedies.at_source import unignored
from kubectl_rev.core.remedies.commands import label, living, make_default_validator, moves_validation
from kubectl_rev.core.status.checks.control_planes import why_unready
from kubectl_rev.core.validation.coverage import UNLABELLED, Uncovered
from kubectl_rev.core.validation.validation import Entry, Health, diagnose

_REPAIR = command("rev-fix-validation")
_diagnosis = lru_cache(maxsize=1)(diagnose)  # one for all five checks: a Survey does not change


def _about(entry: Entry, more: str = "", hint: Hint = _REPAIR) -> tuple[Ref, str, Hint]:
    """A finding about a validator, for one of its entries."""
    message = f"{entry.webhook.name}: {entry.because}{more}"
    return Ref("ValidatingWebhookConfiguration", "", entry.name), message, hint


def _scopes(scopes: tuple[str, ...]) -> str:
    named = [scope for scope in scopes if scope != UNLABELLED]
    parts = ["unlabelled config"] if UNLABELLED in scopes else []
    return " and ".join(parts + ([f"config labelled {labels.REV}={'|'.join(named)}"] if named else []))


def _dangling(survey: Survey) -> Found:
    for entry in _diagnosis(survey).entries:
        if entry.harms:
            rejects = f": writes of {_scopes(entry.scopes)} are rejected"
            yield _about(entry, rejects, _wake(survey, entry) or _REPAIR)


def _wake(survey: Survey, entry: Entry) -> Hint:
    """The command for the control plane that it calls, where only that is down, and no other could take over."""
    planes = survey.mesh.control_planes
    revision = survey.mesh.served_by(entry.target, entry.labelled)
    plane = survey.mesh.control_plane(revision or "")
    if plane is None or plane.kind != "local" or not entry.target.asleep:
        return NO_HINT
    alone = UNLABELLED not in entry.scopes or not any(other.ready for other in planes)
    return why_unready(survey, plane)[1] if alone else NO_HINT


def _fail_open(survey: Survey) -> Found:
    for entry in _diagnosis(survey).entries:
        if entry.health is Health.FAIL_OPEN:
            yield _about(entry, f" ({_scopes(entry.scopes)})")


def _uncovered(survey: Survey) -> Found:
    for missing in _diagnosis(survey).uncovered:
        for config in missing.objects:
            yield Ref(config.resource, config.namespace, config.name), missing.because, _relabel(config, missing)
        if not missing.objects:
            message = f"{missing.because}: {_scopes((missing.scope,))} is accepted unseen"
            yield Ref("Revision", "", missing.scope or labels.DEFAULT), message, _make(survey, missing.scope)


def _make(survey: Survey, scope: str) -> Hint:
    """What makes the validator that is missing: this tool repairs validators, and makes none."""
    if scope != UNLABELLED:
        return sentence(f"install revision {scope} again: its validator is gone")
    if made := make_default_validator(survey):
        return made
    if not any(moves_validation(survey, revision) for revision in living(survey)):
        return sentence("install the chart base again, of the release that runs: its validator is gone")
    there = " or ".join(living(survey)) or "one that is ready"
    return sentence(f"choose the revision that should validate it ({there}), and point tag default to it")


def _relabel(config: IstioConfig, missing: Uncovered) -> Hint:
    """Its revision in place of the tag; a ghost's label is best taken off."""
    change = [f"{labels.REV}={label_of(missing.resolves)}", OVERWRITE] if missing.resolves else [f"{labels.REV}-"]
    return label(config.resource, config.name, *change, namespace=config.namespace)


def _leftover(survey: Survey) -> Found:
    for entry in _diagnosis(survey).entries:
        if entry.health is Health.LEFTOVER and not entry.harms:
            yield _about(entry, f"; it rejects {_scopes(entry.scopes)}" if entry.frozen else "")


def _mislabelled(survey: Survey) -> Found:
    for entry in _diagnosis(survey).entries:
        if entry.health is Health.MISLABELLED:
            yield _about(entry, hint=unignored(owner_of(entry.config.metadata)) or _REPAIR)


_E, _W = Severity.ERROR, Severity.WARNING
_NEEDS = ("validatingwebhookconfigurations", "services", "endpointslices", "pods", "deployments")
CHECKS = (
    Check("REV501", _E, "a config validator calls what does not answer",
          "failurePolicy Fail: every write of Istio config that it selects is rejected", _dangling,
          "istio#28880, istio#37512, istio#60596", needs=_NEEDS),
    Check("REV502", _W, "a config validator lets everything through",
          "failurePolicy Ignore: broken config is accepted without a word when the call fails", _fail_open,
          f"istio#28880; {sources.VALIDATOR_CAS}", needs=_NEEDS),
    Check("REV503", _W, "no validator selects some config", "broken config is accepted without a word", _uncovered,
          f"{sources.VALIDATOR}; {sources.CONFIG}", needs=(*_NEEDS, "istio.io")),
    Check("REV504", _W, "a validator is left over from a revision that is gone",
          "config with that revision's label cannot be written", _leftover, f"istio#36526; {sources.PRUNED}",
          needs=_NEEDS),
    Check("REV505", _W, "a validator's label and Service name different revisions",
          "its caBundle is not kept up to date by the istiod that it calls", _mislabelled, sources.VALIDATOR_CAS,
          needs=_NEEDS),
)  # fmt: skip
