"""Sources as rows: documents, their pages, their passages, and the vectors paid for once."""

from ingestion.models.deliveries import Delivery, DeliveryQuerySet, Item, WatchedFile
from ingestion.models.documents import PARTIAL_DATE, Document, DocumentQuerySet, LogLine, Page
from ingestion.models.passages import Chunk, LexemesField, Sketch
from ingestion.models.pictures import Sight
from ingestion.models.vectors import IndexBuild, IndexBuildQuerySet, Vector
from ingestion.models.words import Synonyms, Word

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
