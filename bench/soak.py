"""Kill processes and break the model service, and check that documents and sheets end up the same.

`python -m bench.soak [--documents N] [--sheets N] [--kills N] [--seed N] [--broker redis]` imports
the same documents and writes the same sheets from them three times: undisturbed; while workers,
Chroma, PostgreSQL and Redis are killed with SIGKILL, and workers frozen, at random moments; and
with a model service of whose answers 20 % are 429, 5 % are 500, 2 % are cut off, 1 % never come and
1 % have a wrong length. The rows, the stored vectors, those in Chroma and the texts must be the
same each time.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import multiprocessing
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import MODEL, SiteHarness, as_table, out, retry_while_down, wait_until
from tests.fake_ai import DIMENSIONS

if TYPE_CHECKING:
    from ingestion.vector_index.chroma_client import ChromaCollection, Metadata
    from wikico2.llm.client import Vectors

PARAGRAPHS = 7
SOURCE_ADDRESS = re.compile(r"/sources/(\d+)/")
QUICK = {
    "WORKERS": "2",
    "LEASE_SECONDS": "6",
    "TASK_SLICE_SECONDS": "4",
    "AI_TIMEOUT": "4",
    "EMBEDDING_BATCH": "16",
    "EMBEDDING_REQUESTS_AT_ONCE": "2",
    "EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    "LOG_LEVEL": "WARNING",
}
SLOW = ("--latency", "0.4")  # so that many kills happen during embedding requests
TARGETS = {"worker": 3, "one worker": 3, "frozen worker": 2, "chroma": 2, "db": 2}
"""What is killed, and how many times in twelve."""
FROZEN_SECONDS = 9.0
"""Seconds for which a worker is frozen: longer than its lease."""
OF_DOCUMENTS = 0.7
"""Share of the kills while documents are read; the others fall while sheets are written."""
SOURCES_PER_SHEET = 3

LONGEST_PAUSE = 3.0
"""Seconds between two kills, at most."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--documents", type=int, default=30)
    parser.add_argument("--sheets", type=int, default=10)
    parser.add_argument("--broker", choices=("orm", "redis"), default="orm")
    parser.add_argument("--pages", type=int, default=14)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", choices=("kills", "faults"), help="besides the undisturbed run")
    parser.add_argument(
        "--undisturbed", type=Path, metavar="FILE", help="JSON of its rows, instead of that run"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write that JSON")
    parser.add_argument(
        "--copied", default="", metavar="URL", help="a database that is migrated already"
    )
    options = parser.parse_args()
    files = [make_document(number, options.pages) for number in range(options.documents)]
    expected: dict[str, str] = {}
    if options.undisturbed:
        expected = json.loads(options.undisturbed.read_text("utf-8"))
    is_same = True
    for plan in plans(options):
        outcome = in_new_process(files, plan)
        expected = expected or outcome.rows
        if options.keep:
            options.keep.write_text(json.dumps(expected), "utf-8")
        out(f"{plan.name}:\n{as_table(outcome.summary(expected))}")
        is_same = is_same and outcome.rows == expected and not outcome.wrong
    out("The same rows and vectors." if is_same else "NOT the same.")
    return 0 if is_same else 1


def in_new_process(files: list[bytes], plan: Plan) -> Outcome:
    """Run a plan in a new process: Django reads its settings once a process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, files, plan).result()


@dataclass(frozen=True)
class Plan:
    """One run: options of the fake model service, number of kills, seed, database to copy."""

    name: str
    service: tuple[str, ...] = SLOW
    kills: int = 0
    seed: int = 0
    copied: str = ""
    sheets: int = 0
    broker: str = "orm"


def plans(options: argparse.Namespace) -> list[Plan]:
    common = {"copied": options.copied, "sheets": options.sheets, "broker": options.broker}
    found = [] if options.undisturbed else [Plan("Undisturbed", **common)]
    if options.only != "faults":
        name = f"{options.kills} kills (seed {options.seed})"
        found.append(Plan(name, SLOW, options.kills, options.seed, **common))
    if options.only != "kills":
        found.append(Plan("Faults", (*SLOW, "--faults"), **common))
    return found


@dataclass
class Outcome:
    """The content of PostgreSQL and Chroma at the end, and counters of the run."""

    rows: dict[str, str] = field(default_factory=dict)  # a digest for each file and sheet
    wrong: list[str] = field(default_factory=list)
    passages: int = 0
    seconds: float = 0.0
    stats: dict[str, int] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def summary(self, expected: dict[str, str]) -> dict[str, Any]:
        """Return the lines to print, compared with the rows of an undisturbed run."""
        differ = sum(self.rows.get(key) != value for key, value in expected.items())
        rows = {
            "documents and sheets ready": len(self.rows),
            "passages": self.passages,
            "differ from undisturbed": differ,
            "wrong": self.wrong or "nothing",
            "seconds": f"{self.seconds:.0f}",
            "requests": self.stats["requests"],
            "beyond the rate limit": self.stats["too_many"],
            "texts sent again": self.stats["texts"] - self.stats["different_texts"],
        }
        if self.kills:
            killed = (f"{n} × {what}" for what, n in self.kills.most_common())
            rows["killed"] = ", ".join(killed)
        return rows


def make_document(number: int, pages: int) -> bytes:
    """Return a PDF whose passages differ from those of all other numbers."""
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

    styles = getSampleStyleSheet()
    story: list[Any] = []
    sentence = "Le four {} de l’atelier {} consomme {} kWh par tonne produite en {} heures."
    for page in range(pages):
        story.append(Paragraph(f"Atelier {number}-{page}", styles["Heading1"]))
        for part in range(PARAGRAPHS):
            text = " ".join(sentence.format(i, number, page * 97 + i, part) for i in range(9))
            story.append(Paragraph(text, styles["BodyText"]))
        story.append(PageBreak())
    output = io.BytesIO()
    SimpleDocTemplate(output, title=f"Étude {number}", invariant=True).build(story)
    return output.getvalue()


def run(files: list[bytes], plan: Plan) -> Outcome:
    """Import the files in a new harness; return the outcome."""
    with SiteHarness(*plan.service, copied=plan.copied, broker=plan.broker, **QUICK) as harness:
        import django

        django.setup()
        begun = time.monotonic()
        harness.start_worker()
        rng = random.Random(plan.seed)  # noqa: S311
        targets = choose_targets(plan.kills, rng, plan.broker)
        first = round(len(targets) * (OF_DOCUMENTS if plan.sheets else 1))
        uploads = [partial(upload, content) for content in files]
        killed = kill_at_random(harness, uploads, targets[:first], rng)
        wait_until(lambda: all_done(harness), 900)
        requests = [partial(ask_for_sheet, number) for number in range(plan.sheets)]
        killed += kill_at_random(harness, requests, targets[first:], rng)
        wait_until(lambda: all_done(harness), 900)
        seconds = time.monotonic() - begun
        outcome = inspect(MODEL)
        outcome.seconds, outcome.kills, outcome.stats = seconds, killed, harness.service_stats()
        from django.db import connections

        connections.close_all()
        return outcome


def kill_at_random(
    harness: SiteHarness,
    requests: Sequence[Callable[[], None]],
    targets: list[str],
    rng: random.Random,
) -> Counter[str]:
    """Kill the targets one by one while the requests are made step by step."""
    killed: Counter[str] = Counter()
    made = 0
    for number, target in enumerate(targets):
        while made < len(requests) * (number + 3) / len(targets) and made < len(requests):
            requests[made]()
            made += 1
        all_done(harness)  # requeue stalled rows at each kill, as the queue does each minute
        time.sleep(rng.uniform(0.0, LONGEST_PAUSE))
        if target == "one worker":
            harness.kill_one_of("worker", rng)
        elif target == "frozen worker":
            harness.freeze_one_of("worker", rng, FROZEN_SECONDS)
        else:
            harness.kill(target)
        killed[target] += 1
    for request in requests[made:]:
        request()
    return killed


def choose_targets(kills: int, rng: random.Random, broker: str) -> list[str]:
    """Return the targets in order: each once, then at random by their weights."""
    targets = TARGETS | ({"redis": 1} if broker == "redis" else {})
    first = rng.sample(list(targets), len(targets))
    return [*first, *rng.choices(list(targets), list(targets.values()), k=kills)][:kills]


def upload(content: bytes) -> None:
    """Upload a file, retrying while the database is down."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    from ingestion.intake.upload import accept_upload
    from wikico2.errors import UserError

    try:
        retry_while_down(lambda: accept_upload(SimpleUploadedFile("étude.pdf", content), None))
    except UserError as error:
        if error.code != "duplicate":  # the answer to the first try was lost
            raise


def ask_for_sheet(number: int) -> None:
    """Request a sheet from some of the documents, retrying while the database is down."""
    from ingestion.models import Document
    from sheets.generation.request import request_sheet
    from sheets.models import Sheet, SheetType

    def ask() -> None:
        title = f"Fours {number}"
        if not Sheet.objects.filter(title=title).exists():  # the answer to the first try was lost
            documents = list(Document.objects.order_by("sha256"))
            start = number * SOURCES_PER_SHEET
            chosen = [documents[(start + n) % len(documents)] for n in range(SOURCES_PER_SHEET)]
            request_sheet(SheetType.objects.get(key="solution"), title, chosen, None)

    retry_while_down(ask)


def all_done(harness: SiteHarness) -> bool:
    """Restart ended programs; tell whether no job is in progress that is not put off."""
    from wikico2.models import Job

    time.sleep(0.5)
    harness.restart_ended()
    upkeep = {"lane": Job.Lane.UPKEEP}
    return not retry_while_down(lambda: Job.objects.in_progress().exclude(**upkeep).exists())


def inspect(model: str) -> Outcome:
    """Return a digest of each document's rows and vectors, and what is wrong or has failed."""
    from ingestion.models import Chunk, Document, Vector
    from ingestion.vector_index.chroma_client import get_or_create_collection
    from ingestion.vector_index.collections import collection_name
    from wikico2.models import Job

    outcome = Outcome()
    collection = get_or_create_collection(collection_name(model))
    in_chroma = dict(vectors_in(collection))
    if collection.count() != len(in_chroma):
        outcome.wrong.append("Chroma's count differs from its list")
    passages = Chunk.objects.values("content_hash").distinct()
    of_passages = Vector.objects.filter(content_hash__in=passages)
    vectors = {row.content_hash: row.values for row in of_passages}
    for document in Document.objects.order_by("pk"):
        if not document.is_ready:
            outcome.wrong.append(f"{document}: {document.state} {document.error_code}")
            continue
        digest = hashlib.sha256()
        for page in document.pages.order_by("number"):
            digest.update(f"{page.number} {page.text} {page.blocks}".encode())
        for chunk in document.chunks.order_by("position"):
            position = (
                chunk.position,
                chunk.page_start,
                chunk.page_end,
                chunk.headings,
                chunk.kind,
            )
            digest.update(f"{position} {chunk.content_hash} {chunk.text} {chunk.search}".encode())
            digest.update(vectors[chunk.content_hash].tobytes())
            vector, about = in_chroma.pop(str(chunk.pk), (None, {}))
            if about != {"document": document.pk, "hash": chunk.content_hash}:
                outcome.wrong.append(f"{chunk}: wrong or missing metadata in Chroma")
            elif vector is None or abs(vector - vectors[chunk.content_hash]).max() > 1e-6:
                outcome.wrong.append(f"{chunk}: different vector in Chroma")
        outcome.rows[document.sha256] = digest.hexdigest()
    if in_chroma:
        outcome.wrong.append(f"{len(in_chroma)} vectors in Chroma without a passage")
    add_sheets(outcome)
    failed = Job.objects.filter(state=Job.State.FAILED)
    outcome.wrong += [f"{job}: {job.error_code}" for job in failed]
    outcome.passages = Chunk.objects.count()
    if of_passages.count() != passages.count():
        outcome.wrong.append(f"{of_passages.count()} vectors stored, not one per passage")
    return outcome


def add_sheets(outcome: Outcome) -> None:
    """Add a digest of the text of each sheet, with its sources named by their content."""
    from ingestion.models import Document
    from sheets.models import Sheet

    content = {str(pk): sha for pk, sha in Document.objects.values_list("pk", "sha256")}
    for sheet in Sheet.objects.select_related("current").order_by("pk"):
        if sheet.current is None or sheet.revisions.count() != 1:
            states = [f"{g.state} {g.error_code}" for g in sheet.generations.all()]
            outcome.wrong.append(f"{sheet}: {sheet.revisions.count()} revisions, {states}")
            continue
        body = SOURCE_ADDRESS.sub(lambda found: content[found[1]], sheet.current.body)
        outcome.rows[sheet.title] = hashlib.sha256(body.encode()).hexdigest()


def vectors_in(collection: ChromaCollection) -> Iterator[tuple[str, tuple[Vectors, Metadata]]]:
    """Yield all ids of a collection with their vectors and metadata."""
    import numpy as np

    for offset in itertools.count(0, 1_000):
        page = {"limit": 1_000, "offset": offset, "include": ["metadatas", "embeddings"]}
        found = collection._request("POST", "get", page)
        for key, vector, about in zip(
            found["ids"], found["embeddings"], found["metadatas"], strict=True
        ):
            yield key, (np.array(vector, dtype=np.float32), about)
        if len(found["ids"]) < 1_000:
            return


if __name__ == "__main__":
    sys.exit(main())
