"""rev-fix-validation: is Istio's config validated, and which writes mend it.

validation       the diagnosis: by whom is it validated, and if not, why; its findings: checks
coverage         which config does no validator select
probe            what the dry runs ask, and what their answers mean
repair           which writes mend it; repair_target: who is to validate, called where; repair_undo: the way back
validator_steps  what those writes look like
validation_items the public JSON, and the verdict in it
"""
