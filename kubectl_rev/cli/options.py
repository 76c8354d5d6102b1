"""kubectl's flags, once for all four plugins."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubectl_rev.cli.run import say
from kubectl_rev.errors import UsageError

if TYPE_CHECKING:
    from kubectl_rev.core.mesh.selectors import LabelSelector


class Output(StrEnum):
    """-o"""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class Report(StrEnum):
    """-o of rev-verify, which also writes what pipelines read."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JUNIT = "junit"


class FailOn(StrEnum):
    """--fail-on"""

    ERROR = "error"
    WARNING = "warning"


class DryRun(StrEnum):
    """--dry-run"""

    NONE = "none"
    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """kubectl's connection flags as typed; empty means not given."""

    namespace: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    kubeconfig: str = ""
    as_user: str = ""
    as_group: tuple[str, ...] = ()
    as_uid: str = ""
    token: str = ""
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    request_timeout: str = "0"
    istio_namespace: str = ""
    verbosity: int = 0

    def flags(self, *, istioctl: bool = False) -> list[str]:
        """What a printed command must repeat to reach the same cluster as the same person; never the token.

        istioctl has kubectl's flags for the context, the kubeconfig and the impersonation, and no others.
        """
        said: list[str] = []
        for field, flag in _REPEATED.items():
            if istioctl and field not in _ISTIOCTL:
                continue
            value = getattr(self, field)
            if field == "server" and value:
                from kubectl_rev.cluster.address import shown

                value = shown(value)
            for each in value if isinstance(value, tuple) else [value] if value else []:
                text = f"{flag}={each}".encode(errors="replace").decode()  # argv may have bytes that are no UTF-8
                said += [flag] if each is True else [text]
        return said


_REPEATED = {
    "context": "--context",
    "cluster": "--cluster",
    "user": "--user",
    "kubeconfig": "--kubeconfig",
    "as_user": "--as",
    "as_group": "--as-group",
    "as_uid": "--as-uid",
    "server": "--server",
    "tls_server_name": "--tls-server-name",
    "insecure_skip_tls_verify": "--insecure-skip-tls-verify",
    "certificate_authority": "--certificate-authority",
}
_ISTIOCTL = ("context", "kubeconfig", "as_user", "as_group", "as_uid")


def _hidden(*names: str, help: str, metavar: str | None = None) -> Any:
    """A connection flag: works, completes, and is named in one line of the help instead of fifteen."""
    return typer.Option(*names, help=help, hidden=True, metavar=metavar)


_FLAGS: dict[str, tuple[Any, Any]] = {
    "namespace": (Annotated[str, typer.Option("--namespace", "-n", help="Namespace to look at.")], ""),
    "context": (Annotated[str, _hidden("--context", help="Kubeconfig context.")], ""),
    "cluster": (Annotated[str, _hidden("--cluster", help="Kubeconfig cluster.")], ""),
    "user": (Annotated[str, _hidden("--user", help="Kubeconfig user.")], ""),
    "kubeconfig": (Annotated[str, _hidden("--kubeconfig", help="Kubeconfig file.")], ""),
    "as_user": (Annotated[str, _hidden("--as", help="User to impersonate.")], ""),
    "as_group": (Annotated[list[str], _hidden("--as-group", help="Group to impersonate, repeatable.")], ()),
    "as_uid": (Annotated[str, _hidden("--as-uid", help="UID to impersonate.")], ""),
    "token": (Annotated[str, _hidden("--token", help="Bearer token.")], ""),
    "server": (Annotated[str, _hidden("--server", "-s", help="Address of the API server.")], ""),
    "tls_server_name": (Annotated[str, _hidden("--tls-server-name", help="Name in the server's certificate.")], ""),
    "insecure_skip_tls_verify": (
        Annotated[bool, _hidden("--insecure-skip-tls-verify", help="Do not check the server's certificate.")],
        False,
    ),
    "certificate_authority": (Annotated[str, _hidden("--certificate-authority", help="CA file.")], ""),
    "request_timeout": (
        Annotated[
            str, _hidden("--request-timeout", help="Longest silence of the server: 30s, 1m; 0 is the default, 30s.")
        ],
        "0",
    ),
    "istio_namespace": (
        Annotated[str, _hidden("--istio-namespace", help="Where istiod is, if it cannot be looked for everywhere.")],
        "",
    ),
    "verbosity": (Annotated[int, _hidden("-v", "--v", help="From 6 on, log requests.")], 0),
    "version": (
        Annotated[bool, typer.Option("--version", help="The version; with -v 1, of its parts too.")],
        False,
    ),
}


def with_connection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --version and kubectl's connection flags; it receives those as one argument, `connection`."""

    @wraps(command)
    def wrapper(**given: Any) -> None:
        said = {field: given.pop(field) for field in _FLAGS}
        if said.pop("version"):
            from kubectl_rev.cli.versions import versions

            return say(versions(all_parts=said["verbosity"] > 0))
        said["as_group"] = tuple(said["as_group"] or ())
        command(connection=Connection(**said), **given)

    own = inspect.signature(command, eval_str=True).parameters
    parameters = [p for name, p in own.items() if name != "connection"]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _FLAGS.items()
    ]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    del wrapper.__wrapped__
    return wrapper


# Go's time.ParseDuration; the longer names first, as they are searched for in this order.
_UNITS = {"h": 3600.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "m": 60.0, "s": 1.0}
_FOREVER = 1e8  # seconds: three years, and no system call finds it too long


def label_selector(text: str) -> LabelSelector | None:
    """What --selector says, None where it was not given. Raises UsageError."""
    from kubectl_rev.core.mesh import selectors

    try:
        return selectors.parse(text) if text else None
    except ValueError as error:
        raise UsageError(f"--selector: {error}") from error


def seconds(duration: str, flag: str) -> float:
    """A Go duration (`90s`, `1m30s`, `0`) or bare seconds, as kubectl takes it. Raises UsageError."""
    import re

    said = duration.removeprefix("+")
    parts = re.findall(rf"(\d+\.?\d*|\.\d+)({'|'.join(_UNITS)})", said)
    if re.fullmatch(r"\d+", said):
        parts = [(said, "s")]
    elif not parts or "".join(number + unit for number, unit in parts) != said:
        raise UsageError(f"invalid duration {duration!r} for {flag}: say 30s or 1m30s")
    return min(sum(float(number) * _UNITS[unit] for number, unit in parts), _FOREVER)
