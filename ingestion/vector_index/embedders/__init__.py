"""Embedders: text to vectors, by a model on this machine or by the model service."""
