"""What to do about a finding.

commands   the commands that help, for a subject in a mesh
advice     what to do in general, by code
at_source  the change to make where an object really comes from: Helm, Git, Sail
sequence   the hints of several findings as steps in order
uninstall  how a revision is removed
"""
