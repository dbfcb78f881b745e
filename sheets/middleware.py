"""Lead former addresses of renamed sheets to their present ones."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from sheets.models import Sheet, SheetRedirect

Handler = Callable[[HttpRequest], HttpResponse]


class FormerAddressMiddleware:
    """Lead every address under a former slug of a sheet to the same page under its slug.

    Who reads is redirected. A form that is sent to a former address is taken as if it had been sent
    to the present one: a redirect would lose what it holds. Only responses of status 404 cost a
    query.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 404:
            return response
        address = current_address(request)
        if not address:
            return response
        if request.method in ("GET", "HEAD"):
            query = urlencode(request.GET, doseq=True)
            return HttpResponseRedirect(f"{address}?{query}" if query else address)
        request.path_info = address.removeprefix(request.META.get("SCRIPT_NAME", "").rstrip("/"))
        request.path = address
        return self.get_response(request)


def current_address(request: HttpRequest) -> str:
    """Return the address of the same page under the current slug of a renamed sheet, or ""."""
    match = request.resolver_match
    if match is None or match.url_name is None or "slug" not in match.kwargs:
        return ""
    former = SheetRedirect.objects.filter(slug=match.kwargs["slug"]).values("sheet")
    sheet = Sheet.objects.readable_by(request.user).filter(pk__in=former).first()
    if sheet is None or sheet.slug == match.kwargs["slug"]:
        return ""
    return reverse(match.view_name, kwargs={**match.kwargs, "slug": sheet.slug})
