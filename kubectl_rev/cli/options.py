"""kubectl's flags, once for all four plugins."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kubectl_rev.commands.flags import ConnectionFlags
from kubectl_rev.commands.terminal import out
from kubectl_rev.errors import UsageError

if TYPE_CHECKING:
    from kubectl_rev.core.mesh.selectors import LabelSelector


# -o of all but rev-verify, which also writes JUnit
Format = Literal["table", "wide", "json", "yaml", "name"]


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
    "as_groups": (Annotated[list[str], _hidden("--as-group", help="Group to impersonate, repeatable.")], ()),
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
    def wrapper(**values: Any) -> None:
        flags = {field: values.pop(field) for field in _FLAGS}
        if flags.pop("version"):
            from kubectl_rev.cli.versions import versions

            return out(versions(all_parts=flags["verbosity"] > 0))
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
