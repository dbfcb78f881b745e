"""The page of all background work: what it shows to whom, stop and retry, one job with its log."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from ingestion.models import Document
from ingestion.templatetags.sources import duration
from sheets.file_jobs import request_wiki_export
from tests.conftest import run_queue
from wikico2.jobs import queue
from wikico2.jobs.policy import all_policies
from wikico2.jobs.queue import start_job
from wikico2.jobs.turns import claim_next
from wikico2.models import Job, User

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wikico2.jobs.listing.workers_alive", lambda: True)


def page(client: Client, address: str = "/taches/") -> str:
    return client.get(address, headers=ENGLISH).content.decode().replace("&#x27;", "'")


@translation.override("en")
def in_english(seconds: float) -> str:
    return duration(seconds)


class TestList:
    @pytest.fixture(autouse=True)
    def _member(self, client: Client, db: None) -> None:
        """Log in somebody who may see jobs, and read no internal source."""
        member = User.objects.create_user("membre")
        member.user_permissions.add(Permission.objects.get(codename="view_jobs"))
        client.force_login(member)

    def test_it_tells_what_for_whom_and_where_in_the_line(
        self, waiting_document: Document, client: Client, contributor: User, alive: None
    ) -> None:
        start_job("digest", 1)
        start_job("digest", 2)
        html = page(client)
        assert waiting_document.title in html
        assert "reading of a source" in html
        assert f"for {waiting_document.uploaded_by}" in html
        assert "Queued: it is the next one." in html
        assert "Queued: 2 tasks are before this one." in html
        assert "Time left: unknown." in html
        assert "/arreter/" not in html

    def test_work_without_any_worker_is_an_alarm(
        self, client: Client, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wikico2.jobs.listing.workers_alive", lambda: False)
        assert 'data-tone="amber"' in page(client)
        start_job("digest", 1)
        assert 'data-tone="red"' in page(client)

    def test_the_time_is_told_where_it_was_measured(
        self, waiting_document: Document, client: Client, alive: None
    ) -> None:
        for number in range(3):
            start_job("document", 900_000 + number)
        Job.objects.filter(subject_id__gte=900_000).update(state="done", seconds=50)
        assert "Done in about 50 s." in page(client)

    def test_the_time_counts_the_turns_of_others_between_the_slices_of_a_job(
        self, client: Client, db: None, alive: None, settings: Settings
    ) -> None:
        settings.TASK_SLICE_SECONDS = 20
        for number in range(6):
            start_job("forget_document", number + 1)
        Job.objects.filter(subject_id__gt=3).update(state="done", seconds=50)
        found = page(client)
        # three slices of its own; two of each of those behind it, three of those before it
        for seconds in (50 + 2 * 40, 50 + 50 + 40, 50 + 2 * 50):
            assert f"Done in about {in_english(seconds)}." in found
        settings.TASK_SLICE_SECONDS = 60
        found = page(client)
        for seconds in (50, 100, 150):
            assert f"Done in about {in_english(seconds)}." in found

    def test_who_is_next_is_on_it_however_many_came_before(
        self,
        waiting_document: Document,
        client: Client,
        contributor: User,
        administrator: User,
        alive: None,
    ) -> None:
        Job.objects.all().delete()
        for number in range(250):
            start_job("digest", number + 1, owner=administrator)
        start_job("document_words", waiting_document.pk, owner=contributor)
        html = page(client)
        assert waiting_document.title in html
        assert "221 more tasks are not shown." in html
        Document.objects.update(access="internal")
        html = page(client)
        assert waiting_document.title not in html
        assert "220 more tasks are not shown." in html

    def test_one_that_no_simulation_reaches_is_not_said_to_wait_for_its_kind(
        self, client: Client, db: None, alive: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in ("turns", "listing"):
            monkeypatch.setattr(f"wikico2.jobs.{module}.SIMULATED", 3)
        for number in range(5):
            start_job("digest", number + 1)
        html = page(client)
        assert html.count("Queued: at least 3 tasks are before this one.") == 2
        assert "another task of the same kind" not in html

    def test_what_was_put_off_and_is_due_again_is_in_the_line(
        self, client: Client, db: None, alive: None
    ) -> None:
        start_job("digest", 1)
        past = timezone.now() - dt.timedelta(minutes=5)
        Job.objects.update(error_code="service_busy", not_before=past)
        html = page(client)
        assert "limiting requests" in html
        assert "Automatic retry at" not in html
        assert "Queued: it is the next one." in html
        Job.objects.update(not_before=timezone.now() + dt.timedelta(minutes=5))
        html = page(client)
        assert "Automatic retry at" in html
        assert "Queued" not in html

    def test_what_a_dead_worker_holds_is_not_under_way(
        self, waiting_document: Document, client: Client, alive: None
    ) -> None:
        assert claim_next()
        assert "<span>Under way" in page(client)
        Job.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
        html = page(client)
        assert "<span>Under way" not in html
        assert "Queued: it is the next one." in html

    def test_it_tells_what_work_waits_for(
        self, waiting_document: Document, client: Client, administrator: User, alive: None
    ) -> None:
        Job.objects.update(error_code="service_busy", not_before=timezone.now())
        assert "limiting requests" in page(client)
        queue.pause_queue(administrator)
        html = page(client)
        assert "All processing is paused. It continues from here" in html
        assert "limiting requests" not in html

    def test_work_on_an_internal_source_is_for_those_who_may_read_it(
        self, waiting_document: Document, client: Client, contributor: User
    ) -> None:
        Document.objects.update(access="internal")
        kinds = {p.kind for p in all_policies() if p.model == "ingestion.Document"} - {"document"}
        assert len(kinds) == 4
        for kind in kinds:
            start_job(kind, waiting_document.pk)
        assert waiting_document.title not in page(client)
        client.force_login(contributor)
        assert page(client).count(f">{waiting_document.title}</a>") == 5

    def test_a_job_of_a_later_version_is_passed_over(self, client: Client, db: None) -> None:
        Job.objects.create(kind="unheard_of", key="1", lane="upkeep")
        assert client.get("/taches/").status_code == 200
        queue.resume_stalled()
        run_queue()
        assert Job.objects.get().state == "waiting"


class TestOneJob:
    def test_stop_and_retry_follow_through_to_the_row(
        self, waiting_document: Document, client: Client, contributor: User, alive: None
    ) -> None:
        client.force_login(contributor)
        address = f"/taches/{Job.objects.get().pk}/"
        assert f"{address}arreter/" in page(client)
        stopped = client.post(f"{address}arreter/")
        assert stopped["Location"] == address
        waiting_document.refresh_from_db()
        assert (waiting_document.state, Job.objects.get().state) == ("cancelled", "cancelled")
        assert f"{address}reprendre/" in page(client, address)
        assert ">Stopped<" in page(client, address)
        client.post(f"{address}reprendre/")
        run_queue()
        waiting_document.refresh_from_db()
        assert waiting_document.is_ready
        log = page(client, address)
        assert ">Done<" in log
        assert f"Reading stopped by {contributor}." in log
        assert f"Reading restarted by {contributor}." in log
        assert "/arreter/" not in log
        assert "/reprendre/" not in log

    def test_only_those_with_the_right_act(
        self, waiting_document: Document, client: Client, reader: User
    ) -> None:
        address = f"/taches/{Job.objects.get().pk}/"
        assert client.get(address).status_code == 302
        client.force_login(User.objects.create_user("sans-role"))
        assert client.get(address).status_code == 403
        client.force_login(reader)
        assert client.get(address).status_code == 200
        for action in ("arreter/", "reprendre/"):
            assert client.get(address + action).status_code == 405
            assert client.post(address + action).status_code == 403
        assert Job.objects.get().state == "waiting"

    def test_what_somebody_may_not_know_of_is_not_found(
        self, client: Client, contributor: User, administrator: User
    ) -> None:
        request_wiki_export(administrator)
        address = f"/taches/{Job.objects.get(kind='export').pk}/"
        client.force_login(contributor)
        assert client.get(address).status_code == 404
        assert client.post(f"{address}arreter/").status_code == 404
        client.force_login(administrator)
        assert "wiki-" in page(client, address)
