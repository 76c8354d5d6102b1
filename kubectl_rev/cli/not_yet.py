"""The plugins that are planned and do not exist yet say so."""

import sys

from kubectl_rev.cli.run import tell
from kubectl_rev.errors import ExitCode


def main() -> None:
    name = sys.argv[0].rpartition("/")[2].replace("kubectl-", "kubectl ").replace("_", "-")
    tell(f"error: {name} does not exist yet: only kubectl rev-status does")
    sys.exit(ExitCode.USAGE)
