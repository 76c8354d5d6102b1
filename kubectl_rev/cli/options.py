"""kubectl's flags, once for all four plugins."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kubectl_rev import __version__
from kubectl_rev.commands.flags import ConnectionFlags
from kubectl_rev.commands.terminal import out
from kubectl_rev.errors import UsageError

if TYPE_CHECKING:
    from kubectl_rev.core.mesh.selectors import LabelSelector

# -o of all but rev-verify, which also writes JUnit
Format = Literal["table", "wide", "json", "yaml", "name"]


def _flag(kind: Any, default: Any, *names: str, help: str, hidden: bool = True) -> tuple[Any, Any]:
    """Annotation and default of a flag. A hidden one works, completes, and is named in one line of the help."""
    return Annotated[kind, typer.Option(*names, help=help, hidden=hidden)], default


_FLAGS: dict[str, tuple[Any, Any]] = {
    "namespace": _flag(str, "", "--namespace", "-n", help="Namespace to look at.", hidden=False),
    "context": _flag(str, "", "--context", help="Kubeconfig context."),
    "cluster": _flag(str, "", "--cluster", help="Kubeconfig cluster."),
    "user": _flag(str, "", "--user", help="Kubeconfig user."),
    "kubeconfig": _flag(str, "", "--kubeconfig", help="Kubeconfig file."),
    "as_user": _flag(str, "", "--as", help="User to impersonate."),
    "as_groups": _flag(list[str], (), "--as-group", help="Group to impersonate, repeatable."),
    "as_uid": _flag(str, "", "--as-uid", help="UID to impersonate."),
    "token": _flag(str, "", "--token", help="Bearer token."),
    "server": _flag(str, "", "--server", "-s", help="Address of the API server."),
    "tls_server_name": _flag(str, "", "--tls-server-name", help="Name in the server's certificate."),
    "insecure_skip_tls_verify": _flag(
        bool, False, "--insecure-skip-tls-verify", help="Do not check the server's certificate."
    ),
    "certificate_authority": _flag(str, "", "--certificate-authority", help="CA file."),
    "request_timeout": _flag(
        str,
        "0",
        "--request-timeout",
        help="Longest time for a request: 30s, 1m; 0 is the default: 30s of silence, 10m in all.",
    ),
    "istio_namespace": _flag(
        str,
        "",
        "--istio-namespace",
        help="Where istiod is, if it cannot be looked for everywhere, or two have one name.",
    ),
    "verbosity": _flag(int, 0, "-v", "--v", help="From 6 on, log requests."),
    "version": _flag(bool, False, "--version", help="The version; with -v 1, of its parts too.", hidden=False),
}


def with_connection(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --version and kubectl's connection flags; it receives those as one argument, `connection`."""

    @wraps(command)
    def wrapper(**values: Any) -> None:
        flags = {field: values.pop(field) for field in _FLAGS}
        if flags.pop("version"):
            return out(_versions(all_parts=flags["verbosity"] > 0))
        flags["as_groups"] = tuple(flags["as_groups"] or ())
        flags["request_timeout"] = seconds(flags["request_timeout"], "--request-timeout") or None
        command(connection=ConnectionFlags(**flags), **values)

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


def as_given(command: Callable[..., None], values: dict[str, Any]) -> list[str]:
    """The flags that give a command these values of its own again: `["--to=canary", "--yes"]`.

    `values` are by parameter; those that are the default are left out.
    """
    flags: list[str] = []
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        value = values.get(name)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY or value in (None, parameter.default):
            continue
        declared = parameter.annotation.__metadata__[0]
        names = [word for word in (declared.default, *(declared.param_decls or ())) if str(word).startswith("--")]
        if names and value is True:
            flags.append(names[0])
        elif names:  # else it is the arguments
            flags += [f"{names[0]}={_text(one)}" for one in (value if isinstance(value, list) else [value])]
    return flags


def _text(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


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
        raise UsageError(f"invalid duration {duration!r} for {flag}: use a value such as 30s or 1m30s")
    return min(sum(float(number) * _UNITS[unit] for number, unit in parts), _FOREVER)


_PARTS = ("typer", "kubernetes", "msgspec", "protobuf")


def _versions(*, all_parts: bool) -> str:
    """`kubectl-rev 1.2.3`, and with all parts a line for Python and each library that decides what we do."""
    lines = [f"kubectl-rev {__version__}"]
    if all_parts:
        import platform
        from importlib.metadata import version

        lines += [f"Python {platform.python_version()} ({sys.platform} {platform.machine()})"]
        lines += [f"{part} {version(part)}" for part in _PARTS]
    return "\n".join(lines)
