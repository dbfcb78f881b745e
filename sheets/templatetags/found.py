"""Template tags for search results: marked words, reasons, states."""

import re
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from sheets.models import Sheet
from sheets.rendering.html import french_spaces
from sheets.search import Hit, MatchReason, SnippetPieces
from sheets.templatetags.sheet_html import STATE_TONES

register = template.Library()

BARS = re.compile(r"\s*\|(?:[\s|:-]*\|)?\s*")
"""The separators of table cells and rows."""


@register.filter
def marked(pieces: SnippetPieces) -> SafeString:
    """Return escaped text with French spacing and the found words in <mark>."""
    spaced = ((french_spaces(BARS.sub(" · ", text)) or "", found) for text, found in pieces)
    return format_html_join(
        "",
        "{}",
        ((format_html("<mark>{}</mark>", text) if found else text,) for text, found in spaced),
    )


@register.filter
def reasons(why: MatchReason) -> str:
    """Return the reasons of a match in one line."""
    parts = []
    if why.words:
        parts.append(_("All words"))
    elif why.some:
        parts.append(_("Some words"))
    if why.synonyms:
        terms = ", ".join(_("“%(term)s”") % {"term": term} for term in why.synonyms)
        parts.append(_("Synonym: %(terms)s") % {"terms": terms})
    if why.meaning:
        parts.append(_("Similar meaning"))
    return " · ".join(parts)


@register.inclusion_tag("sheets/_state.html")
def hit_state(hit: Hit) -> dict[str, Any]:
    """Show the state of a found sheet as a badge."""
    known = hit.state in Sheet.State.values
    tone, icon = STATE_TONES[Sheet.State(hit.state)] if known else ("", "circle")
    return {"label": hit.state_name, "tone": tone, "icon_name": icon}
