"""The core, pure: it decides, from what was read.

mesh/          the facts: which revisions exist, which label wins, what runs where
checks/        what a check and a finding are
remedies/      what to do about a finding
status/        rev-status
migration/     rev-migrate
verification/  rev-verify
validation/    rev-fix-validation
writes         one write as a value
suggestions    the nearest name

For use as a library: `mesh.inventory.Survey(snapshot)`, `mesh.injection.select`, `mesh.admission.consider`,
`status.answers`, `checks.find`.
"""
