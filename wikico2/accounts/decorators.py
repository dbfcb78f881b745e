"""The decorator by which a view asks the table of rules."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from wikico2.accounts.rules import RULES, may, may_own

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def requires(action: str) -> Callable[[View], View]:
    """Answer only those who may do `action`, at least to objects of their own.

    Readers without an account are asked to log in, others get a 403. Where it matters whose the
    object is, the view calls `check` once it has it. Raises KeyError for an action without a rule.
    """
    rule = RULES[action]

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not may_own(request.user, action):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        @wraps(view)
        def open_answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            asked = view if may(request.user, action) else login_required(answer)
            return asked(request, *args, **kwargs)

        return cast("View", open_answer if rule.opened_by else login_required(answer))

    return decorate
