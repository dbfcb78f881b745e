"""The administration of sources: every page opens, with few queries."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from ingestion.models import Document, Vector
from tests.conftest import run_queue
from wikico2.models import Job


@pytest.mark.parametrize("model", ["document", "page", "chunk", "vector"])
def test_lists_and_rows_open(
    admin_client: Client,
    document: Document,
    model: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    row = {
        "document": document,
        "page": document.pages.first(),
        "chunk": document.chunks.first(),
        "vector": Vector.objects.first(),
    }[model]
    assert row
    with django_assert_max_num_queries(12):
        answer = admin_client.get(reverse(f"admin:ingestion_{model}_changelist"), {"q": "énergie"})
    assert answer.status_code == 200
    answer = admin_client.get(reverse(f"admin:ingestion_{model}_change", args=[row.pk]))
    assert answer.status_code == 200


def test_a_source_is_removed_whole(admin_client: Client, document: Document) -> None:
    url = reverse("admin:ingestion_document_delete", args=[document.pk])
    admin_client.post(url, {"post": "yes"})
    run_queue()
    assert not Document.objects.exists()
    assert not Path(document.file.path).exists()


def test_a_failed_source_is_retried(admin_client: Client, waiting_document: Document) -> None:
    run_queue()
    Document.objects.update(state="failed", failed_step="embedding", error_code="service_busy")
    Job.objects.update(state="failed", error_code="service_busy")
    url = reverse("admin:ingestion_document_changelist")
    admin_client.post(url, {"action": "retry", "_selected_action": [waiting_document.pk]})
    run_queue()
    waiting_document.refresh_from_db()
    assert waiting_document.is_ready
