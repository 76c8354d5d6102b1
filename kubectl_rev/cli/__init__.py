"""One file per plugin; `options` are kubectl's flags, `run` is the one place where errors become exit codes."""
