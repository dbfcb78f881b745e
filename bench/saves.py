"""Measure saves, and comparisons of two long versions: `python -m bench.saves [options]`.

The wiki has the sheets of `bench.pages`. In the sheet that is saved every paragraph cites a source,
so that a save checks citations, renders, indexes and queues tasks as an editor's does; each save
changes a few words. One client, by HTTP; run it on an idle machine. Prints milliseconds of
wall-clock time.
"""

from __future__ import annotations

import argparse
import http.client
import random
import re
import statistics
import sys
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from bench.pages import WORDS, database, fill, log_in, out, served

if TYPE_CHECKING:
    from ingestion.models import Document

PAGES = 30
PARAGRAPHS = 24


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sheets", type=int, default=2_000)
    parser.add_argument("--saves", type=int, default=60)
    parser.add_argument("--views", type=int, default=9)
    options = parser.parse_args()
    with database():
        fill(0, options.sheets)
        document = source()
        slug, body = cited_sheet(document)
        long = long_sheet(options.views + 2)
        cookie = log_in()
        with served("wikico2.wsgi") as port:
            show("save of 8 KB", save_times(port, cookie, slug, body, options.saves), 60)
            for view in ("cote", "texte", "rendu"):
                times = view_times(port, long, view, options.views)
                show(f"difference of 200 KB, {view}", times, 300)
    return 0


def show(name: str, times: list[float], most: int) -> None:
    """Print median and 95th percentile of a series, in milliseconds."""
    ordered = sorted(1000 * t for t in times)
    worst = ordered[int(len(ordered) * 0.95)]
    middle = statistics.median(ordered)
    out(f"{name:28} median {middle:6.1f} ms, 95 % under {worst:6.1f} ms (wanted: {most} ms)")


# --- Data -----------------------------------------------------------------------------------------


def source() -> Document:
    """Create a ready source with pages and passages."""
    from ingestion.models import Chunk, Document, Page

    rng = random.Random(7)  # noqa: S311 (the same texts each time)
    document = Document.objects.create(
        title="Guide de mesure", filename="guide.pdf", sha256="0" * 64, size=1, state="ready",
        page_count=PAGES,
    )  # fmt: skip
    for number in range(1, PAGES + 1):
        texts = ["\n".join(sentence(rng) for _ in range(10)) for _ in range(3)]
        Page.objects.create(document=document, number=number, text="\n\n".join(texts))
        for index, text in enumerate(texts):
            Chunk.objects.create(
                document=document, position=3 * number + index, text=text, page_start=number,
                page_end=number, content_hash=f"{number}-{index}",
            )  # fmt: skip
    return document


def sentence(rng: random.Random) -> str:
    """Return a sentence with a number in it."""
    found = rng.choices(WORDS, k=18)
    return f"{' '.join(found).capitalize()} de {rng.randint(2, 98)} % en {found[0]}."


def cited_sheet(document: Document) -> tuple[str, str]:
    """Create a sheet of 8 KB whose paragraphs cite the source; return its slug and its text."""
    from ingestion.models import Chunk
    from sheets.markdown.parse import write_note
    from sheets.models import Sheet, SheetType
    from sheets.models.schema_loader import load_template

    rng = random.Random(8)  # noqa: S311 (the same texts each time)
    kind = SheetType.objects.get(key="solution")
    sections = load_template(kind).written
    chunks = list(Chunk.objects.filter(document=document).order_by("position"))
    parts, notes = [], []
    for n in range(PARAGRAPHS):
        if n * len(sections) // PARAGRAPHS != (n - 1) * len(sections) // PARAGRAPHS or not n:
            parts.append(f"## {sections[n * len(sections) // PARAGRAPHS].heading}")
        chunk = rng.choice(chunks)
        quote = rng.choice(chunk.text.split("\n"))
        parts.append(f"{quote}[^{n + 1}]")
        parts.append("\n".join(f"- {' '.join(rng.choices(WORDS, k=6))}" for _ in range(2)))
        notes.append(write_note(str(n + 1), document.title, document.pk, chunk.page_start, quote))
    sheet = Sheet.objects.create(sheet_type=kind, title="Fiche citée", slug="fiche-citee")
    body = "\n\n".join([*parts, "\n".join(notes)]) + "\n"
    save(sheet, body)
    return sheet.slug, body


def long_sheet(others: int) -> str:
    """Create a sheet with versions of 200 KB that differ in a few words; return its slug."""
    from sheets.models import Sheet, SheetType

    rng = random.Random(9)  # noqa: S311 (the same texts each time)
    parts: list[str] = []
    size = 0
    while size < 200_000:
        part = [f"## Partie {len(parts) + 1}"]
        for _n in range(6):
            part.append(" ".join(sentence(rng) for _ in range(3)))
            part.append("\n".join(f"- {sentence(rng)}" for _ in range(3)))
        parts.append("\n\n".join(part))
        size += len(parts[-1].encode()) + 2
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Fiche longue", slug="fiche-longue")
    save(sheet, "\n\n".join(parts) + "\n")
    for _n in range(others):
        version = list(parts)
        for index in range(0, len(parts), 6):
            version[index] = changed(version[index], rng)
        version[4], version[9] = version[9], version[4]
        save(sheet, "\n\n".join(version) + "\n")
    return sheet.slug


def save(sheet: object, body: str) -> None:
    from sheets.models import Sheet
    from sheets.revisions.save import save_revision
    from wikico2.models import User

    assert isinstance(sheet, Sheet)
    sheet.refresh_from_db()
    save_revision(
        sheet, base=sheet.current, body=body, metadata={}, origin="human",
        author=User.objects.get(username="bench"),
    )  # fmt: skip


def changed(text: str, rng: random.Random) -> str:
    """Return the text with up to four words replaced."""
    words = text.split(" ")
    for index in rng.sample(range(len(words)), 4):
        if words[index].isalpha() and words[index].islower():
            words[index] = rng.choice(WORDS)
    return " ".join(words)


# --- Requests -------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """Status and text of a response, and its time in seconds."""

    status: int
    text: str
    seconds: float


def ask(port: int, path: str, cookie: str, data: dict[str, str] | None = None) -> Answer:
    """Send a GET request, or POST `data` as a form."""
    connection = http.client.HTTPConnection("localhost", port, timeout=60)
    headers = {"Cookie": cookie, "Accept-Language": "fr"}
    body = urlencode(data) if data else None
    if data:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    begun = time.perf_counter()
    connection.request("POST" if data else "GET", path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    seconds = time.perf_counter() - begun
    connection.close()
    for given in answer.headers.get_all("Set-Cookie") or []:
        if given.startswith("csrftoken="):
            text += f"\n{given.split(';')[0]}"
    return Answer(answer.status, text, seconds)


def save_times(port: int, cookie: str, slug: str, body: str, times: int) -> list[float]:
    """Save a sheet `times` times with changed words; return the seconds of each save."""
    from sheets.models import Sheet

    rng = random.Random(10)  # noqa: S311
    path = f"/fiches/{slug}/modifier/"
    form = ask(port, path, cookie).text
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[0]
    cookie = f"{cookie}; {re.findall(r'csrftoken=.+', form)[-1]}"
    found = []
    for n in range(times + 3):
        number = Sheet.objects.values_list("current__number", flat=True).get(slug=slug)
        text, _rule, notes = body.partition("\n\n[^1]:")
        body = f"{changed(text, rng)}\n\n[^1]:{notes}"
        data = {"csrfmiddlewaretoken": token, "base": str(number), "body": body, "comment": "Mots"}
        answer = ask(port, path, cookie, data)
        if answer.status != 302:
            raise SystemExit(f"The save answers {answer.status}.")
        if n >= 3:  # the first requests fill caches
            found.append(answer.seconds)
    return found


def view_times(port: int, slug: str, view: str, times: int) -> list[float]:
    """Request comparisons that are not cached; return the seconds of each."""
    found = []
    for n in range(times + 2):
        answer = ask(port, f"/fiches/{slug}/diff/1/{n + 2}/?vue={view}", "")
        if answer.status != 200:
            raise SystemExit(f"The comparison answers {answer.status}.")
        if n >= 2:  # the first requests fill caches
            found.append(answer.seconds)
    return found


if __name__ == "__main__":
    sys.exit(main())
