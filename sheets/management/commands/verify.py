"""Print the level of statements by the passages that they cite."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.readers import ReadError
from sheets.models.level_reasons import level_name, reason_sentence
from sheets.sources.file_passages import find_file, passages_with
from sheets.verification.levels import FRAGILE, Finding, check_statement, passage_for_check


class Command(BaseCommand):
    help = (
        "Print the level of each statement of a JSONL file, without a database or a service. A line"
        ' has "statement", and "passage", or "document" with "passage_contains".'
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="as JSON, one object a line")
        parser.add_argument(
            "--documents",
            type=Path,
            metavar="FOLDER",
            help="where the documents are (beside the file, or below the folder above it)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            lines = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: {error}") from None
        here = file.resolve().parent
        folders = [options["documents"]] if options["documents"] else [here, here.parent]
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            row = _read_line(file, number, line)
            found = _check(row, folders)
            self.stdout.write(
                json.dumps(as_row(row, found), ensure_ascii=False)
                if options["json"]
                else as_text(row, found)
            )


def _read_line(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise CommandError(f"{file}, line {number}: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("statement"), str):
        raise CommandError(f'{file}, line {number}: an object with "statement" is needed')
    return row


def _check(row: dict[str, Any], folders: list[Path]) -> Finding:
    """Return the level of a line's statement; a document that cannot be read is said."""
    if row.get("passage") is not None:
        return check_statement(row["statement"], [str(row["passage"])])
    if not row.get("document"):
        return check_statement(row["statement"], [])
    path = find_file(Path(str(row["document"])).name, folders)
    if path is None:
        return Finding(FRAGILE, (("document_missing", str(row["document"])),))
    try:
        passages = list(passages_with(path, str(row.get("passage_contains") or "")))
    except ReadError as error:
        return Finding(FRAGILE, (("document_unread", error.code),))
    if not passages:
        return Finding(FRAGILE, (("passage_missing", str(row.get("passage_contains"))),))
    return check_statement(
        row["statement"], [passage_for_check("", p.headings, p.text) for p in passages]
    )


def as_row(row: dict[str, Any], found: Finding) -> dict[str, Any]:
    """Return a line with its level, reasons and the words that no passage bears."""
    return {
        **row,
        "level": found.level,
        "reasons": [
            {"code": code, "detail": detail, "sentence": reason_sentence(code, detail)}
            for code, detail in found.reasons
        ],
        "unborne": list(found.unborne),
    }


def as_text(row: dict[str, Any], found: Finding) -> str:
    """Return the level of a line and why, for people."""
    return "\n".join(_text_lines(row["statement"], found))


def _text_lines(statement: str, found: Finding) -> Iterator[str]:
    yield f"{level_name(found.level)}: {statement}"
    for code, detail in found.reasons:
        yield f"    {reason_sentence(code, detail)}"
    if found.unborne:
        yield f"    {', '.join(found.unborne)}"
