"""Have a machine read what a document shows and does not say: scanned pages, figures.

What was read is kept by the picture's hash, so that no picture is ever paid for twice, and is
marked as read by a machine wherever it is shown.
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
"""Pixels across a picture that is looked at."""

RETRYABLE_REASONS = ("", "no_seer", "no_tokens_left", "too_many_pictures")
"""Why a page is unread that another try may read."""

Progress = Callable[[int, int], None]


@dataclass
class OcrRequest:
    """A picture to look at, and the blocks or page that it is for."""

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
    patience: RetryPolicy,
    on_progress: Progress = lambda done, total: None,
) -> None:
    """Read the pages of `document` that need eyes, then its figures, and write what was read.

    Pages without text come first; beyond VISION_MAX_IMAGES pictures the rest stays unread, and
    says so. What was read on the same picture before costs nothing. Raises TransientError when the
    service is away: what it has read by then is kept.
    """
    seer = get_ocr_engine()
    if seer is None:
        _record_unread_document(document, "no_seer")
        return
    wanted = list(_ocr_requests(document, seer))
    eye = _OcrRun(document, path, limits, seer, patience)
    left = _pictures_left(document)
    fresh: list[OcrRequest] = []
    for number, one in enumerate(wanted):
        if eye.remembered(one):
            on_progress(number + 1, len(wanted))
        elif left > 0:
            fresh.append(one)
            left -= 1
        else:
            _record_unread_page(one, "too_many_pictures")
    done = len(wanted) - len(fresh)
    for _ in eye.look_at(fresh):
        done += 1
        on_progress(min(done, len(wanted)), len(wanted))


def count_unrecognised(document: Document) -> int:
    """Return how many pages without text and figures could be read now that have not been yet."""
    seer = get_ocr_engine()
    if seer is None:
        return 0
    wanted = list(_ocr_requests(document, seer))
    seen = set(
        CachedOcrResult.objects.filter(
            task=CachedOcrResult.Task.FIGURE,
            machine=seer.name,
            digest__in=[one.digest for one in wanted if one.digest],
        ).values_list("digest", flat=True)
    )
    new = [one for one in wanted if one.digest not in seen and one.page.unread in RETRYABLE_REASONS]
    return min(len(new), _pictures_left(document))


def no_text_error(document: Document) -> UserError:
    """Return the error of a document without text, by whether a machine has looked at all of it."""
    seer = get_ocr_engine()
    if seer is None or document.pages.exclude(unread="").exists():
        return UserError("no_text")
    return UserError("nothing_seen", machine=seer.name)


def _pictures_left(document: Document) -> int:
    """Return how many pictures of the document may still be read."""
    return max(settings.VISION_MAX_IMAGES - document.ocr_results.count(), 0)


def _ocr_requests(document: Document, seer: OcrEngine) -> Iterator[OcrRequest]:
    """Yield the pages without good text, then the figures that the file does not describe."""
    doubtful = document.pages.exclude(doubt="").filter(read_by="").order_by("number")
    yield from (OcrRequest(page) for page in doubtful)
    if not (settings.VISION_FIGURES and seer.describes):
        return
    seen: set[str] = set()
    for page in document.pages.filter(doubt="", blocks__contains=[{"kind": "figure"}]).iterator():
        for index, block in enumerate(page.blocks):
            if block.get("picture") and not block.get("by"):
                digest = block.get("digest", "")
                if digest not in seen:  # a picture that comes back is described once
                    seen.add(digest)
                    context = _caption(page.blocks, index)
                    yield OcrRequest(page, index, block["picture"], digest, context)


def _caption(blocks: list[dict[str, Any]], index: int) -> str:
    near = [blocks[i] for i in (index + 1, index - 1) if 0 <= i < len(blocks)]
    captions = [str(block["text"]) for block in near if block.get("kind") == "caption"]
    return " ".join([str(blocks[index].get("text", "")), *captions]).strip()[:500]


@dataclass
class _OcrRun:
    """Looks at the pictures of one document."""

    document: Document
    path: Path
    limits: Limits
    seer: OcrEngine
    patience: RetryPolicy

    def remembered(self, wanted: OcrRequest) -> bool:
        """Use what was read on the same picture before; tell whether there was something."""
        if not wanted.digest and not self._draw(wanted):
            return True  # there is nothing to look at
        known = CachedOcrResult.objects.filter(
            digest=wanted.digest, task=wanted.task, machine=self.seer.name
        ).first()
        if known is not None:
            self._write(wanted, known.text, known.words)
        return known is not None

    def look_at(self, fresh: list[OcrRequest]) -> Iterator[None]:
        """Look at pictures, some at a time, and write each answer as it comes."""
        with ThreadPoolExecutor(self.seer.at_once) as pool:
            asked: dict[Future[OcrResult], OcrRequest] = {}
            waiting = iter(fresh)
            try:
                while self._ask_more(pool, asked, waiting):
                    for future in list(as_completed(asked))[:1]:
                        self._answered(asked.pop(future), future)
                        yield
            finally:
                for future in asked:
                    future.cancel()

    def _ask_more(
        self,
        pool: ThreadPoolExecutor,
        asked: dict[Future[OcrResult], OcrRequest],
        waiting: Iterator[OcrRequest],
    ) -> bool:
        """Fill the pool; tell whether there is an answer to wait for."""
        while len(asked) < self.seer.at_once:
            wanted = next(waiting, None)
            if wanted is None:
                break
            if wanted.image is None and not self._draw(wanted):
                continue
            try:
                before_spending.send(CachedOcrResult)
            except UserError:
                _record_unread_page(wanted, "no_tokens_left")
                continue
            asked[pool.submit(self._see, wanted)] = wanted
        return bool(asked)

    def _see(self, wanted: OcrRequest) -> OcrResult:
        assert wanted.image is not None
        if wanted.block is None:
            return self.seer.read_page(wanted.image, self.patience)
        return self.seer.describe(wanted.image, wanted.context, self.patience)

    def _answered(self, wanted: OcrRequest, future: Future[OcrResult]) -> None:
        """Keep an answer; a refusal that will not pass leaves the picture unread and says why."""
        wanted.image = None
        try:
            seen = future.result()
        except TransientError:
            raise
        except UserError as error:
            _record_unread_page(wanted, error.code)
            return
        text = repair_text(seen.text)
        CachedOcrResult.objects.get_or_create(
            digest=wanted.digest,
            task=wanted.task,
            machine=self.seer.name,
            defaults={
                "text": text,
                "words": seen.words,
                "tokens_in": seen.tokens_in,
                "tokens_out": seen.tokens_out,
                "document": self.document,
            },
        )
        tokens_spent.send(
            CachedOcrResult,
            model=self.seer.name,
            tokens_in=seen.tokens_in,
            tokens_out=seen.tokens_out,
        )
        self._write(wanted, text, seen.words)

    def _draw(self, wanted: OcrRequest) -> bool:
        """Get the picture; tell whether there is one."""
        kind = self.document.media_type
        try:
            if wanted.block is None:
                number = wanted.page.number
                image = render_page(self.path, kind, number, self.limits, max_width=PAGE_WIDTH)
            else:
                image = read_picture(
                    self.path, kind, wanted.reference, self.limits, max_width=FIGURE_WIDTH
                )
        except ReadError as error:
            _record_unread_page(wanted, error.code)
            return False
        wanted.image = image
        wanted.digest = wanted.digest or hashlib.sha256(image.data).hexdigest()
        return True

    def _write(self, wanted: OcrRequest, text: str, words: Sequence[Any]) -> None:
        """Write what was read where it belongs, marked with the machine's name."""
        if wanted.block is None:
            wanted.page.words = list(words)
            _write_page(wanted.page, self.seer.blocks(text), self.seer.name)
            return
        pages = self.document.pages.filter(blocks__contains=[{"digest": wanted.digest}])
        for page in pages:
            for block in page.blocks:
                if block.get("digest") == wanted.digest and text:
                    block["text"] = _append_description(str(block.get("text", "")), text)
                    block["by"] = self.seer.name
            _save(page)


def _append_description(before: str, text: str) -> str:
    """Put a description after the words that the file has for the figure."""
    return f"{before}\n{text}" if before and before not in text else text


def _write_page(page: Page, blocks: Iterable[Block], machine: str) -> None:
    page.read_by = machine
    page.unread = ""
    found = [replace(block, by=machine).fields() for block in blocks]
    if found:
        page.blocks = found
    _save(page)


def _save(page: Page) -> None:
    page.text = "\n\n".join(str(block["text"]) for block in page.blocks if block["text"])
    page.save(update_fields=["text", "blocks", "words", "read_by", "unread"])


def _record_unread_page(wanted: OcrRequest, code: str) -> None:
    """Note on a page why it was not read."""
    if wanted.block is None:
        Page.objects.filter(pk=wanted.page.pk).update(unread=code)


def _record_unread_document(document: Document, code: str) -> None:
    document.pages.exclude(doubt="").filter(read_by="").update(unread=code)
