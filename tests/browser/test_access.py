"""Every type of page is checked by axe-core, in both themes: no serious violation."""

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe

from ingestion.models import Document, Page
from sheets.generation.request import create_sheet
from sheets.models import Proposal, Revision, SheetType
from sheets.revisions.save import save_revision
from tests.browser.conftest import Live
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
Theme = Literal["light", "dark"]
SERIOUS = {"serious", "critical"}
BODY = """\
## 📊 Profil d’émissions & consommations

### Utilités

- Le froid consomme 31 % de l’électricité.[^1]

### Bâtiment

- L’éclairage consomme 18 % de l’électricité. Voir [[Froid]] et [le guide](https://example.org/).

## 🧩 Systèmes & solutions clés

| Système | Impact | Priorité | Solutions associées |
| --- | --- | --- | --- |
| Vapeur | fort | 4 | économiseur |

[^1]: Une note.
"""
PAGES = (
    "/", "/fiches/", "/fiches/laiterie/", "/fiches/laiterie/?auteurs=1",
    "/fiches/laiterie/historique/", "/fiches/laiterie/versions/1/", "/fiches/laiterie/renommer/",
    "/fiches/laiterie/regenerer/", "/fiches/nouvelle/", "/fiches/vers/?titre=Froid",
    "/fiches/demandees/", "/activite/", "/suivi/", "/sources/", "/sources/ajouter/", "/taches/",
    "/recherche/?q=froid", "/nulle-part/", "/aide/",
    "/sources/{source}/", "/sources/{source}/pages/1/",
    "/fiches/laiterie/propositions/{proposal}/", "/atelier/", "/atelier/fiches/",
    "/atelier/sources/", "/admin/", "/admin/sheets/sheettype/{type}/change/",
)  # fmt: skip


@pytest.fixture
def addresses(transactional_db: None, administrator: User) -> list[str]:
    """One page of each type, with something on it."""
    source = Document.objects.create(
        title="Guide", file="guide.pdf", sha256="a" * 64, size=1, page_count=1, state="ready"
    )
    Page.objects.create(document=source, number=1, text="Le froid consomme.")
    sheet = create_sheet(SheetType.objects.get(key="secteur"), "Laiterie", None)
    save_revision(
        sheet,
        base=None,
        body=BODY,
        metadata={"taille": "PME"},
        origin=Revision.Origin.HUMAN,
        author=administrator,
    )
    sheet.documents.add(source)
    proposal = Proposal.objects.create(sheet=sheet, base=sheet.current, body="## Autre\n\nTexte.")
    names = {"source": source.pk, "proposal": proposal.pk, "type": sheet.sheet_type_id}
    return [page.format(**names) for page in PAGES]


def test_no_page_has_a_serious_violation(
    live: Live, addresses: list[str], administrator: User
) -> None:
    page = live(user=administrator, bypass_csp=True, reduced_motion="reduce")
    page.set_default_timeout(30_000)
    # What the theme changes is only the contrast: the dark one is checked for that alone.
    themes: dict[Theme, dict[str, list[str]]] = {
        "light": {"resultTypes": ["violations"]},
        "dark": {"runOnly": ["color-contrast"]},
    }
    found: list[str] = []
    for address in addresses:
        page.goto(address)
        for theme, options in themes.items():
            page.emulate_media(color_scheme=theme)
            found += [
                f"{address} ({theme}): {violation['id']} {violation['nodes'][0]['html'][:200]}"
                for violation in Axe().run(page, options=options).response["violations"]
                if violation["impact"] in SERIOUS
            ]
    assert found == []
