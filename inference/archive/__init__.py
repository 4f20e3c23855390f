"""Archives: years of recordings and photos embedded without losing a file or a night."""
