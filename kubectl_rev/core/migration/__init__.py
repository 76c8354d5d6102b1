"""rev-migrate: what moving namespaces takes, and the way back.

choosing            which namespaces are meant, and which revision they go to
patch_targets       the objects that it changes, whole enough to be patched
plan                the Plan, as a value, with the reasons for what stays
migration           how the Plan is made
tagging, undo       the same for `--tag`, and for the way back
patches             its JSON patches
proofs              which pods are tried before the first restart
skip_reasons        why pods are left as they are
preflight_facts     what the preflight knows of the surroundings; its findings: checks/
inferred_injectors  what tried pods show of injectors that may not be read
run                 how fast it goes, how far a restart is, what a run did
"""
