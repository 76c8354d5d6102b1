"""The streams and the person at them: data to stdout, talk to stderr, the look of a terminal, the question before a
change. Light, since every start imports it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from kubectl_rev.errors import Declined, RevError

if TYPE_CHECKING:
    from kubectl_rev.render.text import Style


def out(text: str) -> None:
    """Data, to stdout. A reader that has gone (`| head`) changes nothing about the answer; a full disk is an error."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
    except OSError as error:
        discard_stdout()
        raise RevError(f"cannot write the answer: {error.strerror}") from error


def err(text: str) -> None:
    """What is said to the person, to stderr; lost where stderr is closed."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        pass


def discard_stdout() -> None:
    """Send the rest of stdout nowhere, after its reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def style(*, headers: bool = True, wide: bool = False, on_stderr: bool = False) -> Style:
    """How stdout (or stderr) is read: on a terminal its width, colours unless NO_COLOR, shortened long lists."""
    from kubectl_rev.render.text import Style

    stream = sys.stderr if on_stderr else sys.stdout
    terminal = stream.isatty()
    return Style(
        width=columns(stream) if terminal else None,
        color=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        limit=20 if terminal else None,
        headers=headers,
        wide=wide,
    )


def columns(stream: TextIO) -> int:
    """How wide a terminal is; COLUMNS beats it, as everywhere. shutil's own function looks at stdout only."""
    if stream is sys.stdout or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def can_ask() -> bool:
    """Whether a person is there to answer: never wait for input in a pipe."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """The line that the person answers, without blanks around it; empty at the end of the input."""
    from kubectl_rev.render.text import clean

    sys.stderr.write(f"{clean(question)} ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def confirm(question: str, *, context: str, server: str, yes: bool) -> None:
    """Return if the person agrees. Raises Declined, with nothing changed, if not or if nobody can be asked."""
    if yes:
        return
    if not can_ask():
        raise Declined("stdin is not a terminal; use --yes to confirm")
    from kubectl_rev.render.text import clean

    err(f"Context {clean(context)}, cluster {clean(server)}.")
    if ask(f"{question} [y/N]").lower() not in ("y", "yes"):
        raise Declined("nothing was changed")
