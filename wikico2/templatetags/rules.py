"""The template tag that asks the table of rules about an object."""

from typing import Any

from django import template

from wikico2.accounts.rules import may

register = template.Library()


@register.simple_tag(takes_context=True)
def may_do(context: dict[str, Any], action: str, obj: Any) -> bool:
    """Tell whether the reader may do the action to the object."""
    return may(context["user"], action, obj)
