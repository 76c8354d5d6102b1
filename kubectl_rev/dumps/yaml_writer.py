"""The one writer of YAML: of what it writes, every reader makes the same values again."""

from __future__ import annotations

from typing import Any

from kubectl_rev.dumps.yaml_values import plain


def write_yaml(document: object) -> bytes:
    """A document of plain values as YAML that `documents`, kubectl and any other reader take for the same."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        """PyYAML leaves `y` and `1e3` unquoted, which are no text to kubectl."""
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain(value) is value else '"')

    Dumper.add_representer(str, text)
    written = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000, encoding="utf-8")
    return bytes(written)
