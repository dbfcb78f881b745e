"""Keep one unreadable object of a document from refusing the whole of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from ingestion.readers import ReadError, Remark

Found = TypeVar("Found")

KINDS = frozenset(
    {"chart", "diagram", "drawing", "embedded object", "equation", "inserted document", "list"}
    | {"note", "notes", "object", "paragraph", "picture", "shape", "sheet", "slide", "table"}
)
"""What an object may be. Its name in a remark is one of these and a number: "chart 3". Parts that a
whole document shares are named by "styles", "numbering", "links", "footnotes", "endnotes"."""


@dataclass(slots=True)
class ObjectGuard:
    """Runs the readers of objects one by one and remarks on those that fail."""

    counts: Counter[str] = field(default_factory=Counter)

    def number(self, what: str) -> str:
        """Count an object of a kind and return its name in the document: "chart 3"."""
        assert what in KINDS
        self.counts[what] += 1
        return f"{what} {self.counts[what]}"

    def read(self, what: str, reader: Callable[[], Iterable[Found]]) -> Iterator[Found | Remark]:
        """Yield what the reader of one object yields; a remark where it fails.

        Text read before the failure stays. The limits of the whole read still end it.
        """
        name = self.number(what)
        try:
            yield from reader()
        except (MemoryError, ReadError):
            raise
        except Exception:  # noqa: BLE001  files hold anything; the rest of the document is read
            yield unread(name)


def unread(name: str) -> Remark:
    """Return the remark on an object that was not read."""
    return Remark("object_unread", 1, name)
