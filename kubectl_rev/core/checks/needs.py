"""What a check rests on, as the kinds of gap that leave it undecided (`Check.needs`)."""

INJECTORS = ("mutatingwebhookconfigurations",)
SERVED = ("services", "endpointslices")  # does the Service that a webhook calls answer
ISTIODS = ("pods", "deployments")
WORKLOADS = ("namespaces", "pods", "apps", "batch", "argoproj.io")
NAMESPACES_SELECTED = (*INJECTORS, *SERVED, "namespaces")  # who injects a pod without labels of its own
SELECTED = (*INJECTORS, *SERVED, *WORKLOADS, "selection")  # who injects the pods of a workload
RUNNING = (*SELECTED, "proxies")  # who injected the pods that run, and what a restart would do
