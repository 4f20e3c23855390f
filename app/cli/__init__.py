"""One module per sub-command; each has `run(options) -> exit code`."""
