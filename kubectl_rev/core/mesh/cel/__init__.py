"""The Common Expression Language, as far as conditions on pods use it, where not everything is known.

parser      text to a tree
values      what an expression may be made of: maps that are known in part, errors, unknowns
evaluator   a tree and variables to true, false, an error or unknown

Written here, since no package has CEL's unknown values: an evaluator without them takes a field that was not read for
one that is absent.
"""
