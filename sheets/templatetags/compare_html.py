"""Template filters for the comparison of two versions."""

from django import template
from django.utils.formats import number_format
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from sheets.merge.diff import BlockChange, ValueChange
from sheets.templatetags.merge_html import mark_words

register = template.Library()


@register.filter
def in_line(change: BlockChange | ValueChange) -> SafeString:
    """Show a change inline, with removed words in <del> and added ones in <ins>."""
    tags = {"removed": "del", "added": "ins"}
    shown = ((mark_words(words, kind, tags.get(kind, "")),) for words, kind in change.pieces)
    return format_html_join("", "{}", shown)


@register.filter
def as_piece(words: str, kind: str) -> SafeString:
    """Show words of a plain text, in <del> or <ins> if they were removed or added."""
    tags = {"removed": "del", "added": "ins"}
    return format_html("<{0}>{1}</{0}>", tags[kind], words) if kind in tags else escape(words)


@register.filter
def signed(size: int) -> str:
    """Return a change of size in bytes, with its sign."""
    if not size:
        return "0"
    return f"{'+' if size > 0 else '−'}{number_format(abs(size))}"


@register.filter
def note_title(text: str) -> str:
    """Return the link text of a citation: document and page."""
    return text.partition("](")[0].lstrip("[")
