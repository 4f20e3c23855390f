"""The local page and the JSON API: thin skins over the packages; nothing is decided here."""
