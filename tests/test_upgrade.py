"""A wiki of the version before survives the move to this one.

A database is migrated to where the migrations of that version end and filled with rows as it wrote
them. Then it is migrated on, and a real worker finishes the queue. Everything happens once, for
all tests of this file.
"""

import datetime as dt
import hashlib
import io
import os
import pydoc
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import BACKEND_SESSION_KEY, get_user_model
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage
from pytest_django import DjangoDbBlocker

from tests import services
from tests.fake_ai import EMBEDDING_MODEL
from tests.worker import Worker, wait_for

# --- What is called otherwise since ---------------------------------------------------------------

MODELS: dict[str, str] = {
    "ingestion.delivery": "ingestion.sourceimport",
    "ingestion.item": "ingestion.importedfile",
    "ingestion.logline": "wikico2.jobevent",
    "ingestion.sight": "ingestion.cachedocrresult",
    "ingestion.sketch": "ingestion.minhash",
    "sheets.errand": "sheets.filejob",
    "sheets.formername": "sheets.sheetredirect",
    "sheets.keptpage": "sheets.cachedpage",
    "sheets.unsaved": "sheets.editdraft",
    "wikico2.pace": "wikico2.ratelimit",
    "wikico2.paceslot": "wikico2.ratelimitslot",
}
"""Models that were renamed: {"app.old": "app.new"}, in lower case."""

TASKS: dict[str, str] = {
    "ingestion.tasks.deliver": "ingestion.tasks.run_import",
    "ingestion.tasks.read_words": "ingestion.tasks.refresh_document_lexemes",
    "sheets.tasks.find_awaited": "sheets.tasks.resolve_source_refs",
    "sheets.tasks.run_errand": "sheets.tasks.run_file_job",
    "wikico2.queue.resume_stalled": "wikico2.jobs.queue.resume_stalled",
}
"""Tasks whose schedules a migration renames: {"app.old.task": "app.new.task"}.

What waits in the queue keeps its old names; they must go on leading to a function.
"""

LECTEUR = {"ingestion.view_document", "sheets.view_sheet", "wikico2.view_jobs"}
CURATES = {"wikico2.curate", "wikico2.view_jobs"}
GRANTED_SINCE: dict[str, set[str]] = {
    "": LECTEUR,  # accounts without a group became readers by role
    "Utilisateur": {"wikico2.view_jobs"},
    "Expert CO2": CURATES,
    "Administrateur": CURATES
    | {
        "sheets.add_prompt",
        "sheets.view_prompt",
        "wikico2.enter_admin",
        "wikico2.view_auditevent",
        "sheets.view_spending",
        *(f"sheets.{verb}_vocabularyterm" for verb in ("add", "change", "delete", "view")),
    },
}
"""What a role may do since that it was not allowed before: {group: {"app.codename"}}."""

# --- The version before, as it was ----------------------------------------------------------------

LAST_MIGRATIONS = {
    "wikico2": "0002_pace_and_pause",
    "ingestion": "0012_words_on_pictures",
    "sheets": "0019_exports_in_the_queue",
}
FOREIGN_APPS = ("admin", "auth", "contenttypes", "django_q", "sessions")
VERBS = ("add", "change", "delete", "view")

UTILISATEUR = {
    *(f"ingestion.{verb}_document" for verb in ("add", "change", "view")),
    *(f"sheets.{verb}_sheet" for verb in ("add", "change", "view")),
    "sheets.add_proposal",
    "sheets.view_proposal",
}
EXPERT = UTILISATEUR | {"sheets.validate_sheet", "sheets.change_proposal"}
ADMINISTRATEUR = EXPERT | {
    "sheets.publish_sheet",
    "ingestion.delete_document",
    *(f"sheets.{verb}_{model}" for verb in VERBS for model in ("sheettype", "section", "field")),
    *(f"ingestion.{verb}_synonyms" for verb in VERBS),
    *(f"sheets.view_{model}" for model in ("revision", "generation", "citation")),
    *(f"ingestion.view_{model}" for model in ("page", "chunk", "delivery")),
    "wikico2.add_queuepause",
    "wikico2.delete_queuepause",
    *(f"wikico2.{verb}_user" for verb in ("add", "change", "view")),
}
OWN_MODELS = [
    *(f"wikico2.{model}" for model in ("user", "pace", "paceslot")),
    *(
        f"ingestion.{model}"
        for model in (
            "chunk", "delivery", "document", "indexbuild", "item", "logline", "page", "sight",
            "sketch", "synonyms", "vector", "watchedfile", "word",
        )
    ),
    *(
        f"sheets.{model}"
        for model in (
            "citation", "digest", "errand", "field", "formername", "generation", "keptpage",
            "link", "picture", "prompt", "proposal", "relation", "revision", "searchedsection",
            "searchedsheet", "section", "sectionlock", "sectionrun", "sheet", "sheettype",
            "spending", "unsaved", "watch",
        )
    ),
]  # fmt: skip
GROUPS = {
    "Utilisateur": UTILISATEUR,
    "Expert CO2": EXPERT,
    "Administrateur": ADMINISTRATEUR,
    # A group of the operator's own, with every right on every model.
    "Archivistes": {
        f"{label.split('.')[0]}.{verb}_{label.split('.')[1]}"
        for label in OWN_MODELS
        for verb in VERBS
    },
}
PEOPLE: dict[str, tuple[str | None, set[str]]] = {
    "ulysse": ("Utilisateur", set()),
    "emile": ("Expert CO2", set()),
    "ada": ("Administrateur", set()),
    "greta": ("Archivistes", set()),
    "sana": (None, set()),
    "solo": (
        None,
        {
            "sheets.view_errand",
            "sheets.delete_errand",
            "sheets.change_keptpage",
            "sheets.add_unsaved",
            "sheets.view_formername",
            "ingestion.change_delivery",
            "ingestion.view_item",
            "ingestion.add_logline",
            "ingestion.delete_sketch",
            "ingestion.view_sight",
            "sheets.validate_sheet",
        },
    ),
}
ALL_TASKS = [
    "ingestion.tasks.advance_build",
    "ingestion.tasks.advance_document",
    "ingestion.tasks.deliver",
    "ingestion.tasks.drop_old_collections",
    "ingestion.tasks.forget_document",
    "ingestion.tasks.mend_index",
    "ingestion.tasks.read_words",
    "sheets.tasks.clear_pages",
    "sheets.tasks.find_awaited",
    "sheets.tasks.index_sheet",
    "sheets.tasks.look_for_passages",
    "sheets.tasks.recheck_citations",
    "sheets.tasks.run_errand",
    "sheets.tasks.send_digest",
    "sheets.tasks.send_digests",
    "sheets.tasks.write_sheet",
    "wikico2.queue.resume_stalled",
]
REGULAR = {
    "wikico2.queue.resume_stalled": ("resume stalled work", "I"),
    "sheets.tasks.send_digests": ("send digests", "D"),
    "sheets.tasks.clear_pages": ("clear pages", "D"),
}
ONCE: dict[str, tuple[Any, ...]] = {
    "ingestion.tasks.forget_document": (999_999, None, "0" * 64, 2),
    "ingestion.tasks.drop_old_collections": (),
    "sheets.tasks.index_sheet": (999_999, 2),
}
# One for each sheet: sheets that share a source are related when they are indexed.
SOURCES = {
    "moteurs": "# Moteurs\n\nUn moteur à vitesse variable économise 30 % de l’électricité.\n",
    "vapeur": "# Vapeur\n\nL’économiseur gagne 5 % du combustible de la chaudière.\n",
}
MISSING = 999_999
"""The key of a row that has gone since its task was queued."""


@dataclass
class OldWiki:
    """What was put into the old database, and what came of it."""

    rows: dict[str, int] = field(default_factory=dict)  # what it is for → primary key
    queued: dict[str, str] = field(default_factory=dict)  # id of the task → function
    jobs: list[tuple[str, str, bool, bool, int]] = field(default_factory=list)  # of documents
    log_entries: list[tuple[str, str]] = field(default_factory=list)  # model, primary key
    rights: dict[str, set[str]] = field(default_factory=dict)
    group_rights: dict[str, set[str]] = field(default_factory=dict)
    all_of_super: bool = False
    content_types: set[str] = field(default_factory=set)
    codenames: set[str] = field(default_factory=set)
    log_models: list[tuple[str, str]] = field(default_factory=list)
    schedules: list[tuple[str, str, str]] = field(default_factory=list)
    back_ends: list[str] = field(default_factory=list)  # of the sessions
    failures: list[str] = field(default_factory=list)
    run: set[str] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)
    bodies: list[tuple[str, int, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def wiki(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> OldWiki:
    """Make a database of the version before, migrate it, and have a worker finish its queue."""
    services.AI.reset()
    with django_db_blocker.unblock(), empty_database():
        found = OldWiki()
        fill(migrate_to_old_version(), found)
        call_command("migrate", verbosity=0, interactive=False)
        note_jobs(found)
        note_rights(found)
        note_sessions(found)
        note_schedules(found)
        work_off(found)
        note_work(found)
    return found


class TestRights:
    def test_everybody_may_what_they_might(self, wiki: OldWiki) -> None:
        expected = {
            name: renamed(own | (GROUPS[group] if group else set()))
            | GRANTED_SINCE.get(group or "", set())
            for name, (group, own) in PEOPLE.items()
        }
        assert wiki.rights == expected
        assert wiki.all_of_super

    def test_groups_hold_what_they_held(self, wiki: OldWiki) -> None:
        assert wiki.group_rights == {
            name: renamed(rights) | GRANTED_SINCE.get(name, set())
            for name, rights in GROUPS.items()
        } | {"Lecteur": LECTEUR}

    def test_nothing_is_left_under_an_old_name(self, wiki: OldWiki) -> None:
        gone = set(MODELS) - set(MODELS.values())
        assert not wiki.content_types & gone
        old = {f"{label.split('.')[0]}.{v}_{label.split('.')[1]}" for label in gone for v in VERBS}
        assert not wiki.codenames & old

    def test_people_stay_logged_in(self, wiki: OldWiki) -> None:
        assert wiki.back_ends == settings.AUTHENTICATION_BACKENDS

    def test_the_log_of_the_administration_still_names_its_models(self, wiki: OldWiki) -> None:
        assert wiki.log_models == [(model_now(old), pk) for old, pk in wiki.log_entries]


class TestWork:
    def test_each_source_has_its_job_as_it_was(self, wiki: OldWiki) -> None:
        assert wiki.jobs == [
            ("extracting 0", "running", True, False, 0),
            ("extracting 1", "waiting", False, False, 0),
            ("embedding 2", "running", True, False, 3),
            ("embedding 3", "waiting", False, True, 0),
            ("indexing 4", "running", True, False, 0),
            ("ready 5", "done", False, False, 0),
            ("failed 6", "failed", False, False, 0),
            ("cancelled 7", "cancelled", False, False, 0),
        ]

    def test_more_than_twenty_tasks_waited_of_every_kind(self, wiki: OldWiki) -> None:
        assert len(wiki.queued) >= 20
        assert set(wiki.queued.values()) == set(ALL_TASKS)

    def test_every_task_is_finished_and_none_fails(self, wiki: OldWiki) -> None:
        assert not wiki.failures, "\n".join(wiki.failures)
        assert set(wiki.queued) <= wiki.run, {
            name for task, name in wiki.queued.items() if task not in wiki.run
        }

    def test_what_was_under_way_is_done(self, wiki: OldWiki) -> None:
        """Also what a worker held that died: a lease, and a task that the queue has lost."""
        pdf = wiki.states["pdf"]  # it goes once its file is there
        assert pdf == "gone" or (pdf == "failed" and not has_pdf_libraries())
        assert wiki.states == {
            "pdf": pdf,
            "documents": "ready",
            "build": "done",
            "delivery": "done",
            "held delivery": "done",
            "export": "done",
            "import": "done",
            "generation": "done",
            "held generation": "done",
        }

    def test_schedules_have_the_new_names_and_none_is_doubled(self, wiki: OldWiki) -> None:
        regular = [(TASKS.get(f, f), "None", kind) for f, (_name, kind) in REGULAR.items()]
        once = [(TASKS.get(f, f), repr(arguments), "O") for f, arguments in ONCE.items()]
        since = [  # scheduled from now on
            ("ingestion.tasks.reread_sources", "None", "I"),
            ("sheets.tasks.recheck_sheets", "None", "D"),
            ("wikico2.backup.schedule.start_backup", "None", "D"),
        ]
        assert wiki.schedules == sorted([*regular, *once, *since])

    @pytest.mark.parametrize("name", [*ALL_TASKS, *TASKS.values()])
    def test_a_name_leads_to_a_function(self, name: str) -> None:
        assert callable(pydoc.locate(name))

    def test_texts_stay(self, wiki: OldWiki) -> None:
        assert ("vapeur", 1, "Ce que la vapeur apporte.\n") in wiki.bodies
        written = [body for slug, number, body in wiki.bodies if slug == "moteurs" and number == 1]
        assert written
        assert "30 %" in written[0]


# --- The database of the version before -----------------------------------------------------------


@contextmanager
def empty_database() -> Iterator[None]:
    """Have the connection lead to an empty database of its own meanwhile."""
    usual = connection.settings_dict["NAME"]
    name = f"{usual}_upgrade"
    connection.close()
    administer(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}"')
    connection.settings_dict["NAME"] = name
    ContentType.objects.clear_cache()
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
        ContentType.objects.clear_cache()
        administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def administer(*statements: str) -> None:
    """Run statements on the server, outside of the databases of the tests."""
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def migrate_to_old_version() -> Apps:
    """Migrate to the last migrations of the version before; return its models.

    No signal is sent: what this version does after it has migrated is not yet in the old database.
    """
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    targets = [*LAST_MIGRATIONS.items(), *(leaf for leaf in leaves if leaf[0] in FOREIGN_APPS)]
    executor.migrate(targets)
    old = executor.loader.project_state(targets).apps
    for app in old.get_app_configs():
        app.models_module = True  # type: ignore[assignment]  # or it counts as one without models
        create_contenttypes(app, verbosity=0, apps=old)
        create_permissions(app, verbosity=0, apps=old)
    return old


def fill(old: Apps, wiki: OldWiki) -> None:
    """Write rows as the version before did."""
    create_people(old)
    create_sources(old, wiki.rows)
    create_sheets(old, wiki.rows)
    create_errands(old, wiki.rows)
    create_log(old, wiki)
    create_queue(wiki)
    create_schedules()


def create_people(old: Apps) -> None:
    users, groups = old.get_model("wikico2", "User"), old.get_model("auth", "Group")
    permissions = {
        f"{one.content_type.app_label}.{one.codename}": one
        for one in old.get_model("auth", "Permission").objects.select_related("content_type")
    }
    for name, rights in GROUPS.items():
        groups.objects.create(name=name).permissions.set(permissions[right] for right in rights)
    for name, (group, rights) in PEOPLE.items():
        user = users.objects.create(username=name, email=f"{name}@example.org")
        user.user_permissions.set(permissions[right] for right in rights)
        if group:
            user.groups.set([groups.objects.get(name=group)])
    users.objects.create(username="super", is_superuser=True, is_staff=True)
    old.get_model("sessions", "Session").objects.create(
        session_key="a" * 32,
        session_data=SessionStore().encode({BACKEND_SESSION_KEY: "wikico2.auth.Backend"}),
        expire_date=timezone.now() + dt.timedelta(days=1),
    )


def create_sources(old: Apps, rows: dict[str, int]) -> None:
    """Sources, and what was given and is none yet: waiting, and in the hands of a dead worker."""
    documents = old.get_model("ingestion", "Document").objects
    for name, text in SOURCES.items():
        document = documents.create(
            title=name,
            filename=f"{name}.md",
            file=default_storage.save(f"sources/2026/01/{name}.md", ContentFile(text.encode())),
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            size=len(text.encode()),
            media_type="text/markdown",
        )
        document.log.create(  # type: ignore[attr-defined]  # as it was then
            code="retried", details={"name": "emile"}
        )
        rows[name] = document.pk
    create_half_read(documents)
    deliveries = old.get_model("ingestion", "Delivery").objects  # type: ignore[misc]
    given_by_id = old.get_model("wikico2", "User").objects.get(username="emile").pk
    texts = [
        "# Froid\n\nLe froid par absorption valorise 15 kW.\n",
        "# Air\n\nL’air fuit de 20 %.\n",
    ]
    for name, lost in (("delivery", {}), ("held delivery", dead_lease())):
        archive = zipped({f"{n}.md": f"{text}\n\n{name}\n" for n, text in enumerate(texts)})
        file = default_storage.save("deliveries/2026/01/lot.zip", ContentFile(archive))
        delivery = deliveries.create(
            name=f"{name}.zip",
            file=file,
            size=len(archive),
            total=2,
            given_by_id=given_by_id,
            **lost,
        )
        rows[name] = delivery.pk
    delivery.items.create(position=1, name="0.md", size=10)  # the first has been taken in
    deliveries.filter(pk=delivery.pk).update(state="opening", done=1)
    build = old.get_model("ingestion", "IndexBuild").objects.create(model=EMBEDDING_MODEL)
    rows |= {"build": build.pk, "user": given_by_id}


def create_half_read(documents: Any) -> None:
    """Sources in the middle of each step: held by a dead worker, put off, failed, stopped."""
    put_off = {"lease_until": timezone.now() + dt.timedelta(seconds=2), "attempts": 2}
    busy = {"error_code": "service_busy", "error_details": {}}
    for number, (state, values) in enumerate(
        [
            ("extracting", dead_lease()),
            ("extracting", {}),
            ("embedding", {**dead_lease(), "done": 3, "total": 9, "pace": 2.0}),
            ("embedding", {**put_off, **busy, "waits_until": timezone.now()}),
            ("indexing", dead_lease()),
            ("ready", {"ready_at": timezone.now()}),
            ("failed", {"failed_step": "embedding", "attempts": 5, **busy}),
            ("cancelled", {"failed_step": "extracting"}),
        ]
    ):
        text = f"# Étude {number}\n\nLe four {number} consomme {number} kWh.\n"
        documents.create(
            title=f"{state} {number}",
            filename=f"{number}.md",
            file=default_storage.save(f"sources/2026/02/{number}.md", ContentFile(text.encode())),
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            size=len(text.encode()),
            media_type="text/markdown",
            state=state,
            **values,
        )


def create_sheets(old: Apps, rows: dict[str, int]) -> None:
    """A sheet that somebody wrote, with all that hangs on it, and one that is to be written."""
    solution = old.get_model("sheets", "SheetType").objects.get(key="solution")
    sheets = old.get_model("sheets", "Sheet").objects
    user_id = rows["user"]
    steam = sheets.create(sheet_type=solution, title="Vapeur", slug="vapeur", created_by_id=user_id)
    steam.current = old.get_model("sheets", "Revision").objects.create(
        sheet=steam, number=1, body="Ce que la vapeur apporte.\n", origin="human", author_id=user_id
    )
    steam.save()
    old.get_model("sheets", "FormerName").objects.create(  # type: ignore[misc]
        sheet=steam, title="La vapeur", folded="la vapeur", slug="la-vapeur", renamed_by_id=user_id
    )
    old.get_model("sheets", "Unsaved").objects.create(  # type: ignore[misc]
        sheet=steam, user_id=user_id, base=steam.current, typed={"body": "Pas encore."}
    )
    old.get_model("sheets", "Watch").objects.create(sheet=steam, user_id=user_id)
    old.get_model("sheets", "Digest").objects.create(user_id=user_id)
    old.get_model("sheets", "Proposal").objects.create(
        sheet=steam, base=steam.current, body="Ce que la vapeur coûte.\n", author_id=user_id
    )
    motors = sheets.create(sheet_type=solution, title="Moteurs", slug="moteurs")
    for name, sheet, lost in (
        ("generation", motors, {}),
        ("held generation", steam, {**dead_lease(), "state": "running"}),
    ):
        generation = old.get_model("sheets", "Generation").objects.create(
            sheet=sheet, base=sheet.current, backend="local", requested_by_id=user_id, **lost
        )
        generation.documents.set([rows[sheet.slug]])
        sheet.documents.set([rows[sheet.slug]])
        for order, section in enumerate(
            solution.sections.filter(fields__isnull=False).order_by("order").distinct(), 1
        ):
            generation.sections.create(key=section.key, order=order)
        rows[name] = generation.pk
    rows |= {"sheet": steam.pk}


def create_errands(old: Apps, rows: dict[str, int]) -> None:
    errands = old.get_model("sheets", "Errand").objects  # type: ignore[misc]
    asked = {"asked_by_id": rows["user"], "language": "fr"}
    page = "<!doctype html><html lang=fr><title>Vapeur</title><p>Ce que la vapeur apporte.</html>"
    rows["pdf"] = errands.create(kind="pdf", name="a" * 32, sheet_id=rows["sheet"], page=page).pk
    rows["export"] = errands.create(kind="export", name="without files", **asked).pk
    archive = zipped({"wikico2.json": '{"format": 1}'})
    file = default_storage.save("imports/2026/01/wiki.zip", ContentFile(archive))
    rows["import"] = errands.create(kind="import", name="wiki.zip", file=file, **asked).pk


def create_log(old: Apps, wiki: OldWiki) -> None:
    """What the administration notes names its models by content types."""
    types = old.get_model("contenttypes", "ContentType").objects
    user_id = old.get_model("wikico2", "User").objects.get(username="super").pk
    for label in OWN_MODELS:
        app, model = label.split(".")
        old.get_model("admin", "LogEntry").objects.create(
            user_id=user_id,
            content_type=types.get(app_label=app, model=model),
            object_id=str(MISSING),
            object_repr=label,
            action_flag=2,
        )
        wiki.log_entries.append((label, str(MISSING)))


def create_queue(wiki: OldWiki) -> None:
    rows = wiki.rows
    waiting: list[tuple[str, tuple[Any, ...]]] = [
        ("sheets.tasks.write_sheet", (rows["generation"],)),
        ("ingestion.tasks.advance_document", (rows["moteurs"],)),
        ("ingestion.tasks.advance_document", (rows["vapeur"],)),
        ("ingestion.tasks.deliver", (rows["delivery"],)),
        ("sheets.tasks.run_errand", (rows["pdf"],)),
        ("sheets.tasks.run_errand", (rows["import"],)),
        ("sheets.tasks.run_errand", (rows["export"],)),
        ("ingestion.tasks.read_words", (rows["moteurs"],)),
        ("ingestion.tasks.forget_document", (MISSING, "sources/gone.md", "0" * 64)),
        ("ingestion.tasks.forget_document", (MISSING, None, "0" * 64, 2)),
        ("ingestion.tasks.advance_build", (rows["build"],)),
        ("ingestion.tasks.drop_old_collections", ()),
        ("ingestion.tasks.mend_index", ()),
        ("sheets.tasks.index_sheet", (rows["sheet"],)),
        ("sheets.tasks.index_sheet", (MISSING, 2)),
        ("sheets.tasks.recheck_citations", (rows["moteurs"],)),
        ("sheets.tasks.look_for_passages", (rows["sheet"],)),
        ("sheets.tasks.find_awaited", (rows["moteurs"],)),
        ("sheets.tasks.send_digest", (rows["user"],)),
        ("sheets.tasks.send_digests", ()),
        ("sheets.tasks.clear_pages", ()),
        ("wikico2.queue.resume_stalled", ()),
        ("ingestion.tasks.advance_document", (MISSING,)),
        ("ingestion.tasks.deliver", (MISSING,)),
        ("ingestion.tasks.advance_build", (MISSING,)),
        ("sheets.tasks.write_sheet", (MISSING,)),
        ("sheets.tasks.run_errand", (MISSING,)),
    ]
    for function, arguments in waiting:
        key = uuid.uuid4().hex
        task = {
            "id": key,
            "name": f"four-words-{len(wiki.queued)}",
            "func": function,
            "args": arguments,
            "ack_failure": True,
            "kwargs": {},
            "started": timezone.now(),
        }
        OrmQ.objects.create(key="wikico2", payload=SignedPackage.dumps(task), lock=timezone.now())
        wiki.queued[key] = function


def create_schedules() -> None:
    for function, (name, kind) in REGULAR.items():
        Schedule.objects.create(
            name=name,
            func=function,
            schedule_type=kind,
            minutes=1,
            repeats=-1,
            next_run=timezone.now() + dt.timedelta(hours=0 if kind == "I" else 1),
        )
    for function, arguments in ONCE.items():
        Schedule.objects.create(
            func=function, args=repr(arguments), schedule_type="O", next_run=timezone.now()
        )


def dead_lease() -> dict[str, Any]:
    """Return the fields of a row that a worker held when it was killed."""
    until = timezone.now() + dt.timedelta(hours=1)
    return {"lease_token": uuid.uuid4(), "lease_until": until, "attempts": 1}


def zipped(files: dict[str, str]) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return output.getvalue()


# --- What came of it ------------------------------------------------------------------------------


def model_now(label: str) -> str:
    return MODELS.get(label, label)


def renamed(rights: set[str]) -> set[str]:
    """Return rights under the names that they have in this version."""
    found = set()
    for right in rights:
        app, codename = right.split(".")
        verb, _, model = codename.partition("_")
        new_app, new_model = MODELS.get(f"{app}.{model}", f"{app}.{model}").split(".")
        found.add(f"{new_app}.{verb}_{new_model}")
    return found


def note_jobs(wiki: OldWiki) -> None:
    """Note the jobs of the half-read sources: title, state, held, put off, progress."""
    titles = dict(rows_of("ingestion.document").values_list("pk", "title"))
    for job in rows_of("wikico2.job").filter(kind="document").order_by("subject_id"):
        if titles[job.subject_id][-1].isdigit():
            held, put_off = job.lease_token is not None, job.not_before is not None
            wiki.jobs.append((titles[job.subject_id], job.state, held, put_off, job.done))


def note_rights(wiki: OldWiki) -> None:
    people = get_user_model()._default_manager
    wiki.rights = {name: people.get(username=name).get_all_permissions() for name in PEOPLE}
    held = people.get(username="super").get_all_permissions()
    wiki.codenames = {
        f"{one.content_type.app_label}.{one.codename}"
        for one in Permission.objects.select_related("content_type")
    }
    wiki.all_of_super = held == wiki.codenames
    for group in Group.objects.all():
        rights = group.permissions.values_list("content_type__app_label", "codename")
        wiki.group_rights[group.name] = {f"{app}.{codename}" for app, codename in rights}
    wiki.content_types = {
        f"{app}.{model}" for app, model in ContentType.objects.values_list("app_label", "model")
    }
    for entry in LogEntry.objects.order_by("pk").select_related("content_type"):
        model = entry.content_type.model_class() if entry.content_type else None
        wiki.log_models.append((model._meta.label_lower if model else "–", entry.object_id or ""))


def note_sessions(wiki: OldWiki) -> None:
    wiki.back_ends = [one.get_decoded()[BACKEND_SESSION_KEY] for one in Session.objects.all()]


def note_schedules(wiki: OldWiki) -> None:
    found = Schedule.objects.values_list("func", "args", "schedule_type")
    wiki.schedules = sorted((func, str(arguments), kind) for func, arguments, kind in found)


def work_off(wiki: OldWiki) -> None:
    """Have a worker do all that waits, and what was scheduled for now."""
    scheduler()
    worker = Worker({"LEASE_SECONDS": "30"}).wait_until_ready()
    try:
        wait_for(
            lambda: is_worked_off(wiki),
            "end of the work",
            lambda: f"{worker.output()[-3000:]}\n{states(wiki)}",
            seconds=180,
        )
    finally:
        worker.stop()


def is_worked_off(wiki: OldWiki) -> bool:
    if OrmQ.objects.exists() or Task.objects.filter(pk__in=wiki.queued).count() < len(wiki.queued):
        return False
    if rows_of("wikico2.job").filter(state__in=("waiting", "running"), not_before=None).exists():
        return False
    return not set(" ".join(states(wiki).values()).split()) & {
        "waiting", "running", "fetching", "opening", "working",
        "extracting", "chunking", "embedding", "indexing",
    }  # fmt: skip


def states(wiki: OldWiki) -> dict[str, str]:
    """Return how far each row of long work is, or that it has gone."""
    found = {}
    for name, label in {
        "build": "ingestion.indexbuild",
        "delivery": "ingestion.delivery",
        "held delivery": "ingestion.delivery",
        "generation": "sheets.generation",
        "held generation": "sheets.generation",
        "pdf": "sheets.errand",
        "export": "sheets.errand",
        "import": "sheets.errand",
    }.items():
        row = rows_of(label).filter(pk=wiki.rows[name]).first()
        found[name] = row.state if row else "gone"
    reached = rows_of("ingestion.document").exclude(title__regex="^(failed|cancelled) ")
    reached = reached.values_list("state", flat=True)
    found["documents"] = " ".join(sorted(set(reached)))
    return found


def rows_of(label: str) -> Any:
    return apps.get_model(model_now(label))._base_manager


def note_work(wiki: OldWiki) -> None:
    for task in Task.objects.all():
        wiki.run.add(task.pk)
        if not task.success:
            wiki.failures.append(f"{task.func}: {task.result}")
    wiki.states = states(wiki)
    wiki.bodies = list(
        rows_of("sheets.revision").order_by("pk").values_list("sheet__slug", "number", "body")
    )


def has_pdf_libraries() -> bool:
    try:
        import weasyprint  # noqa: F401
    except OSError:
        return False
    return True
