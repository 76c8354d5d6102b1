"""Which writes make Istio's config validated again, never more than needed? Diagnosis -> Plan.

Up to 1.10 istiod maintains one validator by its name, and the Service `istiod` is built into it: what is missing is the
Service. Since 1.11 it maintains those labelled with its revision: label and Service of the default validator move
together to a revision that lives. What a validator that is needed by nobody rejects is freed by deleting it.
"""

from __future__ import annotations

from itertools import groupby

import msgspec

from kubectl_rev.core.checks.hints import Hint, sentence
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.control_plane import label_of
from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.mesh.objects import ServiceReference
from kubectl_rev.core.mesh.ownership import owner_of
from kubectl_rev.core.remedies import at_source
from kubectl_rev.core.remedies.commands import tag_set
from kubectl_rev.core.validation.repair_target import (
    bundles,
    missing_service,
    must_move,
    needs_target,
    reconnecting,
    selector_of,
    service_of,
    wants_service,
)
from kubectl_rev.core.validation.validation import Diagnosis, Entry, Health
from kubectl_rev.core.validation.validator_steps import SERVICE, create_service, delete, move, repoint_service
from kubectl_rev.core.writes import Step


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the repair, and why. `settles`: istiod then turns the validator of this name to Fail."""

    step: Step
    why: str
    settles: str = ""


class Plan(msgspec.Struct, kw_only=True):
    """`to` is the revision that validates unlabelled config afterwards, where that must change.

    `settle`: validators that need no write, only their istiod's; `elsewhere`: changes to make at the source;
    `obstacles`: why something stays as it is; `warnings`: what else a write does; `advice`: what we do not do.
    """

    to: str | None = None
    writes: list[Write] = []
    settle: list[str] = []
    elsewhere: list[Hint] = []
    obstacles: list[Hint] = []
    warnings: list[str] = []
    advice: list[Hint] = []


def plan(survey: Survey, diagnosis: Diagnosis, to: str | None, *, force_owned: bool = False) -> Plan:
    """The repair of everything that is wrong; `to` where `needs_target`."""
    return _Planner(survey, diagnosis, force_owned).plan(to)


class _Planner:
    def __init__(self, survey: Survey, diagnosis: Diagnosis, force_owned: bool) -> None:
        self._survey, self._mesh, self._diagnosis = survey, survey.mesh, diagnosis
        self._force_owned = force_owned
        self._plan = Plan()
        self._restored: dict[str, ServiceReference] = {}
        self._validators = [[*entries] for _, entries in groupby(diagnosis.entries, key=lambda entry: entry.name)]

    def plan(self, to: str | None) -> Plan:
        diagnosis, default = self._diagnosis, self._diagnosis.default
        for revision in self._cut_off(to):
            if lost := missing_service(self._mesh, revision):
                self._restore(revision, lost)
        for entries in self._validators:
            if default is None or entries[0].config is not default.config:
                self._own(entries)
        if needs_target(diagnosis) and to is not None:
            self._plan.to = to
            tag_set, moves = self._tag_set(to), at_source.tag_moves(self._survey, to)
            if default is None:
                helm = at_source.default_revision(self._survey, to)
                self._advise(tag_set, f" makes the default validator; {moves}. With Helm: ", helm)
            elif diagnosis.split and to == diagnosis.split.validation and not must_move(default):
                start = f"{to} validates unlabelled config already; it is injection that "
                self._obstacle(start, f"{diagnosis.split.injection} holds: ", tag_set, f"; {moves}")
            elif wants_service(self._survey, default, [to]):
                self._alias(default, to)
            else:
                self._default(default, to)
        elif default is not None and default.health in (Health.FAIL_OPEN, Health.DANGLING) and not must_move(default):
            self._plan.settle.append(default.name)
        for entries in self._validators:
            if all(entry.health is Health.LEFTOVER for entry in entries):
                self._leftover(entries)
        self._advise_rest()
        return self._plan

    def _cut_off(self, to: str | None) -> list[str]:
        """The revisions that are to validate something, and may have lost the Service to be called by."""
        default = self._diagnosis.default
        own = {
            self._mesh.called(entry.serves[0], entry.target.namespace)
            for entry in self._diagnosis.entries
            if must_move(entry) and len(entry.serves) == 1 and (default is None or entry.config is not default.config)
        }
        if default is not None and to is not None and not wants_service(self._survey, default, [to]):
            own.add(to)
        return sorted(own)

    def _restore(self, revision: str, lost: ServiceReference) -> None:
        """Its own Service again: nothing moves, and injection and its proxies come back with it."""
        selector = selector_of(self._mesh, revision, lost.namespace)
        if selector is None:
            return
        where = f"service {lost.namespace}/{lost.name}"
        injectors = self._mesh.snapshot.injectors
        owners = (
            owner_of(config.metadata) for config in injectors if config.labels.get(labels.REV) == label_of(revision)
        )
        owner = next(filter(None, owners), None)
        self._restored[revision] = lost
        if owner and not self._force_owned:
            self._plan.elsewhere.append(at_source.restore(self._survey, owner, lost.namespace, lost.name, revision))
            return
        step = create_service(lost.namespace, selector, None, lost.name)
        self._plan.writes.append(Write(step=step, why=f"istiod {revision} is ready, and its {where} is gone"))
        self._advise(f"install revision {revision} again when you can, so that {where} is its installer's")

    def _service(self, revision: str) -> ServiceReference | None:
        return service_of(self._mesh, revision) or self._restored.get(revision)

    def _healed(self, entry: Entry) -> bool:
        """Whether the Service that comes back is all that it lacks."""
        target = entry.target
        service = self._restored.get(self._mesh.called(entry.labelled or "", target.namespace))
        return service is not None and (service.namespace, service.name) == (target.namespace, target.service)

    def _own(self, entries: list[Entry]) -> None:
        """A revision's own validator: back to that revision."""
        name = entries[0].name
        wrong = [entry for entry in entries if entry.health not in (Health.HEALTHY, Health.UNSEEN, Health.LEFTOVER)]
        if not wrong:
            return
        moving = [entry for entry in wrong if must_move(entry) and not self._healed(entry)]
        serves = sorted({self._mesh.called(name, entry.target.namespace) for entry in moving for name in entry.serves})
        if not moving:
            if not all(entry.fails_closed and self._healed(entry) for entry in wrong):
                self._plan.settle.append(name)
        elif len(serves) != 1:
            self._obstacle(f"{name} serves {', '.join(serves) or 'no living revision'}: change it by hand")
        elif (service := self._service(serves[0])) is None:
            self._obstacle(f"{name}: no Service leads to a ready istiod of {serves[0]}: install it again")
        else:
            self._move(moving, serves[0], service)

    def _default(self, entry: Entry, to: str) -> None:
        """The default validator: to another revision, if its istiod will then be able to close it."""
        own = self._diagnosis.of(label_of(to))
        service = self._service(to)
        fixed = {write.settles or write.step.name for write in self._plan.writes} | set(self._plan.settle)
        fixed |= {other.name for other in self._diagnosis.entries if self._healed(other)}
        if entry.labelled == label_of(to) and self._healed(entry):
            if not entry.fails_closed:
                self._plan.settle.append(entry.name)
        elif service is None:
            self._obstacle(f"no Service leads to a ready istiod of {to}")
        elif label_of(to) not in entry.scopes and (own is None or (own.broken and own.name not in fixed)):
            # istiod turns Ignore to Fail only after a Gateway labelled with its own revision was rejected.
            reason = own.broken if own else f"no validator selects {labels.REV}={label_of(to)}"
            self._obstacle(
                f"{entry.name} would stay at failurePolicy Ignore: istiod {to} proves itself through its own validator "
                f"first, and {reason}: install revision {to} again, or say --to another"
            )
        else:
            entries = [e for e in self._diagnosis.entries if e.name == entry.name and e.is_default]
            self._move(entries, to, service)

    def _move(self, entries: list[Entry], to: str, service: ServiceReference) -> None:
        config = entries[0].config
        owner = owner_of(config.metadata)
        if owner and not self._force_owned:
            self._plan.elsewhere.append(
                at_source.repoint(self._survey, owner, config.name, to, default=entries[0].is_default)
            )
            return
        if owner:
            self._plan.warnings.append(f"{config.name} is owned by {owner}, which may change it back")
        known = bundles(self._mesh, to)
        works = all(not entry.broken and entry.fails_closed for entry in entries)
        trusted = works and all(entry.webhook.client_config.ca_bundle in known for entry in entries)
        step = move(config, [entry.webhook for entry in entries], label_of(to), service, trusted=trusted)
        why = f"{labels.REV}={label_of(to)}, service {service.namespace}/{service.name}"
        if not trusted:
            why += f", failurePolicy Ignore until istiod {to} has filled in its caBundle and turned it to Fail"
        self._plan.writes.append(Write(step=step, why=why, settles=config.name))

    def _alias(self, entry: Entry, to: str) -> None:
        """A Service `istiod` in front of another revision's pods: every istiod's certificate is good for that name."""
        mesh, namespace = self._mesh, entry.target.namespace
        selector = selector_of(mesh, to, namespace)
        if selector is None:
            self._obstacle(f"istiod {to} does not run in namespace {namespace}, where {entry.name} calls {SERVICE}")
            return
        if label_of(to) != labels.DEFAULT:
            moved, host = reconnecting(self._survey), f"{SERVICE}.{namespace}.svc"
            if labels.DEFAULT in mesh.ready:
                self._obstacle(
                    f"istiod {labels.DEFAULT} is ready, and service {namespace}/{SERVICE} is the one its proxies "
                    f"connect to ({moved or 'none now'}): say --to {labels.DEFAULT}, which moves none of them"
                )
                return
            if moved:
                self._plan.warnings.append(f"proxies that know {host} reconnect to {to}: {moved}")
            self._plan.warnings.append(f"so do proxies of other clusters and VMs that know {host}")
        at = {(s.namespace, s.name): s for s in mesh.snapshot.services}
        own = service_of(mesh, to)
        existing = at.get((namespace, SERVICE))
        why = f"service {namespace}/{SERVICE} leads to istiod {to}"
        if existing is None:
            step = create_service(namespace, selector, at.get((own.namespace, own.name)) if own else None)
            self._plan.writes.append(Write(step=step, why=why))
        elif (owner := owner_of(existing.metadata)) and not self._force_owned:
            self._plan.elsewhere.append(at_source.reselect(owner, namespace, SERVICE))
        else:
            self._plan.writes.append(Write(step=repoint_service(existing, selector), why=why))

    def _leftover(self, entries: list[Entry]) -> None:
        config = entries[0].config
        if len(entries) != len(config.webhooks):
            name = entries[0].webhook.name
            self._obstacle(f"{config.name} has entries that are not Istio's: take {name} out by hand")
        elif (owner := owner_of(config.metadata)) and not self._force_owned:
            self._plan.elsewhere.append(at_source.remove(owner, config.name))
        else:
            self._plan.writes.append(Write(step=delete(config.metadata, labels.VALIDATORS), why=entries[0].because))

    def _advise_rest(self) -> None:
        """What is left to a person: config to relabel, revisions to install again, a default tag to move."""
        for missing in self._diagnosis.uncovered:
            if self._mesh.all_called(missing.scope) & self._mesh.existing:
                self._advise(f"install revision {missing.scope} again: {missing.because}")
        default, to = self._diagnosis.default, self._plan.to
        moved = default and any(write.settles == default.name for write in self._plan.writes)
        if to and moved and to not in self._restored and at_source.default_tag_dead(self._survey):
            start = "the injector of the default is dead as well, and this does not repair it; "
            self._advise(start, self._tag_set(to), f" repairs both; {at_source.tag_moves(self._survey, to)}")

    def _tag_set(self, to: str) -> Hint:
        return tag_set(self._survey, labels.DEFAULT, to)

    def _obstacle(self, *parts: str | Hint) -> None:
        self._plan.obstacles.append(sentence(*parts))

    def _advise(self, *parts: str | Hint) -> None:
        self._plan.advice.append(sentence(*parts))
