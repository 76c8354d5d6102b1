"""The shared core, pure: which module answers which question.

labels      the labels, annotations and names that we rely on
selectors   does this selector match, and if not, why
objects     the Kubernetes objects, as far as we read them
sail        the Sail operator's own objects, as far as we read them
snapshot    what one read brought back, and its gaps
reach       where a webhook's calls go, and does anybody answer
revisions   which revisions, tags and injectors exist (Mesh)
policy      does istiod refuse what a webhook matched
admission   which webhooks the API server calls for this pod, and because of which label (consider)
injection   who injects this pod, and why (select)
defaults    what "default" means, and who holds it
gateways    is it a gateway, which kind, who decides its revision
proxies     which revision injected this running pod
drift       what would a restart change
survey      workloads joined with pods and decisions
enrollment  is a namespace in the mesh, and if not, why not
items       the public JSON, as types
status      rev-status's answers
explain     the whole story of one subject
ownership   who would write an object again
plan        one write as a value
guess       the nearest name
checks/         the catalogue of findings
migration/      rev-migrate
verification/   rev-verify
validation/     rev-fix-validation

For use as a library: `Survey(snapshot)`, `select`, `consider`, `status.overview`, `checks.find`.
"""
