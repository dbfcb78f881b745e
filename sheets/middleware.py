"""Redirect former addresses of renamed sheets."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from sheets.models import Sheet, SheetRedirect

Handler = Callable[[HttpRequest], HttpResponse]


class FormerAddressMiddleware:
    """Redirect every address under a former slug of a sheet to the same page under its slug.

    Only responses of status 404 cost a query.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 404 or request.method not in ("GET", "HEAD"):
            return response
        return redirect_to_current(request) or response


def redirect_to_current(request: HttpRequest) -> HttpResponse | None:
    """Return the redirect to the current address of a sheet, or None."""
    match = request.resolver_match
    if match is None or match.url_name is None or "slug" not in match.kwargs:
        return None
    former = SheetRedirect.objects.filter(slug=match.kwargs["slug"]).values("sheet")
    sheet = Sheet.objects.readable_by(request.user).filter(pk__in=former).first()
    if sheet is None:
        return None
    address = reverse(match.url_name, kwargs={**match.kwargs, "slug": sheet.slug})
    query = urlencode(request.GET, doseq=True)
    return HttpResponseRedirect(f"{address}?{query}" if query else address)
