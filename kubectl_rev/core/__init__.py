"""The shared core, pure: which module answers which question.

labels      the labels, annotations and names that we rely on
selectors   does this selector match, and if not, why
objects     the Kubernetes objects, as far as we read them
snapshot    what one read brought back, and its gaps
revisions   which revisions, tags and injectors exist (Mesh)
policy      does istiod refuse what a webhook matched
injection   who injects this pod, and why (select, consider)
defaults    what "default" means, and who holds it
gateways    is it a gateway, which kind, who decides its revision
proxies     which revision injected this running pod
drift       what would a restart change
survey      workloads joined with pods and decisions
checks/     the catalogue of findings
plan        one write as a value
items       the public JSON, as types
status      rev-status's answers
validation  is config validated, by whom, and if not, why
coverage    which config does no validator select
repair      which writes mend it, what they look like (validator_steps), which take them back (repair_undo);
            who is to validate (repair_target)
places      where a revision can be called
probe       what the dry runs ask, and what their answers mean
ownership   who would write an object again, and the change to make there (at_source)
explain     the whole story of one subject
choosing    which namespaces a migration speaks of, and to whom they go
originals   the objects that it changes, whole enough to be patched
migration   what it takes: a Plan (moves); undo: the way back
learned     what tried pods show of injectors that may not be read
reasons     why pods are left as they are
patches     its JSON patches; proofs: the pods that are tried before the first restart
rollout     how far a restart is
outcome     what a run did

For use as a library: `Survey(snapshot)`, `select`, `consider`, `status.overview`, `checks.find`.
"""
