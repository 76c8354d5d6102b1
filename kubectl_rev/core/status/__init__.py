"""rev-status: which revisions exist, what uses them, why, and what is wrong.

answers   the overview and the lists
explain   everything about one subject
notes     what is remarkable about a namespace or a workload
items     the public JSON, as types
checks/   REV1xx and REV2xx
"""
