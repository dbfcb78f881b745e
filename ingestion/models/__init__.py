"""Sources as rows: documents, their pages, their passages, and the vectors paid for once."""

from ingestion.models.documents import PARTIAL_DATE, Document, DocumentQuerySet, LogLine, Page
from ingestion.models.embeddings import IndexBuild, IndexBuildQuerySet, Vector
from ingestion.models.imports import Delivery, DeliveryQuerySet, Item, WatchedFile
from ingestion.models.lexicon import Synonyms, Word
from ingestion.models.passages import Chunk, LexemesField, Sketch
from ingestion.models.pictures import Sight

__all__ = [
    "PARTIAL_DATE",
    "Chunk",
    "Delivery",
    "DeliveryQuerySet",
    "Document",
    "DocumentQuerySet",
    "IndexBuild",
    "IndexBuildQuerySet",
    "Item",
    "LexemesField",
    "LogLine",
    "Page",
    "Sight",
    "Sketch",
    "Synonyms",
    "Vector",
    "WatchedFile",
    "Word",
]
