"""Embeddings by the model service."""

from collections.abc import Sequence
from dataclasses import dataclass

from wikico2 import ai
from wikico2.ai import Patience, Vectors

# Models that want their questions, not their passages, as instructions; from their model cards.
QUERY_FORMS = {
    "bge-multilingual-gemma2": (
        "<instruct>Given a question in French, retrieve the passages that answer it.\n"
        "<query>{question}"
    ),
    "multilingual-e5-large-instruct": (
        "Instruct: Given a question in French, retrieve the passages that answer it.\n"
        "Query: {question}"
    ),
}


@dataclass(frozen=True)
class RemoteEmbedder:
    """Asks the model service."""

    name: str
    batch: int

    def passages(self, texts: Sequence[str], patience: Patience | None = None) -> Vectors:
        return ai.embed(texts, self.name, patience=patience)

    def query(self, text: str, patience: Patience | None = None) -> Vectors:
        form = QUERY_FORMS.get(self.name.rpartition("/")[2].lower(), "{question}")
        asked = form.replace("{question}", text)
        vector: Vectors = ai.embed([asked], self.name, patience=patience)[0]
        return vector
