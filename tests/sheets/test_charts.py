"""The drawing of a sector's profile: what is a share, of what, and what is none."""

from sheets.rendering.charts import draw_charts, profile_shares
from sheets.rendering.html import render_sheet
from sheets.schema.types import SectionBrief, SheetTemplate
from tests.sheets.factories import field

SECTOR = SheetTemplate(
    "secteur",
    (
        SectionBrief(
            "profil",
            "Profil d’émissions & consommations",
            "📊",
            "body",
            (field("utilites", "Utilités"), field("batiment", "Bâtiment")),
        ),
        SectionBrief("enjeux", "Enjeux", "🎯", "body", (field("enjeux", "Enjeux"),)),
    ),
)
BODY = """\
## 📊 Profil d’émissions & consommations

### Utilités

- Le froid consomme 31 % de l’électricité, soit 4,9 GWh.[^1]
- Les fuites atteignent 20 à 30 % de l’électricité de l’air comprimé.[^1]
- Une régulation réduit de 15 % de l’électricité.[^1]

### Bâtiment

- Le chauffage pèse 10 % du gaz et 18,5 % de l’électricité.[^2]

## 🎯 Enjeux

Le secteur émet 4 % de l’électricité.

[^1]: une note
[^2]: une autre
"""


def test_shares_of_the_same_thing_stand_together_and_others_apart() -> None:
    found = profile_shares(BODY, SECTOR)

    assert list(found) == ["de l’électricité"], "one share of the gas alone is no picture"
    assert [(s.field, s.percent) for s in found["de l’électricité"]] == [
        ("Utilités", 31.0),
        ("Bâtiment", 18.5),
    ]


def test_each_line_says_whose_share_it_is_and_where_it_comes_from() -> None:
    html = draw_charts(profile_shares(BODY, SECTOR), {"1": 7, "2": 8})

    assert "Le froid consomme" in html
    assert 'width="18.5%"' in html
    assert "18,5\u202f%" in html
    assert 'href="#note-7"' in html


def test_the_page_has_it_under_the_heading_and_its_words_are_escaped() -> None:
    page = render_sheet(BODY.replace("Le froid", "Le <tmax>froid"), {}, SECTOR, {}).body

    assert page.index("<h2>") < page.index('<figure class="profile">') < page.index("<h3")
    assert "Le &lt;tmax&gt;froid consomme" in page
    assert "<tmax>" not in page


def test_a_sheet_without_shares_has_no_picture() -> None:
    assert "<figure" not in render_sheet(BODY.replace("%", "pour cent"), {}, SECTOR, {}).body
