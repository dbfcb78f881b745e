"""One spoilt object never sinks an office document: a sample of `bench.spoilt`, in this process."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from bench.spoilt import LIMITS, Spoilt, spoilt_documents
from ingestion.readers import PageText
from ingestion.readers.media_type import identify_path
from ingestion.readers.registry import FORMATS
from tests.ingestion import office

SAMPLE = 6
"""Every how manieth document is read here."""


def test_the_text_around_a_spoilt_object_is_read(tmp_path: Path) -> None:
    documents = [one for one in spoilt_documents(tmp_path)[::SAMPLE] if one.keeps_text]
    assert len(documents) > 60
    lost = {
        f"{one.name}{one.extension}": missing
        for one in documents
        if (missing := _lost(one, tmp_path))
    }
    assert not lost


def _lost(document: Spoilt, folder: Path) -> list[str]:
    """Return the sentences that are not read of a document."""
    path = document.write(folder)
    reader = import_module(f"ingestion.readers.{FORMATS[identify_path(path)].module}")
    pages = list(reader.read(str(path), LIMITS, lambda done, count: None))
    path.unlink()
    text = "\n".join(page.text for page in pages if isinstance(page, PageText))
    return [landmark for landmark in office.LANDMARKS if landmark not in text]
