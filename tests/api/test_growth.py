"""What the API makes of a text costs time linear in its length, whatever the text."""

from collections.abc import Callable

import pytest

from api.bibliography import FORMATS
from api.fields import put_fields, read_fields_of
from ingestion.models import Document
from sheets.markdown.version import Version
from sheets.rendering.statement_anchors import statement_anchor, with_anchors
from tests.sheets.factories import TEMPLATE
from tests.sheets.test_growth import SHAPES, TRIES, spent, too_steep


def by_fields(text: str) -> None:
    version = Version(text)
    fields = {part.anchor: dict(part.values) for part in read_fields_of(version, TEMPLATE)}
    put_fields(version, TEMPLATE, {**fields, "impacts": {"energie": text}}, {})


def anchored(text: str) -> None:
    with_anchors(text, {statement_anchor(text)})
    with_anchors(text.replace("[", "<").replace("]", ">"), {"s-0"})


def referenced(text: str) -> None:
    source = Document(pk=1, title=text, author=text, origin=text)
    for written in FORMATS.values():
        written.write([source])


@pytest.mark.parametrize(("reader", "size"), [(by_fields, 500), (anchored, 500), (referenced, 500)])
def test_twice_the_text_takes_about_twice_the_time(
    reader: Callable[[str], None], size: int
) -> None:
    for shape, make in SHAPES.items():
        texts = [make(size * times) for times in (1, 2, 4, 8)]
        times = [spent(reader, text) for text in texts]
        for _ in range(TRIES):
            if not too_steep(times):
                break
            times = [min(t, spent(reader, text)) for t, text in zip(times, texts, strict=True)]
        assert not too_steep(times), (shape, times)
