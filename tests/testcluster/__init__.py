"""A real Istio canary cluster for the tests, without containers. `scripts/cluster --help` says how to have one.

    from tests.testcluster import Cluster

    cluster = Cluster()                      # inside `scripts/cluster shell`: the cluster one is in
    cluster.reset("helm")
    cluster.kubectl("label", "namespace", "shop", "istio.io/rev=canary")

Pods are steered by annotations: stages.yaml has those for pods at large (slow, stuck, finished), istiod_agent.py
those for istiod's own. Only the standard library is imported, except by `tests.testcluster.xds` (fake sidecars),
which needs grpcio.
"""

from tests.testcluster.cluster import LAYOUTS, Cluster
from tests.testcluster.errors import ClusterError
from tests.testcluster.istiods import Istiod
from tests.testcluster.versions import ISTIO_CANARY, ISTIO_DEFAULT

__all__ = ["ISTIO_CANARY", "ISTIO_DEFAULT", "LAYOUTS", "Cluster", "ClusterError", "Istiod"]
