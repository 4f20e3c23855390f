"""Archives: years of photos, recordings and videos to embeddings, without losing a file or a night."""
