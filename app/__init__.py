"""The command line, the demo with its generated birds, and reports: thin skins over the packages."""
