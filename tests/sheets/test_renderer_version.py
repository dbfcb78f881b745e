"""The page of a text belongs to a version of the renderer: another page needs another version.

Pages are kept with the version that made them (`render.VERSION`), and only those of an older one
are made again. So the page of a text that uses all that the renderer knows is written down here.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sheets.models import Revision, Sheet, SheetType
from sheets.rendering.charts import PROFILE_KEY
from sheets.rendering.html import VERSION, CitationView, RenderedSheet, render_sheet
from sheets.rendering.stored_rendering import current_rendering
from sheets.revisions.save import save_revision
from sheets.schema.types import SectionBrief, SheetTemplate
from tests.sheets.factories import field

WRITTEN = Path(__file__).parent / "rendered" / f"{VERSION}.html"
TEMPLATE = SheetTemplate(
    "secteur",
    (
        SectionBrief("fiche", "Fiche", "", "header", (field("famille", "Famille", "value"),)),
        SectionBrief(
            PROFILE_KEY,
            "Profil d’émissions & consommations",
            "📊",
            "body",
            (field("utilites", "Utilités"), field("batiment", "Bâtiment")),
        ),
        SectionBrief("actions", "Actions", "🎯", "body", (field("actions", "Actions"),)),
    ),
)
BODY = """\
## 📊 Profil d’émissions & consommations

### Utilités

- Le froid consomme 31 % de l’électricité, soit 4,9 GWh.[^1]

### Bâtiment

- Le chauffage pèse 18,5 % de l’électricité.[^2][^3]

## 🎯 Actions

### Actions

| Action | Priorité | Solutions associées |
| --- | --- | --- |
| Isoler | 4/5 | isolation, calorifuge[^4] |
| Régler | ⭐⭐ | |

Voir [[Chaudière vapeur]], [[Chaudière vapeur|la chaudière]] et [le site](https://a.example/).

![Un schéma](/images/0123456789abcdef-640x480.webp)

> Une citation : « oui » !

```
x = 20 %
```

### Actions

## Autre chose

[^1]: [Guide, p. 4](/sources/7/pages/4/) « 31 % de l’électricité »
[^2]: [Guide, p. 5](/sources/7/pages/5/) « 18,5 % »
[^3]: Une remarque de **quelqu’un**.
[^4]: [Autre guide, p. 6](/sources/8/pages/6/) « calorifuge »
"""
CITED = {
    "1": CitationView(
        "1", "Guide <b>", 4, "31 % de l’électricité", "/sources/7/pages/4/", "verified"
    ),
    "2": CitationView(
        "2", "Guide <b>", 5, "18,5 %", "/s/", "broken", ("Le nombre manque.", "Trop loin.")
    ),
}


def rendered() -> RenderedSheet:
    return render_sheet(BODY, {"famille": "Industrie[^1]"}, TEMPLATE, CITED)


def lines() -> Iterator[str]:
    page = rendered()
    yield from (f"{anchor}: {said}" for anchor, said in page.outline)
    yield from (f"{key}: {html}" for key, html in page.header.items())
    yield page.body.replace("><", ">\n<")


def test_another_page_needs_another_version() -> None:
    page = "\n".join(lines()) + "\n"
    if "WRITE_RENDERED" in os.environ and not WRITTEN.exists():
        WRITTEN.write_text(page, "utf-8")
    assert WRITTEN.exists(), f"WRITE_RENDERED=1 writes {WRITTEN.name}; remove the file before it"
    assert page == WRITTEN.read_text("utf-8"), (
        "The renderer makes another page of the same text: raise `VERSION` in its module, or "
        "readers keep seeing the page that was made before."
    )


def test_the_sample_has_all_that_the_renderer_says() -> None:
    page = "\n".join(lines())
    for said in (
        "Non renseigné",
        "Retour au texte",
        "4 sur 5",
        "2 sur 5",
        "Parts de l’électricité, selon les sources",
        "Sources",
        'class="why"',
        'class="external"',
        "wikilink guess",
        'loading="lazy"',
    ):
        assert said in page, said


@pytest.fixture
def revision(db: None) -> Revision:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air", slug="air")
    origin = Revision.Origin.HUMAN
    return save_revision(sheet, base=None, body="Un texte.", metadata={}, origin=origin)


def test_only_the_page_of_another_version_is_made_again(revision: Revision) -> None:
    made = dict(revision.rendered)
    for version, is_kept in ((VERSION, True), (VERSION - 1, False), (VERSION + 1, False)):
        revision.rendered = {**made, "version": version, "body": "kept"}
        revision.save(update_fields=["rendered"])
        shown = current_rendering(revision)
        assert shown == ({**made, "body": "kept"} if is_kept else made)
        revision.refresh_from_db()
        assert revision.rendered == shown
