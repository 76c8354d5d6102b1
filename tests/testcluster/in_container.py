"""What `kubectl exec` finds in an istiod's container: the one command that people run there.

kwok runs it beside the real istiod, whose debug pages are on a loopback address of the pod's own, so that
`pilot-discovery request` must be told which; in a real container it is localhost.
"""

from __future__ import annotations

import os
import shlex
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # run as a program, from anywhere, it does not find the rest
    from tests.testcluster.places import RunDir

MONITORING = "KUBECTL_REV_TEST_MONITORING"


def install(run: RunDir) -> Path:
    """The folder to put on kwok's PATH, with `pilot-discovery` in it."""
    folder = run.path / "in-container"
    folder.mkdir(exist_ok=True)
    program = folder / "pilot-discovery"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} "$@"\n')
    program.chmod(0o755)
    return folder


def main() -> None:
    """As pilot/cmd/pilot-discovery/app/request.go: the body on stdout, an error and exit code 1 for other than 200."""
    command, method, path = sys.argv[1:]
    assert command == "request"
    asked = urllib.request.Request(f"http://{os.environ[MONITORING]}{path}", method=method)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            sys.stdout.buffer.write(answer.read())
    except urllib.error.HTTPError as error:
        sys.exit(f"Error: received unsuccessful status code {error.code}: {error.read().decode()}")


if __name__ == "__main__":
    main()
