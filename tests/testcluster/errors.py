"""The one exception that the test cluster raises for anything a person can do something about."""


class ClusterError(Exception):
    """Its text is one sentence, ready to be shown; more lines (a log's end) may follow."""
