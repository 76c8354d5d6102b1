"""What a check rests on, as the kinds of gap that leave it undecided (`Check.needs`)."""

from kubectl_rev.core.mesh import resources

INJECTORS = ("mutatingwebhookconfigurations",)
SERVED = ("services", "endpointslices")  # does the Service that a webhook calls answer
ISTIODS = ("pods", "deployments")
WORKLOADS = ("namespaces", "pods", *dict.fromkeys(kind.group or kind.plural for kind in resources.WORKLOADS))
POLICY = ("configmaps",)  # does istiod refuse what a webhook matched
NAMESPACES_SELECTED = (*INJECTORS, *SERVED, *POLICY, "namespaces")  # who injects a pod without labels of its own
# who injects the pods of a workload, those of a rendered gateway too
SELECTED = (*INJECTORS, *SERVED, *POLICY, *WORKLOADS, "gateway.networking.k8s.io", "selection")
RUNNING = (*SELECTED, "proxies")  # who injected the pods that run, and what a restart would do
