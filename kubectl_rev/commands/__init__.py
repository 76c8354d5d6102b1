"""The four use cases, from a request to an exit code: read, decide, show, ask, write, report.

status, migrate, verify, fix_validation   one per plugin; `_preflight` before its writes, `_execution` carries them out
source       where a snapshot comes from: a cluster or a dump
query, names, lookup   what is asked for, lists of names, and what is there by that name
mesh_checks  the checks that every command runs on a mesh
catalogue    --list-checks, --explain
watch        --watch
completion   what tab completion asks the cluster for
"""
