"""rev-fix-validation: is Istio's config validated, and which writes mend it.

validation       the diagnosis: by whom is it validated, and if not, why; its findings: core/checks/validation.py
coverage         which config does no validator select
places           which revisions can validate, where they are called
probe            what the dry runs ask, and what their answers mean
repair           which writes mend it; repair_target: who is to validate; repair_undo: the way back
validator_steps  what those writes look like
at_source        the change to make where an object really comes from
validation_items the public JSON, and the verdict in it
"""
