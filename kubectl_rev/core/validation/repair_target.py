"""Who is to validate what has lost its validator: must somebody be chosen, who could it be, who is it by default?"""

from __future__ import annotations

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.validation.coverage import UNLABELLED
from kubectl_rev.core.validation.istiod_services import bundles, missing_service, ready, service_of
from kubectl_rev.core.validation.validation import Diagnosis, Entry, Health
from kubectl_rev.core.validation.validator_steps import SERVICE


def needs_target(diagnosis: Diagnosis) -> bool:
    """Whether somebody must be chosen to validate unlabelled config."""
    default = diagnosis.default
    if default is None:
        return UNLABELLED in [each.scope for each in diagnosis.uncovered]
    return diagnosis.split is not None or must_move(default)


def candidates(survey: Survey, diagnosis: Diagnosis) -> list[str]:
    """The revisions that could validate unlabelled config: those that are ready and can be called."""
    found = ready(survey.mesh)
    if diagnosis.default is not None and wants_service(survey, diagnosis.default, found):
        return found
    return [r for r in found if service_of(survey.mesh, r) or missing_service(survey.mesh, r)]


def choose(survey: Survey, diagnosis: Diagnosis) -> str | None:
    """The one that holds the default, else the only one; None when a person must say."""
    found = candidates(survey, diagnosis)
    if diagnosis.default and labels.DEFAULT in found and wants_service(survey, diagnosis.default, found):
        return labels.DEFAULT  # the Service is its own: no proxy moves
    if survey.default.injection in found:
        return survey.default.injection
    return found[0] if len(found) == 1 else None


def must_move(entry: Entry) -> bool:
    """Whether label or Service are wrong; an Ignore that its istiod is about to turn to Fail is not."""
    if entry.health is Health.FAIL_OPEN:
        return entry.target.alive is False or not _kept(entry)
    return entry.health in (Health.DANGLING, Health.MISLABELLED) and not (_kept(entry) and entry.target.alive)


def _kept(entry: Entry) -> bool:
    """Whether the istiod that is called is the one that maintains it: then a missing caBundle is about to come."""
    return entry.labelled is not None and (not entry.target.revisions or entry.labelled in entry.target.revisions)


def wants_service(survey: Survey, entry: Entry, able: list[str]) -> bool:
    """Maintained by name, and all that is missing is the Service `istiod`."""
    if entry.labelled is not None or entry.target.service != SERVICE or entry.target.alive is not False:
        return False
    known = [bundle for revision in able for bundle in bundles(survey.mesh, revision)]
    bundle = entry.webhook.client_config.ca_bundle
    return bool(bundle) and entry.fails_closed and (bundle in known or not known)
