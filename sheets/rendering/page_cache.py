"""Cache rendered pages of sheets until something that they show changes.

A cached page is stored in PostgreSQL with a token of the rows that it shows: the sheet and its
text, its type, its sources, its proposals, the sheets that it links to or that link to it, …
(`wikico2_sheet_token`; the text of older versions is not part of it). One query returns the page if
its token is still valid; otherwise it is rendered again. So a page is never older than the rows it
shows.

Readers with the same rights and language share a page. What belongs to one reader (name, CSRF
token, theme, whether the sheet is watched) is a slot in the page, filled when it is sent. A view
whose page shows anything else must not be cached: it answers with `render` instead of a
`TemplateResponse`.
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
from wikico2.context_processors import theme_attribute, unread_count

View = Callable[..., HttpResponse]

LOOK_UP_SQL = "SELECT sheet, token, nonce, html, watched FROM wikico2_kept_page(%s, %s, %s)"
STORE_SQL = """
    INSERT INTO sheets_keptpage (sheet_id, key, token, nonce, html, made_at)
    VALUES (%s, %s, %s, %s, %s, now())
    ON CONFLICT (sheet_id, key) DO UPDATE SET
        token = excluded.token, nonce = excluded.nonce, html = excluded.html, made_at = now()
"""
MAX_PAGES = 20_000
"""How many pages, the latest ones, the daily cleanup keeps."""


@dataclass(frozen=True)
class CacheLookup:
    """The row of an address: the sheet, its current token, and the page if it is still valid."""

    sheet: int
    token: str
    nonce: str
    html: str | None
    watched: bool


def cache_pages(*parameters: str) -> Callable[[View], View]:
    """Cache the pages of a view that takes the `slug` of a sheet.

    Only a TemplateResponse of status 200 is cached, and only for addresses whose query has no
    parameters but `parameters`.
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
    """Tell whether the page of this request is the same for other readers."""
    return (
        not settings.DEBUG  # templates change during development
        and request.method in ("GET", "HEAD")
        and all(name in parameters for name in request.GET)
        and "messages" not in request.COOKIES
        and "_messages" not in request.session
    )


def cache_key(request: HttpRequest) -> str:
    """Return the key that distinguishes the cached pages of one sheet."""
    parts = (
        request.path,
        urlencode(sorted(request.GET.items())),
        get_language() or "",
        reader_rights(request.user),
        program_version(),
        *(str(getattr(settings, name)) for name in PAGE_SETTINGS),
    )
    return hashlib.blake2s("\x1f".join(parts).encode(), digest_size=16).hexdigest()


PAGE_SETTINGS = (
    "PUBLIC_SITE", "SHOW_DRAFTS", "SHOW_UNVALIDATED", "ANONYMOUS_SUGGESTIONS", "LLM_BACKEND",
    "MAX_UPLOAD_MB",
)  # fmt: skip
"""The settings that pages depend on."""


def reader_rights(user: Any) -> str:
    """Return the rights that decide what a reader is shown, as text."""
    if not user.is_authenticated:
        return ""
    rights = "all" if user.is_superuser else " ".join(sorted(user.get_all_permissions()))
    return f"{user.is_staff} {rights}"


@functools.cache
def program_version() -> str:
    """Return a hash of the program: paths, sizes and modification times of its files."""
    digest = hashlib.blake2s(digest_size=16)
    for folder in ("api", "wikico2", "ingestion", "sheets", "templates", "static", "locale"):
        for path in sorted(Path(settings.BASE_DIR, folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                status = path.stat()
                digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def look_up_page(request: HttpRequest, slug: str, key: str) -> CacheLookup | None:
    """Return the cache row of a sheet, in one query; None if there is no such sheet."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK_UP_SQL, [slug, key, request.user.pk])
        sheet, token, nonce, html, watched = cursor.fetchone()
    return None if sheet is None else CacheLookup(sheet, token, nonce or "", html, bool(watched))


def cache_response(
    response: TemplateResponse, request: HttpRequest, found: CacheLookup, key: str
) -> None:
    """Render the page with slots, store it, and fill the slots for this reader."""
    nonce = secrets.token_hex(8)
    # A slot is a name of `reader_context` between hexadecimal digits made here: no reader's text.
    slots = {
        name: mark_safe(slot_text(nonce, name))  # noqa: S308 (see above)
        for name in reader_context(request, found.watched)
    }
    response.context_data = {**(response.context_data or {}), **slots}
    response.render()
    html = response.content.decode()
    store_page(found, key, nonce, html)
    response.content = fill_slots(html, nonce, request, found.watched)


def store_page(found: CacheLookup, key: str, nonce: str, html: str) -> None:
    """Store a page with the token that the sheet had when it was looked up."""
    with connection.cursor() as cursor:
        cursor.execute(STORE_SQL, [found.sheet, key, found.token, nonce, html])


def reader_context(request: HttpRequest, watched: bool) -> Mapping[str, Callable[[], str]]:
    """Return the context variables that belong to one reader, as functions of no arguments."""
    return {
        "csrf_token": lambda: get_token(request),
        "unread_count": lambda: unread_count(request),
        "reader_name": lambda: escape(str(request.user)),
        "theme_attribute": lambda: theme_attribute(request),
        "watched": lambda: "true" if watched else "false",
    }


def slot_text(nonce: str, name: str) -> str:
    """Return the text of a slot; the nonce makes it impossible to forge."""
    return f"slot-{nonce}-{name}"


def fill_slots(html: str, nonce: str, request: HttpRequest, watched: bool) -> str:
    """Return the page with its slots filled for a reader."""
    for name, value in reader_context(request, watched).items():
        slot = slot_text(nonce, name)
        if slot in html:
            html = html.replace(slot, value())
    return html


def clear_cached_pages() -> int:
    """Delete all but the latest MAX_PAGES pages; return how many were deleted."""
    latest = CachedPage.objects.order_by("-made_at", "-pk")
    oldest = latest.values_list("made_at", flat=True)[MAX_PAGES : MAX_PAGES + 1].first()
    if oldest is None:
        return 0
    return CachedPage.objects.filter(made_at__lte=oldest).delete()[0]
