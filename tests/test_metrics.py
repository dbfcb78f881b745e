"""What a monitoring system sees, and who sees it."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from wikico2.models import Job, WorkerPulse

pytestmark = pytest.mark.django_db
LINE = re.compile(r'[a-z_0-9]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+.e\d]+')


@pytest.fixture
def token(settings: Any) -> str:
    settings.METRICS_TOKEN = "let me see"
    return "let me see"


def read(client: Client, token: str) -> dict[str, float]:
    answer = client.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    lines = [line for line in answer.content.decode().splitlines() if line[0] != "#"]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_only_who_has_the_token_sees_them(client: Client, token: str, settings: Any) -> None:
    for header in ("", "Bearer", "Bearer wrong", f"Basic {token}", f"Bearer {token}é", "\xff"):
        answer = client.get("/metrics", headers={"authorization": header})
        assert (answer.status_code, answer.content) == (401, b"")
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404


def test_jobs_are_counted_and_the_oldest_that_could_run_is_dated(
    client: Client, token: str
) -> None:
    values = {"kind": "document", "lane": Job.Lane.READING}
    Job.objects.create(**values, key="1", state=Job.State.FAILED, error_code="internal")
    Job.objects.create(**values, key="2")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wikico2_job SET queued_at = now() - interval '1 hour'")
    Job.objects.create(**values, key="3", not_before=Now())

    seen = read(client, token)

    assert seen['wikico2_jobs{kind="document",lane="reading",state="failed"}'] == 1
    assert seen['wikico2_jobs{kind="document",lane="reading",state="waiting"}'] == 2
    assert 3600 <= seen['wikico2_job_age_seconds{lane="reading"}'] < 3700
    assert seen['wikico2_job_age_seconds{lane="short"}'] == 0
    assert seen["wikico2_storage_free_bytes"] > 0
    assert seen["wikico2_database_bytes"] > 1e6


def test_a_pulse_without_a_session_is_no_worker(client: Client, token: str) -> None:
    WorkerPulse.objects.create()

    assert read(client, token)["wikico2_workers"] == 0


def test_missing_migrations_and_a_closed_storage_are_named(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'api'")
    monkeypatch.setattr("wikico2.views.os.access", lambda folder, mode: False)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["away"]) == (503, ["migrations", "storage"])
