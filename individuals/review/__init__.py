"""The pairs that a person should decide, and what the answers change."""
