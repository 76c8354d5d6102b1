"""-o: the formats, and the one place that chooses by them. The renderers are imported when one is used."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, assert_never


class Output(StrEnum):
    """The formats of -o. JUNIT is rev-verify's alone: pipelines read it."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JUNIT = "junit"

    @property
    def is_document(self) -> bool:
        """JSON or YAML: stdout has the document alone."""
        return self in (Output.JSON, Output.YAML)


def _none() -> str:
    raise AssertionError("this command offers no such format")


def written(
    output: Output,
    kind: str,
    *,
    value: Callable[[], Any],
    text: Callable[[], str],
    names: Callable[[], str],
    junit: Callable[[], str] = _none,
) -> str:
    """An answer in the format that was asked for: a document of this kind with what `value` returns, or what one of the
    other functions does. Only the one that is needed is called.
    """
    from kubectl_rev.render import text as renderer

    match output:
        case Output.JSON:
            return renderer.json(kind, value())
        case Output.YAML:
            return renderer.yaml(kind, value())
        case Output.NAME:
            return names()
        case Output.JUNIT:
            return junit()
        case Output.TABLE | Output.WIDE:
            return text()
        case _:
            assert_never(output)
