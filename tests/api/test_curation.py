"""Curation through the API: names in sheets, prompts, the audit log; and what is one's own."""

from typing import Any

import pytest

from sheets.discussions.threads import add_comment, begin_discussion
from sheets.models import Prompt, Sheet, VocabularyTerm, Watch
from tests.api.conftest import Caller
from tests.conftest import run_queue
from wikico2.models import AuditEvent, Notification, User


def term(kind: str, name: str) -> VocabularyTerm:
    return VocabularyTerm.objects.create(kind=kind, name=name)


class TestTerms:
    def test_a_new_name_is_written_into_the_sheets(
        self, program: Caller, sheet: Sheet, administrator: User
    ) -> None:
        caller = program(administrator)
        (row,) = caller.get("/v1/terms?kind=category").json()["items"]
        assert (row["name"], row["sheets"]) == ("Air comprimé", 1)
        done = caller.put(row["address"], {"name": "Air sous pression"}).json()
        run_queue()
        assert (done["term"]["name"], done["written"] + done["waiting"]) == ("Air sous pression", 1)
        header = caller.get(f"/v1/sheets/{sheet.slug}").json()["header"]
        assert header == {"categorie": "Air sous pression[^1]"}
        event = AuditEvent.objects.get(action="term.rename")
        assert (event.actor, event.details) == (administrator, {"old": "Air comprimé"})

    def test_others_become_names_of_the_one_that_stays(
        self, program: Caller, administrator: User
    ) -> None:
        kept, other = term("sector", "Agroalimentaire"), term("sector", "Industrie alimentaire")
        caller = program(administrator)
        done = caller.post(f"/v1/terms/{kept.pk}/merge", {"others": [other.pk]}).json()
        assert done["term"]["former"] == [other.folded]
        assert not VocabularyTerm.objects.filter(pk=other.pk).exists()

    def test_what_cannot_be_is_refused(self, program: Caller, administrator: User) -> None:
        one, two = term("sector", "Verre"), term("sector", "Ciment")
        system = term("system", "Four")
        caller = program(administrator)
        path = f"/v1/terms/{one.pk}"
        taken = caller.put(path, {"name": "CIMENT"})
        assert (taken.status_code, taken.json()["code"]) == (409, "term_taken")
        assert caller.put(path, {"name": "\u200b "}).json()["code"] == "term_empty"
        kinds = caller.post(f"{path}/merge", {"others": [system.pk]})
        assert (kinds.status_code, kinds.json()["code"]) == (422, "term_other_kind")
        for others in ([one.pk], [two.pk, 10**12]):
            refused = caller.post(f"{path}/merge", {"others": others})
            assert refused.json()["code"] == "unknown_term"
        assert VocabularyTerm.objects.count() == 3


class TestPrompts:
    def test_a_version_is_added(self, program: Caller, administrator: User) -> None:
        current = Prompt.objects.current()
        content = {
            "mode": current.mode,
            "system": f"{current.system}\nUne règle de plus.",
            "request": current.request,
            "repair": current.repair,
            "comment": "Une règle de plus",
        }
        made = program(administrator).post("/v1/prompts", content)
        assert made.status_code == 201
        assert made.json()["author"]["id"] == administrator.pk
        assert Prompt.objects.current().version == made.json()["version"]
        assert AuditEvent.objects.filter(action="prompt.add").exists()

    def test_its_placeholders_are_checked(self, program: Caller, administrator: User) -> None:
        count = Prompt.objects.count()
        content = {"system": "a", "request": "{titre}", "repair": "{erreur} {autre}"}
        refused = program(administrator).post("/v1/prompts", content)
        assert refused.status_code == 422
        assert {one["where"] for one in refused.json()["errors"]} == {"request", "repair"}
        assert Prompt.objects.count() == count


def test_the_audit_log_is_read_by_administrators(
    program: Caller, sheet: Sheet, administrator: User, contributor: User
) -> None:
    program(contributor).post(f"/v1/sheets/{sheet.slug}/submit", {"comment": "Relue."})
    caller = program(administrator)
    (row,) = caller.get("/v1/audit?action=sheet.submit").json()["items"]
    assert (row["channel"], row["person"]["id"], row["row"]) == ("api", contributor.pk, sheet.pk)
    assert row["details"] == {"comment": "Relue."}
    assert caller.get("/v1/audit?action=sheet.submit&au=2020-01-01").json()["items"] == []
    first = caller.get("/v1/audit?limit=1").json()
    behind = caller.get(f"/v1/audit?limit=1&cursor={first['next']}").json()
    assert behind["items"] != first["items"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/audit"),
        ("get", "/v1/terms"),
        ("get", "/v1/prompts"),
        ("get", "/v1/notifications"),
        ("get", "/v1/webhooks"),
        ("post", "/v1/exports"),
    ],
)
def test_a_token_for_some_types_reaches_nothing_of_the_whole_wiki(
    program: Caller, administrator: User, method: str, path: str
) -> None:
    limited = program(administrator, sheet_types=["secteur"])
    assert limited.send(method, path, {} if method == "post" else None).status_code == 403


def test_others_curate_nothing(program: Caller, expert: User) -> None:
    row = term("sector", "Verre")
    caller = program(expert)
    answers: list[Any] = [
        caller.get("/v1/terms"),
        caller.put(f"/v1/terms/{row.pk}", {"name": "Verrerie"}),
        caller.post(f"/v1/terms/{row.pk}/merge", {"others": [1]}),
        caller.post("/v1/prompts", {"system": "a", "request": "b", "repair": "c"}),
        caller.get("/v1/audit"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5


class TestNotifications:
    @pytest.fixture
    def told(self, sheet: Sheet, contributor: User, expert: User) -> None:
        """Two answers in discussions of the contributor's."""
        for text in ("Un.", "Deux."):
            row = begin_discussion(sheet, contributor, text)
            add_comment(row, expert, f"Réponse : {text}")

    def test_one_reads_and_marks_ones_own(
        self, program: Caller, told: None, contributor: User, expert: User
    ) -> None:
        caller = program(contributor)
        latest, first = caller.get("/v1/notifications?unseen=true").json()["items"]
        assert (latest["kind"], latest["quote"]) == ("reply", "Réponse : Deux.")
        assert latest["by"]["id"] == expert.pk
        assert caller.post(f"{latest['address']}/seen").json()["seen_at"]
        left = caller.get("/v1/notifications?unseen=true").json()["items"]
        assert [one["id"] for one in left] == [first["id"]]
        assert caller.post("/v1/notifications/seen").json() == {"marked": 1}
        assert len(caller.get("/v1/notifications").json()["items"]) == 2

    def test_nobody_reads_or_marks_anothers(
        self, program: Caller, told: None, expert: User
    ) -> None:
        caller = program(expert)
        row = Notification.objects.first()
        assert row
        assert caller.get("/v1/notifications").json()["items"] == []
        assert caller.post(f"/v1/notifications/{row.pk}/seen").status_code == 404
        assert caller.post("/v1/notifications/seen").json() == {"marked": 0}
        assert program().get("/v1/notifications").status_code == 401


def test_a_category_is_watched_and_no_longer(
    program: Caller, sheet: Sheet, contributor: User
) -> None:
    caller = program(contributor)
    path = "/v1/watched/categories"
    for _time in range(2):
        watched = caller.post(path, {"category": "Air comprimé"})
        assert watched.json() == {"items": ["Air comprimé"]}
    assert caller.get(path).json() == {"items": ["Air comprimé"]}
    unknown = caller.post(path, {"category": "Inconnue"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_category")
    assert caller.delete(f"{path}?category=Air comprimé").json() == {"items": []}
    assert not Watch.objects.exists()
    assert program().get(path).status_code == 401
