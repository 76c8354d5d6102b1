"""What the API server's answers to the dry runs mean."""

import pytest

from kubectl_rev.core.mesh.inventory import Survey
from kubectl_rev.core.validation.probe import Answer, Probe, Reply, Works, gateway, proven, understood
from kubectl_rev.core.validation.validation import Health, diagnose
from tests.build import ISTIO, ns, world
from tests.core.test_validation import ISTIOCTL, changed

DENIED = 'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: no'
FAILED = (
    "cannot create gateways: the server answered 500: Internal error occurred: failed calling webhook "
    '"validation.istio.io": failed to call webhook: Post "https://istiod.istio-system.svc:443/validate?timeout=10s": '
    'service "istiod" not found'
)


@pytest.mark.parametrize(
    ("text", "answered", "reply"),
    [
        (DENIED, True, Reply(Answer.REJECTED, "rev.validation.istio.io", "configuration is invalid: no")),
        (
            FAILED,
            False,
            Reply(
                Answer.FAILED,
                "validation.istio.io",
                'Post "https://istiod.istio-system.svc:443/validate?timeout=10s": service "istiod" not found',
            ),
        ),
        (
            'admission webhook "policy.example" denied the request: no gateways here',
            True,
            Reply(Answer.REFUSED, "policy.example", "no gateways here"),
        ),
        ("exceeded quota", True, Reply(Answer.REFUSED, message="exceeded quota")),
        ("the server is down", False, Reply(Answer.UNKNOWN, message="the server is down")),
    ],
)
def test_what_an_answer_means(text, answered, reply):
    assert understood(text, answered=answered) == reply


YES, NO = Reply(Answer.ACCEPTED), Reply(Answer.REJECTED, "validation.istio.io", "invalid")
DEAD, POLICY, SILENT = Reply(Answer.FAILED), Reply(Answer.REFUSED), Reply(Answer.UNKNOWN)


@pytest.mark.parametrize(
    ("invalid", "valid", "works"),
    [
        (NO, YES, Works.YES),
        (YES, YES, Works.OPEN),
        (DEAD, DEAD, Works.FROZEN),
        (NO, NO, Works.FROZEN),
        (NO, DEAD, Works.FROZEN),
        (NO, POLICY, Works.UNKNOWN),
        (POLICY, YES, Works.UNKNOWN),
        (SILENT, SILENT, Works.UNKNOWN),
    ],
)
def test_both_answers_together(invalid, valid, works):
    assert Probe("", invalid, valid).works is works


def test_what_is_sent_can_never_take_a_name_and_is_invalid_in_every_release():
    bad, good = (gateway("canary", "istio-system", "v1", valid=valid) for valid in (False, True))
    for each in (bad, good):
        assert "name" not in each["metadata"]
        assert each["metadata"]["labels"] == {"istio.io/rev": "canary"}
    assert bad["metadata"]["annotations"] == {"internal.istio.io/webhook-always-reject": "true"}
    assert bad["spec"]["servers"][0]["port"]["protocol"] == "INVALID"
    assert "annotations" not in good["metadata"]
    assert "labels" not in gateway("", "istio-system", "v1", valid=True)["metadata"]


@pytest.mark.parametrize("config", [changed(label="gone"), changed()], ids=["mislabelled", "healthy by its looks"])
def test_an_entry_whose_call_fails_is_dangling_whatever_it_looks_like(config):
    """Such as one with a caBundle of another CA, which no list shows."""
    diagnosis = diagnose(Survey(world(*ISTIOCTL[:3], config, ns(ISTIO))))
    untrusted = Reply(Answer.FAILED, "validation.istio.io", "x509: unknown authority")
    found = proven(diagnosis, [Probe("", untrusted, untrusted)])
    assert [e.because for e in found.entries if e.health is Health.DANGLING] == [
        "validation.istio.io: x509: unknown authority"
    ]
    works = Probe("", Reply(Answer.REJECTED, "validation.istio.io"), Reply(Answer.ACCEPTED))
    assert proven(diagnosis, [works]) == diagnosis
