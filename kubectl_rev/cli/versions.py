"""--version: ours, and of the parts that a bug report should name."""

from __future__ import annotations

import sys

from kubectl_rev import __version__

_PARTS = ("typer", "kubernetes", "msgspec", "protobuf")


def versions(*, all_parts: bool) -> str:
    """`kubectl-rev 1.2.3`, and with all parts a line for Python and each library that decides what we do."""
    lines = [f"kubectl-rev {__version__}"]
    if all_parts:
        import platform
        from importlib.metadata import version

        lines += [f"Python {platform.python_version()} ({sys.platform} {platform.machine()})"]
        lines += [f"{part} {version(part)}" for part in _PARTS]
    return "\n".join(lines)
