"""The models of sources: documents, pages, passages, cached vectors and OCR results, imports."""

from ingestion.models.documents import PARTIAL_DATE, Document, DocumentQuerySet, Page
from ingestion.models.embeddings import IndexBuild, Vector
from ingestion.models.imports import ImportedFile, SourceImport, WatchedFile
from ingestion.models.lexicon import Synonyms, Word
from ingestion.models.passages import Chunk, LexemesField, MinHash
from ingestion.models.pictures import CachedOcrResult

__all__ = [
    "PARTIAL_DATE",
    "CachedOcrResult",
    "Chunk",
    "Document",
    "DocumentQuerySet",
    "ImportedFile",
    "IndexBuild",
    "LexemesField",
    "MinHash",
    "Page",
    "SourceImport",
    "Synonyms",
    "Vector",
    "WatchedFile",
    "Word",
]
