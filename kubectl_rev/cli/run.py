"""The one boundary between a command and the process: help as kubectl shows it, streams, errors, exit codes."""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand

from kubectl_rev.commands.terminal import discard_stdout, err
from kubectl_rev.errors import RIGHTS, ExitCode, Forbidden, RevError

_UsageError: Any = typer.BadParameter.__base__  # typer carries its own click, which is not importable by name

_SHORT_WITH_EQUALS = re.compile(r"-[A-Za-z]=.").match  # kubectl takes -o=json and -v=6, typer only -ojson and -v6

_NO_NUMBER = ("Input should be a valid integer, unable to parse string as an integer", "want a whole number")
_TRUE = ("1", "t", "T", "TRUE", "true", "True")  # Go's strconv.ParseBool
_FALSE = ("0", "f", "F", "FALSE", "false", "False")

CONNECTION_FLAGS = (
    "Connection flags work as in kubectl, after the plugin's name: --context --cluster --user --kubeconfig\n"
    "--as --as-group --as-uid --token --server --tls-server-name --insecure-skip-tls-verify\n"
    "--certificate-authority --request-timeout --istio-namespace -v"
)


class KubectlCommand(TyperCommand):
    """A command whose help reads as kubectl's: what it does, examples, flags, exit codes, usage last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        flags = [param for param in self.get_params(ctx) if getattr(param, "is_flag", False)]
        switches = {name: param.opts for param in flags for name in param.opts}
        words: list[str] = []
        for word in args[:end]:
            flag, equals, value = word.partition("=")
            if not equals or flag not in switches:
                words.append(f"{word[:2]}{word[3:]}" if _SHORT_WITH_EQUALS(word) else word)
            elif value in _TRUE:
                words.append(flag)
            elif value in _FALSE:
                words = [given for given in words if given not in switches[flag]]
            else:
                raise _UsageError(f'invalid value "{value}" for {flag}: say true or false')
        return super().parse_args(ctx, words + args[end:])

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write((self.help or "").strip() + "\n")
        self.format_options(ctx, formatter)
        codes = "\n".join(f"  {code.value:>3}  {code.means}" for code in ExitCode)
        formatter.write(f"\n{CONNECTION_FLAGS}\n\nExit codes:\n{codes}\n\n")
        self.format_usage(ctx, formatter)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        words = "".join(f"{p.metavar} " for p in self.params if p.param_type_name == "argument" and p.metavar)
        formatter.write(f"Usage:\n  {ctx.command_path} {words}[options]\n")


def _app(command: Callable[..., None]) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    app.command(cls=KubectlCommand, context_settings={"help_option_names": ["-h", "--help"]})(command)
    return app


def main(command: Callable[..., None], prog: str) -> NoReturn:
    """Run a plugin and leave the process; `prog` is how the user calls it: `kubectl rev-status`."""
    if sys.argv[1:2] == ["__complete"]:  # how generators of completion scripts ask, and cobra's own programs answer
        complete(command, prog, sys.argv[2:])
    sys.setswitchinterval(0.0005)  # what waits for the network is not to wait for what decodes too: 5 ms by default
    gc.set_threshold(1_000_000)  # a command lives for a second, and looking for cycles was a tenth of it
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the caller closed it
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a job in the background may ignore it
        signal.signal(signal.SIGINT, _interrupted)
    try:
        code = outcome(command, prog)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
    _end(code)


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    """Ctrl-C: the terminal has written ^C, and what follows, the shell's prompt too, begins on a line of its own."""
    with contextlib.suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\n")  # not sys.stderr: it may be in the middle of a line
    raise KeyboardInterrupt


def _end(code: int) -> NoReturn:
    """Leave the process without taking all objects apart one by one: 30 ms on a large cluster, for nothing."""
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def complete(command: Callable[..., None], prog: str, words: Sequence[str]) -> NoReturn:
    """Answer what may stand where these words end, and leave the process."""
    from kubectl_rev.cli import completion

    completion.main(command, prog.removeprefix("kubectl "), words)


def outcome(command: Callable[..., None], prog: str, arguments: Sequence[str] | None = None) -> int:
    """Run a plugin on these arguments (the process's own by default) and tell its exit code; errors are told."""
    try:
        given = list(arguments) if arguments is not None else None
        return int(_app(command)(given, prog_name=prog, standalone_mode=False) or ExitCode.OK)
    except typer.Exit as left:
        return left.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except _UsageError as error:
        message = error.format_message().replace("Value error, ", "").replace(*_NO_NUMBER)
        err(f"error: {message[:1].lower()}{message[1:]}\nSee '{prog} --help'.")
        return ExitCode.USAGE
    except RevError as error:
        asking = isinstance(error, Forbidden) and error.verb in RIGHTS
        err(f"error: {_clean(error)}{'; the rights to ask for: kubectl rev-verify --rbac' if asking else ''}")
        return error.exit_code
    except BrokenPipeError:
        discard_stdout()
        return ExitCode.OK
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # of what typer writes, the help
            discard_stdout()
            err(f"error: cannot write the answer: {error.strerror}")
            return ExitCode.NO_ANSWER
        if any(word.startswith(("-v", "--v=")) for word in sys.argv):
            traceback.print_exc()
        what = f"{type(error).__name__}: {_clean(error)}"
        err(f"error: internal error: {what} (a bug in kubectl-rev; -v 6 shows the stack trace)")
        return ExitCode.BUG


def leave(code: ExitCode) -> None:
    """End the command with this exit code."""
    raise typer.Exit(code)


def _clean(error: Exception) -> str:
    from kubectl_rev.render.text import clean

    return clean(str(error))
