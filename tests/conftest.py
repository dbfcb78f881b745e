"""Shared fixtures: users, documents, the queue run in the test's process, and real workers."""

import functools
import hashlib
import io
import pydoc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from django_q.models import OrmQ
from pytest_django import DjangoDbBlocker
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

from ingestion.models import Document, Vector
from ingestion.pipeline.run import accept_upload
from ingestion.readers.api import check_document, read_document
from ingestion.search.hybrid import forget
from ingestion.search.synonyms import forget_thesaurus
from ingestion.vector_index.chroma_client import drop_collection, list_collections
from tests import database, services
from tests.fake_ai import FakeAI
from tests.worker import Worker
from wikico2.accounts.roles import ADMINISTRATOR, CONTRIBUTOR, EXPERT, READER
from wikico2.jobs.runner import run_out_of_turn
from wikico2.llm import client
from wikico2.models import Job, JobSubject, User

AIR = (
    "# Récupération de chaleur sur les compresseurs",
    "Un compresseur d'air transforme plus de 90 % de l'électricité en chaleur.",
    "La récupération fournit de l'eau à 60 °C pour le lavage ou le chauffage des ateliers.",
)
STEAM = (
    "# Chaudières à vapeur",
    "L'économiseur préchauffe l'eau d'alimentation avec les fumées de la chaudière.",
    "Le gain atteint 5 % du combustible selon la température des fumées.",
)
LIGHT = (
    "# Éclairage des entrepôts",
    "Des luminaires à diodes divisent par deux la consommation de l'éclairage.",
)


def make_pdf(*pages: tuple[str, ...], title: str = "", author: str = "") -> bytes:
    """Return a PDF with these pages; a paragraph that starts with # is a heading."""
    styles = getSampleStyleSheet()
    story: list[Any] = []
    for page in pages:
        if story:
            story.append(PageBreak())
        for text in page:
            style = styles["Heading1" if text.startswith("#") else "BodyText"]
            story.append(Paragraph(text.removeprefix("#").strip(), style))
    output = io.BytesIO()
    SimpleDocTemplate(output, title=title, author=author, invariant=True).build(story)
    return output.getvalue()


def upload(content: bytes, name: str = "rapport.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "application/pdf")


def run_queue() -> int:
    """Run queued tasks in this process until the queue is empty; return how many ran."""
    count = 0
    while row := OrmQ.objects.order_by("pk").first():
        task = row.task
        row.delete()
        function = pydoc.locate(task["func"])
        assert callable(function), task["func"]
        function(*task["args"])
        count += 1
    return count


def job_of(row: JobSubject) -> Job:
    """Return the job of a row, as it stands now."""
    return Job.objects.get(kind__in=row.JOB_KINDS, subject_id=row.pk)


def run_job(row: JobSubject) -> bool:
    """Run one slice of a row's job out of turn, if it is due; tell whether it ran."""
    return run_out_of_turn(job_of(row))


def let_go_on() -> None:
    """End the leases and waits of all jobs, as if their time had passed."""
    Job.objects.update(lease_token=None, lease_until=None, not_before=None)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Create each process's test database as a copy of a migrated template."""
    with django_db_blocker.unblock():
        database.copy_template()


@pytest.fixture(autouse=True)
def _reset_services() -> Iterator[None]:
    """Reset the fake model service, the caches about it, and the vector index."""
    services.AI.reset()
    client.forget()
    Vector.forget_lengths()
    forget()
    forget_thesaurus()
    yield
    if "httpx" in sys.modules and services.chroma_port() == settings.CHROMA_PORT:
        for collection in list(list_collections()):
            drop_collection(collection.name)


@pytest.fixture(autouse=True)
def _reset_language() -> Iterator[None]:
    """Begin each test in French: the last request of a test leaves its language active."""
    translation.deactivate()
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _cache_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache what the readers return for a file: each reading starts a child process."""
    for module, name, read in (
        ("intake.upload", "check_document", check_document),
        ("pipeline.extract", "read_document", read_document),
    ):
        monkeypatch.setattr(
            f"ingestion.{module}.{name}", functools.partial(_cached_reading, name, read)
        )


_readings: dict[tuple[str, bytes], Any] = {}


def _cached_reading(
    name: str, read: Callable[..., Any], path: Path, *args: Any, **rest: Any
) -> Any:
    key = (name, hashlib.sha256(path.read_bytes()).digest())
    if key not in _readings:
        answer = read(path, *args, **rest)
        _readings[key] = list(answer) if isinstance(answer, Iterator) else answer
    return iter(_readings[key]) if isinstance(_readings[key], list) else _readings[key]


@pytest.fixture
def fake_ai() -> FakeAI:
    """The fake model service, without requests so far."""
    return services.AI


@pytest.fixture
def reader(db: None) -> User:
    return _create_user("rosa", READER)


@pytest.fixture
def contributor(db: None) -> User:
    return _create_user("claire", CONTRIBUTOR)


@pytest.fixture
def expert(db: None) -> User:
    return _create_user("emile", EXPERT)


@pytest.fixture
def administrator(db: None) -> User:
    return _create_user("ada", ADMINISTRATOR)


def _create_user(name: str, role: str) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", "mot de passe")
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def waiting_document(contributor: User) -> Document:
    """An uploaded document of three pages, not processed yet."""
    content = make_pdf(AIR, STEAM, LIGHT, title="Guide de l'énergie", author="A. Auteur")
    return accept_upload(upload(content), contributor)


@pytest.fixture
def document(waiting_document: Document) -> Document:
    """The same document, processed and searchable."""
    run_queue()
    waiting_document.refresh_from_db()
    assert waiting_document.is_ready, waiting_document.error
    return waiting_document


@pytest.fixture
def worker(transactional_db: None) -> Iterator[Callable[..., Worker]]:
    """Start real workers on the test database: `worker(LEASE_SECONDS="3")`."""
    started: list[Worker] = []

    def start(**environment: str) -> Worker:
        started.append(Worker(environment))
        return started[-1].wait_until_ready()

    yield start
    for one in started:
        one.stop()
