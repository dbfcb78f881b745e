"""The language of the text that the renderer adds: the reader's.

The text of a sheet is French, and its page has lang="fr". Text that the renderer adds, including
headings of the template, gets its own lang attribute if it is not French.
"""

from dataclasses import dataclass
from xml.etree import ElementTree

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from sheets.markdown.parse import heading_key
from sheets.schema.types import EnglishLabels, SheetTemplate

SHEET_LANGUAGE = "fr"
SPACES = {ord("\u00a0"): " ", ord("\u202f"): " "}


@dataclass(frozen=True)
class Label:
    """A heading as a page shows it to the reader: its text and the language of the text."""

    text: str
    language: str = SHEET_LANGUAGE

    def __str__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def attribute(self) -> SafeString:
        """Return the lang attribute of the label within French text, or ""."""
        if self.language == SHEET_LANGUAGE:
            return SafeString("")
        return format_html(' lang="{}"', self.language)


def reader_language() -> str:
    """Return the language in which a page is rendered for the reader: "fr" or "en"."""
    return "en" if (get_language() or SHEET_LANGUAGE).startswith("en") else SHEET_LANGUAGE


def lang_attribute() -> SafeString:
    """Return the lang attribute of an element with the renderer's own text, or ""."""
    return Label("", reader_language()).attribute


def set_words(element: ElementTree.Element, words: str) -> None:
    """Set the text of an element to the renderer's own text, with its language."""
    element.text = words
    mark_language(element)


def mark_language(element: ElementTree.Element) -> None:
    """Set the lang attribute of an element with the renderer's own text, if not French."""
    if (language := reader_language()) != SHEET_LANGUAGE:
        element.set("lang", language)


def english_heading(heading: str, labels: EnglishLabels | None) -> str:
    """Return the English heading of the template, with the emoji or number of `heading`.

    Return "" if a person has reworded the heading.
    """
    if labels is None or not labels.heading:
        return ""
    given, label = heading.translate(SPACES), labels.heading_fr.translate(SPACES)
    if heading_key(given) != heading_key(label) or not given.endswith(label):
        return ""
    return given.removesuffix(label) + labels.heading


def reader_label(heading: str, template: SheetTemplate, section: str, field: str = "") -> Label:
    """Return a heading of a sheet in the reader's language.

    `section` and `field` are its keys, `field` "" for the heading of a section. The heading stays
    French if the template has no English for it or a person has reworded it.
    """
    if (language := reader_language()) != SHEET_LANGUAGE:
        words = english_heading(heading, template.english.get((section, field)))
        if words:
            return Label(words, language)
    return Label(heading)
