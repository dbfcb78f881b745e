"""A page of a source: its image beside its text, with the requested passage highlighted."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ingestion.anchors.page_images import (
    THUMBNAIL_WIDTH,
    WIDTH,
    StoredPageImage,
    figure_picture,
    page_image_of,
)
from ingestion.anchors.text_highlight import highlight_blocks
from ingestion.models import Chunk, Document, Page
from ingestion.readers import Rect
from ingestion.readers.registry import is_paged
from ingestion.views.errors import gone_response, internal_response, unavailable_response
from wikico2.errors import UserError
from wikico2.parameters import whole_number

PASSAGES_SHOWN = 40
CITATIONS_SHOWN = 50
LONGEST_QUOTE = 4000


@require_safe
def page_detail(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show a page; `?citation=`, `?passage=` (ids) or `?q=` (words) set what to highlight."""
    document = Document.objects.filter(pk=pk).first()
    if document is None:
        return gone_response(request)
    if not document.can_be_read_by(request.user):
        return internal_response(request, document)
    read = document.pages.filter(number=number).first()
    if read is None and not 1 <= number <= document.page_count:
        return unavailable_response(request, document, _no_such_page(document, number))
    sheet_page = read or Page(document=document, number=number)
    wanted = highlight_request(request, document)
    if wanted.elsewhere(number):
        return redirect(f"{reverse('page', args=[pk, wanted.page])}?{request.GET.urlencode()}")
    in_parts = wanted.in_parts
    blocks = highlight_blocks(sheet_page.blocks, sheet_page.text, wanted.quotes, in_parts=in_parts)
    paged = is_paged(document.media_type)
    is_section = not paged and read is not None and not read.width  # cut by the reader
    picture, problem = _page_picture(document, number) if paged else (None, "")
    found = picture.highlight(wanted.quotes, sheet_page.words, in_parts=in_parts) if picture else []
    citations = document.citations.current().shown_to(request.user).filter(page=number)
    context = {
        "document": document,
        "page": sheet_page,
        "is_read": read is not None,
        "wanted": wanted,
        "blocks": blocks,
        "in_text": any(block.marked for block in blocks),
        "paged": paged,
        "is_section": is_section,
        "place": _("section") if is_section else "p.",
        "picture": picture,
        "problem": problem,
        "marks": [HighlightBox.of(rect) for rect in found],
        "previous": number - 1,
        "next": number + 1 if number < document.page_count else None,
        "passages": _passages(document, number),
        "citations": citations.with_sheets().order_by("revision__sheet__title", "order")[
            :CITATIONS_SHOWN
        ],
    }
    return render(request, "ingestion/page.html", context)


@require_safe
def page_image(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Send the image of a page; with `?size=small` a thumbnail."""
    document = get_object_or_404(Document, pk=pk)
    if not document.can_be_read_by(request.user):
        return internal_response(request, document)
    if not 1 <= number <= (document.page_count or settings.READ_MAX_PAGES):
        raise Http404
    width = THUMBNAIL_WIDTH if request.GET.get("size") == "small" else WIDTH
    etag = f'"{document.sha256[:16]}-{number}-{width}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            picture = page_image_of(document, number, width)
        except UserError as error:
            return HttpResponse(error.sentence, status=404, content_type="text/plain")
        response = HttpResponse(picture.image, content_type=picture.media_type)
    is_open = document.access == Document.Access.OPEN
    response.headers["Cache-Control"] = f"private, {'max-age=86400' if is_open else 'no-cache'}"
    response.headers["ETag"] = etag
    return response


@require_safe
def page_figure(request: HttpRequest, pk: int, number: int, index: int) -> HttpResponse:
    """Send the image of a figure; `index` is the position of its block on the page."""
    document = get_object_or_404(Document, pk=pk)
    if not document.can_be_read_by(request.user):
        return internal_response(request, document)
    read = get_object_or_404(document.pages, number=number)
    block = read.blocks[index] if index < len(read.blocks) else {}
    if not block.get("picture"):
        raise Http404
    try:
        content = figure_picture(document, block["picture"], block.get("digest", ""))
    except UserError as error:
        return HttpResponse(error.sentence, status=404, content_type="text/plain")
    response = HttpResponse(content, content_type="image/webp")
    is_open = document.access == Document.Access.OPEN
    response.headers["Cache-Control"] = f"private, {'max-age=86400' if is_open else 'no-cache'}"
    return response


@dataclass(frozen=True)
class HighlightRequest:
    """What to highlight on the page; `in_parts` if it may be on several pages."""

    quotes: tuple[str, ...] = ()
    passage: Chunk | None = None
    page: int | None = None  # where a citation stands now, if its source was read again
    in_parts: bool = False

    def elsewhere(self, number: int) -> bool:
        """Tell whether what is asked for stands on another page than this one."""
        return self.page is not None and self.page != number

    @property
    def text(self) -> str:
        return "\n".join(self.quotes)


def highlight_request(request: HttpRequest, document: Document) -> HighlightRequest:
    """Return what the query string asks to highlight; nothing if it is not of this source."""
    citation_id, passage_id = request.GET.get("citation", ""), request.GET.get("passage", "")
    if (key := whole_number(citation_id)) is not None:
        cited = document.citations.shown_to(request.user).select_related("chunk")
        citation = cited.filter(pk=key).first()
        if citation:
            return HighlightRequest(
                (citation.quote,),
                page=citation.moved_to,
                in_parts=citation.chunk_id is not None,
            )
    if (key := whole_number(passage_id)) is not None:
        passage = document.chunks.defer("search").filter(pk=key).first()
        if passage:
            return HighlightRequest((passage.text,), passage=passage, in_parts=True)
    q = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_QUOTE]
    return HighlightRequest((q,) if q else ())


class HighlightBox(NamedTuple):
    """A rectangle on the image, in fractions of it, formatted as SVG attributes."""

    x: str
    y: str
    width: str
    height: str

    @classmethod
    def of(cls, rect: Rect) -> "HighlightBox":
        return cls(
            f"{rect.x0:.5f}",
            f"{rect.y0:.5f}",
            f"{max(rect.x1 - rect.x0, 0):.5f}",
            f"{max(rect.y1 - rect.y0, 0):.5f}",
        )


def _page_picture(document: Document, number: int) -> tuple[StoredPageImage | None, str]:
    """Return the image of a page, or the error as a sentence."""
    try:
        return page_image_of(document, number), ""
    except UserError as error:
        return None, error.sentence


def _passages(document: Document, number: int) -> Any:
    on_page = document.chunks.filter(page_start__lte=number, page_end__gte=number)
    return on_page.defer("search").order_by("position")[:PASSAGES_SHOWN]


def _no_such_page(document: Document, number: int) -> str:
    if not document.page_count:
        return _("The pages of this source have not been read yet.")
    return _("Page %(number)d does not exist: this source has %(count)d pages.") % {
        "number": number,
        "count": document.page_count,
    }
