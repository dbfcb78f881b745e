"""Template tags shared by the pages of sheets: rendered text, states, authors."""

from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from sheets.models import Citation, Sheet, SheetEvent
from sheets.models.level_reasons import level_name
from sheets.rendering.heading_icons import heading_with_icon
from sheets.rendering.html import french_spaces, table_quote
from sheets.rendering.stored_rendering import table_rows
from sheets.revisions.authorship import automatic_writer, revision_author
from sheets.verification.levels import LEVELS
from wikico2.accounts.rules import may

register = template.Library()

STATE_TONES = {
    Sheet.State.DRAFT: ("amber", "draft"),
    Sheet.State.REVIEW: ("amber", "eye"),
    Sheet.State.VALIDATED: ("green", "verified"),
    Sheet.State.PUBLISHED: ("green", "verified"),
    Sheet.State.ARCHIVED: ("", "lock"),
}


@register.simple_tag
def sheet_html(html: str) -> SafeString:
    """Mark a piece of `Revision.rendered` as safe HTML.

    It is safe because the renderer that filled `rendered` escapes text of sources, models and
    people, and filters the rest by an allow-list of tags.
    """
    return mark_safe(html)  # noqa: S308  (see above)


@register.filter
def quoted_table(citation: Citation) -> SafeString:
    """Return the quote of a citation as rows under their headings; "" if it is no table's row.

    The passage of the citation is read: load `chunk` with it.
    """
    rows = table_rows(citation)
    return table_quote(rows) if rows else SafeString("")


@register.inclusion_tag("sheets/_state.html")
def state_badge(sheet: Sheet) -> dict[str, Any]:
    """Show the state of a sheet as a badge."""
    tone, icon = STATE_TONES[Sheet.State(sheet.state)]
    if sheet.state == Sheet.State.VALIDATED and sheet.is_changed_since_validation:
        return {"label": _("changed since validation"), "tone": "amber", "icon_name": "alert"}
    return {"label": sheet.get_state_display(), "tone": tone, "icon_name": icon}


@register.simple_tag(takes_context=True)
def event_sentence(context: dict[str, Any], event: SheetEvent) -> str:
    """Return what happened, as a sentence; sources are named to those who may read them all."""
    return event.sentence(named=may(context["user"], "source.read_internal"))


@register.simple_tag
def levels_bar(levels: dict[str, int]) -> SafeString:
    """Return a small bar of the levels of a sheet's statements, named for screen readers."""
    total = sum(levels.get(level, 0) for level in LEVELS)
    if not total:
        return SafeString("")
    parts, names, start = [], [], 0.0
    for level in LEVELS:
        if count := levels.get(level, 0):
            width = 100 * count / total
            parts.append((level, f"{start:.1f}", f"{width:.1f}"))
            names.append(f"{level_name(level)} ({count})")
            start += width
    return format_html(
        '<svg class="levels-bar" viewBox="0 0 100 8" role="img" aria-label="{}"><title>{}</title>'
        "{}</svg>",
        ", ".join(names),
        ", ".join(names),
        format_html_join("", '<rect class="is-{}" x="{}" width="{}" height="8"/>', parts),
    )


@register.filter
def french(text: str) -> str:
    """Return a text of people, such as a title, with French no-break spaces."""
    return french_spaces(text) or ""


@register.filter
def share_tone(share: int) -> str:
    """Return the colour of a share in per cent: green from 80, else amber."""
    return "green" if share >= 80 else "amber"


register.filter("with_icon", heading_with_icon)
register.filter("written_by", revision_author)
register.filter("writer_of", automatic_writer)
