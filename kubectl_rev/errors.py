"""What can go wrong, and what the process answers then.

RevError
├── UsageError        the request makes no sense: bad flag, unknown revision, a dump that is none     2
├── Declined          the person said no, or could not be asked                                       2
├── ClusterError      no answer could be obtained                                                     3
│   ├── Unreachable   kubeconfig, TLS, credentials, network; TimedOut is one
│   ├── Forbidden     names verb and resource
│   └── NoIstio       reachable, but neither a control plane nor an injector
├── Changed           the cluster moved under the plan (409, or 422 of a failed test)                 4
└── Incomplete        a step failed after others were applied                                         4

A *finding* is data, not an exception; so is a *gap* (`core.mesh.snapshot.Gap`).
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees, and what each `means`: what `--help` and the docs print."""

    means: str

    def __new__(cls, value: int, means: str) -> ExitCode:
        code = int.__new__(cls, value)
        code._value_, code.means = value, means
        return code

    OK = 0, "success: safe, complete, healthy or done (rev-status: the cluster was read)"
    FINDINGS = 1, "findings: not safe, not complete, broken, or stopped by the preflight"
    USAGE = 2, "bad usage, unknown revision or tag, declined"
    NO_ANSWER = 3, "unknown: cluster unreachable, access denied, no Istio, or not all could be read"
    INCOMPLETE = 4, "incomplete: part applied, or timed out"
    BUG = 70, "internal error"
    INTERRUPTED = 130, "interrupted"


class RevError(Exception):
    """Ends a command with one line: `error: MESSAGE`. The message is lower case and says what to do next."""

    exit_code = ExitCode.NO_ANSWER


class UsageError(RevError):
    """The request itself makes no sense."""

    exit_code = ExitCode.USAGE


class Declined(RevError):
    """The person said no, or there was nobody to ask; nothing was changed."""

    exit_code = ExitCode.USAGE


class ClusterError(RevError):
    """No answer could be obtained."""


class Unreachable(ClusterError):
    """Kubeconfig, TLS, credentials or network."""


class TimedOut(Unreachable):
    """No answer in time: to ask in another way would only be waited for twice."""


RIGHTS = ("get", "list", "watch")  # the verbs that `kubectl rev-verify --rbac` grants


class Forbidden(ClusterError):
    """The API server said 403 (or 401 for one resource); `verb`, `resource` and `namespace` say to what."""

    def __init__(self, verb: str, resource: str, namespace: str = "", reason: str = "forbidden") -> None:
        self.verb, self.resource, self.namespace, self.reason = verb, resource, namespace, reason
        where = f" in namespace {namespace}" if namespace else ""
        super().__init__(f"may not {verb} {resource}{where}: {reason}")


class NotFound(ClusterError):
    """The API server said 404: the object, or the whole resource, is not there."""


class NoIstio(ClusterError):
    """Reachable, but there is neither a control plane nor an injector."""


class Changed(RevError):
    """The cluster moved under the plan; nothing was overwritten."""

    exit_code = ExitCode.INCOMPLETE


class Incomplete(RevError):
    """A step failed after others were applied."""

    exit_code = ExitCode.INCOMPLETE
