"""The HTML in a Markdown text: which tags are honoured, which are not shown. Pure."""

import re
from html import unescape

from sheets.markdown.scanner import TAG

LETTER_TAGS = "b|strong|i|em|u|s|del|ins|sub|sup|kbd|code|mark|small"
"""The tags that change letters; they are honoured without their attributes, as <br> is."""
HTML_NAMES = frozenset(
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo big blockquote"
    " body br button canvas caption center cite code col colgroup data datalist dd del details dfn"
    " dialog dir div dl dt em embed fieldset figcaption figure font footer form frame frameset h1"
    " h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label legend li link"
    " main map mark math menu meta meter nav noframes noscript object ol optgroup option output p"
    " param picture pre progress q rp rt ruby s samp script search section select slot small source"
    " span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead"
    " time title tr track tt u ul var video wbr".split()
)
"""The names of HTML's tags. Only these are hidden: `<Tmax>` is text."""
SCRIPT = r"<(script|style)\b[^<]*+(?:<(?!/?(?:script|style)\b)[^<]*+)*+</\1\s*>"
COMMENT = r"<!--(?:[^-<]|-(?!->)|<(?!!--))*+-->"
MARKUP = re.compile(rf"(?i)(?<!\\)(?:{SCRIPT}|{COMMENT}|{TAG})")
ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_LETTER_TAG = re.compile(rf"(?i)</?(?:{LETTER_TAGS})[\s/>]")


def is_html(markup: str) -> bool:
    """Tell whether a match of `MARKUP` is HTML and not text in angle brackets."""
    return markup.startswith("<!--") or tag_name(markup) in HTML_NAMES


def tag_name(markup: str) -> str:
    """Return the name of a tag in lower case."""
    return re.split(r"[\s/>]", markup.lstrip("</"), maxsplit=1)[0].lower()


def without_html(text: str) -> str:
    """Return the text as a page shows it: without its HTML, with characters for entities."""
    if "<" in text:
        text = MARKUP.sub(_visible, text)
    return ENTITY.sub(lambda match: unescape(match[0]), text) if "&" in text else text


def _visible(match: re.Match[str]) -> str:
    if not is_html(match[0]):
        return match[0]
    return "" if _LETTER_TAG.match(match[0]) else " "
