"""Which sightings show one individual."""
