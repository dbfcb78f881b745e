"""`manage.py read`: what would be stored of a file, without a database."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from ingestion.management.commands import read as command
from ingestion.models.page_remarks import doubt_sentence, remark_sentence, remark_sentences
from ingestion.readers import DOUBTS, REMARKS, Block, DocumentInfo, PageText, ReadError, Remark
from tests.ingestion import office


def run(*arguments: str) -> tuple[int, str]:
    """Run the command; return its exit status and output."""
    out = StringIO()
    try:
        call_command("read", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def read_json(*paths: Path) -> tuple[int, Any]:
    status, out = run(*map(str, paths), "--json")
    return status, json.loads(out)


def test_it_runs_without_a_database(tmp_path: Path) -> None:
    path = office.word(tmp_path / "a.docx")
    done = subprocess.run(
        [sys.executable, "manage.py", "read", str(path), "--json"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert (result["file"], result["error"]) == (str(path), None)
    assert result["info"]["title"] == "Récupération de chaleur"
    first = result["pages"][0]
    assert (first["number"], first["doubt"], first["remarks"]) == (1, "", [])
    heading, *_, deeper = first["blocks"]
    assert (heading["kind"], heading["level"], heading["text"]) == ("heading", 1, "Contexte")
    assert (deeper["kind"], deeper["level"]) == ("heading", 3)
    table = next(block for block in first["blocks"] if block["kind"] == "table")
    assert table["text"].startswith("| Poste | Énergie (kWh) |\n| --- | --- |\n")
    assert any(block["kind"] == "figure" and block["picture"] for block in first["blocks"])


def test_a_refused_file_has_its_sentence_and_the_others_are_read(tmp_path: Path) -> None:
    broken = tmp_path / "b.pdf"
    broken.write_bytes(b"%PDF-1.7\n" + b"x" * 100)
    good = tmp_path / "c.txt"
    good.write_text("Une phrase lue.")
    status, (refused, read, absent) = read_json(broken, good, tmp_path / "absent")
    assert status == 1
    assert (refused["error"]["code"], refused["pages"]) == ("truncated", [])
    assert refused["error"]["sentence"].endswith(".")
    assert read["error"] is None
    assert read["pages"][0]["text"] == "Une phrase lue."
    assert absent["error"]["code"] == "file_unreadable"


def test_a_scan_says_that_it_has_no_text(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(office.png())
    status, result = read_json(path)
    assert (status, result["error"]["code"]) == (1, "no_text")
    assert result["pages"][0]["doubt"] == "no_text"


def test_what_was_left_out_and_what_is_doubtful_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PageText(
        1,
        "…",
        blocks=(
            Block("footnote", "[1] Source.", note="1"),
            Block("table", "| a |\n| --- |", doubt="layout"),
        ),
        remarks=(Remark("hidden_text", 2), Remark("object_unread", 1, "graphique 3")),
    )
    monkeypatch.setattr(command, "read_document", lambda *_: iter([DocumentInfo(1), page]))
    path = tmp_path / "a.txt"
    path.write_text("x")
    _, out = run(str(path))
    assert "! Texte invisible laissé de côté\xa0: 2 passages." in out
    assert "! 1 élément n’a pas été lu\xa0: graphique 3" in out
    assert "[footnote 1]" in out
    assert "il est montré, pas cité" in out
    _, result = read_json(path)
    assert result["pages"][0]["remarks"][0] == {
        "code": "hidden_text",
        "count": 2,
        "detail": "",
        "sentence": "Texte invisible laissé de côté\xa0: 2 passages.",
    }
    assert result["pages"][0]["blocks"][0]["note"] == "1"


def test_pages_read_before_a_failure_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        yield DocumentInfo(2)
        yield PageText(1, "Lu.", blocks=(Block("paragraph", "Lu."),))
        raise ReadError("too_much_text")

    monkeypatch.setattr(command, "read_document", fail)
    path = tmp_path / "a.txt"
    path.write_text("x")
    status, result = read_json(path)
    assert (status, result["error"]["code"], len(result["pages"])) == (1, "too_much_text", 1)


class TestSentences:
    def test_each_remark_and_each_doubt_has_one(self) -> None:
        for code in REMARKS:
            assert not remark_sentence(code).startswith(code), code
        for doubt in DOUBTS:
            assert doubt_sentence(doubt), doubt

    def test_remarks_of_several_pages_are_counted_together(self) -> None:
        remarks = [
            {"code": "object_unread", "count": 1, "detail": "graphique 3"},
            {"code": "hidden_text", "count": 2, "detail": ""},
            {"code": "object_unread", "count": 2, "detail": "image 1"},
        ]
        assert remark_sentences(remarks) == [
            "3 éléments n’ont pas été lus\xa0: graphique 3, image 1",
            "Texte invisible laissé de côté\xa0: 2 passages.",
        ]
