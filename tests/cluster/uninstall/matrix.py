"""The confusion matrix of the run: verdicts against what then happened."""

from collections import Counter
from collections.abc import Iterator

MATRIX: Counter[tuple[str, str]] = Counter()  # verdict, and `broke` or `fine`


def lines() -> Iterator[str]:
    """As a table."""
    yield f"{'verdict':10} {'nothing broke':>14} {'something broke':>16}"
    for verdict in ("SAFE", "NOT SAFE", "UNKNOWN"):
        yield f"{verdict:10} {MATRIX[verdict, 'fine']:>14} {MATRIX[verdict, 'broke']:>16}"
