"""rev-fix-validation: is Istio's config validated, and which writes mend it.

validation       the diagnosis: by whom is it validated, and if not, why; its findings: checks
coverage         which config does no validator select
istiod_services  which revisions can validate, where they are called
probe            what the dry runs ask, and what their answers mean
repair           which writes mend it; repair_target: who is to validate; repair_undo: the way back
validator_steps  what those writes look like
validation_items the public JSON, and the verdict in it
"""
