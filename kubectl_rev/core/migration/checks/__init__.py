"""The preflight of a migration (REV4xx): `context` is what it is given."""
