"""kubectl rev-status on a real cluster with two real istiods, run by real kubectl."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from kubectl_rev.core.mesh.labels import PER_POD_LABELS
from kubectl_rev.core.mesh.resources import facts_of
from kubectl_rev.errors import ExitCode
from tests.cluster.network import Forwarder

pytestmark = pytest.mark.cluster
CALM = (
    "Not checked: whether the API server reaches istiod, which istiod each proxy is connected to, "
    "other clusters, VMs.\n"
)


def status(cluster, *arguments):
    """kubectl rev-status: the finished process."""
    return cluster.run("kubectl", "rev-status", *arguments, check=False)


def answer(cluster, *arguments):
    """Its JSON."""
    done = status(cluster, *arguments, "-o", "json")
    assert done.returncode == ExitCode.OK, done.stderr
    return json.loads(done.stdout)


def namespace(cluster, name, **labels):
    said = {key.replace("_", "-"): value for key, value in labels.items()}
    if "rev" in said:
        said["istio.io/rev"] = said.pop("rev")
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": said}})


def roll_out(cluster, space, *names):
    for name in names:
        cluster.kubectl("rollout", "status", name, "-n", space, "--timeout=60s")


@pytest.fixture(scope="module")
def mesh(cluster):
    cluster.reset("istioctl")
    return cluster


def test_the_guide_up_to_the_data_plane(mesh):
    namespace(mesh, "test-ns", istio_injection="enabled")
    mesh.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3", "-n", "test-ns")
    roll_out(mesh, "test-ns", "deployment/web")
    spaces = len(mesh.items("namespaces"))
    before = (
        "REVISION   TAGS      DEFAULT   VERSION   ISTIOD   NAMESPACES   PROXIES\n"
        "canary     -         -         1.31.0    1/1      0            0\n"
        "default    default   *         1.30.3    1/1      1            3\n"
        "\n"
        f"All {spaces} namespaces are fine.\n"
        "\n" + CALM
    )
    assert status(mesh).stdout == before

    mesh.kubectl("label", "namespace", "test-ns", "istio-injection-", "istio.io/rev=canary")
    assert status(mesh).stdout == (
        "REVISION   TAGS      DEFAULT   VERSION   ISTIOD   NAMESPACES   PROXIES\n"
        "canary     -         -         1.31.0    1/1      1            0 (3 selected)\n"
        "default    default   *         1.30.3    1/1      0            3 (0 selected)\n"
        "\n"
        "NAMESPACE   LABEL                 SELECTED   PROXIES     NOTE\n"
        "test-ns     istio.io/rev=canary   canary     default 3   restart deployment/web\n"
        f"{spaces - 1} other namespaces are fine.\n"
        "\n"
        "REV202 warning  deployment/web -n test-ns  3 pods on default, canary is selected\n"
        "                kubectl rollout restart deployment/web -n test-ns\n"
        "\n" + CALM
    )
    assert status(mesh, "ns/test-ns").stdout == (
        "namespace/test-ns: new pods are injected by canary: the namespace says istio.io/rev=canary\n"
        "  labels      istio.io/rev=canary\n"
        "  istio-revision-tag-default (tag default, revision default)\n"
        "    rev.namespace.   no        istio.io/rev must be default, is canary\n"
        "    rev.object.      no        istio.io/rev must be absent, is canary\n"
        "    namespace.       no        istio-injection must be enabled, is absent\n"
        "    object.          no        istio.io/rev must be absent, is canary\n"
        "  istio-sidecar-injector (revision default)\n"
        "    all entries   no        deactivated when tag default was set\n"
        "  istio-sidecar-injector-canary (revision canary)\n"
        "    rev.namespace.   matches   the namespace says istio.io/rev=canary\n"
        "    rev.object.      no        istio.io/rev must be absent, is canary\n"
        "  istiod of canary accepts it: no host network, no opt-out, policy enabled\n"
        "  running     3 pods injected by default (says sidecar.istio.io/status): a restart moves them to canary\n"
        "  next        kubectl rollout restart deployment/web -n test-ns\n"
    )

    mesh.kubectl("rollout", "restart", "deployment", "-n", "test-ns")
    roll_out(mesh, "test-ns", "deployment/web")
    mesh.wait_until("the old pods to go", lambda: len(mesh.items("pods", "-n", "test-ns")) == 3)
    after = before.replace("1/1      0            0", "1/1      1            3")
    assert (
        status(mesh).stdout
        == after[: after.index("default  ")]
        + ("default    default   *         1.30.3    1/1      0            0\n")
        + before[before.index("\nAll") :]
    )


def test_every_kind_of_workload_and_its_owner(mesh):
    namespace(mesh, "kinds", rev="canary")
    pod = {"containers": [{"name": "app", "image": "app"}]}
    never = pod | {"restartPolicy": "Never"}

    def of(kind, version, name, **spec):
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "kinds"}, "spec": spec}

    def template(app, spec=pod):
        return {"metadata": {"labels": {"app": app}}, "spec": spec}

    chosen = {app: {"matchLabels": {"app": app}} for app in ("db", "agent", "lone", "host")}
    mesh.apply(
        of(
            "StatefulSet", "apps/v1", "db", serviceName="db", replicas=2, selector=chosen["db"], template=template("db")
        ),
        of("DaemonSet", "apps/v1", "agent", selector=chosen["agent"], template=template("agent")),
        of("ReplicaSet", "apps/v1", "lone", replicas=1, selector=chosen["lone"], template=template("lone")),
        of(
            "DaemonSet",
            "apps/v1",
            "host",
            selector=chosen["host"],
            template=template("host", pod | {"hostNetwork": True}),
        ),
        of("Job", "batch/v1", "job", template=template("job", never)),
        of(
            "CronJob",
            "batch/v1",
            "cron",
            schedule="0 0 1 1 *",
            jobTemplate={"spec": {"template": template("cron", never)}},
        ),
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "namespace": "kinds"}, "spec": pod},
    )
    mesh.kubectl("create", "job", "from-cron", "--from=cronjob/cron", "-n", "kinds")
    mesh.wait_until(
        "8 pods", lambda: len(mesh.items("pods", "-n", "kinds", "--field-selector=status.phase=Running")) == 8
    )
    items = answer(mesh, "workloads", "-n", "kinds")["items"]
    on_canary = {"canary": 1}
    assert [(i["kind"], i["name"], i["selected"]["state"], i["proxyRevisions"], i["drift"]) for i in items] == [
        ("CronJob", "cron", "injected", on_canary, False),
        ("DaemonSet", "agent", "injected", on_canary, False),
        ("DaemonSet", "host", "none", {}, False),
        ("Job", "job", "injected", on_canary, False),
        ("Pod", "bare", "injected", on_canary, False),
        ("ReplicaSet", "lone", "injected", on_canary, False),
        ("StatefulSet", "db", "injected", {"canary": 2}, False),
    ]
    pods = answer(mesh, "pods", "-n", "kinds")["items"]
    owners = {item["name"]: item["owner"] for item in pods}
    assert owners["bare"] is None
    assert owners["db-0"] == {"kind": "StatefulSet", "name": "db"}
    assert [o for name, o in owners.items() if name.startswith("from-cron")] == [{"kind": "CronJob", "name": "cron"}]
    assert {item["evidence"] for item in pods if item["hasProxy"]} == {"sidecar.istio.io/status"}
    of_injection = {
        "security.istio.io/tlsMode",
        *(f"service.istio.io/canonical-{what}" for what in ("name", "revision")),
    }
    for item in mesh.items("pods", "-n", "kinds") + mesh.items("pods", "-n", "test-ns"):
        controllers = item["metadata"].get("ownerReferences", [{"kind": "Pod"}])
        facts = facts_of({"ReplicaSet": "Deployment"}.get(controllers[0]["kind"], controllers[0]["kind"]))
        added = item["metadata"].get("labels", {}).keys() - {"app"} - of_injection
        if item["metadata"]["name"].startswith("lone-"):
            facts = facts_of("ReplicaSet")
        assert {*facts.adds} - PER_POD_LABELS <= added <= {*facts.adds}, item["metadata"]


@pytest.mark.parametrize(
    ("name", "label", "revision"),
    [("asking", "sidecar.istio.io/inject=true", "default"), ("pinning", "istio.io/rev=canary", "canary")],
)
def test_a_label_that_a_policy_adds_to_pods_leaves_open_who_injects_them(mesh, name, label, revision):
    namespace(mesh, name)
    mesh.apply(*policy(name, *label.split("=")))
    mesh.kubectl("create", "deployment", "web", "--image=nginx", "-n", name)

    def pods():
        return answer(mesh, "workloads", "-n", name)["items"][0]["proxyRevisions"]

    def again():  # until the API server knows of the policy
        mesh.kubectl("delete", "pods", "--all", "-n", name)
        return pods() == {revision: 1}

    mesh.wait_until("the policy", again, 30)
    (item,) = answer(mesh, "workloads", "-n", name)["items"]
    assert (item["selected"]["state"], item["selected"]["revision"]) == ("unknown", None)
    assert item["note"] == f"its pods have {label}, which its template lacks: something adds it at admission"
    # A label of the namespace decides whatever the policy adds, as the dry run of a pod proves.
    other = {"default": "canary", "canary": "default"}[revision]
    done = mesh.run("kubectl", "rev-migrate", name, "--to", f"revision/{other}", "--enroll", "--yes", check=False)
    assert done.returncode == ExitCode.OK, done.stderr
    assert pods() == {other: 1}
    mesh.kubectl("delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", name)


def policy(name, key, value):
    """A label on every new pod of the namespace of this name."""
    version = "admissionregistration.k8s.io/v1"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    chosen = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}, "resourceRules": [pods]}
    made = f'Object{{metadata: Object.metadata{{labels: {{"{key}": "{value}"}}}}}}'
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": made}}
    spec = {"matchConstraints": chosen, "mutations": [mutation], "reinvocationPolicy": "Never"}
    return (
        {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {
            "apiVersion": version,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name},
        },
    )


def test_a_saved_dump_answers_as_the_cluster_does(mesh, tmp_path):
    for name in ("saved.yaml", "saved.json"):
        path = str(tmp_path / name)
        assert status(mesh, "--save", path).returncode == ExitCode.OK
        assert not re.search(r'kind"?: *"?Secret', Path(path).read_text())
        for arguments in ([], ["ns"], ["workloads", "-A"], ["pods", "-A"], ["tags"], ["revisions"], ["gateways", "-A"]):
            assert answer(mesh, *arguments, "-f", path) == answer(mesh, *arguments), arguments
        assert status(mesh, "ns/kinds", "-f", path).stdout == status(mesh, "ns/kinds").stdout


def test_what_is_saved_is_the_whole_mesh_whatever_was_asked(mesh, tmp_path):
    namespace(mesh, "saved", rev="canary")
    mesh.kubectl("create", "deployment", "web", "--image=nginx", "-n", "saved")
    mesh.wait_until("the pod", lambda: mesh.items("pods", "-n", "saved"))
    path = str(tmp_path / "saved.yaml")
    for asked in (["pods", "-n", "saved"], ["deployment/web", "-n", "saved"]):
        assert answer(mesh, *asked, "--save", path) == answer(mesh, *asked)
        for arguments in ([], ["pods", "-A"], ["workloads", "-A"]):
            assert answer(mesh, *arguments, "-f", path) == answer(mesh, *arguments), arguments


def test_the_number_of_requests_does_not_grow_with_the_cluster(mesh):
    def requests():
        said = status(mesh, "-v", "6").stderr
        return sorted(line.split()[1].partition("?")[0] for line in said.splitlines() if line.startswith("GET"))

    before = requests()
    assert len(before) > 10
    for i in range(10):
        namespace(mesh, f"more-{i}", rev="canary")
        mesh.kubectl("create", "deployment", "web", "--image=nginx", "-n", f"more-{i}")
    for i in range(10):
        roll_out(mesh, f"more-{i}", "deployment/web")
    assert requests() == before


RULES = {
    "namespaces": "",
    "pods": "",
    "services": "",
    "deployments": "apps",
    "statefulsets": "apps",
    "daemonsets": "apps",
    "replicasets": "apps",
    "jobs": "batch",
    "cronjobs": "batch",
    "mutatingwebhookconfigurations": "admissionregistration.k8s.io",
    "validatingwebhookconfigurations": "admissionregistration.k8s.io",
    "endpointslices": "discovery.k8s.io",
    "configmaps": "",
}


def allow(cluster, resources):
    """Let `reader` get and list exactly these."""
    rules = [{"apiGroups": [RULES[each]], "resources": [each], "verbs": ["get", "list"]} for each in resources]
    config = ["networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"]
    optional = {
        "apiGroups": ["gateway.networking.k8s.io", "argoproj.io", "apps.openshift.io", *config],
        "resources": ["*"],
        "verbs": ["get", "list"],
    }
    forward = {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]}
    core = {"apiGroups": [""], "resources": ["replicationcontrollers"], "verbs": ["get", "list"]}
    rbac = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "reading"}}
    cluster.apply(
        role | {"rules": [*rules, optional, forward, core]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "reading"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "reading"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": "reader"}],
        },
    )


def settled(cluster, allowed, *arguments):
    """rev-status as `reader`, when the API server has noticed what it may do."""

    def noticed():
        for each in RULES:
            group = f".{RULES[each]}" if RULES[each] else ""
            may = cluster.run("kubectl", "auth", "can-i", "list", each + group, "-A", "--as=reader", check=False).stdout
            if (may.strip() == "yes") != (each in allowed):
                return False
        return True

    cluster.wait_until("RBAC to be noticed", noticed)
    return status(cluster, "--context", "reader", *arguments)


def test_all_rights_leave_no_gap(mesh):
    allow(mesh, RULES)
    done = settled(mesh, RULES, "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["gaps"]) == (ExitCode.OK, [])
    assert json.loads(done.stdout) == answer(mesh)


@pytest.mark.parametrize("missing", RULES)
def test_one_right_missing_is_a_gap_and_the_rest_is_reported(mesh, missing):
    whole = answer(mesh)
    allowed = [each for each in RULES if each != missing]
    allow(mesh, allowed)
    done = settled(mesh, allowed, "-o", "json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    resource = f"{missing}.{RULES[missing]}" if RULES[missing] else missing
    assert {gap["resource"] for gap in report["gaps"]} == {resource}
    assert {gap["verb"] for gap in report["gaps"]} <= {"list", "get"}
    unknown = {"pods": ("proxies", "selected"), "namespaces": ("namespaces",)}.get(missing, ())
    assert {plane[field] for plane in report["controlPlanes"] for field in unknown} <= {None}, "unknown is not zero"
    # Nothing that is reported differs from the truth, except by saying less.
    if missing not in ("pods", "deployments"):
        assert [p["revision"] for p in report["controlPlanes"]] == [p["revision"] for p in whole["controlPlanes"]]
    if missing != "namespaces":
        assert [n["name"] for n in report["namespaces"]] == [n["name"] for n in whole["namespaces"]]
    truth = {n["name"]: n["selected"]["state"] for n in whole["namespaces"]}
    for each in report["namespaces"]:
        assert each["selected"]["state"] in (truth[each["name"]], "unknown"), each
    if missing == "mutatingwebhookconfigurations":
        assert {each["selected"]["state"] for each in report["namespaces"]} == {"unknown"}
    assert f"Not checked: {resource}" in settled(mesh, allowed).stdout


def test_no_rights_at_all_is_no_answer(mesh):
    done = status(mesh, "--context", "limited")
    assert (done.returncode, done.stdout) == (ExitCode.NO_ANSWER, "")
    assert done.stderr == (
        "error: may not list namespaces, pods, mutatingwebhookconfigurations.admissionregistration.k8s.io: "
        'forbidden to user "limited"; the rights to ask for: kubectl rev-verify --rbac\n'
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--as", "limited"], "error: may not list namespaces, pods"),
        (
            ["--token", "a-secret"],
            "error: https://127.0.0.1:6443: the server has asked for the client to provide credentials",
        ),
        (["--server", "https://127.0.0.1:9"], "error: cannot connect to https://127.0.0.1:9"),
        (["--certificate-authority", "/etc/ssl/certs/ca-certificates.crt"], "error: "),
        (["--tls-server-name", "elsewhere"], "error: "),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else None,
)
def test_no_answer_is_one_line_and_exit_code_3(mesh, arguments, said):
    done = status(mesh, *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (ExitCode.NO_ANSWER, "", 1), done.stderr
    assert done.stderr.startswith(said)
    assert "a-secret" not in done.stderr


def test_the_as_of_a_kubeconfig_user_is_honoured(mesh, tmp_path):
    """kubectl acts as that user; the Python client would have acted as admin."""
    config = json.loads(mesh.kubectl("config", "view", "--raw", "-o", "json"))
    user = next(each for each in config["users"] if each["name"] == "admin")["user"]
    path = tmp_path / "config"

    user["as"] = "limited"
    path.write_text(json.dumps(config))
    done = status(mesh, "--kubeconfig", str(path), "--context", "admin")
    assert done.returncode == ExitCode.NO_ANSWER
    assert done.stderr.startswith("error: may not list namespaces")

    user["as-groups"] = ["system:masters"]
    path.write_text(json.dumps(config))
    assert status(mesh, "--kubeconfig", str(path), "--context", "admin").returncode == ExitCode.OK


def test_watch_draws_again_and_survives_a_cut_connection(mesh, tmp_path):
    namespace(mesh, "watched", istio_injection="enabled")
    with Forwarder("127.0.0.1", 6443) as forwarder:
        server = f"https://127.0.0.1:{forwarder.port}"
        command = mesh.command(["kubectl", "rev-status", "ns", "watched", "-w", "--no-headers", "--server", server])
        with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
            child = subprocess.Popen(command, env=mesh.environment(), stdout=out, stderr=err, start_new_session=True)

        def drawn(text):
            mesh.wait_until(
                f"{text} to be drawn", lambda: text in ((tmp_path / "out").read_text().splitlines() or [""])[-1]
            )

        drawn("istio-injection=enabled")
        mesh.kubectl("label", "namespace", "watched", "istio-injection-", "istio.io/rev=canary")
        drawn("istio.io/rev=canary")
        forwarder.cut()
        mesh.kubectl("label", "namespace", "watched", "istio.io/rev=ghost", "--overwrite")
        drawn("istio.io/rev=ghost")
        started = time.monotonic()
        os.killpg(child.pid, signal.SIGINT)
        assert child.wait(timeout=10) == ExitCode.INTERRUPTED
        assert time.monotonic() - started < 5
        assert "Traceback" not in (tmp_path / "err").read_text()


def test_the_layout_that_helm_leaves_is_calm_too(cluster):
    cluster.reset("helm")
    spaces = len(cluster.items("namespaces"))
    assert status(cluster).stdout == (
        "REVISION   TAGS   DEFAULT   VERSION   ISTIOD   NAMESPACES   PROXIES\n"
        "canary     -      -         1.31.0    1/1      0            0\n"
        "default    -      *         1.30.3    1/1      0            0\n"
        "\n"
        f"All {spaces} namespaces are fine.\n"
        "\n" + CALM
    )


def test_no_istio_is_no_answer(cluster):
    cluster.reset("istioctl")
    cluster.istioctl("uninstall", "--purge", "-y")
    cluster.wait_until("istiod to go", lambda: not cluster.items("pods", "-n", "istio-system"))
    done = status(cluster)
    assert (done.returncode, done.stdout) == (ExitCode.NO_ANSWER, "")
    assert done.stderr == (
        "error: no Istio here: no control plane and no sidecar injector; "
        "is this the right context? kubectl config get-contexts lists them\n"
    )
    cluster.reset("istioctl")


def test_a_rollout_that_has_not_ended_is_not_begun_again(mesh):
    """Its new pod fits on no node: a restart would add another one that waits beside it."""
    namespace(mesh, "rolls", istio_injection="enabled")
    mesh.kubectl("create", "deployment", "web", "--image=nginx", "-n", "rolls")
    roll_out(mesh, "rolls", "deployment/web")
    mesh.kubectl("label", "namespace", "rolls", "istio-injection-", "istio.io/rev=canary")
    template = {"spec": {"nodeSelector": {"kubernetes.io/hostname": "nowhere"}}}
    patch = json.dumps({"spec": {"progressDeadlineSeconds": 8, "template": template}})
    mesh.kubectl("patch", "deployment", "web", "-n", "rolls", "-p", patch)

    def hints():
        found = answer(mesh)["findings"]
        return [each["hint"] for each in found if each["code"] == "REV202" and each["subject"]["namespace"] == "rolls"]

    mesh.wait_until("the rollout to begin", lambda: hints() == ["kubectl rollout status deployment/web -n rolls"])
    mesh.wait_until("its deadline", lambda: hints()[0].startswith("kubectl describe pod web-"))
    assert "Pending" in mesh.kubectl(*hints()[0].split()[1:])
    note = "mend the rollout of deployment/web"
    assert [each["note"] for each in answer(mesh, "ns", "rolls")["items"]] == [note]
    mesh.kubectl("delete", "namespace", "rolls", "--wait=false")


def test_pods_that_wait_crash_or_go_do_not_run_on_the_revision(mesh):
    """Every kind of workload, by the pods' own status; the pods of a namespace without such are read as before."""
    before = {plane["name"]: plane for plane in answer(mesh, "revisions")["items"]}["canary"]
    namespace(mesh, "wait", rev="canary")

    def workload(kind, name, node, **spec):
        unready = {"kubectl-rev.test/never-ready": "true"} if name.startswith("crashes") else {}
        pod = {"containers": [{"name": "app", "image": "app"}], "nodeSelector": node}
        template = {"metadata": {"labels": {"app": name}, "annotations": unready}, "spec": pod}
        if kind == "Job":
            pod["restartPolicy"] = "Never"
        else:
            spec["selector"] = {"matchLabels": {"app": name}}
        meta = {"name": name, "namespace": "wait"}
        version = "batch/v1" if kind == "Job" else "apps/v1"
        return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": {**spec, "template": template}}

    mesh.apply(
        workload("Deployment", "fine", {}, replicas=3),
        workload("Deployment", "pending", {"there": "is-none"}, replicas=2),
        workload("StatefulSet", "crashes-db", {}, serviceName="db", replicas=1),
        workload("DaemonSet", "crashes-agent", {}),
        workload("Job", "crashes-job", {}),
        workload("ReplicaSet", "crashes-alone", {}, replicas=1),
    )
    roll_out(mesh, "wait", "deployment/fine")

    def counted():
        plane = {plane["name"]: plane for plane in answer(mesh, "revisions")["items"]}["canary"]
        return plane["proxies"] - before["proxies"], plane["notReady"] - before["notReady"]

    nodes = len(mesh.items("nodes"))
    mesh.wait_until("all pods", lambda: len(mesh.items("pods", "-n", "wait")) == 8 + nodes)
    mesh.wait_until("what their controllers report", lambda: counted() == (3, 5 + nodes))
    (space,) = answer(mesh, "ns", "wait")["items"]
    assert (space["proxyRevisions"], space["notReady"]) == ({"canary": 8 + nodes}, 5 + nodes)
    screen = status(mesh, "ns", "wait").stdout
    assert f"canary {8 + nodes} ({5 + nodes} not ready)" in screen
    messages = {
        each["subject"]["name"]: each["message"] for each in answer(mesh)["findings"]
        if each["code"] == "REV216" and each["subject"]["namespace"] == "wait"
    }  # fmt: skip
    assert messages.keys() == {"pending", "crashes-db", "crashes-agent", "crashes-job", "crashes-alone"}
    assert "2 pods not ready (Pending), of 2 with a proxy" in messages["pending"]
    mesh.kubectl("delete", "namespace", "wait", "--wait=false")


def test_what_a_partition_keeps_moves_by_the_printed_command(mesh):
    namespace(mesh, "parted", istio_injection="enabled")
    container = {"name": "app", "image": "app"}
    spec = {
        "replicas": 3,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [container]}},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}},
    }
    meta = {"name": "db", "namespace": "parted"}
    mesh.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": spec})
    roll_out(mesh, "parted", "statefulset/db")
    mesh.kubectl("label", "namespace", "parted", "istio-injection-", "istio.io/rev=canary")

    def found():
        findings = answer(mesh)["findings"]
        return [each for each in findings if (each["code"], each["subject"]["namespace"]) == ("REV202", "parted")]

    (finding,) = found()
    assert "partition" in finding["message"]
    mesh.run("bash", "-ec", finding["hint"])
    roll_out(mesh, "parted", "statefulset/db")
    mesh.wait_until("the pods on canary", lambda: not found())


def test_names_in_several_namespaces_reach_kubectl_by_the_printed_recipe(mesh):
    for space in ("names-a", "names-b"):
        namespace(mesh, space, istio_injection="enabled")
        mesh.kubectl("create", "deployment", "web", "--image=nginx", "-n", space)
        roll_out(mesh, space, "deployment/web")
    named = status(mesh, "deploy", "web", "-A", "-o", "name")
    lines = [line for line in named.stdout.splitlines() if "names-" in line]
    recipe = named.stderr.partition("-o name | ")[2].strip()
    assert recipe == "xargs -L1 kubectl get"
    got = mesh.run("sh", "-c", f"{recipe} -o name --show-managed-fields=false", input="\n".join(lines) + "\n")
    assert got.stdout.splitlines() == ["deployment.apps/web", "deployment.apps/web"]
    rolled = recipe.replace("get", "rollout restart")
    mesh.run("sh", "-c", rolled, input="\n".join(lines) + "\n")
    for space in ("names-a", "names-b"):
        template = json.loads(mesh.kubectl("get", "deploy", "web", "-n", space, "-o", "json"))["spec"]["template"]
        assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    plain = status(mesh, "deploy", "-n", "names-a", "-o", "name")
    assert (plain.stdout, plain.stderr) == ("deployment.apps/web\n", "")
    for space in ("names-a", "names-b"):
        mesh.kubectl("delete", "namespace", space, "--wait=false")


def test_a_namespace_that_is_not_there(mesh):
    namespace(mesh, "there", istio_injection="enabled")
    done = status(mesh, "-n", "ther")
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr == 'error: namespace "ther" not found; did you mean there?\n'
    done = status(mesh, "pods", "-n", "ther")
    assert (done.returncode, done.stdout) == (ExitCode.OK, "")
    assert done.stderr.splitlines() == [
        "No resources found in ther namespace.",
        'note: namespace "ther" not found; did you mean there?',
    ]
    mesh.kubectl("delete", "namespace", "there", "--wait=false")


def test_a_deleted_service_of_istiod(cluster):
    """Injected by default and cut off: never safe, never served by another."""
    cluster.reset("istioctl")
    namespace(cluster, "cut", istio_injection="enabled")
    cluster.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3", "-n", "cut")
    roll_out(cluster, "cut", "deployment/web")
    cluster.kubectl("label", "namespace", "cut", "istio-injection-", "istio.io/rev=canary")
    cluster.kubectl("delete", "service", "istiod", "-n", "istio-system")
    found = {each["code"]: each["message"] for each in answer(cluster)["findings"]}
    assert found["REV116"] == (
        "no Service leads to its istiods: 3 proxies of revision default get no configuration and no new certificates"
    )
    done = cluster.run("kubectl", "rev-verify", "--uninstall", "default", "-o", "json", check=False)
    found = [each for each in json.loads(done.stdout)["findings"] if each["subject"]["name"] == "web"]
    assert done.returncode == ExitCode.FINDINGS
    assert [(each["code"], each["message"]) for each in found] == [
        ("REV302", "3 pods injected by it, whose Service is gone: cut off already")
    ]
