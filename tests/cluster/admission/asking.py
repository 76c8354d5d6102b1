"""Puts the same rows to our own code and to the API server, and says where the two differ."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
from tabulate import tabulate

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import ServerFault
from kubectl_rev.cluster.read import read
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.admission import Subject, consider
from kubectl_rev.core.mesh.injection import InjectionDecision, State, select
from kubectl_rev.core.mesh.revisions import Mesh
from kubectl_rev.errors import Forbidden
from tests.cluster.admission.rows import Row
from tests.cluster.admission.server import Object, admit, calls

_THREADS = 8


class _Status(msgspec.Struct):
    """What istiod writes on a pod that it injects."""

    revision: str


class Truth(NamedTuple):
    """What became of a pod. `said` is the API server's reason where it was rejected."""

    state: str
    revision: str | None = None
    said: str = ""


class Asked(NamedTuple):
    """A row, what we predict for it, which entries we say are called or may be, and what became of it."""

    row: Row
    predicted: InjectionDecision
    called: tuple[str, ...]
    perhaps: tuple[str, ...]
    problem: str
    truth: Truth

    @property
    def outcome(self) -> str:
        """The prediction in one word: a revision, or none, conflict, rejected, unknown."""
        return self.predicted.revision or self.predicted.state.value


class Comparison(NamedTuple):
    """All rows of one world, and how often the API server called each entry meanwhile."""

    mesh: Mesh
    asked: list[Asked]
    calls: Counter[str]

    @property
    def outcomes(self) -> set[str]:
        return {each.outcome for each in self.asked}

    def disagreements(self) -> list[Asked]:
        return [each for each in self.asked if not self._agree(each)]

    def predicted_calls(self) -> Counter[str]:
        return Counter(name for each in self.asked for name in each.called)

    def possible_calls(self) -> Counter[str]:
        return self.predicted_calls() + Counter(name for each in self.asked for name in each.perhaps)

    def _agree(self, each: Asked) -> bool:
        predicted, truth = each.predicted, each.truth
        match predicted.state:
            case State.CONFLICT:  # the last one called wins
                revisions = {injector.name: injector.revision for injector in self.mesh.injectors}
                return truth == Truth("injected", revisions[predicted.injectors[-1]])
            case State.REJECTED:  # and our reason is the API server's
                return truth.state == "rejected" and each.problem in truth.said
            case State.UNKNOWN:  # a world says where that may be, in its outcomes
                return truth.state in ("injected", "none", "rejected")
            case _:
                return truth == Truth(predicted.state.value, predicted.revision)


def compare(connection: Connection, rows: list[Row]) -> Comparison:
    """Predict every row from what our own reading finds, then ask the API server."""
    snapshot = read(connection)
    assert not snapshot.gaps
    mesh, given = Mesh(snapshot), {namespace.name: namespace.labels for namespace in snapshot.namespaces}
    plain = [Subject(row.namespace, given[row.namespace], kind="Pod") for row in rows]
    subjects = [subject.created_from(row.template) for subject, row in zip(plain, rows, strict=True)]
    predicted = [(select(mesh, subject), *_calls(mesh, subject)) for subject in subjects]
    before = calls(connection)
    with ThreadPoolExecutor(_THREADS) as pool:
        truths = list(pool.map(lambda row: ask(connection, row), rows))
    asked = [Asked(row, *said, truth) for row, said, truth in zip(rows, predicted, truths, strict=True)]
    return Comparison(mesh, asked, calls(connection) - before)


def _calls(mesh: Mesh, subject: Subject) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """The entries that are called, in order, those that may be, and the problem of the one that fails, the last."""
    found: list[str] = []
    perhaps: list[str] = []
    for injector, considered in zip(mesh.injectors, consider(mesh, subject), strict=True):
        for (webhook, target), trial in zip(injector.webhooks, considered.trials, strict=True):
            failed = [condition for condition in trial.conditions if condition.result == "error"]
            if trial.matches is None:
                perhaps.append(trial.webhook)
            if trial.matches and failed:
                return tuple(found), tuple(perhaps), failed[0].because
            if trial.matches:
                found.append(trial.webhook)
                if target.alive is False and webhook.failure_policy != "Ignore":
                    return tuple(found), tuple(perhaps), target.words
    return tuple(found), tuple(perhaps), ""


def ask(connection: Connection, row: Row) -> Truth:
    """What the API server makes of the row's pod."""
    try:
        pod = admit(connection, row.namespace, row.labels, row.annotations, row.host_network)
    except (ServerFault, Forbidden) as error:
        expected = ("failed calling webhook", "is forbidden: expression")
        return Truth("rejected" if any(words in str(error) for words in expected) else "?", said=str(error))
    status = pod["metadata"].get("annotations", {}).get(labels.STATUS)
    has_proxy = any(container["name"] == labels.PROXY_CONTAINER for container in _containers(pod))
    if has_proxy != (status is not None):
        return Truth("?", said=f"a proxy: {has_proxy}, but its status: {status}")
    return Truth("injected", msgspec.json.decode(status, type=_Status).revision) if status else Truth("none")


def _containers(pod: Object) -> Iterator[Object]:
    yield from pod["spec"]["containers"]
    yield from pod["spec"].get("initContainers", [])


def show(found: list[Asked], mesh: Mesh, limit: int = 40) -> str:
    """The rows as a table to read."""
    places = {namespace.name: namespace.labels for namespace in mesh.snapshot.namespaces}
    rows = [
        (
            each.row.namespace,
            _said(places[each.row.namespace]),
            _said(each.row.labels),
            each.row.annotation,
            each.row.host_network,
            each.outcome,
            each.truth.revision or each.truth.state,
            each.predicted.because,
            each.truth.said,
        )
        for each in found[:limit]
    ]
    headers = ("NAMESPACE", "LABELS", "POD", "ANNOTATION", "HOST", "WE SAY", "IT IS", "BECAUSE", "IT SAYS")
    return f"{len(found)} rows\n" + tabulate(rows, headers, tablefmt="plain", disable_numparse=True)


def _said(given: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in given.items() if key != "kubernetes.io/metadata.name")
