"""The confusion matrix of the run: verdicts against what then happened, by the tool that removed."""

from collections import defaultdict
from collections.abc import Iterator

_VERDICTS = ("SAFE", "NOT SAFE", "UNKNOWN")


class Matrix:
    """The names of scenarios by verdict, tool, and whether something broke."""

    def __init__(self) -> None:
        self._seen: defaultdict[tuple[str, str, bool], list[str]] = defaultdict(list)

    def count(self, name: str, verdict: str, tool: str, broke: bool) -> None:
        self._seen[verdict, tool, broke].append(name)

    def lines(self) -> Iterator[str]:
        """As a table; then the names of those that were refused and broke nothing."""
        yield f"{'verdict':10} {'removed by':12} {'nothing broke':>14} {'something broke':>16}"
        tools = sorted({tool for _, tool, _ in self._seen})
        for verdict in _VERDICTS:
            for tool in tools:
                fine, broke = (len(self._seen[verdict, tool, broke]) for broke in (False, True))
                yield f"{verdict:10} {tool:12} {fine:>14} {broke:>16}"
        yield f"{sum(map(len, self._seen.values()))} removals"
        for name in sorted(name for tool in tools for name in self._seen["NOT SAFE", tool, False]):
            yield f"NOT SAFE, and nothing broke: {name}"
