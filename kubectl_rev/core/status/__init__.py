"""rev-status: which revisions exist, what uses them, why, and what is wrong.

answers   the overview and the lists
explain   everything about one subject
items     the public JSON, as types
checks/   REV1xx and REV2xx
"""
