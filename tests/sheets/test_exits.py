"""Nothing typed is lost: an answer to a form of the editor that is no save gives the text back."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from sheets.links.rename import rename_sheet
from sheets.merge import Version
from sheets.models import EditDraft, Proposal, Revision, SavedForm, Sheet, SheetType
from sheets.proposals.suggestions import create_suggestion
from sheets.revisions.edit import save_edit
from sheets.views import edit
from wikico2.models import User

BODY = "## Un\n\nA\n\n## Deux\n\nB\n"
TYPED = "## Un\n\nUne heure de travail & <b>deux</b>\n\n## Deux\n\nB\n"
ENTRY = {"username": "claire", "password": "mot de passe"}


@pytest.fixture
def sheet(contributor: User) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")
    save_edit(sheet, contributor, base=None, text=Version(BODY))
    sheet.refresh_from_db()
    return sheet


@pytest.fixture
def claire(client: Client, contributor: User) -> Client:
    client.force_login(contributor)
    return client


def hidden(page: str, form: str = "") -> dict[str, str]:
    """Return the fields of the (first) form of a page that a browser would send."""
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", page[page.index(form) :]):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden":
            found.setdefault(attributes["name"], unescape(attributes["value"]))
    return found


def opened(client: Client, sheet: Sheet, query: str = "") -> dict[str, str]:
    """Open the editor; return its hidden fields with what a person types."""
    page = client.get(f"{reverse('sheet_edit', args=[sheet.slug])}{query}").content.decode()
    return hidden(page, 'id="edit-form"') | {"body": TYPED, "comment": "Vu sur place"}


def texts_of(answer: Any) -> list[str]:
    """Return what the text fields of an answer hold."""
    found = re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", answer.content.decode(), re.DOTALL)
    return [unescape(text) for text in found]


def latest(sheet: Sheet) -> Revision:
    sheet.refresh_from_db()
    assert sheet.current is not None
    return sheet.current


class TestRenamed:
    def test_every_form_reaches_the_sheet_at_its_former_address(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        sent = opened(claire, sheet)
        rename_sheet(sheet, "Compresseurs", expert)

        kept = claire.post("/fiches/air/modifier/brouillon/", sent)
        assert (kept.status_code, kept["Draft-Kept"]) == (200, "1")
        assert "deux" in claire.post("/fiches/air/modifier/apercu/", sent).content.decode()
        assert claire.post("/fiches/air/modifier/", sent)["Location"] == "/fiches/compresseurs/"
        assert latest(sheet).body == TYPED

    @pytest.mark.parametrize("section", ["un", "deux"])
    def test_so_does_one_of_a_page_without_the_id(
        self, claire: Client, sheet: Sheet, expert: User, section: str
    ) -> None:
        rename_sheet(sheet, "Vapeur", expert)
        rename_sheet(sheet, "Compresseurs", expert)
        sent = {"base": "1", "section": section, "body": f"## {section.title()}\n\nNeuf\n"}

        for former in ("air", "vapeur"):
            assert claire.post(f"/fiches/{former}/modifier/brouillon/", sent).status_code == 200
        assert claire.post("/fiches/air/modifier/", sent).status_code == 302
        assert "Neuf" in latest(sheet).body
        claire.post(
            "/fiches/air/proposer/", {"base": "2", "body": "Neuf\n", "remark": "Plus précis"}
        )
        assert sheet.proposals.get().remark == "Plus précis"
        claire.post("/fiches/vapeur/restaurer/1/", {"onto": "2", "comment": "Mieux"})
        assert (latest(sheet).body, latest(sheet).comment) == (BODY, "Mieux")

    def test_the_id_counts_and_not_a_namesake_at_the_old_address(
        self, claire: Client, sheet: Sheet
    ) -> None:
        sent = opened(claire, sheet)
        kind = sheet.sheet_type
        sheet.delete()
        namesake = Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")

        answer = claire.post("/fiches/air/modifier/", sent)

        assert answer.status_code == 404
        assert TYPED in texts_of(answer)
        assert namesake.revisions.count() == 0


class TestLostSession:
    @pytest.fixture(params=["public", "private", "drafts hidden"])
    def _site(self, request: pytest.FixtureRequest, settings: Settings) -> None:
        settings.PUBLIC_SITE = request.param != "private"
        settings.SHOW_DRAFTS = request.param != "drafts hidden"

    @pytest.mark.usefixtures("_site")
    def test_the_text_survives_the_log_in(self, claire: Client, sheet: Sheet) -> None:
        sent = opened(claire, sheet)
        claire.logout()

        answer = claire.post("/fiches/air/modifier/", sent)
        assert answer.status_code == 401
        assert texts_of(answer) == [TYPED, "Vu sur place"]
        again = hidden(answer.content.decode(), 'class="form"') | {"body": TYPED, "comment": "Vu"}
        wrong = claire.post("/fiches/air/modifier/", again | ENTRY | {"password": "autre"})
        assert (wrong.status_code, texts_of(wrong)) == (401, [TYPED, "Vu"])
        assert sheet.revisions.count() == 1
        assert (
            claire.post("/fiches/air/modifier/", again | ENTRY | {"do": "save"}).status_code == 302
        )
        assert (latest(sheet).body, latest(sheet).comment) == (TYPED, "Vu")

    @pytest.mark.usefixtures("_site")
    def test_scripts_are_told(self, client: Client, sheet: Sheet) -> None:
        for name in ("sheet_keep", "sheet_preview"):
            answer = client.post(reverse(name, args=[sheet.slug]), {"body": "Un"})
            assert answer.status_code == 401
            assert answer["Content-Type"].startswith("text/plain")
            assert "session" in answer.content.decode()

    def test_a_name_and_a_password_open_nothing_else_of_a_private_site(
        self, client: Client, sheet: Sheet, settings: Settings, contributor: User
    ) -> None:
        settings.PUBLIC_SITE = False
        wrong = ENTRY | {"password": "autre"}

        for address in ("/fiches/air/", "/fiches/air/verrou/", "/", "/fiches/air/suivre/"):
            answer = client.post(address, ENTRY)
            assert answer.status_code == 302
            assert answer["Location"].startswith("/compte/connexion/")
        asked = {"remark": "Mot", "sheet": str(sheet.pk)}
        for sent in (asked, asked | wrong):
            answer = client.post("/fiches/nouvelle/", sent)
            assert (answer.status_code, texts_of(answer)) == (401, ["Mot"])
            assert "/fiches/air/" not in answer.content.decode()

    @pytest.mark.parametrize(
        ("address", "typed"),
        [
            ("/fiches/air/restaurer/1/", {"comment": "Avant les travaux"}),
            ("/fiches/air/renommer/", {"title": "Un titre long à trouver"}),
            ("/fiches/nouvelle/", {"title": "Une fiche à écrire"}),
        ],
    )
    def test_other_forms_give_back_what_was_typed(
        self, client: Client, sheet: Sheet, address: str, typed: dict[str, str]
    ) -> None:
        answer = client.post(address, typed | {"onto": "1"})

        assert answer.status_code == 401
        assert texts_of(answer) == list(typed.values())
        assert 'name="password"' in answer.content.decode()


class TestExpiredForm:
    @pytest.fixture
    def strict(self, contributor: User) -> Client:
        client = Client(enforce_csrf_checks=True)
        client.force_login(contributor)
        return client

    def test_the_text_comes_back_in_a_form_that_is_valid(
        self, strict: Client, sheet: Sheet
    ) -> None:
        sent = opened(strict, sheet)
        strict.cookies.pop("csrftoken")

        answer = strict.post("/fiches/air/modifier/", sent)
        assert (answer.status_code, texts_of(answer)) == (403, [TYPED, "Vu sur place"])
        again = hidden(answer.content.decode(), 'class="form"')
        assert again["csrfmiddlewaretoken"] != sent["csrfmiddlewaretoken"]
        sent |= again
        assert strict.post("/fiches/air/modifier/", sent).status_code == 302
        assert latest(sheet).body == TYPED

    def test_cookies_lost_altogether_ask_for_the_password_too(
        self, strict: Client, sheet: Sheet
    ) -> None:
        sent = opened(strict, sheet)
        strict.cookies.clear()

        answer = strict.post("/fiches/air/modifier/", sent)
        assert (answer.status_code, texts_of(answer)) == (403, [TYPED, "Vu sur place"])
        forged = strict.post("/fiches/air/modifier/", sent | ENTRY)
        assert forged.status_code == 403  # no log-in without a valid token
        assert "_auth_user_id" not in strict.session
        sent |= hidden(forged.content.decode(), 'class="form"') | ENTRY
        assert strict.post("/fiches/air/modifier/", sent).status_code == 302
        assert latest(sheet).body == TYPED

    def test_a_form_of_another_site_is_given_back_and_cannot_be_sent_again(
        self, strict: Client, sheet: Sheet
    ) -> None:
        answer = strict.post(
            "/fiches/air/modifier/", {"body": TYPED}, headers={"origin": "https://example.org"}
        )

        assert (answer.status_code, texts_of(answer)) == (403, [TYPED])
        assert '<button class="button primary"' not in answer.content.decode()

    def test_scripts_are_told(self, strict: Client, sheet: Sheet) -> None:
        answer = strict.post("/fiches/air/modifier/brouillon/", {"body": "Un"})

        assert (answer.status_code, answer["Content-Type"][:10]) == (403, "text/plain")


class TestRoleWithdrawn:
    def test_the_text_can_be_sent_as_a_suggestion(
        self, claire: Client, sheet: Sheet, contributor: User
    ) -> None:
        sent = opened(claire, sheet)
        contributor.groups.clear()

        told = claire.post("/fiches/air/modifier/brouillon/", sent)
        assert (told.status_code, told["Content-Type"][:10]) == (403, "text/plain")
        answer = claire.post("/fiches/air/modifier/", sent)
        assert (answer.status_code, texts_of(answer)) == (403, [TYPED, "Vu sur place"])
        page = answer.content.decode()
        assert 'formaction="/fiches/air/proposer/"' in page
        claire.post("/fiches/air/proposer/", hidden(page, 'class="form"') | {"body": TYPED})
        assert sheet.proposals.get().body == TYPED

    def test_decisions_on_a_proposal_come_back(
        self, client: Client, sheet: Sheet, expert: User
    ) -> None:
        base = sheet.current
        assert base is not None
        text = Version(BODY.replace("A", "C"))
        proposal = create_suggestion(sheet, base=base, text=text, sender="user 1")
        client.force_login(expert)
        address = reverse("proposal", args=[sheet.slug, proposal.pk])
        sent = {"do": "refuse", "reason": "Sans source", "onto": "1", "sheet": str(sheet.pk)}

        Proposal.objects.filter(pk=proposal.pk).update(state="replaced")
        answer = client.post(address, sent)
        assert (answer.status_code, texts_of(answer)) == (409, ["Sans source"])
        expert.groups.set([Group.objects.get(name="Utilisateur")])
        answer = client.post(address, sent)
        assert (answer.status_code, texts_of(answer)) == (403, ["Sans source"])


class TestDeleted:
    def test_the_text_makes_a_new_sheet(self, claire: Client, sheet: Sheet) -> None:
        sent = opened(claire, sheet)
        other = Sheet.objects.create(sheet_type=sheet.sheet_type, title="Vapeur", slug="vapeur")
        sheet.delete()

        told = claire.post("/fiches/air/modifier/brouillon/", sent)
        assert (told.status_code, told["Content-Type"][:10]) == (404, "text/plain")
        answer = claire.post("/fiches/air/modifier/", sent)
        assert (answer.status_code, texts_of(answer)) == (404, [TYPED, "Vu sur place"])
        page = answer.content.decode()
        assert 'value="Air comprimé"' in page
        address = reverse("sheet_from_text")
        sent |= {"sheet_type": str(other.sheet_type_id), "title": "vapeur"}
        taken = claire.post(address, sent)
        assert (taken.status_code, texts_of(taken)) == (422, [TYPED, "Vu sur place"])
        assert "/fiches/vapeur/" in taken.content.decode()
        assert (
            claire.post(address, sent | {"body": "Vrai.[^9]", "title": "Autre"}).status_code == 422
        )
        assert claire.post(address, sent | {"title": "Air comprimé"}).status_code == 302
        assert latest(Sheet.objects.get(title="Air comprimé")).body == TYPED

    def test_a_place_that_is_gone_is_told_apart(self, claire: Client, sheet: Sheet) -> None:
        sent = opened(claire, sheet) | {"section": "nulle-part"}

        answer = claire.post("/fiches/air/modifier/", sent)

        assert (answer.status_code, texts_of(answer)) == (404, [TYPED, "Vu sur place"])
        assert "formaction" not in answer.content.decode()


class TestFailures:
    @pytest.fixture
    def _broken(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        def fail(*args: Any, **rest: Any) -> None:
            raise RuntimeError

        with monkeypatch.context() as patch:
            patch.setattr(edit, "save_edit", fail)
            patch.setattr(edit, "save_draft", fail)
            yield

    @pytest.mark.usefixtures("_broken")
    def test_an_error_of_the_server_gives_the_text_back(self, claire: Client, sheet: Sheet) -> None:
        sent = opened(claire, sheet)
        claire.raise_request_exception = False

        answer = claire.post("/fiches/air/modifier/", sent)
        assert (answer.status_code, texts_of(answer)) == (500, [TYPED, "Vu sur place"])
        assert hidden(answer.content.decode())["tab"] == sent["tab"]
        told = claire.post("/fiches/air/modifier/brouillon/", sent)
        assert (told.status_code, told["Content-Type"][:10]) == (500, "text/plain")

    @pytest.mark.parametrize("kind", ["multipart/form-data", "application/x-www-form-urlencoded"])
    def test_a_text_far_too_large_comes_back_whole(
        self, claire: Client, sheet: Sheet, kind: str
    ) -> None:
        text = "Été à 5 % + & 1;\r\n\r\n" * 130_000
        sent = {"base": "1", "body": text, "comment": "Vu"}

        def post(address: str) -> Any:
            if kind.startswith("multipart"):
                return claire.post(address, sent)
            return claire.generic("POST", address, urlencode(sent).encode(), kind)

        answer = post("/fiches/air/modifier/")
        assert answer.status_code == 413
        assert texts_of(answer) == [text, "Vu"]
        told = post("/fiches/air/modifier/brouillon/")
        assert (told.status_code, told["Content-Type"][:10]) == (413, "text/plain")

    def test_a_text_beyond_the_limit_of_a_sheet_stays_in_the_editor(
        self, claire: Client, sheet: Sheet
    ) -> None:
        text = "mot " * 300_000

        answer = claire.post("/fiches/air/modifier/", {"base": "1", "body": text})
        assert answer.status_code == 422
        assert text in texts_of(answer)
        told = claire.post("/fiches/air/modifier/brouillon/", {"base": "1", "body": text})
        assert told.status_code == 413

    def test_a_conflict_of_too_many_fields_comes_back(self, claire: Client, sheet: Sheet) -> None:
        sent = {"base": "1", "body": TYPED}
        for number in range(600):
            sent |= {f"take_{number:08x}": "edit", f"text_{number:08x}": f"Choix {number}"}

        answer = claire.post("/fiches/air/modifier/", sent)

        assert answer.status_code == 400
        assert texts_of(answer) == [TYPED, *(f"Choix {number}" for number in range(600))]

    def test_no_field_cuts_what_is_pasted(self, claire: Client, sheet: Sheet) -> None:
        page = claire.get("/fiches/air/modifier/").content.decode()
        form = page[page.index('id="edit-form"') : page.index('id="pick-sheet"')]

        assert "maxlength" not in form.replace('id="edit_query"', "").partition("edit_query")[0]

    def test_a_restoring_that_came_late_keeps_its_reason(
        self, claire: Client, sheet: Sheet, contributor: User
    ) -> None:
        save_edit(sheet, contributor, base=sheet.current, text=Version("Neuf\n"))

        answer = claire.post("/fiches/air/restaurer/1/", {"onto": "1", "comment": "Mieux avant"})

        assert answer.status_code == 409
        assert 'value="Mieux avant"' in answer.content.decode()


class TestDrafts:
    def keep(self, client: Client, sent: dict[str, str]) -> Any:
        return client.post("/fiches/air/modifier/brouillon/", sent)

    def test_an_untouched_tab_erases_nothing_and_two_that_type_keep_both(
        self, claire: Client, sheet: Sheet
    ) -> None:
        first, second, third = (opened(claire, sheet) for _ in range(3))
        untouched = third | {"body": BODY, "comment": ""}

        assert self.keep(claire, first | {"body": "Premier\n"})["Draft-Kept"] == "1"
        assert self.keep(claire, second | {"body": "Second\n"})["Draft-Kept"] == "1"
        assert self.keep(claire, untouched)["Draft-Kept"] == "0"

        kept = {row.typed["body"] for row in EditDraft.objects.with_text()}
        assert kept == {"Premier\n", "Second\n"}
        page = claire.get("/fiches/air/modifier/")
        assert texts_of(page)[-1] == "Second\n" or "Second\n" in texts_of(page)
        assert "Premier" in page.content.decode()

    def test_one_that_is_continued_is_not_kept_twice(self, claire: Client, sheet: Sheet) -> None:
        first = opened(claire, sheet) | {"body": "Premier\n"}
        self.keep(claire, first)

        second = opened(claire, sheet)
        assert second["draft"]
        as_it_was = self.keep(claire, second | {"body": "Premier\n"})
        assert as_it_was["Draft-Kept"] == "0"
        self.keep(claire, second | {"body": "Premier, suite\n"})
        assert EditDraft.objects.with_text().count() == 2  # the first tab may still be open
        answer = claire.post("/fiches/air/modifier/", second | {"body": "Premier, suite\n"})
        assert set(answer.cookies["saved_form"].value.split(".")) == {first["tab"], second["tab"]}
        assert not EditDraft.objects.with_text().exists()

    def test_one_typed_on_since_stays(self, claire: Client, sheet: Sheet) -> None:
        first = opened(claire, sheet)
        self.keep(claire, first | {"body": "Premier\n"})
        second = opened(claire, sheet)
        self.keep(claire, first | {"body": "Premier, suite\n"})

        claire.post("/fiches/air/modifier/", second | {"body": "Autre fin\n"})

        assert [row.typed["body"] for row in EditDraft.objects.with_text()] == ["Premier, suite\n"]

    def test_the_current_sheet_can_be_opened_beside_a_draft(
        self, claire: Client, sheet: Sheet
    ) -> None:
        first = opened(claire, sheet, "?section=un") | {"body": "## Un\n\nPremier\n"}
        self.keep(claire, first)

        page = claire.get("/fiches/air/modifier/?section=un&brouillon=0")
        assert "## Un\n\nA\n" in texts_of(page)
        assert "## Un\n\nPremier" in "".join(texts_of(page))
        number = EditDraft.objects.with_text().get().pk
        assert f"?brouillon={number}" in claire.get("/fiches/air/modifier/").content.decode()
        page = claire.get(f"/fiches/air/modifier/?brouillon={number}")
        assert hidden(page.content.decode(), 'id="edit-form"')["section"] == "un"
        assert "## Un\n\nPremier\n" in texts_of(page)

    def test_nobody_opens_the_draft_of_another(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        other = EditDraft.objects.create(
            sheet=sheet, user=expert, typed={"body": "Secret"}, typed_at=sheet.created_at
        )

        page = claire.get(f"/fiches/air/modifier/?brouillon={other.pk}").content.decode()

        assert "Secret" not in page

    def test_old_ones_go(self, claire: Client, sheet: Sheet) -> None:
        self.keep(claire, opened(claire, sheet) | {"body": "Premier\n"})
        EditDraft.objects.with_text().update(seen_at=sheet.created_at.replace(year=2020))

        assert "Premier" not in claire.get("/fiches/air/modifier/").content.decode()
        assert not EditDraft.objects.with_text().exists()


class TestSavedAgain:
    """Who goes back to a form and saves it again meets neither conflict nor loss."""

    def save(self, client: Client, sent: dict[str, str], body: str) -> Any:
        return client.post("/fiches/air/modifier/", sent | {"body": body})

    def test_it_does_not_conflict_with_itself(self, claire: Client, sheet: Sheet) -> None:
        sent = opened(claire, sheet)

        for text in ("Chaud", "Tiède", "Tiède et sec"):
            assert self.save(claire, sent, BODY.replace("A", text)).status_code == 302
            assert latest(sheet).body == BODY.replace("A", text)
            assert latest(sheet).origin == Revision.Origin.HUMAN
        kept = claire.post(
            "/fiches/air/modifier/brouillon/", sent | {"body": BODY.replace("A", "Tiède et sec")}
        )
        assert kept["Draft-Kept"] == "0"
        assert "version 4" not in kept.content.decode()

    def test_words_that_others_saved_in_between_stay(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        sent = opened(claire, sheet)
        save_edit(sheet, expert, base=sheet.current, text=Version(BODY.replace("B", "Par Émile")))
        self.save(claire, sent, BODY.replace("A", "Chaud"))
        assert "Par Émile" in latest(sheet).body
        save_edit(
            sheet,
            expert,
            base=latest(sheet),
            text=Version(f"{latest(sheet).body}\n## Trois\n\nC\n"),
        )

        assert self.save(claire, sent, BODY.replace("A", "Tiède")).status_code == 302

        assert (
            latest(sheet).body
            == f"{BODY.replace('A', 'Tiède').replace('B', 'Par Émile')}\n## Trois\n\nC\n"
        )
        assert latest(sheet).second_parent is not None

    def test_a_true_conflict_with_another_is_shown(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        sent = opened(claire, sheet)
        self.save(claire, sent, BODY.replace("A", "Chaud"))
        text = latest(sheet).body.replace("Chaud", "Brûlant")
        save_edit(sheet, expert, base=latest(sheet), text=Version(text))

        assert self.save(claire, sent, BODY.replace("A", "Tiède")).status_code == 409

    def test_a_section_renamed_by_its_own_form_is_saved_again(
        self, claire: Client, sheet: Sheet
    ) -> None:
        sent = opened(claire, sheet, "?section=un")

        self.save(claire, sent, "## Unique\n\nA\n")
        assert self.save(claire, sent, "## Unique\n\nA et plus\n").status_code == 302

        assert latest(sheet).body == "## Unique {#un}\n\nA et plus\n\n## Deux\n\nB\n"

    def test_a_draft_of_a_saved_form_is_continued_in_another(
        self, claire: Client, sheet: Sheet
    ) -> None:
        sent = opened(claire, sheet)
        self.save(claire, sent, BODY.replace("A", "Chaud"))
        claire.post(
            "/fiches/air/modifier/brouillon/", sent | {"body": BODY.replace("A", "Chaud et sec")}
        )

        again = opened(claire, sheet)
        assert again["tab"] != sent["tab"]
        assert self.save(claire, again, BODY.replace("A", "Chaud, sec")).status_code == 302
        assert latest(sheet).body == BODY.replace("A", "Chaud, sec")

    def test_what_the_other_tab_saves_later_is_not_undone(
        self, claire: Client, sheet: Sheet
    ) -> None:
        first = opened(claire, sheet)
        draft = BODY.replace("A", "Chaud")
        claire.post("/fiches/air/modifier/brouillon/", first | {"body": draft})
        second = opened(claire, sheet)  # continues the draft of the first
        self.save(claire, first, draft.replace("B", "Mesuré en mars"))

        answer = self.save(claire, second, draft.replace("Chaud", "Chaud et sec"))

        assert answer.status_code == 409  # both changed the same words: the person chooses
        assert "Mesuré en mars" in latest(sheet).body

    def test_the_form_of_another_person_counts_for_nothing(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        sent = opened(claire, sheet)
        self.save(claire, sent, BODY.replace("A", "Chaud"))
        SavedForm.objects.update(user=expert)

        assert self.save(claire, sent, BODY.replace("A", "Tiède")).status_code == 409
