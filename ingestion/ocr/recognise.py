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

from ingestion.models import Document, Page, Sight
from ingestion.ocr.engines.base import Seen, Seer
from ingestion.ocr.engines.registry import get_seer
from ingestion.readers import Block, Limits, PageImage, ReadError
from ingestion.readers.api import picture_of, render_page
from ingestion.readers.repair.characters import repair
from ingestion.signals import before_spending, tokens_spent
from wikico2.errors import TransientError, WorkError
from wikico2.llm.client import Patience

PAGE_WIDTH, FIGURE_WIDTH = 1_600, 1_200
"""Pixels across a picture that is looked at."""

MAY_BE_READ_LATER = ("", "no_seer", "no_tokens_left", "too_many_pictures")
"""Why a page is unread that another try may read."""

Progress = Callable[[int, int], None]


@dataclass
class Wanted:
    """A picture to look at, and the blocks or page that it is for."""

    page: Page
    block: int | None = None  # index among the page's blocks; None for the whole page
    reference: str = ""
    digest: str = ""
    context: str = ""
    image: PageImage | None = field(default=None, repr=False)

    @property
    def task(self) -> str:
        return Sight.Task.PAGE if self.block is None else Sight.Task.FIGURE


def look(
    document: Document,
    path: Path,
    limits: Limits,
    patience: Patience,
    on_progress: Progress = lambda done, total: None,
) -> None:
    """Read the pages of `document` that need eyes, then its figures, and write what was read.

    Pages without text come first; beyond VISION_MAX_IMAGES pictures the rest stays unread, and
    says so. What was read on the same picture before costs nothing. Raises TransientError when the
    service is away: what it has read by then is kept.
    """
    seer = get_seer()
    if seer is None:
        _unread(document, "no_seer")
        return
    wanted = list(_wanted(document, seer))
    eye = _Eye(document, path, limits, seer, patience)
    left = _left(document)
    fresh: list[Wanted] = []
    for number, one in enumerate(wanted):
        if eye.remembered(one):
            on_progress(number + 1, len(wanted))
        elif left > 0:
            fresh.append(one)
            left -= 1
        else:
            _note(one, "too_many_pictures")
    done = len(wanted) - len(fresh)
    for _ in eye.look_at(fresh):
        done += 1
        on_progress(min(done, len(wanted)), len(wanted))


def unseen(document: Document) -> int:
    """Return how many pages without text and figures could be read now that have not been yet."""
    seer = get_seer()
    if seer is None:
        return 0
    wanted = list(_wanted(document, seer))
    seen = set(
        Sight.objects.filter(
            task=Sight.Task.FIGURE,
            machine=seer.name,
            digest__in=[one.digest for one in wanted if one.digest],
        ).values_list("digest", flat=True)
    )
    new = [one for one in wanted if one.digest not in seen and one.page.unread in MAY_BE_READ_LATER]
    return min(len(new), _left(document))


def nothing_to_read(document: Document) -> WorkError:
    """Return the error of a document without text, by whether a machine has looked at all of it."""
    seer = get_seer()
    if seer is None or document.pages.exclude(unread="").exists():
        return WorkError("no_text")
    return WorkError("nothing_seen", machine=seer.name)


def _left(document: Document) -> int:
    """Return how many pictures of the document may still be read."""
    return max(settings.VISION_MAX_IMAGES - document.sights.count(), 0)


def _wanted(document: Document, seer: Seer) -> Iterator[Wanted]:
    """Yield the pages without good text, then the figures that the file does not describe."""
    doubtful = document.pages.exclude(doubt="").filter(read_by="").order_by("number")
    yield from (Wanted(page) for page in doubtful)
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
                    yield Wanted(page, index, block["picture"], digest, context)


def _caption(blocks: list[dict[str, Any]], index: int) -> str:
    near = [blocks[i] for i in (index + 1, index - 1) if 0 <= i < len(blocks)]
    captions = [str(block["text"]) for block in near if block.get("kind") == "caption"]
    return " ".join([str(blocks[index].get("text", "")), *captions]).strip()[:500]


@dataclass
class _Eye:
    """Looks at the pictures of one document."""

    document: Document
    path: Path
    limits: Limits
    seer: Seer
    patience: Patience

    def remembered(self, wanted: Wanted) -> bool:
        """Use what was read on the same picture before; tell whether there was something."""
        if not wanted.digest and not self._draw(wanted):
            return True  # there is nothing to look at
        known = Sight.objects.filter(
            digest=wanted.digest, task=wanted.task, machine=self.seer.name
        ).first()
        if known is not None:
            self._write(wanted, known.text, known.words)
        return known is not None

    def look_at(self, fresh: list[Wanted]) -> Iterator[None]:
        """Look at pictures, some at a time, and write each answer as it comes."""
        with ThreadPoolExecutor(self.seer.at_once) as pool:
            asked: dict[Future[Seen], Wanted] = {}
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
        asked: dict[Future[Seen], Wanted],
        waiting: Iterator[Wanted],
    ) -> bool:
        """Fill the pool; tell whether there is an answer to wait for."""
        while len(asked) < self.seer.at_once:
            wanted = next(waiting, None)
            if wanted is None:
                break
            if wanted.image is None and not self._draw(wanted):
                continue
            try:
                before_spending.send(Sight)
            except WorkError:
                _note(wanted, "no_tokens_left")
                continue
            asked[pool.submit(self._see, wanted)] = wanted
        return bool(asked)

    def _see(self, wanted: Wanted) -> Seen:
        assert wanted.image is not None
        if wanted.block is None:
            return self.seer.read_page(wanted.image, self.patience)
        return self.seer.describe(wanted.image, wanted.context, self.patience)

    def _answered(self, wanted: Wanted, future: Future[Seen]) -> None:
        """Keep an answer; a refusal that will not pass leaves the picture unread and says why."""
        wanted.image = None
        try:
            seen = future.result()
        except TransientError:
            raise
        except WorkError as error:
            _note(wanted, error.code)
            return
        text = repair(seen.text)
        Sight.objects.get_or_create(
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
            Sight, model=self.seer.name, tokens_in=seen.tokens_in, tokens_out=seen.tokens_out
        )
        self._write(wanted, text, seen.words)

    def _draw(self, wanted: Wanted) -> bool:
        """Get the picture; tell whether there is one."""
        kind = self.document.media_type
        try:
            if wanted.block is None:
                number = wanted.page.number
                image = render_page(self.path, kind, number, self.limits, max_width=PAGE_WIDTH)
            else:
                image = picture_of(
                    self.path, kind, wanted.reference, self.limits, max_width=FIGURE_WIDTH
                )
        except ReadError as error:
            _note(wanted, error.code)
            return False
        wanted.image = image
        wanted.digest = wanted.digest or hashlib.sha256(image.data).hexdigest()
        return True

    def _write(self, wanted: Wanted, text: str, words: Sequence[Any]) -> None:
        """Write what was read where it belongs, marked with the machine's name."""
        if wanted.block is None:
            wanted.page.words = list(words)
            _write_page(wanted.page, self.seer.blocks(text), self.seer.name)
            return
        pages = self.document.pages.filter(blocks__contains=[{"digest": wanted.digest}])
        for page in pages:
            for block in page.blocks:
                if block.get("digest") == wanted.digest and text:
                    block["text"] = _described(str(block.get("text", "")), text)
                    block["by"] = self.seer.name
            _save(page)


def _described(before: str, text: str) -> str:
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


def _note(wanted: Wanted, code: str) -> None:
    """Note on a page why it was not read."""
    if wanted.block is None:
        Page.objects.filter(pk=wanted.page.pk).update(unread=code)


def _unread(document: Document, code: str) -> None:
    document.pages.exclude(doubt="").filter(read_by="").update(unread=code)
