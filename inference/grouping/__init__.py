"""Grouping of embeddings into individuals: neighbours, merging, and the evidence that decides."""
