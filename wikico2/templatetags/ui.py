"""What every template may use: icons, tones, pages of a list."""

from functools import cache
from typing import Any

from django import template
from django.core.paginator import Page
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

KILO = 1024


@cache
def _svg(name: str) -> SafeString:
    return render_to_string(f"icons/{name}.svg")


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return the drawing `templates/icons/<name>.svg`; hidden from screen readers."""
    return _svg(name)


@register.inclusion_tag("_pagination.html", takes_context=True)
def pagination(context: dict[str, Any], page: Page[Any]) -> dict[str, Any]:
    """Show the way to the other pages of a list, keeping the rest of the address."""
    return {
        "request": context["request"],
        "page": page,
        "numbers": page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "gap": page.paginator.ELLIPSIS,
    }


@register.filter
def weight(size: int) -> str:
    """Return a size in bytes for people, as the script of the upload does."""
    if size < KILO:
        return ngettext("%(n)s byte", "%(n)s bytes", size) % {"n": size}
    unit, said = (KILO, _("%s KB")) if size < KILO**2 else (KILO**2, _("%s MB"))
    return said % number_format(round(size / unit, 1))
