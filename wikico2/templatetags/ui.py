"""Template tags for all apps: icons, pagination, file sizes."""

from functools import cache
from typing import Any

from django import template
from django.core.paginator import Page
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from wikico2.errors import error_sentence
from wikico2.jobs.listing import Outlook
from wikico2.models import Job
from wikico2.sizes import format_size, size_words

register = template.Library()


@cache
def _svg(name: str) -> SafeString:
    return render_to_string(f"icons/{name}.svg")


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return the SVG of `templates/icons/<name>.svg`; hidden from screen readers."""
    return _svg(name)


@register.inclusion_tag("_pagination.html", takes_context=True)
def pagination(context: dict[str, Any], page: Page[Any]) -> dict[str, Any]:
    """Show links to the other pages of a list, keeping the other query parameters."""
    return {
        "request": context["request"],
        "page": page,
        "numbers": page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "gap": page.paginator.ELLIPSIS,
    }


@register.inclusion_tag("_job_wait.html", takes_context=True)
def job_wait(
    context: dict[str, Any], job: Job | None, outlook: Outlook | None = None
) -> dict[str, Any]:
    """Show what a job in progress waits for, its place in the line and the time left."""
    wait = (outlook or Outlook()).of(job) if job and job.is_working else None
    return {"wait": wait, "may": context.get("may")}


register.filter("format_size", format_size)


@register.simple_tag
def size_attributes() -> SafeString:
    """Return the words of the units of sizes as `data-` attributes, for a script."""
    return format_html_join(" ", 'data-{}="{}"', size_words().items())


@register.simple_tag
def error_pattern(code: str, *details: str) -> str:
    """Return the sentence of an error with `{name}` for its details, which a script fills in."""
    return error_sentence(code, {name: f"{{{name}}}" for name in details})
