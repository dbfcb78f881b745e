"""In which language the renderer says its own words: the reader's.

The text of a sheet is French, and its page is marked as such. What the renderer itself adds to it,
headings of the template included, is marked with its language where that is another one.
"""

from xml.etree import ElementTree

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from sheets.markdown.parse import heading_key
from sheets.schema.types import EnglishLabels

SHEET_LANGUAGE = "fr"
SPACES = {ord("\u00a0"): " ", ord("\u202f"): " "}


def reader_language() -> str:
    """Return the language in which a page is rendered for the reader: "fr" or "en"."""
    return "en" if (get_language() or SHEET_LANGUAGE).startswith("en") else SHEET_LANGUAGE


def lang_attribute() -> SafeString:
    """Return the attribute of an element that holds the renderer's own words."""
    language = reader_language()
    return SafeString("") if language == SHEET_LANGUAGE else format_html(' lang="{}"', language)


def set_words(element: ElementTree.Element, words: str) -> None:
    """Give an element the renderer's own words."""
    element.text = words
    mark_language(element)


def mark_language(element: ElementTree.Element) -> None:
    """Mark an element that holds or bears the renderer's own words."""
    if (language := reader_language()) != SHEET_LANGUAGE:
        element.set("lang", language)


def english_heading(heading: str, labels: EnglishLabels | None) -> str:
    """Return the English of a heading that the template gave, its emoji or number kept.

    Nothing is returned for a heading that a person has worded in another way.
    """
    if labels is None or not labels.heading:
        return ""
    given, label = heading.translate(SPACES), labels.heading_fr.translate(SPACES)
    if heading_key(given) != heading_key(label) or not given.endswith(label):
        return ""
    return given.removesuffix(label) + labels.heading
