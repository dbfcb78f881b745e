"""Kills and faults, the short form of `make soak`: what is lost, doubled or wrong afterwards?"""

import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from bench.soak import Outcome, ask_for_sheet, inspect, make_document
from ingestion.models import Document, Vector
from ingestion.pipeline.run import accept_upload
from ingestion.search.hybrid import forget
from ingestion.vector_index.collections import drop_model_collection
from sheets.models import Sheet
from tests.conftest import let_go_on, run_job, run_queue, upload
from tests.fake_ai import EMBEDDING_MODEL, MIX, FakeAI, Fault
from tests.worker import ROOT, database_url
from wikico2.jobs.queue import resume_stalled
from wikico2.llm import client

SEED = 3
FILES = [make_document(number, 1) for number in range(3)]


@pytest.fixture
def undisturbed(db: None) -> Outcome:
    """What stands when nothing has gone wrong."""
    read(FILES)
    found = inspect(EMBEDDING_MODEL)
    assert len(found.rows) == len(FILES)
    assert not found.wrong
    return found


def read(files: list[bytes]) -> None:
    for content in files:
        accept_upload(upload(content), None)
    run_queue()


def test_kills_change_nothing(undisturbed: Outcome, tmp_path: Path) -> None:
    """Worker, Chroma and PostgreSQL are killed with SIGKILL while real processes read."""
    expected = tmp_path / "undisturbed.json"
    expected.write_text(json.dumps(undisturbed.rows))
    short = [f"--documents={len(FILES)}", "--sheets=0", "--pages=1", "--only=kills", "--kills=4"]
    given = [f"--seed={SEED}", f"--undisturbed={expected}", f"--copied={database_url()}"]
    run = subprocess.run(
        [sys.executable, "-m", "bench.soak", *short, *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(run.stdout)
    assert run.returncode == 0, run.stderr[-4000:]


def test_faults_change_nothing(
    undisturbed: Outcome, fake_ai: FakeAI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the model service's answers 20 % are 429, 5 % are 500, and so on: see `MIX`."""
    forget_all()
    fake_ai.reset()
    fake_ai.deal(at_once(MIX), 100, random.Random(SEED))
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
    settings.AI_TIMEOUT = 0.5
    settings.EMBEDDING_BATCH = 1
    read(FILES)
    end = time.monotonic() + 60
    while Document.objects.in_progress().exists():
        assert time.monotonic() < end, Document.objects.values_list("state", "error_code")
        let_go_on()
        resume_stalled()
        run_queue()
    found = inspect(EMBEDDING_MODEL)
    assert found.wrong == []
    assert found.rows == undisturbed.rows


def test_the_order_of_the_work_changes_nothing(undisturbed: Outcome) -> None:
    """Sheets say the same whichever document was read first: equal passages stand by place."""
    rows = []
    for order in (1, -1):
        forget_all()
        for document in [accept_upload(upload(content), None) for content in FILES][::order]:
            while not Document.objects.get(pk=document.pk).is_ready:
                run_job(document)
        ask_for_sheet(0)
        run_queue()
        found = inspect(EMBEDDING_MODEL)
        assert found.wrong == []
        assert len(found.rows) == len(FILES) + 1
        rows.append(found.rows)
    assert rows[0] == rows[1]


def forget_all() -> None:
    Sheet.objects.all().delete()
    Document.objects.all().delete()
    Vector.objects.all().delete()
    drop_model_collection(EMBEDDING_MODEL)
    forget()


def at_once(mix: list[tuple[float, Fault]]) -> list[tuple[float, Fault]]:
    """Return the same faults without a wait: this is about what is lost, not about patience."""
    return [
        (share, replace(fault, headers={"Retry-After": "0"} if fault.headers else {}, seconds=1.0))
        for share, fault in mix
    ]
