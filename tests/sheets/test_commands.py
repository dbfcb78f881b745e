"""The main job without a browser: take in, write, print."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ingestion.models import Document
from sheets.models import Sheet
from tests.conftest import AIR, make_pdf, run_queue
from wikico2.jobs import queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "rapport été.pdf"
    path.write_bytes(make_pdf(AIR))
    return path


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_file_is_taken_in_and_its_sheet_written(report: Path) -> None:
    out, _err = run(
        "ingest", str(report), "--sheet", "solution", "--title", "Récupération de chaleur"
    )
    assert out.splitlines()[-1].endswith("/fiches/recuperation-de-chaleur/")
    run_queue()

    sheet = Sheet.objects.get()
    markdown, _err = run("export", sheet.slug)
    assert markdown.startswith('---\ntitle: "Récupération de chaleur"\ntype: "solution"\n')
    assert "90 % de l'électricité" in markdown

    data = json.loads(run("export", sheet.slug, "--format", "json")[0])
    said = [s for section in data["sections"] for s in section["statements"]]
    assert said
    for statement in said:
        for cited in statement["citations"]:
            assert cited["document"] == Document.objects.get().pk
            assert cited["page"] == 1
            assert cited["quote"]
            assert cited["level"] == "verbatim"


def test_a_file_that_is_there_already_counts(report: Path) -> None:
    run("ingest", str(report))
    out, err = run("ingest", str(report), "--sheet", "solution", "--title", "Encore")

    assert "déjà" in err
    assert "/fiches/encore/" in out
    assert Document.objects.count() == 1


def test_what_cannot_be_read_is_said_and_the_rest_goes_on(report: Path, tmp_path: Path) -> None:
    bad = tmp_path / "faux.pdf"
    bad.write_bytes(b"\x00\x01\x02\x03")
    out, err = io.StringIO(), io.StringIO()
    files = (str(bad), str(tmp_path / "absent.pdf"), str(report))
    with pytest.raises(CommandError):
        call_command("ingest", *files, stdout=out, stderr=err)

    assert "faux.pdf" in err.getvalue()
    assert "absent.pdf" in err.getvalue()
    assert "rapport" in out.getvalue()
    assert Document.objects.count() == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "absent.pdf"),
        ("ingest", "x.pdf", "--sheet", "solution"),
        ("ingest", "x.pdf", "--sheet", "poème", "--title", "T"),
        ("export", "absente"),
    ],
)
def test_a_wrong_request_is_a_sentence(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert str(caught.value).endswith(".")


def test_waiting_without_a_worker_says_so(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.pipeline.wait_until_read.NO_WORKER_SECONDS", 0.0)
    with pytest.raises(CommandError):
        run("ingest", str(report), "--wait")


def test_waiting_for_paused_work_says_so(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.pause_queue()
    said: list[str] = []

    def say(command: object, line: str) -> None:
        said.append(line)
        if "paused" in line:
            Document.objects.update(state="ready")

    monkeypatch.setattr("sheets.management.commands.ingest.Command.say", say)
    run("ingest", str(report), "--wait")
    assert sum("/taches/" in line for line in said) == 1


def test_the_demonstration_fills_an_empty_wiki_once() -> None:
    run("load_demo")
    assert Document.objects.count() == 3
    assert Sheet.objects.count() == 3

    out, _err = run("load_demo")
    assert "not empty" in out
    assert Document.objects.count() == 3
