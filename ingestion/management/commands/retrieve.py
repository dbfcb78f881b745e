"""Print the passages that retrieval returns for a question."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingestion.search.passage import BY_WORDS, Passage
from ingestion.search.retrieve import retrieve_passages


class Command(BaseCommand):
    help = "Print the passages that answer a question, the best first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--k", type=int, default=10, help="how many passages (10)")
        parser.add_argument(
            "--document",
            type=int,
            action="append",
            metavar="ID",
            help="only passages of this source; may be given several times",
        )
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        passages = retrieve_passages(
            options["question"], k=options["k"], document_ids=options["document"]
        )
        if options["json"]:
            rows = [as_row(passage) for passage in passages]
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        for rank, passage in enumerate(passages, start=1):
            self.stdout.write(f"{rank}. {passage_heading(passage)}\n{passage.text}\n")
        if not passages:
            self.stdout.write("No passage.")
        elif passages[0].found_by == BY_WORDS:
            self.stderr.write("The index or the embedder is unavailable: found by words only.")


def as_row(passage: Passage) -> dict[str, Any]:
    """Return a passage as a dictionary for JSON."""
    row = asdict(passage)
    row["document"] = {"id": row.pop("document_id"), "title": row.pop("title")}
    row["pages"] = [row.pop("page_start"), row.pop("page_end")]
    return row


def passage_heading(passage: Passage) -> str:
    """Return the title, pages, headings and score of a passage, on one line."""
    first, last = passage.page_start, passage.page_end
    pages = f"p. {first}" if first == last else f"p. {first}-{last}"
    trail = " › ".join(passage.headings)
    return " · ".join(filter(None, [passage.title, pages, trail, f"{passage.score:.3f}"]))
