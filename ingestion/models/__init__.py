"""The models of sources: documents, pages, passages, cached vectors and OCR results, imports."""

from ingestion.models.documents import PARTIAL_DATE, Document, DocumentEvent, DocumentQuerySet, Page
from ingestion.models.embeddings import IndexBuild, IndexBuildQuerySet, Vector
from ingestion.models.imports import ImportedFile, SourceImport, SourceImportQuerySet, WatchedFile
from ingestion.models.lexicon import Synonyms, Word
from ingestion.models.passages import Chunk, LexemesField, MinHash
from ingestion.models.pictures import CachedOcrResult

__all__ = [
    "PARTIAL_DATE",
    "CachedOcrResult",
    "Chunk",
    "Document",
    "DocumentEvent",
    "DocumentQuerySet",
    "ImportedFile",
    "IndexBuild",
    "IndexBuildQuerySet",
    "LexemesField",
    "MinHash",
    "Page",
    "SourceImport",
    "SourceImportQuerySet",
    "Synonyms",
    "Vector",
    "WatchedFile",
    "Word",
]
