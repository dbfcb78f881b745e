"""No request ends in a 500: every address, parameter and form field, with what they are not for.

The walk is drawn from the URLconf, the parameters from the sources of the views and the fields from
the forms, so that what is added later is walked too. By default a sample is sent, always the same,
in which each address, parameter and field has its share; FUZZ=all sends everything (an hour).
"""

import inspect
import os
import random
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes, urlencode

import pytest
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signals import got_request_exception
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django.utils import timezone

import ingestion.forms
import sheets.forms.discussion
import sheets.forms.edit
import sheets.forms.wiki
import sheets.views.export
import wikico2.accounts.forms
from ingestion.models import (
    Chunk,
    Document,
    ImportedFile,
    IndexBuild,
    Page,
    SourceImport,
    Synonyms,
    Vector,
)
from sheets.merge import Version
from sheets.models import (
    EditDraft,
    Field,
    FileJob,
    Generation,
    Picture,
    Proposal,
    Section,
    SectionRun,
    Sheet,
    SheetType,
    Spending,
    VocabularyTerm,
    Watch,
)
from sheets.proposals.suggestions import create_suggestion
from sheets.revisions.edit import save_edit
from wikico2.clean_request import Handler, Request
from wikico2.jobs.queue import start_job
from wikico2.models import Job, User

WHOLE = os.environ.get("FUZZ") == "all"
ANONYMOUS, CONTRIBUTOR, EXPERT_ROLE, ADMINISTRATOR, ROOT = ROLES = (
    "anonymous", "contributor", "expert", "administrator", "root",
)  # fmt: skip

DIGITS = "9" * 5_000
TEXTS: dict[str, str | bytes] = {
    "nul": "a\0b",
    "only nul": "\0",
    "digits": DIGITS,
    "negative digits": f"-{DIGITS}",
    "more than an integer": str(2**31),
    "more than a bigint": str(2**63),
    "minus one": "-1",
    "zero": "0",
    "infinite": "1e999",
    "not a number": "NaN",
    "arabic digits": "٣",
    "superscript": "²",
    "empty": "",
    "blanks": " \t\u00a0\u2003\r\n\x0b\x1c\u2028",
    "long": "x" * 20_000,
    "long word of accents": "é" * 3_000,
    "invalid UTF-8": b"a\xff\xfe\xe9b",
    "overlong": b"\xc0\x80\xc0\xaf",
    "lone surrogate": b"a\xed\xa0\x80b",
    "non-characters": "\uffff\ufffe\U0010ffff\x01\x1b\x7f",
    "right to left, invisible": "\u202eab\u202c\u200b\u2066\ufeff\u00ad\u0301",
    "format": "%s %(x)d {0} {{ x }} {% x %} $1 \\1",
    "path": "../../../etc/passwd",
    "address": "//[bad:host/\\@x",
    "lines": "a\r\nX-Header: b\r\n\r\nc",
    "markup": "<script>alert(1)</script>'\"&#0;&#xD800;]]>",
    "JSON": '[{"a": [null, "\\u0000", "\\ud800", 1e999, NaN]}]',
    "deep JSON": "[" * 3_000,
    "footnote": "[^1] [^\0]: [x, p. 1](/sources/99999999999999999999/pages/1/) « a »",
}
HOSTILE = {name: v if isinstance(v, bytes) else v.encode() for name, v in TEXTS.items()}
"""What is sent, as bytes: UTF-8 or not."""

BODIES: list[tuple[str, bytes]] = [
    ("application/x-www-form-urlencoded", urlencode([("a", "1")] * 10_000).encode()),
    ("application/x-www-form-urlencoded", urlencode({f"n{n}": n for n in range(10_000)}).encode()),
    ("application/x-www-form-urlencoded", b"\xff\xfe\x00=%00%ff&&&=&%&%zz=%u0000"),
    ("application/x-www-form-urlencoded; charset=utf-7", b"body=%2B2AA-&base=1"),
    ("application/x-www-form-urlencoded", b"body=" + b"a" * 2_700_000),
    ("application/json", b'{"body": "\\u0000"}'),
    ("text/plain; charset=rot13; a*=nope''%41; b*0*=x", b"body=%41"),
    ("", b"body=a"),
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=body\r\n"),
    ("multipart/form-data; boundary=" + "x" * 300, b""),
    ("multipart/form-data; boundary=\xe9", b"--\xe9\r\n"),
    (
        "multipart/form-data; boundary=x; charset=utf-7",
        b"--x\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\n+2AA-\x00\xff\r\n--x--\r\n",
    ),
    (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name=picture; filename*=nope''%41\r\n\r\na\r\n"
        b"--x\r\nContent-Disposition: form-data; name=uploads; filename*=utf-7''%2B2AA-.pdf\r\n"
        b"Content-Type: \xff\x01; charset=nope\r\nContent-Transfer-Encoding: base64\r\n\r\n%\r\n"
        b"--x\r\nContent-Disposition: form-data; name=archive; filename=\"a\x00b/../c.zip\"\r\n\r\n"
        b"PK\x03\x04\r\n--x\r\nContent-Disposition: form-data; name=\"do\x00\"\r\n\r\n\x00\r\n"
        b"--x--\r\n",
    ),
    (
        "multipart/form-data; boundary=x",
        b"".join(
            b'--x\r\nContent-Disposition: form-data; name="uploads"; filename="a.pdf"\r\n\r\na\r\n'
            for _ in range(200)
        )
        + b"--x--\r\n",
    ),
]  # fmt: skip
"""Content types and bodies that are no form."""

METHODS = ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PURGE")
HEADERS: list[dict[str, str]] = [
    {
        "HTTP_HX_REQUEST": "true",
        "HTTP_HX_CURRENT_URL": "http://[::bad/\x01",
        "HTTP_HX_TRIGGER": "%00\xff",
        "HTTP_HX_TARGET": "x" * 5_000,
        "HTTP_HX_BOOSTED": "maybe",
        "HTTP_HX_PROMPT": "\xff\xfe",
        "HTTP_HX_PROMPT_URI_AUTOENCODED": "true",
        "HTTP_HX_CURRENT_URL_URI_AUTOENCODED": "true",
        "HTTP_TRIGGERING_EVENT": "{" * 3_000,
        "HTTP_HX_HISTORY_RESTORE_REQUEST": "\xff",
    },
    {
        "HTTP_ACCEPT_LANGUAGE": "fr;q=nan, en;q=9e999, \xff-\xfe;q=, " + "x-" * 3_000,
        "HTTP_COOKIE": 'sessionid="\\000aaaaaaaaaaaaaaaa"; csrftoken="\\000"; theme=\xff; '
        'django_language="\\000"; messages="\\000:\xff"; =; a',
        "HTTP_IF_NONE_MATCH": 'W/"\xff", "' + "x" * 3_000,
        "HTTP_IF_MODIFIED_SINCE": "Sun, 99 Foo 99999 99:99:99 GMT",
        "HTTP_RANGE": "bytes=9999999999999999999999-",
        "HTTP_X_FORWARDED_FOR": "\xff, ,",
        "HTTP_REFERER": "http://[bad",
        "HTTP_ORIGIN": "http://[bad",
        "CONTENT_TYPE": "text/html; charset=rot13; a*=nope''%41",
        "CONTENT_LENGTH": DIGITS,
        "HTTP_HX_REQUEST": "",
    },
    {"HTTP_HOST": "a b\xff", "REMOTE_ADDR": ""},
    {"HTTP_HOST": "[::1", "HTTP_X_FORWARDED_HOST": "\xff", "CONTENT_LENGTH": "-1"},
]

# --- The cast -------------------------------------------------------------------------------------

BODY = (
    "## 🎯 Résumé (10 secondes)\n\nA.\n\n## 🧭 Contexte & périmètre\n\n### Objectif principal\n\n"
    "La chaleur récupérée couvre 70 % des besoins.[^1] Voir [[Vapeur]].\n\n"
    "[^1]: [Guide, p. 1](/sources/{pk}/pages/1/) « La chaleur récupérée couvre 70 %. »\n"
)


@dataclass
class Wiki:
    """One of everything, and who looks at it."""

    clients: dict[str, Client]
    users: dict[str, User]
    source: Document
    sheet: Sheet
    emptied: Sheet
    proposals: dict[str, Proposal]
    rows: dict[str, Any]
    failures: list[str] = field(default_factory=list)
    raised: list[str] = field(default_factory=list)
    sent: int = 0

    def send(
        self,
        what: str,
        role: str,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = "",
        stays: bool = False,
        **headers: Any,
    ) -> Any:
        """Send one request as `role`; note a 500. What it changed is undone if not `stays`."""
        self.sent += 1
        client = self.clients[role]
        cookies = client.cookies.output()
        before = transaction.savepoint()
        self.raised.clear()
        response = client.generic(method, path, body, kind, **headers)
        reached = b"".join(response) if response.streaming else response.content
        if response.status_code >= 500 and "/readyz" not in path:
            why = self.raised[-1] if self.raised else reached[:200].decode(errors="replace")
            self.failures.append(f"{role} {method} {path[:120]} ({what}): {why}")
        if response.status_code >= 500 or not stays:
            transaction.savepoint_rollback(before)
            connection.needs_rollback = False
        else:
            transaction.savepoint_commit(before)
        if client.cookies.output() != cookies:
            client.cookies.load(cookies.replace("Set-Cookie: ", ""))
        return response

    def note(self, **given: Any) -> None:
        """Keep what a view raised, and where."""
        error = sys.exc_info()[1]
        assert error is not None
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if Path(f.filename).is_relative_to(settings.BASE_DIR)]
        place = ([f for f in ours if ".venv" not in f.filename] or frames)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        self.raised.append(f"{type(error).__name__}: {str(error)[:160]} at {where}")


@pytest.fixture
def wiki(contributor: User, expert: User, administrator: User, settings: Any) -> Iterator[Wiki]:
    settings.SUGGESTIONS_PER_HOUR = 10_000
    root = User.objects.create_superuser("racine", password="x")
    people = {
        CONTRIBUTOR: contributor, EXPERT_ROLE: expert, ADMINISTRATOR: administrator, ROOT: root,
    }  # fmt: skip
    clients = {role: Client(raise_request_exception=False) for role in ROLES}
    for role, user in people.items():
        clients[role].force_login(user)
    source = Document.objects.create(
        title="Guide",
        filename="guide.pdf",
        file="guide.pdf",
        sha256="a" * 64,
        size=1,
        page_count=2,
        state=Document.State.READY,
        ready_at=timezone.now(),
        uploaded_by=contributor,
    )
    default_storage.save(f"pages/{source.pk}-{'a' * 12}/1-1.zip", ContentFile(b"x"))
    text = "La chaleur récupérée couvre 70 % des besoins."
    page = Page.objects.create(document=source, number=1, text=text, blocks=[{"text": text}])
    chunk = Chunk.objects.create(
        document=source, position=0, text=text, page_start=1, page_end=1, content_hash="h"
    )
    solution = SheetType.objects.get(key="solution")
    body = BODY.format(pk=source.pk)
    made = []
    for title, slug in (("Air", "air"), ("Vide", "vide")):
        sheet = Sheet.objects.create(sheet_type=solution, title=title, slug=slug)
        sheet.documents.add(source)
        first = save_edit(sheet, contributor, base=None, text=Version(body, {"categorie": "Froid"}))
        sheet.refresh_from_db()
        save_edit(sheet, contributor, base=first, text=Version(body.replace("A.", "B.")))
        sheet.refresh_from_db()
        made.append(sheet)
    air, emptied = made
    generation = Generation.objects.create(sheet=air, backend="local", state="done")
    run = SectionRun.objects.create(generation=generation, key="resume", order=1, state="done")
    assert air.current
    proposals = {}
    for name, changed in (("open", "C."), ("decided", "D."), ("empty", ""), ("emptied", "")):
        proposals[name] = create_suggestion(
            air,
            base=air.current,
            text=Version(body.replace("B.", changed) if changed else ""),
            sender=name,
            author=contributor if name == "open" else None,
            remark="Lire.",
        )
    Proposal.objects.filter(pk__in=[proposals["decided"].pk, proposals["emptied"].pk]).update(
        state="refused", decided_by=expert, decided_at=timezone.now(), reason="Non."
    )
    save_edit(emptied, contributor, base=emptied.current, text=Version("\n"))
    emptied.refresh_from_db()
    source_import = SourceImport.objects.create(name="lot.zip", given_by=contributor)
    rows = {
        "page": page,
        "chunk": chunk,
        "generation": generation,
        "run": run,
        "source_import": source_import,
        "item": ImportedFile.objects.create(
            source_import=source_import, position=0, name="a.pdf", document=source
        ),
        "job": failed_job(IndexBuild.objects.create(model="m")),
        "picture": Picture.objects.create(
            name="p-1.webp", file=ContentFile(b"x", name="p.webp"), uploaded_by=contributor
        ),
        "import": FileJob.objects.create(kind="import", name="wiki.zip"),
        "export": FileJob.objects.create(kind="export", name="wiki-2026-01-01.zip"),
        "pdf": FileJob.objects.create(kind="pdf", name="pdf-1", sheet=air),
        "unsaved": EditDraft.objects.create(
            sheet=air, user=expert, typed={"body": ""}, typed_at=timezone.now(), base=air.current
        ),
        "watch": Watch.objects.create(user=expert, sheet=air),
        "synonyms": Synonyms.objects.create(terms=["pompe", "machine"]),
        "spending": Spending.objects.create(day=timezone.localdate(), model="m"),
        "vector": Vector.objects.create(content_hash="h", model="m", data=b"\0\0"),
    }
    found = Wiki(clients, people | {}, source, air, emptied, proposals, rows)
    got_request_exception.connect(found.note)
    yield found
    got_request_exception.disconnect(found.note)


def failed_job(build: IndexBuild) -> Job:
    """Return the job of a build that has failed."""
    start_job("index_build", build.pk)
    Job.objects.of("index_build", build.pk).update(state="failed", error_code="internal")
    return Job.objects.of("index_build", build.pk).get()


# --- What there is to walk ------------------------------------------------------------------------

PLACE = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True)
class Route:
    """One pattern of the URLconf, whole: `fiches/<slug:slug>/`."""

    name: str
    text: str

    def path(self, values: Mapping[str, str | bytes]) -> str:
        """Return the address with these values, percent-encoded."""

        def filled(match: re.Match[str]) -> str:
            value = values[match["name"]]
            return quote_from_bytes(value if isinstance(value, bytes) else value.encode())

        return "/" + PLACE.sub(filled, self.text)

    @property
    def is_admin(self) -> bool:
        return self.text.startswith("admin/")

    @property
    def places(self) -> list[str]:
        return [m["name"] for m in PLACE.finditer(self.text)]


def routes(patterns: Any = None, before: str = "", space: str = "") -> Iterator[Route]:
    """Yield every pattern, those of the administration too."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        text = before + str(one.pattern)
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            yield from routes(one.url_patterns, text, inner)
        elif isinstance(one, URLPattern):
            text = re.sub(r"\(\?P<(\w+)>[^)]*\)\$?", r"<path:\1>", text)
            yield Route(f"{space}{one.name or 'anything'}", text)


def right_values(wiki: Wiki, route: Route) -> dict[str, str]:
    """Return values under which the address shows something of the cast."""
    values = {
        "slug": wiki.sheet.slug,
        "number": "1",
        "index": "0",
        "old": "1",
        "new": "2",
        "app_label": "sheets",
        "url": "nowhere",
        "name": "pdf-1" if "pdf" in route.text else "p-1.webp",
        "section": "contexte",
        "field": "objectif",
        "key": "solution",
        "kind": "bib",
        "content_type_id": "1",
        "object_id": "1",
        "pk": str(wiki.source.pk),
        "id": "1",
        **dict.fromkeys(("signed", "uidb64", "token"), "x"),
    }
    for part, row in (
        ("envois/", wiki.rows["source_import"]),
        ("imports/", wiki.rows["import"]),
        ("exports/", wiki.rows["export"]),
        ("taches/", wiki.rows["job"]),
        ("propositions/", wiki.proposals["open"]),
    ):
        if part in route.text and "<int:pk>" in route.text:
            values["pk"] = str(row.pk)
    for model in admin.site._registry:
        if route.text.startswith(f"admin/{model._meta.app_label}/{model._meta.model_name}/"):
            row = model._default_manager.order_by("pk").first()
            values["object_id"] = values["id"] = str(row.pk) if row else "1"
    return values


READS = re.compile(
    r"""(?:GET|POST|FILES|given|data)(?:\.get|\.getlist)?[(\[]\s*["']([\w-]+)["']"""
    r"""|["'](\w+)["'] in request\.(?:GET|POST)"""
    r"""|FilterField\(\s*["'](\w+)["']|parameter=["'](\w+)["']"""
)


def parameters() -> list[str]:
    """Return the names that views read from a query or a form by themselves."""
    folders = [Path(settings.BASE_DIR, name) for name in ("sheets", "ingestion", "wikico2", "api")]
    found = {
        name
        for folder in folders
        for path in folder.rglob("*.py")
        if "migrations" not in path.parts
        for match in READS.findall(path.read_text())
        for name in match
        if name
    }
    return sorted(
        found | {"a", "b", "etat", "fiche", "langue", "acces", "systeme", "source", "document"}
    )


def all_forms() -> list[type[forms.BaseForm]]:
    """Return the forms of the project, those of its administration apart."""
    modules = (
        ingestion.forms,
        sheets.forms.wiki,
        sheets.forms.edit,
        sheets.views.export,
        wikico2.accounts.forms,
        sheets.forms.discussion,
    )
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, forms.BaseForm)
        and value.__module__ == module.__name__
    ]


def some(items: Iterable[Any], *key: object, k: int = 1) -> list[Any]:
    """Return a sample of so many, always the same for a key; all of them by FUZZ=all."""
    given = list(items)
    return given if WHOLE else random.Random(repr(key)).sample(given, min(k, len(given)))


def someone(*key: object) -> str:
    """Return who sends it, always the same for a key."""
    return random.Random(repr(key)).choice(ROLES)


def told(wiki: Wiki) -> str:
    """Return the failures, one line for each place where something broke."""
    places: dict[str, str] = {}
    for line in wiki.failures:
        places.setdefault(line.partition("): ")[2] or line, line)
    return f"{len(wiki.failures)} of {wiki.sent} requests:\n" + "\n".join(places.values())


def query(names: list[str], value: bytes) -> str:
    return "&".join(f"{name}={quote_from_bytes(value)}" for name in names)


# --- Addresses ------------------------------------------------------------------------------------


def test_no_address_and_no_parameter_breaks_a_page(wiki: Wiki) -> None:
    names = parameters()
    known = list(routes())
    assert len(known) > 150
    assert {"next", "of", "page", "vue", "section", "q", "par", "citation"} <= {*names}
    for route in known:
        right = right_values(wiki, route)
        share = 1 if route.is_admin else 2
        if WHOLE or not route.is_admin:
            wiki.send("as it is", someone(route), "GET", route.path(right))
        for place in route.places:
            for name in some(HOSTILE, route, place, k=share):
                path = route.path({**right, place: HOSTILE[name][:3_000] or b"-"})
                wiki.send(f"{place}: {name}", someone(route, place, name), "GET", path)
        for name in some(HOSTILE, route, k=0 if route.is_admin and route.places else share):
            asked = query(names, HOSTILE[name][:600])
            role = someone(route, name)
            wiki.send(f"all: {name}", role, "GET", route.path(right), QUERY_STRING=asked)
    assert not wiki.failures, told(wiki)


def test_no_parameter_alone_breaks_a_page(wiki: Wiki) -> None:
    """Where all are wrong, the first that is refused hides the others."""
    modules: dict[str, list[Route]] = {}
    for route in routes():
        if not route.is_admin:
            modules.setdefault(view_source(route), []).append(route)
    for source, here in modules.items():
        for name in (name for name in parameters() if f'"{name}"' in source):
            for route in some(here, name):
                for kind in some(HOSTILE, route, name, "alone"):
                    path = route.path(right_values(wiki, route))
                    asked = query([name], HOSTILE[kind])
                    role = someone(route, name, kind)
                    wiki.send(f"{name}: {kind}", role, "GET", path, QUERY_STRING=asked)
    assert not wiki.failures, told(wiki)


def view_source(route: Route) -> str:
    """Return the source of the module that answers at an address."""
    view = inspect.unwrap(resolve(route.path(dict.fromkeys(route.places, "1"))).func)
    return inspect.getsource(sys.modules[view.__module__])


def test_no_body_no_header_and_no_method_breaks_an_address(wiki: Wiki) -> None:
    small = [n for n, (_kind, body) in enumerate(BODIES) if len(body) < 50_000]
    large = [n for n in range(len(BODIES)) if n not in small]
    many = urlencode({f"n{n}": n for n in range(10_000)})
    for number, route in enumerate(routes()):
        path = route.path(right_values(wiki, route))
        for n in some(small, route, "body") + (large if WHOLE or number % 20 == 0 else []):
            kind, body = BODIES[n]
            wiki.send(f"body {n}", someone(route, n), "POST", path, body, kind)
        if WHOLE or not route.is_admin:
            for n in some(range(len(HEADERS)), route, "headers"):
                wiki.send(f"headers {n}", someone(route, n), "GET", path, **HEADERS[n])
            for method in some(METHODS, route):
                wiki.send("method", someone(route, method), method, path, b"\xff", "a/b")
        if WHOLE or number % 20 == 0:
            role = someone(route, "many")
            wiki.send("10,000 parameters", role, "GET", path, QUERY_STRING=many)
    for path in ("/", "/nowhere/", "/fiches/nulle-part/", "/compte/connexion/", "/admin/"):
        wiki.send("10,000 parameters", someone(path), "GET", path, QUERY_STRING=many)
    assert not wiki.failures, told(wiki)


# --- Forms ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A form: where it is sent from and to, by whom, and what is sent with the fields it shows."""

    path: str
    role: str
    more: dict[str, str]
    undone: bool = False
    shown_at: str = ""


def cases(wiki: Wiki) -> list[Case]:
    """Return the forms of the site."""
    air, source, rows = wiki.sheet, wiki.source, wiki.rows
    assert air.current
    number = str(air.current.number)
    typed = {"do": "save", "section": "", "query": "", "comment": "", "minor": "on"}
    edit = f"/fiches/{air.slug}/modifier/"
    clash = {**typed, "base": "1", "onto": number, "take_0badcafe": "edit", "text_0badcafe": "x"}
    decision = {"onto": number, "reason": "Non.", "take_0badcafe": "mine", "text_0badcafe": "y"}
    found = [
        Case(f"/fiches/{air.slug}/proposer/", ANONYMOUS, {"remark": "Oui.", "section": ""}),
        Case(
            f"/fiches/{air.slug}/proposer/",
            CONTRIBUTOR,
            {"section": "resume"},
            shown_at=f"/fiches/{air.slug}/proposer/?section=resume",
        ),
        *(Case(edit, CONTRIBUTOR, {**typed, "do": do}) for do in ("save", "preview", "find")),
        Case(edit, EXPERT_ROLE, {**typed, "do": f"cite:{rows['chunk'].pk}:x", "query": "chaleur"}),
        Case(edit, CONTRIBUTOR, {**typed, "do": "picture"}),
        Case(edit, EXPERT_ROLE, {**typed, "section": "resume"}, shown_at=f"{edit}?section=resume"),
        Case(edit, EXPERT_ROLE, {**typed, "section": "fiche"}, shown_at=f"{edit}?section=fiche"),
        Case(edit, EXPERT_ROLE, clash),
        Case(
            edit, ANONYMOUS, {**typed, "body": "x", "base": "1", "username": "a", "password": "b"}
        ),
        Case(f"{edit}apercu/", CONTRIBUTOR, typed, shown_at=edit),
        Case(f"{edit}blocs/", CONTRIBUTOR, typed, shown_at=edit),
        Case(f"{edit}brouillon/", CONTRIBUTOR, typed, shown_at=edit),
        Case(f"/fiches/{wiki.emptied.slug}/modifier/", EXPERT_ROLE, typed),
        Case(f"/fiches/{air.slug}/renommer/", EXPERT_ROLE, {}, undone=True),
        Case(f"/fiches/{air.slug}/copie/", CONTRIBUTOR, {"title": "Copie"}, undone=True),
        Case(f"/fiches/{air.slug}/regenerer/", EXPERT_ROLE, {"what": "all"}, undone=True),
        Case(
            f"/fiches/{air.slug}/verrou/",
            EXPERT_ROLE,
            {"section": "resume", "locked": "1", "next": "/fiches/"},
        ),
        Case(f"/fiches/{air.slug}/suivre/", EXPERT_ROLE, {"next": "/fiches/"}),
        Case(f"/fiches/{air.slug}/restaurer/1/", EXPERT_ROLE, {"onto": number, "comment": ""}),
        *(
            Case(wiki.proposals[name].get_absolute_url(), EXPERT_ROLE, {**decision, "do": do}, True)
            for name in ("open", "empty")
            for do in ("accept", "accept:resume", "keep:resume", "refuse")
        ),
        Case("/fiches/nouvelle/", CONTRIBUTOR, {"title": "Vapeur", "sheet_type": "1"}),
        Case(
            "/fiches/nouvelle/texte/",
            CONTRIBUTOR,
            {"title": "Fumées", "sheet_type": "1", "body": "x", "kind": "solution", "called": "x"},
            shown_at="/fiches/nouvelle/",
        ),
        Case("/suivi/categorie/", EXPERT_ROLE, {"category": "Froid", "next": "/fiches/"}),
        Case("/suivi/courriel/", EXPERT_ROLE, {"wanted": "1"}),
        Case("/images/", CONTRIBUTOR, {"picture": ""}),
        Case("/sources/ajouter/", CONTRIBUTOR, {}),
        Case("/sources/ajouter/adresses/", CONTRIBUTOR, {}, True, shown_at="/sources/ajouter/"),
        Case(f"/sources/{source.pk}/modifier/", EXPERT_ROLE, {}),
        Case(f"/sources/{source.pk}/version/", EXPERT_ROLE, {"of": "1"}),
        Case(f"/sources/{source.pk}/copier/", EXPERT_ROLE, {"name": "a.pdf", "access": "open"}),
        Case(f"/sources/{source.pk}/reprendre/", EXPERT_ROLE, {"next": "/sources/"}),
        Case(f"/sources/{source.pk}/arreter/", EXPERT_ROLE, {"next": "/sources/"}),
        Case(f"/sources/{source.pk}/images/", EXPERT_ROLE, {"next": "/sources/"}),
        Case(f"/sources/{source.pk}/retirer/", ADMINISTRATOR, {"next": "/sources/"}, True),
        *(
            Case("/atelier/fiches/", EXPERT_ROLE, {"do": do, "row": str(air.pk)}, True)
            for do in ("category", "state", "responsible", "regenerate", "export")
        ),
        *(
            Case("/atelier/sources/", EXPERT_ROLE, {"do": do, "row": str(source.pk)}, True)
            for do in ("access", "licence", "retry", "reread")
        ),
        Case(
            "/atelier/vues/",
            EXPERT_ROLE,
            {"name": "Froid", "rows": "sheets", "query": "queue=stale", "next": "/atelier/"},
            shown_at="/atelier/fiches/",
        ),
        Case("/wiki/", ADMINISTRATOR, {}),
        Case("/wiki/exports/", ADMINISTRATOR, {"files": "0"}, True),
        Case(f"/wiki/imports/{rows['import'].pk}/", ADMINISTRATOR, {"do": "restart"}, True),
        Case(f"/wiki/exports/{rows['export'].pk}/", ADMINISTRATOR, {"do": "stop"}, True),
        Case("/langue/", ANONYMOUS, {"language": "en", "next": "/fiches/"}, True),
        Case("/compte/connexion/", ANONYMOUS, {"next": "/fiches/"}, True),
        Case(f"/fiches/{air.slug}/discussions/", CONTRIBUTOR, {"body": "Oui ?", "quote": ""}),
        Case("/compte/oubli/", ANONYMOUS, {"email": "a@example.org"}, True),
        Case("/compte/", CONTRIBUTOR, {"first_name": "Claire", "mail": "now"}, True),
        Case(
            "/compte/mot-de-passe/", CONTRIBUTOR, {"new_password1": "x", "new_password2": "y"}, True
        ),
        Case("/compte/adresse/", CONTRIBUTOR, {"email": "a@example.org"}, True, "/compte/"),
        Case("/compte/sessions/", CONTRIBUTOR, {"session": "0"}, True, "/compte/"),
        Case(
            "/personnes/inviter/", ADMINISTRATOR, {"email": "n@example.org", "role": "reader"}, True
        ),
        *(
            Case(f"/personnes/{wiki.users[CONTRIBUTOR].pk}/", ADMINISTRATOR, {"do": do}, True)
            for do in ("role", "unlock")
        ),
    ]
    pages = {
        "ingestion_document": source.pk,
        "ingestion_synonyms": rows["synonyms"].pk,
        "sheets_sheet": air.pk,
        "sheets_sheettype": air.sheet_type_id,
        "sheets_field": Field.objects.values_list("pk", flat=True)[0],
        "sheets_vocabularyterm": VocabularyTerm.objects.get_or_create(
            kind="category", name="Froid"
        )[0].pk,
        "sheets_section": Section.objects.filter(fields__shape="table").values_list("pk")[0][0],
        "wikico2_user": wiki.users[CONTRIBUTOR].pk,
    }
    for name, pk in pages.items():
        found.append(Case(reverse(f"admin:{name}_change", args=[pk]), ROOT, {}, True))
    added = ("sheettype", "section", "field", "prompt", "vocabularyterm")
    for name in ("ingestion_synonyms", *(f"sheets_{model}" for model in added)):
        found.append(Case(reverse(f"admin:{name}_add"), ROOT, {}, True))
    trial = reverse("admin:sheets_prompt_trial")
    kind = reverse("admin:sheets_sheettype_change", args=[air.sheet_type_id])
    outline = {"move": f"section:{pages['sheets_section']}:up"}
    found += [
        Case(kind.replace("change", "order"), ROOT, outline, shown_at=kind),
        Case(kind.replace("change", "trial"), ROOT, {"sheet": str(air.pk), "section": "resume"}),
        Case(reverse("admin:wikico2_user_add"), ROOT, {"password1": "x", "password2": "x"}, True),
        Case(
            reverse("admin:auth_user_password_change", args=[pages["wikico2_user"]]), ROOT, {}, True
        ),
        Case(trial, ROOT, {"sheet": str(air.pk)}, shown_at=reverse("admin:sheets_prompt_add")),
    ]
    return found


def shown_fields(response: Any) -> tuple[dict[str, list[str]], set[type]]:
    """Return the fields of the forms on a page with their values, and which forms they are."""
    fields: dict[str, list[str]] = {}
    seen: set[type] = set()

    def take(value: Any) -> None:
        if isinstance(value, forms.BaseForm):
            seen.update(type(value).__mro__)
            for bound in value:
                now = bound.value()
                values = now if isinstance(now, list | tuple) else [now]
                fields[bound.html_name] = [
                    str(getattr(v, "pk", v)) for v in values if v not in (None, False)
                ] or [""]
        elif isinstance(value, forms.BaseFormSet):
            take(value.management_form)
            for form in value.forms:
                take(form)

    for layer in response.context or []:
        for value in layer.flatten().values() if hasattr(layer, "flatten") else ():
            take(value)
            take(getattr(value, "form", None))
        for inline in (layer.flatten().get("inline_admin_formsets") or []) if layer else ():
            take(inline.formset)
    return fields, seen


def sent_as(
    fields: dict[str, list[bytes]], files: dict[str, bytes] | None = None
) -> tuple[bytes, str]:
    """Return the body of a form with these values, as bytes, and its content type."""
    if files is None:
        pairs = [(quote(n), quote_from_bytes(v)) for n, values in fields.items() for v in values]
        return "&".join(f"{n}={v}" for n, v in pairs).encode(), "application/x-www-form-urlencoded"
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (n.encode(), v)
        for n, values in fields.items()
        for v in values
    ]
    parts += [
        b'--x\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n'
        b"Content-Type: application/pdf\r\n\r\n%s\r\n" % (n.encode(), v[:300], v)
        for n, v in files.items()
    ]
    return b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x"


FILES = {"uploads", "picture", "archive"}


def mutations(
    case: Case, fields: dict[str, list[bytes]], most: int
) -> Iterator[tuple[str, bytes, str]]:
    """Yield what is sent instead of a right form: one field wrong, missing, twice or a file.

    So many of the fields have their turn.
    """
    key = (case.path, case.more.get("do"))
    yield "as it is", *sent_as(fields)
    for what, all_of in some((("nothing", {}), ("NUL", {n: [b"a\0b"] for n in fields})), *key):
        yield what, *sent_as(all_of)
    for name in some(fields, *key, k=most):
        others = {n: v for n, v in fields.items() if n != name}
        wrong: list[tuple[str, dict[str, list[bytes]], dict[str, bytes] | None]] = [
            ("missing", others, None),
            ("twice", {**fields, name: [b"\xff", b"", *fields[name]]}, None),
            ("a file", others, {name: b"a\0b\xff"}),
        ]
        if name in FILES:
            wrong += [(f"file {kind}", others, {name: value}) for kind, value in HOSTILE.items()]
        else:
            wrong += [(kind, {**others, name: [value]}, None) for kind, value in HOSTILE.items()]
        for kind, given, files in some(wrong, *key, name):
            yield f"{name}: {kind}", *sent_as(given, files)


def test_no_form_field_breaks_its_page_nor_a_page_of_what_was_saved(wiki: Wiki) -> None:
    met: set[type] = set()
    tried: dict[str, set[str]] = {}
    for case in cases(wiki):
        page = wiki.send("the form", case.role, "GET", case.shown_at or case.path)
        shown, seen = shown_fields(page)
        met |= seen
        fields = {n: [v.encode() for v in values] for n, values in shown.items()}
        fields |= {n: [v.encode()] for n, v in case.more.items()}
        untried = {*fields} - tried.setdefault(case.path, set())
        tried[case.path] |= untried
        most = 3 if case.path.startswith("/admin/") else max(len(untried), 1)
        for what, body, kind in mutations(case, fields, most):
            answer = wiki.send(
                what, case.role, "POST", case.path, body, kind, stays=not case.undone
            )
            leads = answer.headers.get("Location", "")
            if leads.startswith("/") and not case.undone:
                wiki.send(f"after {what}", case.role, "GET", leads)
    every_page(wiki)
    assert not wiki.failures, told(wiki)
    left = {f.__name__ for f in all_forms()} - {f.__name__ for f in met}
    # The first four are read from addresses or stand behind others; see the walk of parameters. The
    # fifth stands on the page of a refused form, the others behind a link or in the administration;
    # what the last two are sent is in tests/test_second_factor.py.
    behind = {"GivenForm", "NarrowingForm", "SettleForm", "RegenerateForm", "NewSheetForm"}
    behind |= {"FirstPasswordForm", "NewPasswordForm", "AdminSignInForm", "CodeForm", "OwnerForm"}
    assert left <= behind, left


def every_page(wiki: Wiki) -> None:
    """Open all pages of what there is now, and those of each text that was saved or proposed."""
    for route in routes():
        if not route.is_admin or WHOLE:
            role = someone(route, "after")
            wiki.send("after all", role, "GET", route.path(right_values(wiki, route)))
    for sheet in Sheet.objects.all():
        at = sheet.get_absolute_url()
        paths = [at, f"{at}historique/", f"{at}modifier/", f"{at}export.md", f"{at}export.pdf"]
        paths += [f"{at}proposer/", f"{at}regenerer/", f"{at}redaction/", f"{at}?auteurs=1"]
        for number in some(sheet.revisions.values_list("number", flat=True), sheet.slug, k=4):
            paths.append(f"{at}versions/{number}/")
            views = some(("cote", "texte", "rendu"), sheet.slug, number)
            paths += [f"{at}diff/1/{number}/?vue={vue}" for vue in views]
        paths += [p.get_absolute_url() for p in some(sheet.proposals.order_by("pk"), at, k=6)]
        for path in paths:
            wiki.send("after all", EXPERT_ROLE, "GET", path)


# --- What is answered instead ---------------------------------------------------------------------


def test_an_emptied_sheet_previews_as_empty_and_saves(wiki: Wiki) -> None:
    client, at = wiki.clients[CONTRIBUTOR], f"/fiches/{wiki.sheet.slug}/"
    sent = {"base": "2", "body": "", "do": "save"}

    shown = client.post(f"{at}modifier/apercu/", sent)
    saved = client.post(f"{at}modifier/", sent, follow=True)

    assert shown.status_code == 200
    assert "chaleur" not in shown.content.decode()
    assert saved.status_code == 200
    wiki.sheet.refresh_from_db()
    assert wiki.sheet.current is not None
    assert (wiki.sheet.current.number, wiki.sheet.current.body.strip()) == (3, "")
    for page in ("", "modifier/", "historique/", "diff/2/3/", "export.md", "restaurer/2/"):
        assert client.get(f"{at}{page}").status_code == 200, page


def test_a_suggestion_without_text_is_refused_and_its_remark_is_there(wiki: Wiki) -> None:
    before = Proposal.objects.count()
    sent = {"base": "2", "body": " \n", "remark": "Tout est faux."}
    answer = wiki.clients[ANONYMOUS].post(f"/fiches/{wiki.sheet.slug}/proposer/", sent)

    assert answer.status_code == 422
    assert "n’aurait plus aucun texte" in answer.content.decode()
    assert "Tout est faux." in answer.content.decode()
    assert Proposal.objects.count() == before


def test_a_remark_on_an_empty_sheet_waits(wiki: Wiki) -> None:
    assert wiki.emptied.current is not None
    sent = {"base": str(wiki.emptied.current.number), "body": "", "remark": "Il n’y a rien."}
    answer = wiki.clients[ANONYMOUS].post(f"/fiches/{wiki.emptied.slug}/proposer/", sent)

    assert answer.status_code == 302
    assert wiki.emptied.proposals.get().remark == "Il n’y a rien."


def test_a_proposal_without_text_that_is_there_can_be_read_and_decided(wiki: Wiki) -> None:
    client = wiki.clients[EXPERT_ROLE]
    for name in ("empty", "emptied"):
        assert client.get(wiki.proposals[name].get_absolute_url()).status_code == 200, name

    address = wiki.proposals["empty"].get_absolute_url()
    answer = client.post(address, {"onto": "2", "do": "refuse", "reason": "Non."})

    assert answer.status_code == 302
    assert client.get(address).status_code == 200


def test_a_nul_in_an_address_leads_nowhere(wiki: Wiki) -> None:
    for path in ("/images/%00", "/admin/sheets/sheet/%00/change/", "/%00"):
        answer = wiki.clients[ROOT].get(path)
        assert answer.status_code == 404, path
        assert "Cette page n’existe pas" in answer.content.decode()


def test_a_page_that_cannot_be_has_no_picture(wiki: Wiki) -> None:
    for number in (0, 3, "9" * 400):
        path = f"/sources/{wiki.source.pk}/pages/{number}/image/"
        assert wiki.clients[ANONYMOUS].get(path).status_code == 404, number


def test_a_nul_elsewhere_is_left_out(wiki: Wiki) -> None:
    client = wiki.clients[EXPERT_ROLE]
    assert client.get("/fiches/?q=a%00ir").context["active"]["q"] == "air"

    sent = {"base": "2", "body": "Ha\0llo", "minor": "\0", "section\0": "resume"}
    assert client.post(f"/fiches/{wiki.sheet.slug}/modifier/brouillon/", sent).status_code == 200
    kept = EditDraft.objects.get(user=wiki.users[EXPERT_ROLE], section="resume").typed
    assert (kept["body"], kept["minor"]) == ("Hallo", "")

    stranger = Client(headers={"cookie": 'sessionid="\\000aaaaaaaaaaaa"; theme=dark'})
    assert 'data-theme="dark"' in stranger.get("/").content.decode()


@pytest.mark.parametrize("wanted", [DIGITS, "-1", str(2**63), "0", "x"])
def test_a_number_that_names_no_source_changes_nothing(wiki: Wiki, wanted: str) -> None:
    other = Document.objects.create(title="A", filename="a", file="a", sha256="b" * 64, size=1)
    Document.objects.filter(pk=wiki.source.pk).update(supersedes=other)
    client = wiki.clients[EXPERT_ROLE]

    answer = client.post(f"/sources/{wiki.source.pk}/version/", {"of": wanted})

    assert answer.status_code == 404
    wiki.source.refresh_from_db()
    assert wiki.source.supersedes == other


@pytest.mark.parametrize("wanted", ["-1", "home", "//x.org/", "/\\x.org", "x" * 5_000, "/" * 3_000])
def test_a_return_address_that_is_none_of_ours_is_passed_over(wiki: Wiki, wanted: str) -> None:
    client = wiki.clients[EXPERT_ROLE]
    sent = {"category": "Froid", "next": wanted}
    assert client.post("/suivi/categorie/", sent).headers["Location"] == "/suivi/"
    answer = client.post("/fiches/air/suivre/", {"next": wanted})
    assert answer.headers["Location"] == "/fiches/air/"


def test_a_return_address_of_ours_is_followed(wiki: Wiki) -> None:
    sent = {"category": "Froid", "next": "/fiches/?category=Froid&page=2"}
    answer = wiki.clients[EXPERT_ROLE].post("/suivi/categorie/", sent)
    assert answer.headers["Location"] == sent["next"]


def test_too_much_is_refused_with_a_sentence(wiki: Wiki) -> None:
    client = wiki.clients[CONTRIBUTOR]
    many = urlencode({f"n{n}": n for n in range(10_000)})
    form = "application/x-www-form-urlencoded"
    edit = f"/fiches/{wiki.sheet.slug}/modifier/"
    for answer, said in (
        (client.get(f"/fiches/?{many}"), "Plus de 1000 valeurs"),
        (client.get(f"/nulle-part/?{many}"), "Plus de 1000 valeurs"),
        (client.generic("POST", edit, many.encode(), form), "Plus de 1000 valeurs"),
        (client.generic("POST", edit, b"a=" + b"a" * 3_000_000, form), "Le texte dépasse 2,5"),
        (client.generic("POST", edit, b"--x", "multipart/form-data"), "abîmé ou incomplet"),
    ):
        page = answer.content.decode()
        assert answer.status_code == (413 if "dépasse" in said else 400)
        assert said in page
        assert "Cette requête n’a pas été comprise" in page
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_text_is_utf_8_whatever_a_header_says(wiki: Wiki) -> None:
    client = wiki.clients[ANONYMOUS]
    for charset in ("utf-7", "rot13", "unicode_escape", "nope", "utf-16"):
        kind = f"text/html; charset={charset}; a*=nope''%41"
        asked = "q=%2B2AA-%C3%A9%5Cud800"
        answer = client.generic("GET", "/fiches/", b"", kind, QUERY_STRING=asked)
        assert answer.context["active"]["q"] == "+2AA-é\\ud800", charset


def test_the_site_answers_with_these_requests() -> None:
    assert Path(settings.BASE_DIR, "wikico2", "wsgi.py").read_text().count("Handler()") == 1
    assert Handler.request_class is Request
