"""Previews take turns: of those that one open editor asks for, only the latest is rendered.

An editor numbers what it asks for. While one preview is rendered the others wait, and those that a
later one has overtaken meanwhile are not begun. Each process of the web server keeps its own list.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

MOST_EDITORS = 1_000


@dataclass
class _Editor:
    latest: int = 0
    busy: Lock = field(default_factory=Lock)


_editors: OrderedDict[Hashable, _Editor] = OrderedDict()
_guard = Lock()


@contextmanager
def take_turn(editor: Hashable, number: int) -> Iterator[bool]:
    """Wait for the preview that is being rendered; tell whether this one is still the latest."""
    with _guard:
        known = _editors.setdefault(editor, _Editor())
        _editors.move_to_end(editor)
        known.latest = max(known.latest, number)
        while len(_editors) > MOST_EDITORS:
            _editors.popitem(last=False)
    with known.busy:
        yield number >= known.latest
