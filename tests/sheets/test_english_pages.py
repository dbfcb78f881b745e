"""An English page: the program's own words are English, what people wrote stays French."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import unescape
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client
from django.utils import translation
from django.utils.html import escape

from ingestion.models import Document
from sheets.generation.progress import generation_outline
from sheets.generation.request import create_sheet
from sheets.merge import Version
from sheets.models import (
    Citation,
    Field,
    Generation,
    Proposal,
    Revision,
    Section,
    Sheet,
    SheetType,
)
from sheets.models.schema_loader import load_template
from sheets.rendering.heading_icons import heading_with_icon
from sheets.rendering.html import VERSION, CitationView, RenderedSheet, render_sheet
from sheets.rendering.stored_rendering import english_rendering
from sheets.revisions.edit import save_edit
from sheets.revisions.save import recheck_revision, save_revision
from sheets.schema.types import EnglishLabels, SectionBrief, SheetTemplate
from sheets.staleness.state import template_fingerprint
from tests.sheets.factories import field
from wikico2.models import User

SECTOR = SheetTemplate(
    "secteur",
    (
        SectionBrief(
            "profil",
            "Profil d’émissions",
            "📊",
            "body",
            (field("utilites", "Utilités"), field("batiment", "Bâtiment ?")),
        ),
        SectionBrief(
            "systemes",
            "Systèmes clés",
            "",
            "body",
            (
                field("systemes", "Systèmes", "table", columns=("Système", "Priorité")),
                field("froid", "Froid"),
            ),
        ),
    ),
    {
        ("profil", ""): EnglishLabels("Profil d’émissions", "Profile: emissions"),
        ("profil", "utilites"): EnglishLabels("Utilités", "Utilities"),
        ("profil", "batiment"): EnglishLabels("Bâtiment ?", "Building?"),
        ("systemes", ""): EnglishLabels("Systèmes clés", "Key systems"),
        ("systemes", "froid"): EnglishLabels("Froid", "Cold"),
        ("systemes", "systemes"): EnglishLabels(
            "Systèmes", "Systems", {"Système": "System", "Priorité": "Priority"}
        ),
    },
)
BODY = """\
## 📊 Profil d’émissions

### Utilités

- Le froid consomme 31 % de l’électricité.[^1]

### Bâtiment ?

- Le chauffage pèse 18,5 % de l’électricité.

## Systèmes clés

### Systèmes

| Système | Priorité | Couleur |
| --- | :-: | --- |
| Chaudière | 4/5 | rouge |

### Froid

## Vide

[^1]: [Guide, p. 4](/sources/7/pages/4/) « 31 % »
"""
CITED = {"1": CitationView("1", "Guide", 4, "31 %", "/s/", "weak", ("The number is missing.",))}


def english(body: str, template: SheetTemplate = SECTOR) -> RenderedSheet:
    return render_sheet(body, {}, template, CITED, "en")


def own_words(html: str) -> list[str]:
    """Return what is marked as English, the names of what is shown as a picture included."""
    marked = re.findall(r'<[^>]* lang="en"[^>]*>[^<]*', html)
    names = (re.search(r'aria-label="([^"]*)"', one) for one in marked)
    shown = [re.sub(r"<[^>]*>", "", one).strip() for one in marked]
    return [unescape(n[1] if n else s) for n, s in zip(names, shown, strict=True)]


class TestRenderer:
    def test_all_of_its_own_words_are_english_and_marked(self) -> None:
        assert own_words(english(BODY).body) == [
            "📊 Profile: emissions",
            "Shares (",
            "Use",
            "Drawing",
            "Share",
            "Source",
            "Utilities",
            "Source 1",
            "Building?",
            "Utilities",
            "Building?",
            "Key systems",
            "Systems",
            "System",
            "Priority",
            "4 out of 5",
            "Not filled in:",
            "Sources",
            "The number is missing.",
            "Back to the text",
        ]

    def test_no_french_of_the_program_is_left(self) -> None:
        page = english(BODY).body
        for said in ("Non renseigné", "Retour", "selon", "Poste", "Part<", "Dessin", " sur 5"):
            assert said not in page
        assert '<span lang="fr">de l’électricité</span>), according to the sources' in page

    def test_english_has_no_french_spaces(self) -> None:
        assert "Profile: emissions" in english(BODY).body
        assert "Building?" in english(BODY).body

    def test_the_contents_tell_which_headings_are_english(self) -> None:
        page = english(BODY)
        assert page.outline == [
            ("profil", "📊 Profile: emissions"),
            ("systemes", "Key systems"),
            ("vide", "Vide"),
            ("notes", "Sources"),
        ]
        assert page.translated == ["profil", "systemes", "notes"]

    def test_french_is_the_same_with_and_without_english_labels(self) -> None:
        with translation.override("en"):
            page = render_sheet(BODY, {}, SECTOR, CITED)
        assert page == render_sheet(BODY, {}, replace(SECTOR, english={}), CITED)
        assert "lang=" not in page.body
        assert "Non renseigné" in page.body

    def test_people_s_words_are_french_in_both(self) -> None:
        for page in (english(BODY).body, render_sheet(BODY, {}, SECTOR, CITED).body):
            assert "Le froid consomme" in page
            assert '<th scope="col">Couleur</th>' in page

    @pytest.mark.parametrize(
        ("written", "kept"),
        [
            ("## Notes\n\nTexte.", ">Notes</h2>"),
            ("## Systèmes clés\n\nA\n\n## Systèmes clés\n\nB", ">Systèmes clés</h2>"),
            ("## Autre\n\n### Systèmes\n\nTexte.", ">Systèmes</h3>"),
            ("## SYSTÈMES CLÉS\n\nTexte.", ">SYSTÈMES CLÉS</h2>"),
            ("## Systèmes *clés*\n\nTexte.", ">Systèmes <em>clés</em></h2>"),
            ("## Autre\n\n| Part | Poste |\n| --- | --- |\n| a | b |", ">Part</th>"),
            ("## Autre\n\n| Part | Poste |\n| --- | --- |\n| a | b |", ">Poste</th>"),
            ("## Autre\n\n| Système |\n| --- |\n| a |", ">Système</th>"),
            ("## Systèmes clés\n\n### Les miens\n\n| Système |\n| --- |\n| a |", ">Système</th>"),
            ('## Autre\n\naria-label="Retour au texte"', 'aria-label="Retour au texte"'),
            ('## Autre\n\naria-label="4 sur 5"', 'aria-label="4 sur 5"'),
        ],
    )
    def test_what_a_person_typed_stays_though_it_reads_like_a_label(
        self, written: str, kept: str
    ) -> None:
        assert kept in unescape(english(written).body)

    def test_a_heading_keeps_its_emoji_and_its_number(self) -> None:
        assert ">2. Key systems</h2>" in english("## 2. Systèmes clés\n\nA").body
        assert ">🧩 Key systems</h2>" in english("## 🧩 Systèmes\u00a0clés\n\nA").body


BROKEN = """\
## Ressources & outils

Le froid pèse 12 % du total.[^1]

[^1]: [Guide, p. 4](/sources/7/pages/4/) « froid »
"""
EMPTY = "## Ressources & outils\n\n## Vide\n"


@pytest.fixture
def make_sheet(db: None) -> Callable[[str], Sheet]:
    def make(body: str) -> Sheet:
        sheet = create_sheet(SheetType.objects.get(key="solution"), "Air comprimé", None)
        metadata = {"categorie": "Utilités"}
        origin = Revision.Origin.HUMAN
        save_revision(sheet, base=None, body=body, metadata=metadata, origin=origin)
        return Sheet.objects.select_related("current").get(pk=sheet.pk)

    return make


def read_in(language: str, client: Client, sheet: Sheet, rest: str = "") -> str:
    address = sheet.get_absolute_url() + rest
    return client.get(address, headers={"Accept-Language": language}).content.decode()


class TestPage:
    def test_the_reader_s_language_is_that_of_labels_and_reasons(
        self, client: Client, make_sheet: Callable[[str], Sheet]
    ) -> None:
        sheet = make_sheet(BROKEN + "\n## Notes\n\nTexte.")
        page, french = (read_in(language, client, sheet) for language in ("en", "fr"))
        heading = Section.objects.get(sheet_type=sheet.sheet_type, key="ressources").heading_en
        assert f'<h2 lang="en">{heading.replace("&", "&amp;")}</h2>' in page
        assert re.search(r'<div class="prose" lang="fr">', page)
        assert ">Notes</h2>" in page
        why = re.findall(r'<span class="why"( lang="en")?>([^<]*)</span>', page)
        assert why
        assert all(lang for lang, _said in why)
        citation = Citation.objects.get(revision=sheet.current)
        with translation.override("en"):
            assert unescape(why[0][1]) == " ".join(citation.reason_sentences)
        with translation.override("fr"):
            said = " ".join(citation.reason_sentences)
        assert f'<span class="why">{said}</span>' in unescape(french)

    def test_the_contents_mark_what_is_french(
        self, client: Client, make_sheet: Callable[[str], Sheet]
    ) -> None:
        page = read_in("en", client, make_sheet("## Le mien\n\nTexte.\n\n" + BROKEN))
        entries = page.split('class="contents"')[1].split("</nav>")[0]
        assert re.search(r'<li lang="fr">\s*<a href="#le-mien">Le mien</a>', entries)
        assert re.search(r'<li>\s*<a href="#notes">Sources</a>', entries)

    def test_what_a_person_typed_stays_french(
        self, client: Client, make_sheet: Callable[[str], Sheet]
    ) -> None:
        table = "| Part | Titre |\n| --- | --- |\n| a | b |"
        page = read_in("en", client, make_sheet(f"## Notes\n\nTexte.\n\n## Le mien\n\n{table}\n"))
        for said in (">Notes</h2>", ">Notes</a>", ">Part</th>", ">Titre</th>"):
            assert said in page, said

    def test_the_card_says_its_fields_in_the_reader_s_language(
        self, client: Client, make_sheet: Callable[[str], Sheet]
    ) -> None:
        sheet = make_sheet(BROKEN)
        named = Field.objects.get(section__sheet_type=sheet.sheet_type, key="categorie")
        assert f"<dt>{named.heading_en}</dt>" in read_in("en", client, sheet)
        assert f"<dt>{named.heading_fr}</dt>" in read_in("fr", client, sheet)

    @pytest.mark.parametrize("rest", ["?auteurs=1", "versions/1/"])
    def test_so_do_authors_and_old_versions(
        self, client: Client, make_sheet: Callable[[str], Sheet], rest: str
    ) -> None:
        sheet = make_sheet(
            "## Ressources & outils\n\n| Titre |\n| --- |\n| a |\n\n## Leviers associés\n"
        )
        page = read_in("en", client, sheet, rest)
        assert ">Title</th>" in page
        assert "Not filled in" in page or "not filled in" in page
        assert "Non renseigné" not in page

    def test_so_does_the_preview(
        self, client: Client, make_sheet: Callable[[str], Sheet], contributor: User
    ) -> None:
        sheet = make_sheet(BROKEN)
        client.force_login(contributor)
        typed = {"body": "## Ressources & outils\n\n## Vide", "categorie": "Utilités"}
        address = f"{sheet.get_absolute_url()}modifier/apercu/"
        for language, said in (("en", "Not filled in"), ("fr", "Non renseigné")):
            answer = client.post(address, typed, headers={"Accept-Language": language})
            assert said in answer.content.decode()

    def test_so_do_the_fields_of_the_editor(
        self, client: Client, make_sheet: Callable[[str], Sheet], contributor: User
    ) -> None:
        sheet = make_sheet(BROKEN)
        client.force_login(contributor)
        named = Field.objects.get(section__sheet_type=sheet.sheet_type, key="categorie")
        label = '<label for="edit_meta_categorie">{}</label>'
        assert label.format(named.heading_en) in read_in("en", client, sheet, "modifier/")
        assert label.format(named.heading_fr) in read_in("fr", client, sheet, "modifier/")


OLD = """\
## 📊 Impacts attendus

### Énergie

Le gaz baisse de moitié dans les ateliers.

## Le mien

Un.

## Risques revus

Le bruit.
"""
KNOWN = {"categorie": "Utilités"}
NEW = OLD.replace("de moitié", "d’un tiers").replace("Un.", "Deux.")
OTHER = OLD.replace("de moitié", "d’un quart").replace("Un.", "Trois.")


@pytest.fixture
def labels(db: None) -> dict[str, str]:
    """Return the English headings of sections and fields by their French ones, as in HTML."""
    kind = SheetType.objects.get(key="solution")
    rows: list[Section | Field] = [
        *Section.objects.filter(sheet_type=kind),
        *Field.objects.filter(section__sheet_type=kind),
    ]
    return {row.heading_fr: escape(row.heading_en) for row in rows}


class TestOtherPages:
    """Headings of the template on the pages around a sheet: as on its own page."""

    def propose(self, client: Client, sheet: Sheet) -> str:
        """Send a suggestion, let a person change the same place; return the rest of its URL."""
        sent = {"base": "1", "body": NEW, "meta_categorie": "Froid"}
        client.post(f"{sheet.get_absolute_url()}proposer/", sent)
        proposal = Proposal.objects.get()
        return proposal.get_absolute_url().removeprefix(sheet.get_absolute_url())

    def check_parts(self, english: str, french: str, labels: dict[str, str]) -> None:
        """Check the headings of a page that shows a merge."""
        section, field = labels["Impacts attendus"], labels["Énergie"]
        assert f'<h2 id="head-impacts" lang="en">📊 {section}</h2>' in english
        assert '<h2 id="head-impacts" lang="fr">📊 Impacts attendus</h2>' in french
        for page in (english, french):
            assert '<h2 id="head-le-mien" lang="fr">Le mien</h2>' in page
        assert f'<p class="clash-label" lang="en">{field}</p>' in english
        assert '<p class="clash-label" lang="fr">Énergie</p>' in french
        assert re.search(rf'<legend class="visually-hidden">\s*{field}\s*</legend>', english)
        assert re.search(r'<legend class="visually-hidden">\s*Énergie\s*</legend>', french)

    def test_a_proposal(
        self,
        client: Client,
        make_sheet: Callable[[str], Sheet],
        expert: User,
        labels: dict[str, str],
    ) -> None:
        sheet = make_sheet(OLD)
        client.force_login(expert)
        rest = self.propose(client, sheet)
        page, french = (read_in(language, client, sheet, rest) for language in ("en", "fr"))
        assert f'<p class="side-label" lang="en">{labels["Énergie"]}</p>' in page
        assert '<p class="side-label">Énergie</p>' in french
        named = Field.objects.get(section__sheet_type=sheet.sheet_type, key="categorie")
        assert f'<p class="side-label" lang="en">{escape(named.heading_en)}</p>' in page
        assert f'<p class="side-label">{escape(named.heading_fr)}</p>' in french
        save_edit(sheet, expert, base=sheet.current, text=Version(OTHER, KNOWN))
        page, french = (read_in(language, client, sheet, rest) for language in ("en", "fr"))
        self.check_parts(page, french, labels)

    def test_a_conflict_of_two_editors(
        self,
        client: Client,
        make_sheet: Callable[[str], Sheet],
        expert: User,
        labels: dict[str, str],
    ) -> None:
        sheet = make_sheet(OLD)
        save_edit(sheet, expert, base=sheet.current, text=Version(OTHER, KNOWN))
        client.force_login(expert)
        sent = {"base": "1", "body": NEW, "meta_categorie": "Utilités", "do": "save"}
        address = f"{sheet.get_absolute_url()}modifier/"
        pages = [
            client.post(address, sent, headers={"Accept-Language": language})
            for language in ("en", "fr")
        ]
        assert [page.status_code for page in pages] == [409, 409]
        english, french = (page.content.decode() for page in pages)
        self.check_parts(english, french, labels)

    def test_the_sections_to_suggest_for(
        self, client: Client, make_sheet: Callable[[str], Sheet], labels: dict[str, str]
    ) -> None:
        sheet = make_sheet(OLD)
        rest = "proposer/?section=impacts"
        page, french = (read_in(language, client, sheet, rest) for language in ("en", "fr"))
        section = labels["Impacts attendus"]
        assert f'<option value="impacts" selected lang="en">📊 {section}</option>' in page
        assert '<option value="impacts" selected lang="fr">📊 Impacts attendus</option>' in french
        assert '<option value="le-mien" lang="fr">Le mien</option>' in page
        assert f"Rewrite “{heading_with_icon(f'📊 {section}')}”" in page

    def test_the_section_in_the_editor(
        self,
        client: Client,
        make_sheet: Callable[[str], Sheet],
        contributor: User,
        labels: dict[str, str],
    ) -> None:
        sheet = make_sheet(OLD)
        client.force_login(contributor)
        for key, begin, heading in (
            ("impacts", "📊 ", "Impacts attendus"),
            ("resume", "", "Résumé (10 secondes)"),
        ):
            rest = f"modifier/?section={key}"
            page, french = (read_in(language, client, sheet, rest) for language in ("en", "fr"))
            shown = {"en": labels[heading], "fr": heading}
            for language, html in (("en", page), ("fr", french)):
                title = heading_with_icon(begin + shown[language])
                assert f'<strong lang="{language}">{title}</strong>' in html
        page = read_in("en", client, sheet, "modifier/?section=le-mien")
        assert '<strong lang="fr">Le mien</strong>' in page

    def test_where_a_change_is_and_which_value(
        self,
        client: Client,
        make_sheet: Callable[[str], Sheet],
        expert: User,
        labels: dict[str, str],
    ) -> None:
        steady = "\n\n".join(f"Phrase {n} du texte." for n in range(9))
        body = f"## 📊 Impacts attendus\n\n### Énergie\n\n{steady}\n\nFin.\n"
        sheet = make_sheet(body)
        text = Version(body.replace("Fin.", "La fin."), {"categorie": "Froid"})
        save_edit(sheet, expert, base=sheet.current, text=text)
        client.force_login(expert)
        rest = "diff/1/2/?vue=cote"
        page, french = (read_in(language, client, sheet, rest) for language in ("en", "fr"))
        where = re.search(r'<p class="diff-where">(.*?)</p>', page, re.DOTALL)
        assert where
        assert re.findall(r'<span lang="en">(.*?)</span>', where[1]) == [
            f"📊 {labels['Impacts attendus']}",
            labels["Énergie"],
        ]
        assert '<p class="diff-where">📊 Impacts attendus › Énergie</p>' in french
        named = Field.objects.get(section__sheet_type=sheet.sheet_type, key="categorie")
        assert f'<th scope="row" lang="en">{escape(named.heading_en)}</th>' in page
        assert f'<th scope="row">{escape(named.heading_fr)}</th>' in french

    def test_the_sections_to_regenerate_and_to_lock(
        self,
        client: Client,
        make_sheet: Callable[[str], Sheet],
        expert: User,
        document: Document,
        labels: dict[str, str],
    ) -> None:
        sheet = make_sheet(OLD)
        sheet.documents.add(document)
        client.force_login(expert)
        page = read_in("en", client, sheet, "regenerer/")
        section = labels["Impacts attendus"]
        assert f"<span>{section}</span>" in page
        assert re.search(rf'aria-label="\s*Lock {section}\s*"', page)
        assert "Impacts attendus" not in page

    def test_the_progress_of_a_generation(
        self, make_sheet: Callable[[str], Sheet], labels: dict[str, str]
    ) -> None:
        sheet = make_sheet(OLD)
        run = Generation.objects.create(sheet=sheet, backend="local", state="running")
        for language, heading in (
            ("en", labels["Impacts attendus"]),
            ("fr", "Impacts attendus"),
        ):
            with translation.override(language):
                assert heading in [escape(one.heading) for one in generation_outline(run).lines]

    def test_the_preview_of_the_key_facts_numbers_their_sources(
        self, client: Client, make_sheet: Callable[[str], Sheet], expert: User
    ) -> None:
        sheet = make_sheet(OLD)
        body = f"{OLD}\nTexte.[^b]\n\n[^a]: Relevé A\n[^b]: Relevé B\n"
        text = Version(body, {"categorie": "Utilités[^a]"})
        save_edit(sheet, expert, base=sheet.current, text=text)
        client.force_login(expert)
        header = Section.objects.get(sheet_type=sheet.sheet_type, role=Section.Role.HEADER).key
        sent = {"base": "2", "section": header, "meta_categorie": "Utilités[^a]"}
        html = client.post(f"{sheet.get_absolute_url()}modifier/apercu/", sent).content.decode()
        assert re.search(r'Utilités<sup class="cite"><a [^>]*id="ref-1-1"[^>]*>1</a></sup>', html)
        assert "[^a]" not in html
        assert '<li value="1" id="note-1">Relevé A' in html
        assert "Relevé B" not in html


def test_who_can_read_a_source_is_said_in_the_same_words(
    client: Client, expert: User, document: Document
) -> None:
    address = document.get_absolute_url()
    client.force_login(expert)
    for language, said in (("en", "Everybody"), ("fr", "Tout le monde")):
        read = {"Accept-Language": language}
        form = client.get(f"{address}modifier/", headers=read).content.decode()
        assert f'<option value="open" selected>{said}</option>' in form
        assert said.lower() in client.get(address, headers=read).content.decode()


def test_the_reading_log_has_one_name(
    client: Client, administrator: User, document: Document
) -> None:
    client.force_login(administrator)
    for language, name in (("en", "Reading log"), ("fr", "Journal de lecture")):
        address = f"{document.get_absolute_url()}journal/"
        page = client.get(address, headers={"Accept-Language": language}).content.decode()
        assert f"<h1>{name}</h1>" in page
        assert re.search(rf"<title>\s*{name} – ", page)


class TestStored:
    def test_english_is_made_when_it_is_first_read(
        self, client: Client, make_sheet: Callable[[str], Sheet]
    ) -> None:
        sheet = make_sheet(BROKEN)
        revision = Revision.objects.get(sheet=sheet)
        french = dict(revision.rendered)
        assert "en" not in french
        read_in("en", client, sheet)
        revision.refresh_from_db()
        stored = revision.rendered.pop("en")
        assert stored["version"] == VERSION
        assert revision.rendered == french

    @pytest.mark.parametrize("change", [{"version": VERSION - 1}, {"labels": "others"}])
    def test_what_was_made_otherwise_is_made_again(
        self, make_sheet: Callable[[str], Sheet], change: dict[str, object]
    ) -> None:
        sheet = make_sheet(BROKEN)
        revision = Revision.objects.get(sheet=sheet)
        template = load_template(sheet.sheet_type)
        english_rendering(revision, template)
        made = Revision.objects.get(pk=revision.pk).rendered["en"]
        revision.rendered = {**revision.rendered, "en": {**made, **change, "body": "old"}}
        revision.save(update_fields=["rendered"])
        assert english_rendering(revision, template)["body"] == made["body"]
        assert Revision.objects.get(pk=revision.pk).rendered["en"] == made

    def test_the_page_of_the_version_before_is_made_again_in_both_languages(
        self, client: Client, make_sheet: Callable[[str], Sheet]
    ) -> None:
        sheet = make_sheet(EMPTY)
        stored = Revision.objects.filter(sheet=sheet)
        now = stored.get().rendered
        stored.update(rendered={**now, "version": VERSION - 1, "body": "old"})
        assert "were not searched for it" in read_in("en", client, sheet)
        assert stored.get().rendered["body"] == "old", "nobody has read it in French"
        assert "pas été interrogées" in read_in("fr", client, sheet)
        made = stored.get().rendered
        assert made.pop("en")["version"] == VERSION
        assert made == now

    def test_another_label_shows_at_once(
        self, client: Client, make_sheet: Callable[[str], Sheet]
    ) -> None:
        sheet = make_sheet(BROKEN)
        read_in("en", client, sheet)
        Section.objects.filter(key="ressources").update(heading_en="Where to read on")
        assert ">Where to read on</h2>" in read_in("en", client, sheet)

    def test_a_page_of_citations_that_were_checked_again_is_not_stored(
        self, make_sheet: Callable[[str], Sheet]
    ) -> None:
        sheet = make_sheet(BROKEN)
        late = Revision.objects.get(sheet=sheet)
        recheck_revision(Revision.objects.get(sheet=sheet))
        english_rendering(late, load_template(sheet.sheet_type))
        stored = Revision.objects.get(sheet=sheet).rendered
        assert "en" not in stored
        assert f"citation={Citation.objects.get().pk}" in stored["body"]


class TestLabels:
    def test_all_columns_of_the_first_types_have_english(self, db: None) -> None:
        for one in Field.objects.all():
            assert len(one.columns_en) == len(one.columns), one
            assert all(one.columns_en), one

    @pytest.mark.parametrize(
        ("columns", "named"),
        [
            (["Titre", "Lien"], ["Title", "Link"]),
            (["Titre", "Couleur"], ["Title", ""]),
            (["Couleur"], []),
            ([], []),
        ],
    )
    def test_a_wiki_s_own_columns_stay_french_until_they_are_named(
        self, db: None, columns: Sequence[str], named: Sequence[str]
    ) -> None:
        one = Field.objects.filter(shape="table")[0]
        Field.objects.filter(pk=one.pk).update(columns=columns, columns_en=[])
        import_module("sheets.migrations.0023_name_columns_in_english").name_columns(apps, None)
        one.refresh_from_db()
        assert one.columns_en == named
        template = load_template(one.section.sheet_type)
        labels = template.english[one.section.key, one.key]
        assert labels.columns == {f: e for f, e in zip(columns, named, strict=False) if e}

    def test_english_makes_no_sheet_stale(self, make_sheet: Callable[[str], Sheet]) -> None:
        kind = make_sheet(BROKEN).sheet_type
        before = [template_fingerprint(s) for s in load_template(kind).sections]
        Section.objects.update(heading_en="X")
        Field.objects.update(heading_en="Y", columns_en=["Z"])
        assert [template_fingerprint(s) for s in load_template(kind).sections] == before
