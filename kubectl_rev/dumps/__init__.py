"""Files instead of a cluster.

yaml_reader    YAML and JSON documents, and lists of names; yaml_writer writes YAML
snapshot_file  a dump read as a Snapshot, a Snapshot saved
redact         what a saved Snapshot leaves out
patch_targets  what a migration would change, from a dump
"""
