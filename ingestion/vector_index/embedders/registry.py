"""The embedder that the settings choose."""

from django.conf import settings

from ingestion.vector_index.embedders.base import Embedder
from ingestion.vector_index.embedders.local import MODELS, available_model, local_embedder
from ingestion.vector_index.embedders.remote import remote_embedder


def get_embedder() -> Embedder:
    """Return the embedder that `EMBEDDING_BACKEND` names."""
    return get_embedder_by_name(chosen_model())


def chosen_model() -> str:
    """Return the name of the model that the settings choose, without loading it."""
    if settings.EMBEDDING_BACKEND == "openai":
        return str(settings.EMBEDDING_MODEL)
    return available_model(settings.LOCAL_EMBEDDING_MODEL)


def get_embedder_by_name(name: str) -> Embedder:
    """Return the embedder of this name: a local one, or else one of the model service's."""
    if name in MODELS and (settings.EMBEDDING_BACKEND == "local" or name != chosen_model()):
        return local_embedder(name)
    return remote_embedder(name)
