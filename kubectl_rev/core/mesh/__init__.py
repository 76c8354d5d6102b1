"""Facts about a mesh, shared by all plugins: which revisions exist, which label wins, what runs where.

labels           the labels, annotations and names that we rely on
resources        every kind that is read, with its names; how each kind of workload is restarted
selectors        does this selector match, and if not, why
objects          the Kubernetes objects, as far as they are read
services         Services, and the EndpointSlices behind them
installers       the resources of Sail and of Istio's in-cluster operator, as far as they are read
outside          what says that proxies outside of the cluster use its control planes
capacity         what may keep pods from being replaced
mesh_config      what istiods are told about their mesh
snapshot         what one read brought back, and its gaps
control_plane    what a control plane is, and what its revision is called
webhook_targets  where a webhook's calls go, and whether an istiod answers there
revisions        which revisions, tags and injectors exist (Mesh)
istiod_veto      does istiod refuse what a webhook matched
cel              conditions in the Common Expression Language, where not everything is known
match_conditions what a webhook's matchConditions come to for a pod
admission        which webhooks the API server calls for a pod, and because of which label (consider)
injection        who injects a pod, and why (select)
defaults         what "default" means, and who holds it
gateways         is it a gateway, which kind, who decides its revision
proxies          which revision injected a running pod
admitted_labels  do pods have other labels than their template, because something changes them
drift            what a restart would change
rollout_state    why a restart replaces none of a workload's pods
inventory        workloads joined with their pods and decisions (Survey)
enrollment       is a namespace in the mesh, and if not, why not
ownership        who would write an object again
removal_method   the ways to remove a control plane
removal          what each of them deletes, and the mesh afterwards
"""
