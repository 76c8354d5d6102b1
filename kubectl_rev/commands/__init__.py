"""The four use cases, from a request to an exit code: read, decide, show, ask, write, report.

status, migrate, verify, fix_validation   one per plugin; `_preflight` before its writes, `_execution` carries them out
source       where a snapshot comes from: a cluster or a dump
mesh_checks  the checks that every command runs on a mesh
catalogue    --list-checks, --explain
query, names_file   what is asked for, and a file of names
wait, watch, live   --wait, --watch, and the display of a migration
completion   what tab completion asks the cluster for
"""
