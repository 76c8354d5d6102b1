"""A real interactive bash on a terminal of its own: what its line is after keys were pressed, and what it showed."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import NamedTuple

from tests.plugin import ROOT

BASH = shutil.which("bash") or "bash"
_READY = "<ready>"
_DEADLINE = 120  # seconds until it is called stuck
_TAB, _TELL, _CLEAR = "\t", "\a", "\x15"

# The line is told by a key of its own, so that it need not be read off the screen. Of bash-completion kubectl's script
# needs one function; where the machine does not have it, its place is filled.
_RC = r"""
for installed in /usr/share /usr/local/share /opt/homebrew/share; do
    [ ! -r $installed/bash-completion/bash_completion ] || . $installed/bash-completion/bash_completion
done
if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        local typed=${COMP_LINE:0:COMP_POINT}
        read -ra words <<<"$typed"
        [[ $typed != *' ' ]] || words+=('')
        cword=$((${#words[@]} - 1))
        cur=${words[cword]} prev=${words[cword - 1]}
    }
fi
. "$COMPLETION"
for setting in 'show-all-if-ambiguous on' 'page-completions off' 'completion-query-items 0' 'bell-style none' \
    'enable-bracketed-paste off'; do bind "set $setting"; done
bind -x '"\C-g": printf "\n<line>%s</line>\n" "$READLINE_LINE"'
PS1='<ready>'
"""


class Typed(NamedTuple):
    """The line as the shell has it after TAB, and all that it showed between."""

    line: str
    shown: str


def tab(line: str, env: dict[str, str], where: Path) -> Typed:
    """Type a line and TAB into a new bash. `env` has PATH and COMPLETION, the file of `kubectl completion bash`."""
    settings = where / "bashrc"
    settings.write_text(_RC)
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    words = [BASH, "--noprofile", "--rcfile", str(settings), "-i"]
    given = {**env, "TERM": "dumb", "INPUTRC": os.devnull, "HISTFILE": ""}
    with subprocess.Popen(words, stdin=inner, stdout=inner, stderr=inner, env=given, cwd=ROOT) as bash:
        os.close(inner)
        try:
            _until(outer, _READY)
            os.write(outer, f"{line}{_TAB}{_TELL}".encode())
            shown, _, told = _until(outer, "</line>").partition("<line>")
            os.write(outer, f"{_CLEAR}exit\n".encode())
            bash.wait(_DEADLINE)
        finally:
            bash.kill()
            os.close(outer)
    return Typed(told.partition("</line>")[0], shown)


def _until(terminal: int, words: str) -> str:
    """What comes from the terminal, to these words. Raises AssertionError when they do not come."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode  # a character may come in two parts
    text, end = "", time.monotonic() + _DEADLINE
    while words not in text:
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        assert ready, f"{words!r} did not come, but {text!r}"
        text += decode(os.read(terminal, 65536))
    return text
