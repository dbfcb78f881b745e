"""Print what would be stored of a file, without a database or a running service."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ingestion.intake.upload import explain_read_error, read_limits
from ingestion.models.page_remarks import doubt_sentence, remark_sentence, remark_sentences
from ingestion.readers import Block, DocumentInfo, PageText, ReadError
from ingestion.readers.api import read_document
from ingestion.readers.media_type import identify_path
from wikico2.errors import UserError


class Command(BaseCommand):
    help = (
        "Print what would be stored of files: pages, blocks, what was left out or not read, and "
        "why. Nothing is stored; no database or service is needed."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--json", action="store_true", help="as JSON; a list if several files")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read each file; exit with status 1 if one cannot be read."""
        results = [describe_file(Path(name)) for name in options["files"]]
        if options["json"]:
            shown = results[0] if len(results) == 1 else results
            self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n\n".join(describe_in_words(result) for result in results))
        if any(result["error"] for result in results):
            sys.exit(1)


def describe_file(path: Path) -> dict[str, Any]:
    """Return what would be stored of a file, as values for JSON.

    `error` has the code and the sentence of why it would be refused, or None. `pages` holds what
    was read until then.
    """
    result: dict[str, Any] = {
        "file": str(path),
        "media_type": "",
        "error": None,
        "info": {},
        "pages": [],
    }
    try:
        result["media_type"] = identify_path(path)
        _read_into(result, path)
    except ReadError as error:
        result["error"] = _error_fields(explain_read_error(error))
    except OSError as error:
        result["error"] = _error_fields(
            UserError("file_unreadable", reason=error.strerror or str(error))
        )
    return result


def _read_into(result: dict[str, Any], path: Path) -> None:
    for item in read_document(path, result["media_type"], read_limits()):
        if isinstance(item, DocumentInfo):
            result["info"] = asdict(item)
        else:
            result["pages"].append(_page_fields(item))
    result["info"]["page_count"] = len(result["pages"])
    if not any(page["text"].strip() for page in result["pages"]):
        scanned = any(page["doubt"] for page in result["pages"])
        raise ReadError("no_text" if scanned else "no_words")


def _page_fields(page: PageText) -> dict[str, Any]:
    return {
        "number": page.number,
        "text": page.text,
        "doubt": page.doubt,
        "remarks": [
            asdict(remark) | {"sentence": remark_sentence(remark.code, remark.count, remark.detail)}
            for remark in page.remarks
        ],
        "blocks": [asdict(block) for block in page.blocks],
    }


def _error_fields(error: UserError) -> dict[str, str]:
    return {"code": error.code, "sentence": error.sentence}


def describe_in_words(result: dict[str, Any]) -> str:
    """Return the description of a file as text: metadata, then each page with its blocks."""
    info = result["info"]
    lines = [result["file"], f"  {result['media_type'] or '?'}"]
    lines += [f"  {name}: {value}" for name, value in info.items() if value]
    if result["error"]:
        lines.append(f"  ! {result['error']['sentence']}")
    for page in result["pages"]:
        lines += ["", f"--- p. {page['number']} ---", *_page_lines(page)]
    return "\n".join(lines)


def _page_lines(page: dict[str, Any]) -> list[str]:
    notices = [doubt_sentence(page["doubt"]), *remark_sentences(page["remarks"])]
    lines = [f"! {notice}" for notice in notices if notice]
    for fields in page["blocks"]:
        block = Block(**fields)
        lines += ["", f"[{_block_label(block)}]"]
        if block.doubt:
            lines.append(f"! {doubt_sentence(block.doubt)}")
        if block.text:
            lines.append(block.text)
    return lines


def _block_label(block: Block) -> str:
    parts = [block.kind, str(block.level or ""), block.note, block.picture and "picture"]
    return " ".join(filter(None, parts))
