"""Members discuss passages; a discussion moves with the words that it is about."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.discussions.passages import (
    find_passage,
    follow_passage,
    mark_passages,
    page_text,
)
from sheets.discussions.threads import add_comment, begin_discussion
from sheets.models import Comment, Discussion, Sheet, SheetType, Watch
from sheets.revisions.save import save_revision
from wikico2.errors import UserError
from wikico2.models import Notification, User
from wikico2.text.quotes import Span

TAG = re.compile(r"<[^>]*>")
PAGE = (
    '<h2>Un</h2><p>Le gaz coûte 3&nbsp;€ &amp; plus<sup><a id="ref-1-1" href="#note-1">1</a></sup> '
    "en <em>hiver</em>.</p><table><tr><td>fort</td><td>3</td></tr><tr><td>faible</td><td>3</td>"
    "</tr></table>"
)


PIECES = ("<p>", "</p>", "<em>", "</em>", "a", "b c", "&lt;x&gt;", " ")


def marked(page: str) -> list[str]:
    return [unescape(TAG.sub("", m)) for m in re.findall(r"<mark[^>]*>(.*?)</mark>", page)]


class TestPassages:
    def test_words_are_found_whatever_the_markup(self) -> None:
        page = page_text(PAGE)
        span = find_passage(page, "3 € & plus en hiver")
        assert span is not None
        html = mark_passages(page, [(7, span)])
        assert "".join(marked(html)) == "3\xa0€ & plus en hiver"
        assert html.count('id="passage-7"') == 1
        assert re.sub(r"</?mark[^>]*>", "", html) == PAGE.replace("&nbsp;", "\xa0")

    def test_the_same_words_are_told_apart_by_what_is_around(self) -> None:
        page = page_text(PAGE)
        first, second = (
            find_passage(page, "3", before, after)
            for before, after in (("fort", "faible"), ("faible", ""))
        )
        assert first
        assert second
        assert first.start < second.start
        assert page.text[: second.start].count("faible") == 1

    def test_unknown_words_are_nowhere(self) -> None:
        page = page_text(PAGE)
        assert find_passage(page, "charbon") is None
        assert find_passage(page, "  ") is None
        assert find_passage(page, "", "gaz", "plus") is None

    def test_changed_words_are_followed_and_others_are_not(self) -> None:
        old = page_text("<p>Un début.</p><p>La vapeur perd dix pour cent en chemin.</p>")
        span = find_passage(old, "La vapeur perd dix pour cent")
        assert span
        new = page_text("<p>Un autre début.</p><p>Ici la vapeur perd onze pour cent en route.</p>")
        found = follow_passage(old, new, span)
        assert found
        assert new.text[found.start : found.end] == "vapeur perd onze pour cent"
        gone = page_text("<p>Un début.</p><p>Le froid se perd.</p>")
        assert follow_passage(old, gone, span) is None

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.lists(st.sampled_from(PIECES)), st.integers(0, 8), st.integers(0, 8))
    def test_marks_change_no_word_of_a_page(self, parts: list[str], start: int, size: int) -> None:
        html = "".join(parts)
        page = page_text(html)
        spans = [(1, Span(start, start + size)), (2, Span(start + 1, start + 3))]
        plain = re.sub(r"</?mark[^>]*>", "", mark_passages(page, spans))
        assert plain == html

    def test_markup_in_the_words_stays_text(self) -> None:
        page = page_text("<p>Un &lt;script&gt; ici.</p>")
        span = find_passage(page, "Un <script> ici")
        assert span
        assert "<script>" not in mark_passages(page, [(1, span)])


@pytest.fixture
def sheet(db: None, expert: User) -> Sheet:
    sheet = Sheet.objects.create(
        sheet_type=SheetType.objects.get(key="solution"), title="Froid", slug="froid"
    )
    write(
        sheet,
        "## Un\n\nLe froid consomme un tiers de l’électricité.\n\n## Deux\n\nReste.\n",
        expert,
    )
    return sheet


def write(sheet: Sheet, body: str, user: User) -> None:
    sheet.refresh_from_db()
    save_revision(sheet, base=sheet.current, body=body, metadata={}, origin="human", author=user)
    sheet.refresh_from_db()


def kinds(user: User) -> list[str]:
    return [row.kind for row in Notification.objects.unseen().filter(user=user)]


class TestThreads:
    def test_it_moves_with_its_words(self, sheet: Sheet, expert: User, contributor: User) -> None:
        begun = begin_discussion(sheet, contributor, "D’où vient-il ?", "un tiers de l'electricite")
        assert begun.passage == "un tiers de l’électricité"
        assert not begun.is_reworded  # typed with another apostrophe
        said = "Avant tout, le froid consomme un tiers de l’électricité."
        body = f"## Deux\n\nReste.\n\n## Un\n\n{said}\n"
        write(sheet, body, expert)
        begun.refresh_from_db()
        assert begun.passage == "un tiers de l’électricité"
        write(sheet, body.replace("un tiers de l’électricité", "un quart de l’électricité"), expert)
        begun.refresh_from_db()
        assert begun.passage == "un quart de l’électricité"
        assert begun.quote == "un tiers de l'electricite"
        assert begun.is_reworded

    def test_lost_words_are_said_and_found_again(
        self, sheet: Sheet, expert: User, contributor: User
    ) -> None:
        begun = begin_discussion(sheet, contributor, "Ah ?", "un tiers de l’électricité")
        assert sheet.current is not None
        former = sheet.current.body
        write(sheet, "## Un\n\nRien de tel.\n", expert)
        begun.refresh_from_db()
        assert begun.is_lost
        write(sheet, former, expert)
        begun.refresh_from_db()
        assert begun.passage == "un tiers de l’électricité"

    def test_words_that_are_not_there_begin_nothing(self, sheet: Sheet, contributor: User) -> None:
        with pytest.raises(UserError):
            begin_discussion(sheet, contributor, "Ah ?", "des mots inconnus ici")
        assert not Discussion.objects.exists()

    def test_people_are_told(
        self, sheet: Sheet, expert: User, contributor: User, administrator: User
    ) -> None:
        reader = User.objects.create_user("lea", "lea@example.org", "x")
        Watch.objects.create(user=administrator, sheet=sheet)
        begun = begin_discussion(sheet, contributor, "Qu’en dis-tu, @emile. Et @lea, @personne ?")
        assert kinds(expert) == ["mention"]
        assert kinds(administrator) == ["comment"]
        assert kinds(reader) == kinds(contributor) == []  # who may not read it is not told
        add_comment(begun, expert, "C’est juste.")
        add_comment(begun, expert, "Vraiment.")
        assert kinds(contributor) == ["reply"]
        assert "reply" not in kinds(expert)


class TestPages:
    @pytest.fixture
    def claire(self, client: Client, contributor: User) -> Client:
        client.force_login(contributor)
        return client

    def begin(self, client: Client, sheet: Sheet, **values: str) -> Any:
        sent = {"body": "D’où vient-il ?", "quote": "un tiers de l’électricité", **values}
        return client.post(f"/fiches/{sheet.slug}/discussions/", sent)

    def test_a_member_comments_on_a_passage(self, claire: Client, sheet: Sheet) -> None:
        answer = self.begin(claire, sheet)
        row = Discussion.objects.get()
        assert answer["Location"].endswith(f"/discussions/#discussion-{row.pk}")
        page = unescape(claire.get("/fiches/froid/discussions/").content.decode())
        assert marked(page) == ["un tiers de l’électricité"]
        assert "D’où vient-il ?" in page
        assert f'href="#passage-{row.pk}"' in page
        assert "/fiches/froid/discussions/" in claire.get("/fiches/froid/").content.decode()

    def test_mistakes_keep_what_was_typed(self, claire: Client, sheet: Sheet) -> None:
        answer = self.begin(claire, sheet, quote="des mots inconnus ici")
        assert answer.status_code == 422
        assert "vient-il" in answer.content.decode()
        assert "des mots inconnus ici" in answer.content.decode()
        assert self.begin(claire, sheet, body=" ").status_code == 422
        assert self.begin(claire, sheet, body="x" * 6_000).status_code == 422
        assert not Discussion.objects.exists()

    def test_it_is_answered_resolved_and_opened_again(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        self.begin(claire, sheet)
        row = Discussion.objects.get()
        address = f"/fiches/froid/discussions/{row.pk}/"
        other = Client()
        other.force_login(expert)
        other.post(address, {"body": "Du guide. <b>"})
        assert "&lt;b&gt;" in claire.get("/fiches/froid/discussions/").content.decode()
        assert claire.post(address, {"body": ""}).status_code == 422
        claire.post(address, {"do": "resolve"})
        row.refresh_from_db()
        assert row.resolved_by is not None
        assert marked(claire.get("/fiches/froid/discussions/").content.decode()) == []
        other.post(address, {"do": "reopen"})
        row.refresh_from_db()
        assert row.resolved_at is None
        assert Comment.objects.count() == 2

    def test_only_experts_and_who_began_it_resolve_it(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        row = begin_discussion(sheet, expert, "Ah ?")
        assert (
            claire.post(f"/fiches/froid/discussions/{row.pk}/", {"do": "resolve"}).status_code
            == 403
        )

    def test_it_is_for_members(self, client: Client, sheet: Sheet, contributor: User) -> None:
        row = begin_discussion(sheet, contributor, "Secret de membres")
        assert client.get("/fiches/froid/discussions/").status_code == 302
        assert "discussions" not in client.get("/fiches/froid/").content.decode()
        client.force_login(User.objects.create_user("sana", password="x"))
        assert client.get("/fiches/froid/discussions/").status_code == 403
        assert client.post("/fiches/froid/discussions/", {"body": "x"}).status_code == 403
        assert client.post(f"/fiches/froid/discussions/{row.pk}/", {"body": "x"}).status_code == 403

    def test_a_discussion_belongs_to_its_sheet(
        self, claire: Client, sheet: Sheet, expert: User
    ) -> None:
        other = Sheet.objects.create(sheet_type=sheet.sheet_type, title="Chaud", slug="chaud")
        row = begin_discussion(other, expert, "Ailleurs")
        assert claire.post(f"/fiches/froid/discussions/{row.pk}/", {"body": "x"}).status_code == 404

    def test_few_queries(
        self, claire: Client, sheet: Sheet, contributor: User, django_assert_max_num_queries: Any
    ) -> None:
        for n in range(5):
            add_comment(begin_discussion(sheet, contributor, f"Un {n}"), contributor, "Deux")
        with django_assert_max_num_queries(9):
            claire.get("/fiches/froid/discussions/")
