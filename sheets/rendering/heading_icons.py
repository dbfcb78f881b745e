"""Our own pictures for the emoji of headings, which not every device has a font for."""

import re

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from wikico2.templatetags.ui import icon

NAMES = {
    "🎯": "target", "🧭": "compass", "⚙": "gear", "📌": "pin", "📊": "chart", "🛠": "tools",
    "🚀": "rocket", "⚠": "alert", "📚": "books", "🧰": "toolbox", "🏷": "label", "🧩": "pieces",
}  # fmt: skip
"""The icon of each emoji of the house (`templates/icons`)."""
_EMOJI = rf"(?P<emoji>{'|'.join(NAMES)})\ufe0f?\s*"
_OF_HEADING = re.compile(rf"(?P<tag><h2[^<>]*>(?:<span[^<>]*>)?){_EMOJI}")
_AT_START = re.compile(_EMOJI)


def _picture(emoji: str) -> SafeString:
    return mark_safe(icon(NAMES[emoji]).strip())  # noqa: S308 (a file of ours)


def heading_with_icon(heading: object) -> SafeString:
    """Return a heading as HTML, its emoji as our picture; other headings are only escaped."""
    text = str(heading)
    match = _AT_START.match(text)
    if match is None:
        return format_html("{}", text)
    return format_html("{} {}", _picture(match["emoji"]), text[match.end() :])


def with_heading_icons(html: str) -> str:
    """Return the HTML of a sheet with the emoji of its headings as our pictures."""
    return _OF_HEADING.sub(lambda m: f"{m['tag']}{_picture(m['emoji'])} ", html)
