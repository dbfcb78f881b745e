"""Keep the pages of sheets as they were sent, and send them again while nothing they show changes.

A kept page stands in the database with the token of what it was made of: the sheet and its text,
its type, its sources, what is proposed for it, the sheets that it links to or that link to it, …
(`wikico2_sheet_token`; of the text of older versions it knows nothing). One query brings the page
if it was made of what is there today; otherwise it is made anew. So a page is never older than
the rows it shows.

Pages are the same for all readers with the same rights and language. What is one reader's own (the
name, the form token, the theme, whether the sheet is watched) stands in the page as a slot that is
filled when it is sent. A page that shows anything else must not be kept: its view answers with
`render` instead of a `TemplateResponse`.
"""

import functools
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.response import TemplateResponse
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import get_language

from sheets.models import CachedPage
from wikico2.context_processors import theme_attribute

View = Callable[..., HttpResponse]

LOOK_UP_SQL = "SELECT sheet, token, nonce, html, watched FROM wikico2_kept_page(%s, %s, %s)"
STORE_SQL = """
    INSERT INTO sheets_keptpage (sheet_id, key, token, nonce, html, made_at)
    VALUES (%s, %s, %s, %s, %s, now())
    ON CONFLICT (sheet_id, key) DO UPDATE SET
        token = excluded.token, nonce = excluded.nonce, html = excluded.html, made_at = now()
"""
MAX_PAGES = 20_000
"""So many pages stay at the daily clearing, the latest ones."""


@dataclass(frozen=True)
class CacheLookup:
    """What stands in the database for an address: the sheet, its token, and the page if it fits."""

    sheet: int
    token: str
    nonce: str
    html: str | None
    watched: bool


def cache_pages(*parameters: str) -> Callable[[View], View]:
    """Keep the pages of a view that takes the `slug` of a sheet.

    Only addresses whose query names nothing but `parameters` are kept. A TemplateResponse of
    status 200 is; any other answer passes.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def answer(request: HttpRequest, slug: str, **rest: Any) -> HttpResponse:
            if not is_cacheable(request, parameters):
                return view(request, slug, **rest)
            key = cache_key(request)
            found = look_up_page(request, slug, key)
            if found is None:
                return view(request, slug, **rest)
            if found.html is not None:
                return HttpResponse(fill_slots(found.html, found.nonce, request, found.watched))
            response = view(request, slug, **rest)
            if isinstance(response, TemplateResponse) and response.status_code == 200:
                cache_response(response, request, found, key)
            return response

        return answer

    return decorate


def is_cacheable(request: HttpRequest, parameters: tuple[str, ...]) -> bool:
    """Tell whether the page of this address is the same for the next reader."""
    return (
        not settings.DEBUG  # a developer's templates change under our feet
        and request.method in ("GET", "HEAD")
        and all(name in parameters for name in request.GET)
        and "messages" not in request.COOKIES
        and "_messages" not in request.session
    )


def cache_key(request: HttpRequest) -> str:
    """Return what tells the pages of one sheet apart."""
    parts = (
        request.path,
        urlencode(sorted(request.GET.items())),
        get_language() or "",
        reader_rights(request.user),
        program_version(),
        *(str(getattr(settings, name)) for name in PAGE_SETTINGS),
    )
    return hashlib.blake2s("\x1f".join(parts).encode(), digest_size=16).hexdigest()


PAGE_SETTINGS = ("PUBLIC_SITE", "SHOW_DRAFTS", "LLM_BACKEND", "MAX_UPLOAD_MB")
"""The settings that pages depend on."""


def reader_rights(user: Any) -> str:
    """Return what distinguishes what two people are shown."""
    if not user.is_authenticated:
        return ""
    rights = "all" if user.is_superuser else " ".join(sorted(user.get_all_permissions()))
    return f"{user.is_staff} {rights}"


@functools.cache
def program_version() -> str:
    """Return what changes with the program: the age and size of its own files."""
    digest = hashlib.blake2s(digest_size=16)
    for folder in ("wikico2", "ingestion", "sheets", "templates", "static", "locale"):
        for path in sorted(Path(settings.BASE_DIR, folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                status = path.stat()
                digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def look_up_page(request: HttpRequest, slug: str, key: str) -> CacheLookup | None:
    """Return what is kept for a sheet, in one query; None where there is no such sheet."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK_UP_SQL, [slug, key, request.user.pk])
        sheet, token, nonce, html, watched = cursor.fetchone()
    return None if sheet is None else CacheLookup(sheet, token, nonce or "", html, bool(watched))


def cache_response(
    response: TemplateResponse, request: HttpRequest, found: CacheLookup, key: str
) -> None:
    """Make the page with slots, keep it, and fill it for this reader."""
    nonce = secrets.token_hex(8)
    slots = {
        name: mark_safe(slot_text(nonce, name))  # noqa: S308 (ours)
        for name in reader_context(request, found.watched)
    }
    response.context_data = {**(response.context_data or {}), **slots}
    response.render()
    html = response.content.decode()
    with connection.cursor() as cursor:
        cursor.execute(STORE_SQL, [found.sheet, key, found.token, nonce, html])
    response.content = fill_slots(html, nonce, request, found.watched)


def reader_context(request: HttpRequest, watched: bool) -> Mapping[str, Callable[[], str]]:
    """Return what templates show of one reader, under the names that they know it by."""
    return {
        "csrf_token": lambda: get_token(request),
        "reader_name": lambda: escape(str(request.user)),
        "theme_attribute": lambda: theme_attribute(request),
        "watched": lambda: "true" if watched else "false",
    }


def slot_text(nonce: str, name: str) -> str:
    """Return a text that no author can have foreseen."""
    return f"slot-{nonce}-{name}"


def fill_slots(html: str, nonce: str, request: HttpRequest, watched: bool) -> str:
    """Return the page with its slots filled for a reader."""
    for name, value in reader_context(request, watched).items():
        place = slot_text(nonce, name)
        if place in html:
            html = html.replace(place, value())
    return html


def clear_cached_pages() -> int:
    """Throw away all but the latest pages; return how many went."""
    latest = CachedPage.objects.order_by("-made_at", "-pk")
    oldest = latest.values_list("made_at", flat=True)[MAX_PAGES : MAX_PAGES + 1].first()
    if oldest is None:
        return 0
    return CachedPage.objects.filter(made_at__lte=oldest).delete()[0]
