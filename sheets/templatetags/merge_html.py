"""Template tags for proposals, conflicts, stale sheets and the tools of sections."""

import re
from collections.abc import Iterable
from typing import Any, Literal

from django import template
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from sheets.markdown.parse import MARKER, has_words, unescape_markdown
from sheets.merge.diff import BlockChange, Piece, PieceKind
from sheets.models import Section, Sheet
from sheets.rendering.gaps import explain_gaps, sheet_gaps
from sheets.rendering.heading_icons import with_heading_icons
from sheets.rendering.html import french_spaces
from wikico2.accounts.rules import may

register = template.Library()

REASONS = {
    "document_added": gettext_noop("A source was added: “%(title)s”."),
    "document_replaced": gettext_noop("“%(title)s” has a newer version: “%(new_title)s”."),
    "document_removed": gettext_noop("A source was removed: “%(title)s”."),
    "document_reread": gettext_noop(
        "“%(title)s” was read again by a newer reader; passages used here are gone."
    ),
    "model_changed": gettext_noop("The writing model has changed: %(new)s instead of %(old)s."),
    "prompt_changed": gettext_noop("The model’s instructions have changed."),
    "type_changed": gettext_noop("The structure of this sheet type has changed."),
}
CODES = {
    "document_added": gettext_noop("source added"),
    "document_replaced": gettext_noop("source replaced"),
    "document_removed": gettext_noop("source removed"),
    "document_reread": gettext_noop("source read again"),
    "model_changed": gettext_noop("model changed"),
    "prompt_changed": gettext_noop("instructions changed"),
    "type_changed": gettext_noop("structure changed"),
}
NOTICES = {
    "shrunk": gettext_noop("“%(section)s” would shrink from %(before)s words to %(after)s."),
    "empty": gettext_noop(
        "“%(section)s” was generated empty; the current text has %(before)s words."
    ),
    "locked": gettext_noop("“%(section)s” was locked in the meantime: it is unchanged."),
}
SECTION = re.compile(r'<section(?=[^>]* class="sheet-section")[^>]* id="([^"]+)"[^>]*>')
MARKUP = re.compile(r"\*\*|__|^#{1,6}\s+|^\s*[-*+]\s+")


@register.filter
def reason_sentence(reason: dict[str, str]) -> str:
    """Return the sentence of a stale reason."""
    if reason.get("code") not in REASONS:
        return _("Something it depends on has changed.")
    blank = dict.fromkeys(("title", "new_title", "old", "new"), "")
    return _(REASONS[reason["code"]]) % (blank | reason)


@register.filter
def reason_words(code: str) -> str:
    """Return a short label of a stale reason."""
    return _(CODES.get(code, "changed"))


@register.simple_tag
def notice_sentence(notice: dict[str, Any], headings: dict[str, str]) -> str:
    """Return the sentence of a notice on a generated text."""
    key = notice.get("section", "")
    given = {"before": 0, "after": 0} | notice | {"section": headings.get(key, key)}
    return _(NOTICES.get(notice.get("code", ""), NOTICES["shrunk"])) % given


@register.filter
def side(change: BlockChange, which: str) -> SafeString:
    """Show one side of a changed block, with what the other side lacks in <del> or <ins>.

    Footnote markers become labels, as in the list of sources below.
    """
    other: PieceKind = "removed" if which == "old" else "added"
    shown = [(words, kind) for words, kind in change.pieces if kind in ("same", other)]
    if not shown and (text := change.old if which == "old" else change.new):
        shown = [(text, other)]
    tag = "del" if which == "old" else "ins"
    return format_html_join("", "{}", ((mark_words(words, kind, tag),) for words, kind in shown))


@register.filter
def marked(pieces: Iterable[Piece], tag: Literal["del", "ins"]) -> SafeString:
    """Show the words of a cell of one side, with what the other side lacks in <del> or <ins>."""
    return format_html_join("", "{}", ((mark_words(words, kind, tag),) for words, kind in pieces))


@register.filter
def own_words(change: BlockChange, which: str) -> SafeString:
    """Show one side of a conflict, with what the other side lacks in <mark>.

    Nothing is marked if the sides have no words in common.
    """
    other: PieceKind = "removed" if which == "old" else "added"
    shown = [(words, kind) for words, kind in change.pieces if kind in ("same", other)]
    if not any(kind == "same" and has_words(words) for words, kind in shown):
        return with_labels(change.old if which == "old" else change.new)
    return format_html_join("", "{}", ((mark_words(words, kind, "mark"),) for words, kind in shown))


def mark_words(words: str, kind: str, tag: str) -> SafeString:
    if kind == "same" or not words.strip():
        return with_labels(words)
    start = words[: len(words) - len(words.lstrip())]
    end = words[len(words.rstrip()) :]
    return format_html("{1}<{0}>{2}</{0}>{3}", tag, start, with_labels(words.strip()), end)


@register.filter
def with_labels(text: str) -> SafeString:
    """Show Markdown as plain text, with footnote labels."""
    parts: list[SafeString] = []
    end = 0
    for match in MARKER.finditer(text):
        parts.append(visible_words(text[end : match.start()]))
        parts.append(format_html('<sup class="note-label">{}</sup>', match[1]))
        end = match.end()
    parts.append(visible_words(text[end:]))
    return format_html_join("", "{}", ((p,) for p in parts))


def visible_words(text: str) -> SafeString:
    plain = unescape_markdown(MARKUP.sub("", text))
    return format_html("{}", french_spaces(plain) or plain)


def with_gaps(html: str, sheet: Sheet, *, linked: bool) -> str:
    """Return a sheet's HTML with the empty fields of each section explained."""
    if '<p class="empty-fields"' not in html:
        return html
    gaps = sheet_gaps(sheet)
    starts = [match.start() for match in SECTION.finditer(html)]
    parts = [html[: starts[0]]] if starts else [html]
    for start, end in zip(starts, [*starts[1:], len(html)], strict=False):
        key = SECTION.match(html, start)
        part = html[start:end]
        parts.append(explain_gaps(part, sheet, key[1] if key else "", gaps, linked=linked))
    return "".join(parts)


def sections_of(sheet: Sheet) -> QuerySet[Section]:
    return Section.objects.filter(sheet_type=sheet.sheet_type_id).exclude(
        role=Section.Role.COMPUTED
    )


@register.simple_tag(takes_context=True)
def sheet_body(context: dict[str, Any], sheet: Sheet, html: str) -> SafeString:
    """Return a sheet's HTML, with the tools and the state at the head of each section.

    A section says of its empty fields what was looked for, and found.

    The HTML is from the renderer, filtered by its allow-list; see `sheet_html`.
    """
    may_write = may(context["user"], "sheet.edit")
    html = with_heading_icons(with_gaps(html, sheet, linked=may_write))
    if not (may_write or sheet.stale_sections):
        return mark_safe(html)  # noqa: S308  (see above)
    locked = sheet.locked_keys() if may_write else set()
    written = {s.key: s.heading for s in sections_of(sheet)}

    def tools(match: re.Match[str]) -> str:
        key = match[1]
        stale = sheet.stale_sections.get(key)
        if not (may_write or (key in written and (stale or key in locked))):
            return match[0]
        given = {
            "sheet": sheet,
            "key": key,
            "heading": written.get(key, ""),
            "locked": key in locked,
            "stale": stale,
            "may_edit": may_write,
            "may_write": may_write and key in written,
        }
        return match[0] + render_to_string("sheets/_section_tools.html", given)

    return mark_safe(SECTION.sub(tools, html))  # noqa: S308  (see above)
