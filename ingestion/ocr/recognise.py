"""Recognise text in the pictures of a document: scanned pages and figures.

Results are cached by the picture's hash, so that no picture is paid for twice. Recognised text is
marked with the engine's name.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from ingestion.models import CachedOcrResult, Document, Page
from ingestion.ocr.engines.base import OcrEngine, OcrResult
from ingestion.ocr.engines.registry import get_ocr_engine
from ingestion.readers import Block, Limits, PageImage, ReadError
from ingestion.readers.api import read_picture, render_page
from ingestion.readers.repair.characters import repair_text
from ingestion.signals import before_spending, tokens_spent
from wikico2.errors import TransientError, UserError
from wikico2.llm.client import RetryPolicy

PAGE_WIDTH, FIGURE_WIDTH = 1_600, 1_200
"""Maximum width in pixels of a picture sent to the OCR engine."""

RETRYABLE_REASONS = ("", "no_seer", "no_tokens_left", "too_many_pictures")
"""Values of `Page.unread` after which another attempt may succeed."""

Progress = Callable[[int, int], None]


@dataclass
class OcrRequest:
    """A picture to recognise, and the page or figure that it belongs to."""

    page: Page
    block: int | None = None  # index among the page's blocks; None for the whole page
    reference: str = ""
    digest: str = ""
    context: str = ""
    image: PageImage | None = field(default=None, repr=False)

    @property
    def task(self) -> str:
        return CachedOcrResult.Task.PAGE if self.block is None else CachedOcrResult.Task.FIGURE


def recognise_document(
    document: Document,
    path: Path,
    limits: Limits,
    retry_policy: RetryPolicy,
    on_progress: Progress = lambda done, total: None,
) -> None:
    """Recognise the pages of `document` without good text, then its figures, and save the results.

    At most VISION_MAX_IMAGES pictures per document are recognised; other pages record
    "too_many_pictures" in `Page.unread`. Cached results cost nothing. Raises TransientError if the
    service is unavailable; results obtained by then are saved.
    """
    engine = get_ocr_engine()
    if engine is None:
        _record_unread_document(document, "no_seer")
        return
    requests = list(_ocr_requests(document, engine))
    run = _OcrRun(document, path, limits, engine, retry_policy)
    pictures_left = _pictures_left(document)
    uncached: list[OcrRequest] = []
    for number, request in enumerate(requests):
        if run.apply_cached(request):
            on_progress(number + 1, len(requests))
        elif pictures_left > 0:
            uncached.append(request)
            pictures_left -= 1
        else:
            _record_unread_page(request, "too_many_pictures")
    done = len(requests) - len(uncached)
    for _ in run.recognise(uncached):
        done += 1
        on_progress(min(done, len(requests)), len(requests))


def count_unrecognised(document: Document) -> int:
    """Return how many pages and figures not yet recognised could be recognised now."""
    engine = get_ocr_engine()
    if engine is None:
        return 0
    requests = list(_ocr_requests(document, engine))
    cached = set(
        CachedOcrResult.objects.filter(
            task=CachedOcrResult.Task.FIGURE,
            machine=engine.name,
            digest__in=[request.digest for request in requests if request.digest],
        ).values_list("digest", flat=True)
    )
    new = [
        request
        for request in requests
        if request.digest not in cached and request.page.unread in RETRYABLE_REASONS
    ]
    return min(len(new), _pictures_left(document))


def no_text_error(document: Document) -> UserError:
    """Return the error for a document without text.

    It is "no_words" if no page has a picture to recognise, "nothing_seen" if OCR has read every
    page without finding text, else "no_text": a scan.
    """
    if not document.pages.exclude(doubt="").exists():
        return UserError("no_words")
    engine = get_ocr_engine()
    if engine is None or document.pages.exclude(unread="").exists():
        return UserError("no_text")
    return UserError("nothing_seen", machine=engine.name)


def _pictures_left(document: Document) -> int:
    """Return how many more pictures of the document may be recognised."""
    return max(settings.VISION_MAX_IMAGES - document.ocr_results.count(), 0)


def _ocr_requests(document: Document, engine: OcrEngine) -> Iterator[OcrRequest]:
    """Yield the pages without good text, then each distinct figure without an OCR description."""
    doubtful = document.pages.exclude(doubt="").filter(read_by="").order_by("number")
    yield from (OcrRequest(page) for page in doubtful)
    if not (settings.VISION_FIGURES and engine.describes):
        return
    seen: set[str] = set()
    for page in document.pages.filter(doubt="", blocks__contains=[{"kind": "figure"}]).iterator():
        for index, block in enumerate(page.blocks):
            if block.get("picture") and not block.get("by"):
                digest = block.get("digest", "")
                if digest not in seen:  # a repeated picture is described once
                    seen.add(digest)
                    context = _caption(page.blocks, index)
                    yield OcrRequest(page, index, block["picture"], digest, context)


def _caption(blocks: list[dict[str, Any]], index: int) -> str:
    near = [blocks[i] for i in (index + 1, index - 1) if 0 <= i < len(blocks)]
    captions = [str(block["text"]) for block in near if block.get("kind") == "caption"]
    return " ".join([str(blocks[index].get("text", "")), *captions]).strip()[:500]


@dataclass
class _OcrRun:
    """Recognises the pictures of one document."""

    document: Document
    path: Path
    limits: Limits
    engine: OcrEngine
    retry_policy: RetryPolicy

    def apply_cached(self, request: OcrRequest) -> bool:
        """Save the cached result of the picture, if any; return whether the request is done."""
        if not request.digest and not self._draw(request):
            return True  # the picture cannot be drawn
        known = CachedOcrResult.objects.filter(
            digest=request.digest, task=request.task, machine=self.engine.name
        ).first()
        if known is not None:
            self._save_text(request, known.text, known.words)
        return known is not None

    def recognise(self, uncached: list[OcrRequest]) -> Iterator[None]:
        """Recognise pictures in parallel and save each result as it arrives; yield after each."""
        with ThreadPoolExecutor(self.engine.at_once) as pool:
            pending: dict[Future[OcrResult], OcrRequest] = {}
            queued = iter(uncached)
            try:
                while self._submit_requests(pool, pending, queued):
                    for future in list(as_completed(pending))[:1]:
                        self._save_result(pending.pop(future), future)
                        yield
            finally:
                for future in pending:
                    future.cancel()

    def _submit_requests(
        self,
        pool: ThreadPoolExecutor,
        pending: dict[Future[OcrResult], OcrRequest],
        queued: Iterator[OcrRequest],
    ) -> bool:
        """Submit requests until the pool is full; return whether any result is pending."""
        while len(pending) < self.engine.at_once:
            request = next(queued, None)
            if request is None:
                break
            if request.image is None and not self._draw(request):
                continue
            try:
                before_spending.send(CachedOcrResult)
            except UserError:
                _record_unread_page(request, "no_tokens_left")
                continue
            pending[pool.submit(self._call_engine, request)] = request
        return bool(pending)

    def _call_engine(self, request: OcrRequest) -> OcrResult:
        assert request.image is not None
        if request.block is None:
            return self.engine.read_page(request.image, self.retry_policy)
        return self.engine.describe(request.image, request.context, self.retry_policy)

    def _save_result(self, request: OcrRequest, future: Future[OcrResult]) -> None:
        """Save a result; after a permanent error, record on the page why it is unread."""
        request.image = None
        try:
            result = future.result()
        except TransientError:
            raise
        except UserError as error:
            _record_unread_page(request, error.code)
            return
        text = repair_text(result.text)
        CachedOcrResult.objects.get_or_create(
            digest=request.digest,
            task=request.task,
            machine=self.engine.name,
            defaults={
                "text": text,
                "words": result.words,
                "tokens_in": result.tokens_in,
                "tokens_out": result.tokens_out,
                "document": self.document,
            },
        )
        tokens_spent.send(
            CachedOcrResult,
            model=self.engine.name,
            tokens_in=result.tokens_in,
            tokens_out=result.tokens_out,
        )
        self._save_text(request, text, result.words)

    def _draw(self, request: OcrRequest) -> bool:
        """Draw the picture of a request; return whether there is one."""
        kind = self.document.media_type
        try:
            if request.block is None:
                number = request.page.number
                image = render_page(self.path, kind, number, self.limits, max_width=PAGE_WIDTH)
            else:
                image = read_picture(
                    self.path, kind, request.reference, self.limits, max_width=FIGURE_WIDTH
                )
        except ReadError as error:
            _record_unread_page(request, error.code)
            return False
        request.image = image
        request.digest = request.digest or hashlib.sha256(image.data).hexdigest()
        return True

    def _save_text(self, request: OcrRequest, text: str, words: Sequence[Any]) -> None:
        """Save a result to its page, or to all figures with its digest, with the engine's name."""
        if request.block is None:
            request.page.words = list(words)
            _save_page_blocks(request.page, self.engine.blocks(text), self.engine.name)
            return
        pages = self.document.pages.filter(blocks__contains=[{"digest": request.digest}])
        for page in pages:
            for block in page.blocks:
                if block.get("digest") == request.digest and text:
                    block["text"] = _append_description(str(block.get("text", "")), text)
                    block["by"] = self.engine.name
            _save_page(page)


def _append_description(before: str, text: str) -> str:
    """Append a description to the text that the file has for the figure."""
    return f"{before}\n{text}" if before and before not in text else text


def _save_page_blocks(page: Page, blocks: Iterable[Block], machine: str) -> None:
    page.read_by = machine
    page.unread = ""
    found = [replace(block, by=machine).fields() for block in blocks]
    if found:
        page.blocks = found
    _save_page(page)


def _save_page(page: Page) -> None:
    page.text = "\n\n".join(str(block["text"]) for block in page.blocks if block["text"])
    page.save(update_fields=["text", "blocks", "words", "read_by", "unread"])


def _record_unread_page(request: OcrRequest, code: str) -> None:
    """Record on a page why it is unread; do nothing for a figure."""
    if request.block is None:
        Page.objects.filter(pk=request.page.pk).update(unread=code)


def _record_unread_document(document: Document, code: str) -> None:
    document.pages.exclude(doubt="").filter(read_by="").update(unread=code)
