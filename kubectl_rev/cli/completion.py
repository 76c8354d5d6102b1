"""Tab completion, as kubectl asks for it (k8s.io/kubectl/pkg/cmd/plugin/plugin_completion.go).

kubectl runs `kubectl_complete-rev_status` with the words after the plugin's name, the last being the one that is typed.
The answer is a candidate a line, a description after a tab, and last `:N`, cobra's word on what the shell may add.
Flags come from the command's own signature. Values that must be asked for (commands/completion.py) have little time: a
person waits with a finger on the key, so whatever goes wrong, nothing is said.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import Enum, IntEnum
from types import UnionType
from typing import Any, Literal, NoReturn, get_args, get_origin

from kubectl_rev.cli import options
from kubectl_rev.commands.flags import ConnectionFlags, Flag, TypedLine

_SECONDS = 3.0  # for all that is asked, unless --request-timeout says otherwise
_FILES = ("filename", "save", "since", "kubeconfig", "certificate_authority")


class Directive(IntEnum):
    """The values of cobra's ShellCompDirective that the plugins use."""

    FILES = 0
    NO_FILES = 4
    DIRECTORIES = 16


Candidates = Iterable[tuple[str, str]]  # value, description


def main(command: Callable[..., None], plugin: str, words: Sequence[str]) -> NoReturn:
    """Answer on stdout and leave the process; `plugin` is `rev-status`."""
    # kubectl passes stderr on to the terminal that somebody types in, and an exec credential plugin might ask there.
    if hasattr(os, "setpgid"):  # a group of our own, to end with us a credential plugin that hangs
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        with suppress(PermissionError):  # who leads a session leads its group already
            os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 2)
    _end(*answer(command, plugin, words))


def answer(command: Callable[..., None], plugin: str, words: Sequence[str]) -> tuple[Candidates, Directive, str]:
    """What may stand where these words end, how the shell is to take it, and the word that is typed."""
    known = flags(command)
    line = parse(known, words)
    if line.asked is None and line.word.startswith("-"):
        left = [flag for flag in known if flag.repeatable or flag.field not in line.values]
        return [(name, flag.help) for flag in left for name in flag.names], Directive.NO_FILES, line.word
    if line.asked and line.asked.field == "backups":
        return (), Directive.DIRECTORIES, line.word
    if line.asked and line.asked.field in _FILES:
        return (), Directive.FILES, line.word
    if line.asked and line.asked.choices:
        return [(choice, "") for choice in line.asked.choices], Directive.NO_FILES, line.word
    return _asked(plugin, line), Directive.NO_FILES, line.word


def flags(command: Callable[..., None]) -> list[Flag]:
    """The flags of a command, hidden ones too, from the annotations that typer makes them of."""
    found = [Flag("help", ("-h", "--help"), "Show this message and exit.", False, False, ())]
    for name, parameter in inspect.signature(command).parameters.items():
        of, info = get_args(parameter.annotation)
        names = tuple(word for word in (info.default, *(info.param_decls or ())) if str(word).startswith("-"))
        if not names:  # the command's arguments
            continue
        types = [of, *get_args(of)] if isinstance(of, UnionType) else [of]
        choices = [str(one.value) for t in types if isinstance(t, type) and issubclass(t, Enum) for one in t]
        choices += [word for t in types if get_origin(t) is Literal for word in get_args(t)]
        repeatable = any(get_origin(t) is list for t in types)
        found.append(Flag(name, names, info.help or "", of is not bool, repeatable, tuple(choices)))
    return found


def parse(known: Sequence[Flag], words: Sequence[str]) -> TypedLine:
    """The line as typer would read it; what it would refuse is passed over."""
    by_name = {name: flag for flag in known for name in flag.names}
    *before, word = words or [""]
    given: dict[str, list[str]] = {}
    arguments: list[str] = []
    asked: Flag | None = None
    only_arguments = False
    for typed in before:
        if asked:
            given.setdefault(asked.field, []).append(typed)
            asked = None
        elif only_arguments or not typed.startswith("-") or typed == "-":
            arguments.append(typed)
        elif typed == "--":
            only_arguments = True
        else:
            asked = _flag(by_name, typed, given)
    if asked is None and not only_arguments and word.startswith("-") and "=" in word:
        name, _, value = word.partition("=")
        if (flag := by_name.get(name)) and flag.takes_value:
            return TypedLine(given, arguments, flag, value, _connection(given))
    return TypedLine(given, arguments, asked, word, _connection(given))


def _connection(given: dict[str, list[str]]) -> ConnectionFlags:
    """The connection flags, to ask the cluster that the command would ask. Its time limit is `_asked`'s."""
    names = set(ConnectionFlags.__dataclass_fields__) - {"as_groups", "request_timeout", "verbosity"}
    known: dict[str, Any] = {field: texts[-1] for field, texts in given.items() if field in names}
    if "insecure_skip_tls_verify" in known:
        known["insecure_skip_tls_verify"] = True
    return ConnectionFlags(**known, as_groups=tuple(given.get("as_groups", ())))


def _flag(by_name: dict[str, Flag], word: str, given: dict[str, list[str]]) -> Flag | None:
    """Note a word of flags (`--to=x`, `-n`, `-nshop`, `-wA`); the flag whose value comes next, if one does."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        flag = by_name.get(name)
        if flag is None or (flag.takes_value and not equals):
            return flag
        given.setdefault(flag.field, []).append(value)
        return None
    for at, letter in enumerate(word[1:], 2):
        flag = by_name.get(f"-{letter}")
        if flag is None:
            return None
        if flag.takes_value:
            if not word[at:]:
                return flag
            given.setdefault(flag.field, []).append(word[at:].removeprefix("="))
            return None
        given.setdefault(flag.field, []).append("")
    return None


def _asked(plugin: str, line: TypedLine) -> Candidates:
    """What the cluster, the kubeconfig or the catalogue knows; nothing if they do not answer in time."""
    from kubectl_rev.commands import completion
    from kubectl_rev.errors import RevError

    try:
        seconds = options.seconds(line.values.get("request_timeout", ["0"])[-1], "") or _SECONDS
        late = threading.Timer(seconds, _end, ((), Directive.NO_FILES, ""))
        late.daemon = True
        late.start()
        found = list(completion.values(plugin, line))
        late.cancel()
    except (RevError, OSError):
        return ()
    return found


def text(found: Candidates, directive: Directive, word: str) -> str:
    """The candidates that begin with the word, as kubectl passes them on to the shell."""
    lines = [f"{value}\t{help}" if help else value for value, help in found if value.startswith(word)]
    return "\n".join([*lines, f":{directive.value}\n"])


def _end(found: Candidates, directive: Directive, word: str) -> NoReturn:
    sys.stdout.write(text(found, directive, word))
    sys.stdout.flush()
    if hasattr(os, "killpg") and os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGTERM)
    os._exit(0)  # not sys.exit: a thread that still waits for the cluster must not be waited for
