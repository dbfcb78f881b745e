"""The administration opens for every model, with rows in it."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from ingestion.models import Document
from sheets.generation.request import request_sheet
from sheets.models import SheetType
from tests.conftest import run_queue
from wikico2.models import User

pytestmark = pytest.mark.django_db


def test_every_model_is_there_and_opens(document: Document, client: Client) -> None:
    request_sheet(SheetType.objects.get(key="solution"), "Air", [document], None)
    run_queue()
    client.force_login(User.objects.create_superuser("racine", password="x"))
    ours = [m for m in admin.site._registry if m._meta.app_label in ("ingestion", "sheets")]
    names = {m.__name__ for m in ours}
    names |= {i.model.__name__ for m in ours for i in admin.site._registry[m].inlines}

    assert names >= {"Document", "Page", "Chunk", "Vector", "SheetType", "Section", "Field"}
    assert names >= {"Sheet", "Revision", "Generation", "Proposal", "Citation"}
    for model in ours:
        place = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert client.get(reverse(f"{place}_changelist")).status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            assert client.get(reverse(f"{place}_change", args=[row.pk])).status_code == 200, model
