"""What a check and a finding are, and how a catalogue of checks is run. Nothing here knows a plugin.

A check is a row of data plus one pure function; it lives with the plugin that asks its question: `status/checks/`
(REV1xx, REV2xx), `verification/checks/` (REV22x, REV3xx), `migration/checks/` (REV4xx) and `validation/checks.py`.
A code is never reused: a retired one stays as a comment where it was.
"""
