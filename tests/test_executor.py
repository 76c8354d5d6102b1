"""The executor on plain functions: order, pace, stopping, waiting by pod revision."""

import msgspec
import pytest

from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.core.migration.plan import Move, Plan, Proof, Restart
from kubectl_rev.core.migration.run import Seen, Throttle, What
from kubectl_rev.core.writes import Step
from kubectl_rev.errors import Changed


def step(name, kind="deployment.apps", says="restarted"):
    return Step(action="patch", resource="x", name=name, says=f"{kind}/{name} {says}")


def restart(space, name, *, pods=1, gateway=None):
    return Restart(
        kind="Deployment", namespace=space, name=name, step=step(name), revision="canary",
        proxies={"default": pods}, pods=pods, stamp="now", gateway=gateway,
    )  # fmt: skip


def move(space, *names, **more):
    proof = Proof(kind="Deployment", namespace=space, name="web", revision="canary", manifest={})
    return Move(
        namespace=space,
        before={"istio-injection": "enabled"},
        after={"istio.io/rev": "canary"},
        label=step(space, "namespace", "labeled"),
        back=step(f"{space}-back", "namespace", "labels put back"),
        proofs=(proof,),
        restarts=tuple(each if isinstance(each, Restart) else restart(space, each) for each in names),
        **more,
    )


class World:
    """A cluster whose workloads become ready `takes` looks after their restart; `stuck` ones never do."""

    def __init__(self, takes=2, stuck=(), wrong=(), refuses=()):
        self.now, self.takes, self.stuck, self.wrong, self.refuses = 0.0, takes, stuck, wrong, refuses
        self.written, self.begun, self.most, self.asked = [], {}, 0, 0

    def clock(self):
        return self.now

    def apply(self, step):
        if step.name in self.refuses:
            raise Changed(f"{step.name} changed meanwhile")
        self.written.append(step.name)
        self.begun[step.name] = self.now

    def prove(self, proofs):
        return [
            f"a pod of {each.namespace} would start without a sidecar"
            for each in proofs
            if each.namespace in self.wrong
        ]

    def pods(self, restart):
        done = restart.name not in self.stuck and self.now - self.begun.get(restart.name, 0) >= self.takes
        return [Seen(f"{restart.name}-1", "canary", "now", done, False)]

    def wait(self, seconds):
        self.now += 1

    def wanted(self, restart):
        self.asked += 1
        return 1

    def last_event(self, restart, pods):
        return "Unhealthy: no"


def run(plan, world, **pace):
    execution = Execution(plan, Throttle(**{"timeout": 10, **pace}), world, world.clock)
    most, says = 0, []
    for outcome in execution.run():
        says.append(outcome.message)
        most = max(most, len(execution.rolling))
    return execution, says, most


def test_label_proof_restart_wait_in_this_order():
    world = World()
    execution, says, _ = run(Plan(moves=(move("shop", "web", "db"),)), world)
    assert says == [
        "namespace/shop labeled",
        "deployment.apps/web restarted",
        "deployment.apps/web rolled out (canary, 1/1)",
        "deployment.apps/db restarted",
        "deployment.apps/db rolled out (canary, 1/1)",
    ]
    assert execution.failures == 0


def test_pace_per_namespace_and_overall():
    moves = tuple(move(space, *(f"{space}{n}" for n in range(4))) for space in "abcd")
    for per_namespace, overall, most in ((1, 10, 4), (2, 10, 8), (2, 3, 3), (1, 1, 1)):
        execution, _, seen = run(Plan(moves=moves), World(), per_namespace=per_namespace, overall=overall)
        assert seen == most
        assert sum(each.what is What.ROLLED_OUT for each in execution.done) == 16


def test_pause_between_two_workloads_of_a_namespace():
    world = World(takes=2)
    run(Plan(moves=(move("shop", "web", "db"),)), world, pause=30)
    assert world.begun["db"] - world.begun["web"] >= 32


def test_a_stuck_workload_is_named_and_nothing_more_is_begun():
    world = World(stuck=("b",))
    execution, says, _ = run(Plan(moves=(move("one", "a", "b", "c"), move("two", "d"))), world, overall=1)
    assert says[-1] == (
        "deployment.apps/b failed: not rolled out within 10s: 0 of 1 are ready on canary; not ready: b-1; "
        "last event: Unhealthy: no"
    )
    assert world.written == ["one", "a", "b"]
    assert [each.name for each in execution.left] == ["c", "d"]
    assert [each.namespace for each in execution.namespaces_left] == ["two"]


def test_more_failures_are_borne_when_asked_for():
    world = World(stuck=("b",))
    execution, _, _ = run(Plan(moves=(move("one", "a", "b", "c"),)), world, max_failures=2)
    assert world.written == ["one", "a", "b", "c"]
    assert execution.failures == 1


def test_a_wrong_proof_puts_the_labels_back_and_restarts_nothing():
    world = World(wrong=("shop",))
    execution, says, _ = run(Plan(moves=(move("shop", "web"),)), world)
    assert says == [
        "namespace/shop labeled",
        "namespace/shop failed: a pod of shop would start without a sidecar",
        "namespace/shop labels put back",
    ]
    assert world.written == ["shop", "shop-back"]
    assert execution.failures == 1


def test_what_somebody_else_changed_is_not_overwritten():
    world = World(refuses=("web",))
    _, says, _ = run(Plan(moves=(move("shop", "web", "db"),)), world)
    assert says[-1] == "deployment.apps/web failed: nothing was overwritten: web changed meanwhile"
    assert world.written == ["shop"]


def test_a_timeout_of_zero_does_not_wait():
    world = World(stuck=("web", "db"))
    _, says, _ = run(Plan(moves=(move("shop", "web", "db"),)), world, timeout=0)
    assert says == ["namespace/shop labeled", "deployment.apps/web restarted", "deployment.apps/db restarted"]


def test_gateways_wait_for_everything_else():
    gateway = move("ingress", restart("ingress", "gw", gateway="injected"))
    world = World(takes=5)
    run(Plan(moves=(move("one", "a", "b"), gateway)), world)
    assert world.begun["ingress"] >= world.begun["b"] + 5


def test_fewer_pods_than_planned_are_enough_when_the_workload_wants_fewer():
    world = World()
    plan = Plan(moves=(move("shop", restart("shop", "web", pods=3)),))
    _, says, _ = run(plan, world)
    assert says[-1] == "deployment.apps/web rolled out (canary, 1/1)"
    assert world.asked == 1


def test_a_namespace_whose_undo_failed_keeps_its_record():
    close = step("shop-close", "namespace", "undone")
    world = World(stuck=("web",))
    run(Plan(undo=True, moves=(move("shop", "web", close=close),)), world)
    assert "shop-close" not in world.written


def tag_plan(*moves, **more):
    """A tag of two objects that is moved, and what follows it."""
    steps = (step("injector", "tag", "now leads to canary"), step("service", "tag", "now leads to canary"))
    back = (step("injector-back", "tag", "put back to default"), step("service-back", "tag", "put back to default"))
    return Plan(tag="prod", first=steps, first_back=back, moves=moves, **more)


def outcomes(execution):
    return [(each.kind, each.name, each.what) for each in execution.done]


def unlabelled(space, *names, **more):
    return msgspec.structs.replace(move(space, *names, **more), label=None, back=None)


def test_a_tag_is_moved_before_anything_that_follows_it():
    world = World()
    execution, _, _ = run(tag_plan(unlabelled("shop", "web")), world)
    assert world.written == ["injector", "service", "web"]
    assert outcomes(execution)[:3] == [
        ("Tag", "injector", What.MOVED), ("Tag", "service", What.MOVED), ("Namespace", "shop", What.UNCHANGED),
    ]  # fmt: skip
    assert execution.failures == 0


@pytest.mark.parametrize(("refused", "written"), [("injector", []), ("service", ["injector", "injector-back"])])
def test_a_tag_that_cannot_be_moved_is_taken_back_and_nothing_is_begun(refused, written):
    world = World(refuses=(refused,))
    execution, says, _ = run(tag_plan(unlabelled("shop", "web")), world, max_failures=3)
    assert world.written == written
    assert f"tag/{refused} now leads to canary failed: nothing was overwritten: {refused} changed meanwhile" in says
    assert execution.stopped
    assert (execution.begun, [each.namespace for each in execution.namespaces_left]) == ([], ["shop"])
    assert (("Tag", "injector-back", What.PUT_BACK) in outcomes(execution)) is bool(written)


def test_a_tag_that_cannot_be_taken_back_either_is_told():
    execution, says, _ = run(tag_plan(unlabelled("shop")), World(refuses=("service", "injector-back")))
    assert outcomes(execution)[-1] == ("Tag", "injector-back", What.FAILED)
    assert says[-1].startswith("tag/injector-back put back to default failed: ")


@pytest.mark.parametrize(
    ("wrong", "undo", "taken_back"),
    [("one", False, True), ("two", False, False), ("one", True, False)],
    ids=["before anything was restarted", "after a restart", "an undo"],
)
def test_a_wrong_proof_takes_the_tag_back_unless_pods_run_by_it(wrong, undo, taken_back):
    world = World(wrong=(wrong,))
    run(tag_plan(unlabelled("one", "a"), unlabelled("two", "b"), undo=undo), world, overall=1)
    assert ("injector-back" in world.written) is taken_back
    assert [name for name in world.written if name.endswith("-back")] == (
        ["service-back", "injector-back"] if taken_back else []
    )


@pytest.mark.parametrize(
    ("more", "closed"),
    [({}, True), ({"stuck": ("web",)}, False), ({"refuses": ("web",)}, False)],
    ids=["all is back", "not rolled out", "not written"],
)
def test_what_an_undo_of_a_tag_goes_by_is_removed_when_all_is_back(more, closed):
    world = World(**more)
    last = (step("service-record", "tag", "undone"), step("injector-record", "tag", "undone"))
    execution, _, _ = run(tag_plan(unlabelled("shop", "web"), undo=True, last=last), world)
    assert (
        world.written[-2:] == ["service-record", "injector-record"] if closed else "service-record" not in world.written
    )
    assert (("Tag", "injector-record", What.UNDONE) in outcomes(execution)) is closed


def test_a_record_that_cannot_be_removed_is_a_failure():
    world = World(refuses=("service-record",))
    last = (step("service-record", "tag", "undone"), step("injector-record", "tag", "undone"))
    execution, _, _ = run(tag_plan(undo=True, last=last), world)
    assert (execution.failures, world.written) == (1, ["injector", "service"])


def test_an_undo_is_closed_by_its_own_write():
    close = step("shop-close", "namespace", "undone")
    world = World()
    execution, says, _ = run(Plan(undo=True, moves=(move("shop", "web", close=close),)), world)
    assert world.written == ["shop", "web", "shop-close"]
    assert (says[-1], execution.failures) == ("namespace/shop undone", 0)


def test_an_undo_that_cannot_be_closed_is_a_failure():
    close = step("shop-close", "namespace", "undone")
    execution, says, _ = run(Plan(undo=True, moves=(move("shop", "web", close=close),)), World(refuses=("shop-close",)))
    assert says[-1] == "namespace/shop failed: nothing was overwritten: shop-close changed meanwhile"
    assert execution.failures == 1


def test_one_namespaces_failure_keeps_only_its_own_undo_open():
    moves = [move(space, space[0], close=step(f"{space}-close", "namespace", "undone")) for space in ("bad", "good")]
    world = World(refuses=("b",))
    run(Plan(undo=True, moves=tuple(moves)), world, max_failures=2)
    assert "good-close" in world.written
    assert "bad-close" not in world.written


def test_no_namespace_begins_while_as_many_workloads_roll_as_may():
    """Three of one namespace are all that may roll: the other's label is not written before one of them is done."""
    world = World(takes=5)
    run(Plan(moves=(move("one", "a", "b", "c"), move("two", "d"))), world, per_namespace=3, overall=3)
    assert world.begun["two"] >= world.begun["a"] + 5


def test_no_more_namespaces_are_open_than_workloads_may_roll():
    """Nothing is waited for, and the pause keeps both open."""
    world = World()
    run(
        Plan(moves=(move("one", "a", "b"), move("two", "c", "d"), move("three", "e"))),
        world,
        timeout=0,
        pause=9,
        overall=2,
    )
    assert world.begun["two"] == world.begun["one"]
    assert world.begun["three"] >= world.begun["b"]


class Short(World):
    """For `briefly` looks after its restart a workload has a pod less than was planned."""

    def __init__(self, briefly):
        super().__init__(takes=0)
        self.briefly = briefly

    def pods(self, restart):
        short = self.now - self.begun[restart.name] < self.briefly
        return [Seen(f"web-{n}", "canary", "now", True, False) for n in range(1 if short else 2)]


@pytest.mark.parametrize(("briefly", "asked"), [(1, 0), (3, 0), (4, 1), (5, 1), (6, 2)])
def test_a_workload_is_asked_how_many_pods_it_wants_when_one_is_missing_for_a_while(briefly, asked):
    """Every two seconds; between two pods of a rollout there is one less for a moment."""
    world = Short(briefly)
    world.wanted = lambda restart: setattr(world, "asked", world.asked + 1) or 2
    _, says, _ = run(Plan(moves=(move("shop", restart("shop", "web", pods=2)),)), world)
    assert says[-1] == "deployment.apps/web rolled out (canary, 2/2)"
    assert world.asked == asked


class Pods(World):
    """A workload whose pods are these for ever."""

    def __init__(self, *pods, event=""):
        super().__init__()
        self.seen, self.event = pods, event

    def pods(self, restart):
        return list(self.seen)

    def wanted(self, restart):
        return restart.pods

    def last_event(self, restart, pods):
        self.asked_about = pods
        return self.event


OLD = [Seen(f"old-{n}", "default", "", True, False) for n in range(4)]
NEW = [Seen(f"new-{n}", "canary", "now", False, False) for n in range(4)]
READY = [Seen("ready", "canary", "now", True, False)]


@pytest.mark.parametrize(
    ("pods", "event", "says"),
    [
        (OLD, "", "0 of 5 are ready on canary; still old: old-0, old-1, old-2"),
        ([*READY, *OLD[:1]], "", "1 of 5 are ready on canary; still old: old-0"),
        ([*NEW, *OLD[:1]], "no", "0 of 5 are ready on canary; not ready: new-0, new-1, new-2; last event: no"),
        ([], "FailedCreate", "0 of 5 are ready on canary; last event: FailedCreate"),
    ],
    ids=["nothing happened", "half", "not ready", "no pods"],
)
def test_what_is_late_is_told_by_the_pods_that_keep_it(pods, event, says):
    world = Pods(*pods, event=event)
    plan = Plan(moves=(move("shop", restart("shop", "web", pods=5)),))
    execution, said, _ = run(plan, world)
    assert said[-1] == f"deployment.apps/web failed: not rolled out within 10s: {says}"
    assert world.asked_about == [pod.name for pod in pods if not (pod.ready and pod.revision == "canary")][:5]
    assert execution.failures == 1


def test_new_pods_of_another_revision_fail_at_once():
    wrong = Seen("web-1", "default", "now", True, False)
    execution, says, _ = run(Plan(moves=(move("shop", "web"),)), Pods(wrong))
    assert says[-1] == "deployment.apps/web failed: its new pods are not injected by canary: web-1"
    assert execution.failures == 1
