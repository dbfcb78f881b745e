"""Embeddings by the model service."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from ingestion.models import Vector
from wikico2.llm.client import RetryPolicy, Vectors, request_embeddings

# Prompts of models that need an instruction before queries (not passages); from their model cards.
QUERY_PROMPTS = {
    "bge-multilingual-gemma2": (
        "<instruct>Given a question in French, retrieve the passages that answer it.\n"
        "<query>{question}"
    ),
    "multilingual-e5-large-instruct": (
        "Instruct: Given a question in French, retrieve the passages that answer it.\n"
        "Query: {question}"
    ),
}

# Dimensions of the vectors of these models; from their model cards.
DIMENSIONS = {
    "bge-base-en-v1.5": 768,
    "bge-m3": 1024,
    "bge-multilingual-gemma2": 3584,
    "multilingual-e5-large-instruct": 1024,
    "qwen3-embedding-8b": 4096,
}


@dataclass(frozen=True)
class RemoteEmbedder:
    """An embedder of the model service; refuses vectors of another length than `dimensions`.

    0 accepts any length.
    """

    name: str
    batch: int
    at_once: int = 1
    dimensions: int = 0

    def passages(self, texts: Sequence[str], patience: RetryPolicy | None = None) -> Vectors:
        return request_embeddings(texts, self.name, patience=patience, dimensions=self.dimensions)

    def query(self, text: str, patience: RetryPolicy | None = None) -> Vectors:
        prompt = QUERY_PROMPTS.get(_short_name(self.name), "{question}")
        vector: Vectors = self.passages([prompt.replace("{question}", text)], patience)[0]
        return vector


def remote_embedder(name: str) -> RemoteEmbedder:
    """Return the embedder of a model of the service.

    Its dimensions come from the settings, else from the model card, else from cached vectors.
    """
    stated = settings.EMBEDDING_DIMENSIONS if name == settings.EMBEDDING_MODEL else 0
    return RemoteEmbedder(
        name,
        settings.EMBEDDING_BATCH,
        settings.EMBEDDING_REQUESTS_AT_ONCE,
        stated or DIMENSIONS.get(_short_name(name)) or Vector.length_of(name),
    )


def _short_name(name: str) -> str:
    return name.rpartition("/")[2].lower()
