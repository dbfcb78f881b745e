"""Embedders: text to vectors, by a local model or by the model service."""
