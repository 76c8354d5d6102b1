"""rev-verify: is a move complete, is it safe to uninstall.

evidence     everything that a verdict rests on
connections  which istiod is each proxy connected to
uninstall    what breaks when a revision goes: before and after held against each other
leftovers    what stays behind then
checks/      REV22x: does everything in scope run where it should; REV3xx
compare      what changed between two reads
verify       the verdict, with all that it rests on
"""
