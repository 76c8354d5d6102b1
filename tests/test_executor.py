"""The executor on plain functions: order, pace, stopping, waiting by pod revision."""

from kubectl_rev.commands.migrate_execution import Execution
from kubectl_rev.core.migration.plan import Move, Plan, Proof, Restart
from kubectl_rev.core.migration.reasons import What
from kubectl_rev.core.migration.rollout import Seen
from kubectl_rev.core.migration.throttle import Throttle
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
