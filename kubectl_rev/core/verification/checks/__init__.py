"""rev-verify's own checks: is a move complete (REV22x), what breaks when a revision goes (REV3xx)."""
