"""rev-migrate: what moving namespaces takes, and the way back.

choosing       which namespaces does it speak of, and to whom do they go
originals      the objects that it changes, whole enough to be patched
moves          the Plan, as a value
migration      what it takes: survey, originals and request in, a Plan out
tagging        the same for `--tag`; undo: the way back
patches        its JSON patches
proofs         which pods are tried before the first restart
reasons        why pods are left as they are
claims         who else owns an object's labels
circumstances  what the preflight knows of the surroundings; its findings: core/checks/migration.py
learned        what tried pods show of injectors that may not be read
pace           how fast, and when to stop
rollout        how far a restart is
outcome        what a run did
"""
