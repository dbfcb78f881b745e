"""Kill processes and break the model service, and see that no document suffers from it.

`python -m bench.soak [--documents N] [--kills N] [--seed N]` reads the same documents three times:
undisturbed; while workers, Chroma and PostgreSQL are killed with SIGKILL at random moments; and
with a model service of whose answers 20 % are 429, 5 % are 500, 2 % are cut off, 1 % never come and
1 % have a wrong length. The rows, the kept vectors and what Chroma holds must always be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.stage import MODEL, Stage, as_table, out, stubborn, until
from tests.fake_ai import DIMENSIONS

if TYPE_CHECKING:
    from ingestion.vector_index.chroma_client import ChromaCollection, Metadata
    from wikico2.llm.client import Vectors

PARAGRAPHS = 7
QUICK = {
    "WORKERS": "2",
    "LEASE_SECONDS": "6",
    "TASK_SLICE_SECONDS": "4",
    "AI_TIMEOUT": "4",
    "EMBEDDING_BATCH": "4",
    "EMBEDDING_REQUESTS_AT_ONCE": "2",
    "EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    "LOG_LEVEL": "WARNING",
}
SLOW = ("--latency", "0.4")  # so that many a kill comes while vectors are on their way
TARGETS = {"worker": 3, "one worker": 3, "chroma": 2, "db": 2}
"""What is killed, and how often among ten."""

LONGEST_PAUSE = 3.0
"""Seconds between two kills, at most."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--documents", type=int, default=30)
    parser.add_argument("--pages", type=int, default=14)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", choices=("kills", "faults"), help="besides the undisturbed run")
    parser.add_argument(
        "--undisturbed", type=Path, metavar="FILE", help="JSON of its rows, instead of that run"
    )
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
        out(f"{plan.name}:\n{as_table(outcome.told(expected))}")
        is_same = is_same and outcome.rows == expected and not outcome.wrong
    out("The same rows and vectors." if is_same else "NOT the same.")
    return 0 if is_same else 1


def in_new_process(files: list[bytes], plan: Plan) -> Outcome:
    """Run a plan where Django has not read its settings yet, which it does once."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, files, plan).result()


@dataclass(frozen=True)
class Plan:
    """How the documents are read: the options of the model service, and what is killed."""

    name: str
    service: tuple[str, ...] = SLOW
    kills: int = 0
    seed: int = 0
    copied: str = ""


def plans(options: argparse.Namespace) -> list[Plan]:
    found = [] if options.undisturbed else [Plan("Undisturbed", copied=options.copied)]
    if options.only != "faults":
        name = f"{options.kills} kills (seed {options.seed})"
        found.append(Plan(name, SLOW, options.kills, options.seed, options.copied))
    if options.only != "kills":
        found.append(Plan("Faults", (*SLOW, "--faults"), copied=options.copied))
    return found


@dataclass
class Outcome:
    """What stands in PostgreSQL and in Chroma when all is read."""

    rows: dict[str, str] = field(default_factory=dict)  # a digest for each file
    wrong: list[str] = field(default_factory=list)
    passages: int = 0
    seconds: float = 0.0
    asked: dict[str, int] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def told(self, expected: dict[str, str]) -> dict[str, Any]:
        """Return what there is to say, beside the rows of an undisturbed run."""
        differ = sum(self.rows.get(key) != value for key, value in expected.items())
        rows = {
            "documents ready": len(self.rows),
            "passages": self.passages,
            "differ from undisturbed": differ,
            "wrong": self.wrong or "nothing",
            "seconds": f"{self.seconds:.0f}",
            "requests": self.asked["requests"],
            "beyond the pace": self.asked["too_many"],
            "texts sent again": self.asked["texts"] - self.asked["different_texts"],
        }
        if self.kills:
            killed = (f"{n} × {what}" for what, n in self.kills.most_common())
            rows["killed"] = ", ".join(killed)
        return rows


def make_document(number: int, pages: int) -> bytes:
    """Return a PDF whose passages are like those of no other."""
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
    """Read the files on a stage of their own; return what came of it."""
    with Stage(*plan.service, copied=plan.copied, **QUICK) as stage:
        import django

        django.setup()
        begun = time.monotonic()
        stage.start_worker()
        killed = kill_at_random(stage, files, plan.kills, random.Random(plan.seed))  # noqa: S311
        until(lambda: settled(stage), 900)
        seconds = time.monotonic() - begun
        outcome = inspect(MODEL)
        outcome.seconds, outcome.kills, outcome.asked = seconds, killed, stage.asked()
        from django.db import connections

        connections.close_all()
        return outcome


def kill_at_random(
    stage: Stage, files: list[bytes], kills: int, chance: random.Random
) -> Counter[str]:
    """Kill one thing after the other, while the documents come in little by little."""
    done: Counter[str] = Counter()
    fed = 0
    for number, target in enumerate(drawn(kills, chance)):
        while fed < len(files) * (number + 3) / kills and fed < len(files):
            give(files[fed])
            fed += 1
        settled(stage)  # what the queue does each minute is done with each kill here
        time.sleep(chance.uniform(0.0, LONGEST_PAUSE))
        if target == "one worker":
            stage.kill_one_of("worker", chance)
        else:
            stage.kill(target)
        done[target] += 1
    for content in files[fed:]:
        give(content)
    return done


def drawn(kills: int, chance: random.Random) -> list[str]:
    """Return what is killed, one after the other: each target once, then by their shares."""
    first = chance.sample(list(TARGETS), len(TARGETS))
    return [*first, *chance.choices(list(TARGETS), list(TARGETS.values()), k=kills)][:kills]


def give(content: bytes) -> None:
    """Hand in a file as an upload does, once, whatever is away meanwhile."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    from ingestion.intake.upload import accept_upload
    from wikico2.errors import UserError

    try:
        stubborn(lambda: accept_upload(SimpleUploadedFile("étude.pdf", content), None))
    except UserError as error:
        if error.code != "duplicate":  # the answer to the first try was lost
            raise


def settled(stage: Stage) -> bool:
    """Tell whether nothing is under way; see to what dead processes have left."""
    from ingestion.models import Document
    from wikico2.jobs.queue import resume_stalled

    time.sleep(0.5)
    stage.tend()
    stubborn(resume_stalled)
    return not stubborn(lambda: Document.objects.in_progress().exists())


def inspect(model: str) -> Outcome:
    """Return a digest of all that stands of each document, and what should not stand."""
    from ingestion.models import Chunk, Document, Vector
    from ingestion.vector_index.chroma_client import get_or_create_collection
    from ingestion.vector_index.collections import collection_name

    outcome = Outcome()
    collection = get_or_create_collection(collection_name(model))
    held = dict(vectors_in(collection))
    if collection.count() != len(held):
        outcome.wrong.append("Chroma counts otherwise than it lists")
    vectors = {row.content_hash: row.values for row in Vector.objects.all()}
    for document in Document.objects.order_by("pk"):
        if not document.is_ready:
            outcome.wrong.append(f"{document}: {document.state} {document.error_code}")
            continue
        digest = hashlib.sha256()
        for page in document.pages.order_by("number"):
            digest.update(f"{page.number} {page.text} {page.blocks}".encode())
        for chunk in document.chunks.order_by("position"):
            place = (chunk.position, chunk.page_start, chunk.page_end, chunk.headings, chunk.kind)
            digest.update(f"{place} {chunk.content_hash} {chunk.text} {chunk.search}".encode())
            digest.update(vectors[chunk.content_hash].tobytes())
            vector, about = held.pop(str(chunk.pk), (None, {}))
            if about != {"document": document.pk, "hash": chunk.content_hash}:
                outcome.wrong.append(f"{chunk}: not in Chroma as it should")
            elif vector is None or abs(vector - vectors[chunk.content_hash]).max() > 1e-6:
                outcome.wrong.append(f"{chunk}: another vector in Chroma")
        outcome.rows[document.sha256] = digest.hexdigest()
    if held:
        outcome.wrong.append(f"{len(held)} vectors in Chroma that nobody knows")
    outcome.passages = Chunk.objects.count()
    if len(vectors) != Chunk.objects.values("content_hash").distinct().count():
        outcome.wrong.append(f"{len(vectors)} vectors are kept")
    return outcome


def vectors_in(collection: ChromaCollection) -> Iterator[tuple[str, tuple[Vectors, Metadata]]]:
    """Yield all that Chroma holds: ids with their vectors and metadata."""
    import numpy as np

    for offset in itertools.count(0, 1_000):
        page = {"limit": 1_000, "offset": offset, "include": ["metadatas", "embeddings"]}
        found = collection._ask("POST", "get", page)
        for key, vector, about in zip(
            found["ids"], found["embeddings"], found["metadatas"], strict=True
        ):
            yield key, (np.array(vector, dtype=np.float32), about)
        if len(found["ids"]) < 1_000:
            return


if __name__ == "__main__":
    sys.exit(main())
