"""What we make of matchConditions is what the real API server makes of them, for many conditions and many pods.

A server of ours stands behind webhooks that have nothing but conditions, and notes which of them are called for a pod.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import NamedTuple

import pytest

from kubectl_rev.cluster.error_mapping import ServerFault
from kubectl_rev.cluster.read import read
from kubectl_rev.core.mesh.admission import Subject
from kubectl_rev.core.mesh.match_conditions import Call, Conditions, held
from kubectl_rev.core.mesh.objects import WebhookConfiguration
from kubectl_rev.errors import Forbidden
from tests.cluster.admission import conditions
from tests.cluster.admission.bench import Bench
from tests.cluster.admission.conditions import DECIDED, OPEN, SEVERAL, Pod
from tests.cluster.admission.recorder import QUIET
from tests.cluster.admission.server import admit
from tests.cluster.admission.worlds import World

pytestmark = pytest.mark.cluster
_NAME = "conditional"
_NUMBERS = count()


class Asked(NamedTuple):
    """One webhook for one pod: what we say, and what became of it."""

    expressions: tuple[str, ...]
    pod: Pod
    predicted: Conditions
    truth: Call
    said: str = ""

    @property
    def wrong(self) -> bool:
        if self.predicted.call is Call.UNKNOWN:
            return False
        reason = self.predicted.decisive
        if self.predicted.call is Call.REJECTS and (reason is None or reason.because not in self.said):
            return True
        return self.predicted.call is not self.truth


@pytest.fixture(scope="module")
def ready(bench: Bench) -> Iterator[Bench]:
    """A cluster without other injectors."""
    bench.bring(World("none", "helm", lambda bench: bench.replace([]), set()))
    bench.make(conditions.PLACES)
    return bench


def ask(bench: Bench, several: Sequence[tuple[str, ...]], pods: Sequence[Pod], policy: str) -> list[Asked]:
    """All these webhooks for all these pods; with failurePolicy Fail, one at a time."""
    asked: list[Asked] = []
    size = 1 if policy == "Fail" else 60
    for group in (several[start : start + size] for start in range(0, len(several), size)):
        entries = [
            bench.recorder.webhook(
                f"c{number}.{_NAME}.test", f"{QUIET}c{number}", failurePolicy=policy,
                matchConditions=[{"name": f"e{n}", "expression": e} for n, e in enumerate(expressions)],
                namespaceSelector={"matchLabels": conditions.PLACES[0].labels},
            )
            for number, expressions in enumerate(group)
        ]  # fmt: skip
        bench.replace([{"metadata": {"name": _NAME}, "webhooks": entries}])
        bench.catch_up()
        (config,) = (one for one in read(bench.connection).injectors if one.name == _NAME)
        with ThreadPoolExecutor(8) as pool:
            truths = list(pool.map(lambda pod: _called(bench, pod), pods))
        for pod, (calls, said) in zip(pods, truths, strict=True):
            asked += _held(config, group, pod, calls, said)
    return asked


def _held(
    config: WebhookConfiguration, group: Sequence[tuple[str, ...]], pod: Pod, calls: set[str], said: str
) -> Iterator[Asked]:
    subject = Subject(pod.namespace, {}, pod.labels, pod.annotations, pod.host_network, kind="Pod")
    for number, (webhook, expressions) in enumerate(zip(config.webhooks, group, strict=True)):
        truth = Call.REJECTS if said else Call.CALLED if f"c{number}" in calls else Call.SKIPPED
        yield Asked(expressions, pod, held(webhook, subject, changed=False), truth, said)


def _called(bench: Bench, pod: Pod) -> tuple[set[str], str]:
    """The webhooks that were called for a pod, and why it was rejected if it was."""
    name = f"pod-{next(_NUMBERS)}"
    try:
        admit(bench.connection, *pod, name=name)
    except (Forbidden, ServerFault) as error:
        return bench.recorder.noted[name], str(error)
    return bench.recorder.noted[name], ""


def _show(wrong: list[Asked]) -> str:
    return f"{len(wrong)} of\n" + "\n".join(
        f"{a.expressions} {a.pod}: {a.predicted} but {a.truth} {a.said}" for a in wrong[:12]
    )


@pytest.fixture(scope="module", params=["sample", pytest.param("full", marks=pytest.mark.long)])
def extent(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_conditions_decide_as_in_the_api_server(ready: Bench, extent: str, report: Callable[[str], None]) -> None:
    pods = conditions.sample() if extent == "sample" else conditions.full()
    composed = conditions.composed(12 if extent == "sample" else 120)
    several = [*((e,) for e in (*DECIDED, *OPEN, *composed)), *SEVERAL]
    asked = ask(ready, several, pods, "Ignore")
    wrong = [one for one in asked if one.wrong]
    counts = Counter(one.predicted.call.value for one in asked)
    report(f"matchConditions, {extent}: {len(asked)} situations, {len(wrong)} disagreements, {dict(counts)}")
    assert not wrong, _show(wrong)
    assert counts["called"] > len(asked) // 10
    assert counts["skipped"] > len(asked) // 10
    unknown = [one for one in asked if one.predicted.call is Call.UNKNOWN]
    for one in unknown:  # only where it may be, and the reason names what is not known
        assert one.expressions[0] in OPEN, one
        reason = one.predicted.decisive.because if one.predicted.decisive else ""
        assert OPEN[one.expressions[0]] in reason, one
    assert {one.expressions[0] for one in unknown} == set(OPEN)


FAILING = ("object.metadata.labels.app == 'web'", "object.metadata.labels.version < 2", "[1, 2][2] == 1",
           "object.metadata.labels.missing == 'x' || object.metadata.namespace == 'conditions-1'",
           "object.metadata.labels.all(k, k.startsWith('app'))", "request.subResource == ''",
           "object.metadata.labels.app.split('-')[1] == '1'", "object.metadata.labels.app.deeper == 'x'",
           "{'web': true, 'api': false}[object.metadata.labels.app]", "object.spec.hostNetwork == false")  # fmt: skip


def test_a_condition_that_fails_rejects_the_pod(ready: Bench, extent: str, report: Callable[[str], None]) -> None:
    several = [*((e,) for e in FAILING), *SEVERAL]
    pods, several = (conditions.full(), several) if extent == "full" else (conditions.sample(), several[::4])
    asked = ask(ready, several, pods, "Fail")
    wrong = [one for one in asked if one.wrong]
    counts = Counter(one.predicted.call.value for one in asked)
    report(f"the same with failurePolicy Fail, {extent}: {len(asked)} situations, {len(wrong)} wrong, {dict(counts)}")
    assert not wrong, _show(wrong)
    assert counts["rejects"]
    assert counts["called"]
    assert counts["skipped"]
