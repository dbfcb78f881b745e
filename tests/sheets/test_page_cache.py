"""The page cache: same bytes, never stale, never another reader's page."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from ingestion.models import Document
from sheets.generation.request import create_sheet
from sheets.links.rename import rename_sheet
from sheets.links.wikilinks import save_links
from sheets.models import (
    CachedPage,
    Field,
    Generation,
    Proposal,
    Revision,
    Section,
    SectionLock,
    Sheet,
    SheetType,
    Watch,
)
from sheets.rendering import page_cache
from sheets.rendering.page_cache import clear_cached_pages
from sheets.revisions.save import save_revision
from wikico2.models import User

AtMost = Callable[..., Any]
BODY = "## 🧭 Contexte & périmètre\n\n### Objectif principal\n\nVoir [[Chaudière vapeur]].\n"


def write(sheet: Sheet, body: str, author: User | None = None) -> Revision:
    return save_revision(
        sheet,
        base=sheet.current,
        body=body,
        metadata={"categorie": "Air comprimé"},
        origin=Revision.Origin.HUMAN,
        author=author,
    )


@pytest.fixture
def sheet(db: None, contributor: User) -> Sheet:
    """A sheet that a person wrote, with a source."""
    sheet = create_sheet(SheetType.objects.get(key="solution"), "Récupération de chaleur", None)
    sheet.documents.add(
        Document.objects.create(
            title="Guide de l’air", file="g.pdf", sha256="a" * 64, size=1, state="ready"
        )
    )
    write(sheet, BODY, contributor)
    return sheet


def read(client: Client, sheet: Sheet) -> str:
    return client.get(sheet.get_absolute_url()).content.decode()


class TestCost:
    def test_a_kept_page_costs_one_query(
        self, client: Client, sheet: Sheet, django_assert_max_num_queries: AtMost
    ) -> None:
        first = read(client, sheet)
        with django_assert_max_num_queries(1):
            assert read(client, sheet) == first

    def test_a_person_who_is_logged_in_costs_three(
        self, client: Client, sheet: Sheet, contributor: User, django_assert_max_num_queries: AtMost
    ) -> None:
        client.force_login(contributor)
        read(client, sheet)
        with django_assert_max_num_queries(3):
            read(client, sheet)

    def test_so_does_the_history(
        self, client: Client, sheet: Sheet, django_assert_max_num_queries: AtMost
    ) -> None:
        address = f"{sheet.get_absolute_url()}historique/"
        assert client.get(address).status_code == 200
        with django_assert_max_num_queries(1):
            client.get(address)


def rename_type(sheet: Sheet) -> None:
    SheetType.objects.update(name_fr="Geste")


def rename_field(sheet: Sheet) -> None:
    Field.objects.filter(key="categorie").update(heading_fr="Famille")


def rename_section(sheet: Sheet) -> None:
    Section.objects.filter(key="contexte").update(heading_fr="Cadre")


def rename_source(sheet: Sheet) -> None:
    Document.objects.update(title="Guide du froid")


def take_source_away(sheet: Sheet) -> None:
    sheet.documents.clear()


def rename_author(sheet: Sheet) -> None:
    User.objects.update(first_name="Clara", last_name="Dupont")


def remove_author(sheet: Sheet) -> None:
    User.objects.all().delete()


def validate(sheet: Sheet) -> None:
    Sheet.objects.update(validated_at=timezone.now(), validated_revision=F("current"))


def make_stale(sheet: Sheet) -> None:
    Sheet.objects.update(stale_reasons=[{"code": "prompt_changed"}])


def propose(sheet: Sheet) -> None:
    Proposal.objects.create(sheet=sheet, base=sheet.current, body="B")


def fail_to_write(sheet: Sheet) -> None:
    Generation.objects.create(sheet=sheet, backend="local", state="failed", error_code="internal")


def save(sheet: Sheet) -> None:
    sheet.refresh_from_db()
    write(sheet, "Tout autre chose.")


def create_target(sheet: Sheet) -> None:
    create_sheet(sheet.sheet_type, "Chaudière vapeur", None)


def link_from_elsewhere(sheet: Sheet) -> None:
    other = create_sheet(sheet.sheet_type, "Compresseur", None)
    write(other, "Voir [[recuperation de chaleur]].")


def give_another_name(sheet: Sheet) -> None:
    sheet.refresh_from_db()
    rename_sheet(sheet, "Chaleur fatale", None)
    rename_sheet(sheet, "Récupération de chaleur", None)


class TestFreshness:
    @pytest.mark.parametrize(
        "change",
        [
            rename_type,
            rename_field,
            rename_section,
            rename_source,
            take_source_away,
            rename_author,
            remove_author,
            validate,
            make_stale,
            propose,
            fail_to_write,
            save,
            create_target,
            link_from_elsewhere,
            give_another_name,
        ],
    )
    def test_a_change_shows_at_once(
        self, client: Client, sheet: Sheet, change: Callable[[Sheet], None]
    ) -> None:
        headers = {"Accept-Language": "en"} if change is rename_section else {}
        before = client.get(sheet.get_absolute_url(), headers=headers).content
        assert client.get(sheet.get_absolute_url(), headers=headers).content == before
        change(sheet)
        assert client.get(sheet.get_absolute_url(), headers=headers).content != before

    def test_a_lock_shows_to_those_who_write(
        self, client: Client, sheet: Sheet, contributor: User
    ) -> None:
        client.force_login(contributor)
        read(client, sheet)
        SectionLock.objects.create(sheet=sheet, section="contexte")
        assert "Verrouillée" in read(client, sheet)

    def test_a_change_while_a_page_is_made_is_not_lost(
        self, client: Client, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = page_cache.cache_response

        def late(*arguments: Any) -> None:
            real(*arguments)
            Sheet.objects.update(title="Un autre titre")

        monkeypatch.setattr(page_cache, "cache_response", late)
        assert "Un autre titre" not in read(client, sheet)
        monkeypatch.setattr(page_cache, "cache_response", real)
        assert "Un autre titre" in read(client, sheet)

    def test_what_the_operator_sets_counts(
        self, client: Client, sheet: Sheet, settings: Settings
    ) -> None:
        read(client, sheet)
        settings.SHOW_DRAFTS = False
        assert client.get(sheet.get_absolute_url()).status_code == 404


class TestReaders:
    def test_nobody_gets_what_is_anothers(
        self, client: Client, sheet: Sheet, contributor: User, administrator: User
    ) -> None:
        client.force_login(contributor)
        own = [read(client, sheet) for _twice in range(2)]
        assert all('title="claire"' in html for html in own)
        assert 'title="claire"' not in read(Client(), sheet)
        second = User.objects.create_user("zoe")
        second.groups.set(contributor.groups.all())
        client.force_login(second)
        html = read(client, sheet)
        assert CachedPage.objects.count() == 2, "both contributors are shown one page"
        assert 'title="zoe"' in html
        assert 'title="claire"' not in html

    def test_the_form_token_is_the_readers_and_works(self, sheet: Sheet, contributor: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(contributor)
        for _watched in (True, False):
            html = read(client, sheet)
            match = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
            assert match
            answer = client.post(
                f"{sheet.get_absolute_url()}suivre/", {"csrfmiddlewaretoken": match[1]}
            )
            assert answer.status_code == 302
            client.get("/")  # where the message is shown

    def test_a_name_is_escaped(self, client: Client, sheet: Sheet) -> None:
        client.force_login(User.objects.create_user("x", first_name="<b>Zoé</b>"))
        for _twice in range(2):
            assert "<b>Zoé" not in read(client, sheet)

    def test_colours_and_watching_are_the_readers(
        self, client: Client, sheet: Sheet, contributor: User
    ) -> None:
        client.force_login(contributor)
        assert 'aria-pressed="false"' in read(client, sheet)
        Watch.objects.create(user=contributor, sheet=sheet)
        client.cookies["theme"] = "dark"
        html = read(client, sheet)
        assert 'aria-pressed="true"' in html
        assert 'data-theme="dark"' in html

    def test_a_message_is_shown_once_to_one(
        self, client: Client, sheet: Sheet, contributor: User
    ) -> None:
        client.force_login(contributor)
        read(client, sheet)
        client.post(f"{sheet.get_absolute_url()}suivre/")
        assert '<ul class="messages' in read(client, sheet)
        assert '<ul class="messages' not in read(client, sheet)

    def test_the_page_after_the_click_says_that_the_sheet_is_watched(
        self, client: Client, sheet: Sheet, contributor: User
    ) -> None:
        """The page with the message is not cached: it has to know by itself."""
        client.force_login(contributor)
        for pressed in ("true", "false"):
            client.post(f"{sheet.get_absolute_url()}suivre/")
            html = read(client, sheet)
            assert '<ul class="messages' in html
            assert f'aria-pressed="{pressed}"' in html
            authored = client.get(sheet.get_absolute_url(), {"auteurs": "1"}).content.decode()
            assert f'aria-pressed="{pressed}"' in authored

    def test_rights_that_were_taken_away_show_at_once(
        self, client: Client, sheet: Sheet, contributor: User
    ) -> None:
        client.force_login(contributor)
        assert "/regenerer/" in read(client, sheet)
        contributor.groups.clear()
        assert "/regenerer/" not in read(client, sheet)
        contributor.is_active = False
        contributor.save()
        assert 'title="claire"' not in read(client, sheet)


class TestKeeping:
    def test_only_the_latest_pages_stay(
        self, client: Client, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(page_cache, "MAX_PAGES", 1)
        read(client, sheet)
        client.get(sheet.get_absolute_url(), headers={"Accept-Language": "en"})
        CachedPage.objects.filter(pk=CachedPage.objects.earliest("pk").pk).update(
            made_at=timezone.now() - dt.timedelta(days=1)
        )
        assert clear_cached_pages() == 1
        assert clear_cached_pages() == 0

    def test_an_unknown_query_is_not_kept(self, client: Client, sheet: Sheet) -> None:
        client.get(f"{sheet.get_absolute_url()}?x=1")
        assert not CachedPage.objects.exists()

    def test_a_page_that_changes_by_the_second_is_not_kept(
        self, client: Client, sheet: Sheet
    ) -> None:
        Generation.objects.create(sheet=sheet, backend="local", state=Generation.State.RUNNING)
        read(client, sheet)
        assert not CachedPage.objects.exists()


def test_links_follow_the_text(sheet: Sheet) -> None:
    save_links(sheet)
    assert [link.title for link in sheet.links.all()] == ["Chaudière vapeur"]
    write(sheet, "Plus rien.")
    assert not sheet.links.exists()
