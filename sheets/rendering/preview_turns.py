"""Render only the latest preview that an open editor has requested.

An editor numbers its requests. While one preview is rendered the others wait; those that a later
request has replaced meanwhile are not rendered. Each process of the web server has its own table.
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
_editors_lock = Lock()


@contextmanager
def wait_for_preview(editor: Hashable, number: int) -> Iterator[bool]:
    """Wait for the editor's running preview; yield whether `number` is still the latest."""
    with _editors_lock:
        known = _editors.setdefault(editor, _Editor())
        _editors.move_to_end(editor)
        known.latest = max(known.latest, number)
        while len(_editors) > MOST_EDITORS:
            _editors.popitem(last=False)
    with known.busy:
        yield number >= known.latest
