"""Local paths of source files, for libraries that need one, whatever the storage."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.models import Document
from wikico2.sizes import MEGABYTE


@contextmanager
def local_copy(document: Document) -> Iterator[Path]:
    """Yield a local path of the document's file: a temporary copy if the storage has no paths.

    Raises FileNotFoundError when the file is gone, or was never stored.
    """
    if not document.file:
        raise FileNotFoundError(document.filename)
    try:
        path = Path(document.file.path)
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, document.file.open("rb") as stored:
            shutil.copyfileobj(stored, copy, MEGABYTE)
            copy.flush()
            yield Path(copy.name)
        return
    if not path.exists():
        raise FileNotFoundError(document.file.name)
    yield path
