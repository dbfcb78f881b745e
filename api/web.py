"""What the web expects of the site: sitemap, robots, oEmbed, cards, citations of sources."""

import re
from urllib.parse import urlsplit
from xml.sax.xmlreader import AttributesImpl

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from api.bibliography import FORMATS
from api.schemas.sheets import CitationOut
from sheets.models import Citation, Revision, Sheet
from sheets.rendering.statement_anchors import counted_statements
from sheets.sources.visibility import sources_visible_on
from sheets.views.reading import readable_sheets, shown_sheet
from wikico2.parameters import whole_number

MOST_IN_SITEMAP = 50_000
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
CARD_WIDTH, CARD_HEIGHT = 600, 320
LEAST_WIDTH = 200
ANCHOR = re.compile(r"s-[0-9a-f]{10}(?:-\d{1,4})?")
CARD_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors *"
)
CLOSED = "User-agent: *\nDisallow: /\n"
OPEN = """\
User-agent: *
Disallow: /admin/
Disallow: /compte/
Disallow: /recherche/
Disallow: /taches/
Disallow: /v1/
Disallow: /mcp
Disallow: /fiches/*/diff/
Disallow: /fiches/*/modifier/
Disallow: /fiches/*/pdf/

Sitemap: {site}/sitemap.xml
"""


@require_safe
@cache_control(public=True, max_age=3600)
def robots(request: HttpRequest) -> HttpResponse:
    """Tell crawlers what they may read: nothing where the site is not public."""
    content = OPEN.format(site=settings.SITE_URL) if settings.PUBLIC_SITE else CLOSED
    return HttpResponse(content, content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(public=True, max_age=3600)
def sitemap(request: HttpRequest) -> HttpResponse:
    """List the sheets that readers without an account see in lists.

    Django's own sitemaps render a template: three times the time for 10,000 sheets, for days
    instead of times.
    """
    if not settings.PUBLIC_SITE:
        raise Http404
    rows = Sheet.objects.listed_for(AnonymousUser()).filter(current__isnull=False)
    shown = rows.order_by("-updated_at", "-pk").values_list("slug", "updated_at")
    response = HttpResponse(content_type="application/xml; charset=utf-8")
    xml = SimplerXMLGenerator(response, "utf-8")
    xml.startDocument()
    xml.startElement("urlset", AttributesImpl({"xmlns": SITEMAP}))
    for slug, changed in shown[:MOST_IN_SITEMAP]:
        xml.startElement("url", AttributesImpl({}))
        xml.addQuickElement("loc", settings.SITE_URL + reverse("sheet", args=[slug]))
        xml.addQuickElement("lastmod", changed.isoformat(timespec="seconds"))
        xml.endElement("url")
    xml.endElement("urlset")
    xml.endDocument()
    return response


# --- Cards ----------------------------------------------------------------------------------------


def card_sheet(request: HttpRequest, slug: str) -> tuple[Sheet, Revision]:
    """Return a sheet that has a text, with its check; raises Http404."""
    rows = readable_sheets(request).select_related("current__check_made")
    sheet = shown_sheet(request, rows, slug, current__isnull=False)
    assert sheet.current is not None
    return sheet, sheet.current


@require_safe
@xframe_options_exempt
def sheet_card(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a sheet, or one of its statements (`?enonce=s-…`), for a frame of another site."""
    sheet, revision = card_sheet(request, slug)
    statements = dict(counted_statements(getattr(revision, "check_made", None)))
    wanted = request.GET.get("enonce", "")
    if wanted and wanted not in statements:
        raise Http404
    address = settings.SITE_URL + sheet.get_absolute_url() + (f"#{wanted}" if wanted else "")
    context = {"sheet": sheet, "address": address}
    if wanted:
        statement = statements[wanted]
        cited = revision.citations.filter(marker__in=statement["markers"])
        context |= {
            "statement": statement,
            "level": Citation.Level(statement["level"]).label if statement["level"] else "",
            "proofs": [CitationOut.of(row) for row in cited.select_related("document")],
        }
    else:
        texts = [one["text"] for one in statements.values()]
        context["description"] = Truncator(" ".join(texts[:2])).chars(280)
    response = render(request, "api/card.html", context)
    response.headers["Content-Security-Policy"] = CARD_POLICY
    return response


@require_safe
def oembed(request: HttpRequest) -> HttpResponse:
    """Answer how the page of a sheet or of a statement is embedded (oEmbed 1.0, JSON)."""
    if request.GET.get("format", "json") != "json":
        return HttpResponse(status=400)
    slug, anchor = embedded(request.GET.get("url", ""))
    sheet, _revision = card_sheet(request, slug)
    most = whole_number(request.GET.get("maxwidth", "")) or CARD_WIDTH
    height = whole_number(request.GET.get("maxheight", "")) or CARD_HEIGHT
    width = max(min(most, CARD_WIDTH), LEAST_WIDTH)
    address = settings.SITE_URL + reverse("sheet_card", args=[sheet.slug])
    address += f"?enonce={anchor}" if anchor else ""
    frame = format_html(
        '<iframe src="{}" width="{}" height="{}" title="{}" loading="lazy"></iframe>',
        address,
        width,
        min(height, CARD_HEIGHT),
        sheet.title,
    )
    return JsonResponse(
        {
            "version": "1.0",
            "type": "rich",
            "provider_name": "WikiCO2",
            "provider_url": f"{settings.SITE_URL}/",
            "title": sheet.title,
            "width": width,
            "height": min(height, CARD_HEIGHT),
            "html": str(frame),
        }
    )


def embedded(url: str) -> tuple[str, str]:
    """Return the slug and the anchor of an address of the site; raises Http404."""
    try:
        parts = urlsplit(url)
        match = resolve(parts.path)
    except (ValueError, Resolver404):
        raise Http404 from None
    if f"{parts.scheme}://{parts.netloc}" != settings.SITE_URL or match.url_name != "sheet":
        raise Http404
    anchor = parts.fragment if ANCHOR.fullmatch(parts.fragment) else ""
    return str(match.kwargs["slug"]), anchor


# --- Citations of the sources ---------------------------------------------------------------------


@require_safe
def source_citations(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    """Send the sources of a sheet as BibTeX, RIS or CSL-JSON."""
    if kind not in FORMATS:
        raise Http404
    sheet = shown_sheet(request, readable_sheets(request), slug)
    written = FORMATS[kind]
    sources = sources_visible_on(sheet, request.user).order_by("title", "pk")
    return HttpResponse(
        written.write(sources),
        content_type=written.media_type,
        headers={"Content-Disposition": f'attachment; filename="{sheet.slug}.{kind}"'},
    )
