"""Calls other than generation: token counts, embeddings, models."""
