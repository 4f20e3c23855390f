"""The command line, the demo, and reports: thin skins over the packages."""
