"""What people write means the same for page, contents, editor, merge and splice."""

import re
import subprocess
import sys

import pytest
from django.test import Client
from django.urls import reverse

from sheets.markdown.parse import body_statements, linked_titles, split_notes
from sheets.markdown.scanner import scan
from sheets.markdown.sections_edit import cut_section, keep_anchors, put_section, section_headings
from sheets.markdown.splice import body_sections, splice_sections
from sheets.merge import Version, merge_bodies
from sheets.merge.diff import diff_blocks
from sheets.models import Sheet, SheetType
from sheets.rendering.html import render_sheet
from sheets.rendering.notices import preview_notices
from sheets.revisions.compare import render_changes
from sheets.revisions.save import save_revision
from tests.sheets.factories import TEMPLATE
from wikico2.models import User

CASES = {
    "list behind a line": (
        "Postes :\n- four\n- étuve",
        ["<ul>", "<li>four</li>", "<li>étuve</li>"],
    ),
    "nested by two": (
        "- usine\n  - four\n    - brûleur\n- siège",
        ["<li>usine<ul>", "<li>four<ul>"],
    ),
    "fence": (
        "```sh\n# relevé\n## pas un titre\n```\n\nfin",
        ['<code class="language-sh"># relevé\n## pas un titre\n</code>', "<p>fin</p>"],
    ),
    "alignment": (
        "| a | b | c |\n|:--|:-:|--:|\n| 1 | 2 | 3 |",
        ['<td align="left">1</td>', '<td align="center">2</td>', '<td align="right">3</td>'],
    ),
    "table behind a line": (
        "Relevé\n| a | b |\n|---|---|\n| 1 | 2 |",
        ["<p>Relevé</p>", '<td align="right">2<'],
    ),
    "break in a cell": ("| a |\n|---|\n| 1<br>2 |", ['<td align="right">1<br>\n2</td>']),
    "bars in a cell": (
        "| a | b |\n|---|---|\n| [[Four à gaz|four]] | [y](https://e.org/c|d) |",
        [">four</a></td>", 'href="https://e.org/c|d"'],
    ),
    "bare addresses": (
        "Lire https://exemple.fr/a/b?x=1&y=2, www.exemple.org. ou (https://exemple.fr/c).",
        [
            'href="https://exemple.fr/a/b?x=1&amp;y=2"',
            ">www.exemple.org</a>.",
            ">https://exemple.fr/c</a>).",
        ],
    ),
    "mail": (
        "<mailto:c@exemple.fr> ou c@exemple.fr",
        ['<a href="mailto:c@exemple.fr">c@exemple.fr<'],
    ),
    "raised": (
        "N~2~O, m^3^, SO<sub>2</sub>, $a_1 = b_2$ à 5 $ ou 6 $, \\(x\\)",
        [
            "N<sub>2</sub>O",
            "m<sup>3</sup>",
            "SO<sub>2</sub>",
            "$a_1 = b_2$",
            "5 $ ou 6 $",
            "\\(x\\)",
        ],
    ),
    "no space": ("##Collé\n\ntexte", ["<p>##Collé</p>"]),
    "footnote of two paragraphs": (
        "u[^a] v[^b] w[^a]\n\n[^a]: ligne une\n    suite\n\n    alinéa deux\n[^b]: autre",
        ["<p>ligne une suite</p>\n<p>alinéa deux</p>", ">autre <a"],
    ),
    "boxes": ("- [ ] lire\n- [x] noter", ['type="checkbox"', 'checked=""', "lire", "noter"]),
    "struck": ("~~ancien~~ nouveau", ["<del>ancien</del>"]),
    "pasted bullets": (
        "•\tun\n•\tdeux\n– tiret\no\tsous\nfin\u2028ligne\vsuite so\u00adft",
        ["<li>un</li>", "<li>deux<ul>", "<li>tiret<ul>", "fin<br>\nligne<br>\nsuite so\u00adft"],
    ),
    "pictures": (
        '![Four](/images/0123456789abcdef-64x48.webp "Le four")\n\n![plan](https://exemple.fr/p.png)',
        ["<figcaption>Le four</figcaption>", 'href="https://exemple.fr/p.png"', ">plan</a>"],
    ),
    "definitions": ("GTB\n: gestion\n\nGTC\n: contrôle", ["<dt>GTB</dt>\n<dd>gestion</dd>"]),
    "caption": ("| a |\n|---|\n| 1 |\n\nTable: Relevés", ["<caption>Relevés</caption>"]),
    "four backticks": ("````\n```\n## dedans\n```\n````", ["<code>```\n## dedans\n```\n</code>"]),
    "three backticks in a line": ("```6 bar``` puis x[^1]\n\n[^1]: un", ["<code>6 bar</code>"]),
    "number sign in an item": (
        "- #7 fuite\n- autre\n\n#7 seul",
        ["<li>#7 fuite</li>", "<p>#7 seul<"],
    ),
    "hidden HTML": ("<div>\ntexte <u>vu</u>\n</div>\n<!-- note -->", ["<u>vu</u>"]),
    "no tag": ("si T <Tmax>, 3 < 4, \\<b>", ["&lt;Tmax&gt;", "3 &lt; 4", "&lt;b&gt;"]),
    "linked picture": (
        "[![plan](https://exemple.fr/p.png)](https://exemple.fr/)",
        ['href="https://exemple.fr/" rel="noopener nofollow"><span>plan</span></a>'],
    ),
}
AFTER = "## Suite\n\nÀ part[^z]. \u2028\v \n\n\n\n* * *\n\n[^z]: note à part\n    sur deux lignes\n"


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_read_alike_everywhere(case: str) -> None:
    body = written(case)
    page = render_sheet(body, {}, TEMPLATE, {})

    for html in CASES[case][1]:
        assert html in page.body
    assert [anchor for anchor, _ in page.outline] == ["debut", "suite", "notes"]
    assert list(section_headings(Version(body), TEMPLATE)) == ["debut", "suite"]
    check_edits(body)
    check_merge(body)


def check_edits(body: str) -> None:
    """An edit of one section, or its replacement, leaves every other byte as it is."""
    for anchor in ("debut", "suite"):
        cut = cut_section(Version(body), anchor, TEMPLATE)
        assert put_section(Version(body), anchor, cut, TEMPLATE).body == body
    cut = cut_section(Version(body), "debut", TEMPLATE)
    edited = put_section(Version(body), "debut", cut.replace("Début", "Début !"), TEMPLATE).body
    assert edited == body.replace("## Début", "## Début !")
    spliced = splice_sections(Version(body), Version("## Début\n\nNeuf.\n"), ["debut"], TEMPLATE)
    assert re.match(r"## Début\n\nNeuf\.\n{2,3}## Suite", spliced.body)
    assert AFTER.partition("[^z]:")[0] in spliced.body


def check_merge(body: str) -> None:
    ours, theirs = body.replace("À part", "À côté"), body.replace("## Début", "## Au début")
    merged = merge_bodies(body, ours, theirs)
    text, notes = split_notes(merged.text)
    expected, expected_notes = split_notes(ours.replace("## Début", "## Au début"))
    assert not merged.conflicts
    assert notes == expected_notes
    assert squeezed(text) == squeezed(expected)


def squeezed(text: str) -> str:
    """Return the text with one blank line where definitions left several."""
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def test_underlined_headings_are_headings_for_all() -> None:
    body = "Un titre\n========\n\ntexte\n\nDeux titres\n-----------\n\ntexte 2\n"
    page = render_sheet(body, {}, TEMPLATE, {})

    assert [anchor for anchor, _ in page.outline] == ["un-titre", "deux-titres"]
    assert list(section_headings(Version(body), TEMPLATE)) == ["un-titre", "deux-titres"]
    assert [c.level for c in diff_blocks(body, body) if c.level] == [1, 2]
    typed = "Deux titres\n-----------\n\nchangé\n"
    assert put_section(Version(body), "deux-titres", typed, TEMPLATE).body == body.replace(
        "texte 2", "changé"
    )


def test_the_second_of_two_sections_of_one_name_is_edited_where_it_stands() -> None:
    body = "## Cas\n\nun\n\n## Cas\n\ndeux\n\n## Fin\n\nf\n"

    assert cut_section(Version(body), "cas-2", TEMPLATE) == "## Cas\n\ndeux\n"
    put = put_section(Version(body), "cas-2", "## Cas\n\nautre\n", TEMPLATE).body
    assert put == body.replace("deux", "autre")


def test_sections_without_a_blank_line_between_them_stay_so() -> None:
    body = "Avant\n## A\na\n## B\n| b |\n|---|\n| c |\n## C\nd\n\n## D\n## E\ne\n"
    version = Version(body)
    for anchor, word in (("a", "a"), ("b", "c"), ("c", "d"), ("e", "e")):
        typed = cut_section(version, anchor, TEMPLATE).replace(word, "neuf")
        edited = put_section(version, anchor, typed, TEMPLATE).body
        assert edited == body.replace(f"{word}\n", "neuf\n") or word == "c"
        assert len(edited) == len(body) + 3


@pytest.mark.parametrize(
    ("typed", "end"),
    [("## A\n\n<div>", "\n\n## B\n\nb\n"), ("## A\n\nneuf", "\n## B\n\nb\n")],
)
def test_what_would_swallow_the_next_heading_is_parted_from_it(typed: str, end: str) -> None:
    edited = put_section(Version("## A\n\na\n## B\n\nb\n"), "a", typed, TEMPLATE)

    assert edited.body == typed + end
    assert [part.key for part in body_sections(edited.body, TEMPLATE)] == ["a", "b"]


def test_a_paragraph_in_place_of_a_heading_joins_no_section_and_no_heading() -> None:
    below = put_section(Version("## A\n\na\n## B\n\nb\n"), "b", "seul", TEMPLATE)
    above = put_section(Version("## A\n***\nB\n==\n\nb\n"), "a", "## A\n\nneuf", TEMPLATE)

    assert below.body == "## A\n\na\n\nseul\n"
    assert above.body == "## A\n\nneuf\n\nB\n==\n\nb\n"


def test_an_id_is_given_once() -> None:
    body = "## Cas\n\n## Cas\n\n## Cas 2\n\n## Notes\n\nx[^1]\n\n[^1]: y\n"
    ids = re.findall(r'id="([^"]+)"', render_sheet(body, {}, TEMPLATE, {}).body)

    assert len(ids) == len(set(ids))
    assert {"cas", "cas-2", "cas-2-2", "notes", "notes-2"} <= set(ids)


def test_code_without_an_end_goes_to_the_end_and_is_warned_of() -> None:
    body = "## A\n\nx[^1]\n\n```\ny\n\n## B\n\n[^1]: non\n"

    assert [p.key for p in body_sections(body, TEMPLATE)] == ["a"]
    assert split_notes(body)[1] == {}
    assert "5" in preview_notices(body)[0]
    added = put_section(Version("## A\n\n```\ny\n"), "a", "## A\n\nz[^1]\n\n```\ny\n", TEMPLATE)
    assert added.body == "## A\n\nz[^1]\n\n```\ny\n"


def test_a_definition_is_not_swallowed_by_code_without_an_end() -> None:
    body = "[^1]: note\n\n## A\n\nx[^1]\n\n```\nfin\n"
    cut = cut_section(Version(body), "a", TEMPLATE)

    assert list(split_notes(cut)[1]) == ["1"]
    typed = cut.replace("note", "autre note").replace("x[^1]", "x[^1] y")
    assert split_notes(put_section(Version(body), "a", typed, TEMPLATE).body)[1]["1"].text == (
        "autre note"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Postes :\n- a\n- b\n", "Postes :\n\n- a\n- b\n"),
        ("- a\n- b\n", "- a\n\n- b\n"),
        ("- a\n  - b\n", "- a\n- b\n"),
        ("x\n\n    y\n", "x\n\ny\n"),
        ("| a |\n|---|\n| b |\n", "| a |\n\n|---|\n| b |\n"),
        ("> Cité\n> - a\n> - b\n", "> Cité\n> - a\n\n> - b\n"),
        ("| a |\n|---|\n| b |\n\nTable: c\n", "| a |\n|---|\n| b |\n\n\nTable: c\n"),
        ("| a |\n|---|\n| b |\n\nVoir c\n", "| a |\n|---|\n| b |\n\n\nVoir c\n"),
    ],
)
def test_a_comparison_says_the_same_only_of_equal_pages(before: str, after: str) -> None:
    same = all(change.kind == "same" for change in diff_blocks(before, after))

    assert same == (shown(before) == shown(after))


def shown(body: str) -> str:
    return render_sheet(body, {}, TEMPLATE, {}).body


class TestAnchors:
    BODY = "## Résumé (10 secondes)\n\nUn.\n\n## Mesures\n\nDeux.\n\n- a\n- b\n\n## Fin\n\nTrois.\n"

    def test_a_reworded_heading_keeps_its_id(self) -> None:
        typed = "## Mesures faites\n\nDeux.\n"
        put = put_section(Version(self.BODY), "mesures", typed, TEMPLATE).body
        page = render_sheet(put, {}, TEMPLATE, {})

        assert "## Mesures faites {#mesures}\n" in put
        assert ("mesures", "Mesures faites") in page.outline
        assert "{#" not in page.body
        again = put_section(Version(put), "mesures", typed.replace("Deux", "2"), TEMPLATE).body
        assert "## Mesures faites {#mesures}\n\n2." in again

    def test_a_section_of_the_template_stays_one(self) -> None:
        put = put_section(Version(self.BODY), "resume", "## En bref\n\nUn.\n", TEMPLATE).body

        assert body_sections(put, TEMPLATE)[0].key == "resume"
        assert body_statements(put, TEMPLATE)[0].section == "resume"

    def test_an_edit_of_the_whole_sheet_keeps_it_too(self) -> None:
        typed = Version(self.BODY.replace("## Mesures", "## Relevés"))

        assert "## Relevés {#mesures}\n" in keep_anchors(typed, Version(self.BODY), TEMPLATE).body

    def test_another_section_in_its_place_is_another(self) -> None:
        typed = Version("## Mesures\n\nDeux.\n\n## Coûts\n\nQuatre.\n")
        base = Version("## Mesures\n\nDeux.\n\n## Fin\n\nTrois.\n")

        assert keep_anchors(typed, base, TEMPLATE) == typed


class TestNotices:
    def test_what_does_not_show_is_said(self) -> None:
        said = "\n".join(
            preview_notices(
                "##Collé\n\n<div>a</div> <!-- b -->\n\n![x](https://exemple.fr/a.png)\n\n"
                "| a |\n|---|\n| 1 | perdu |\n\n```\nc\n"
            )
        )
        for part in ("##Collé", "<div>", "<!--", "perdu", "```"):
            assert part in said
        assert said.count("\n") == 5

    def test_a_text_that_shows_has_none(self) -> None:
        body = "## A\n\nx <br> y <sub>2</sub> <Tmax> `<div>` #12\n\n```\n<p>\n```\n"

        assert preview_notices(body) == []


def test_code_and_html_are_no_statements() -> None:
    body = "## A\n\n```\nun fait\n```\n\n<!-- caché -->\n\n- [ ] vu[^1]\n\n[^1]: n\n"

    assert [s.text for s in body_statements(body, TEMPLATE)] == ["vu"]
    assert linked_titles("```\n[[Non]]\n```\n\n[[Oui]]\n") == ["Oui"]


def test_line_ends_of_all_kinds_are_kept() -> None:
    body = "## A\r\n\r\nun\r\n\r\n## B\r\n\r\ndeux\u0085trois\u2028\r\n"

    assert "".join(scan(body).lines) == body
    put = put_section(Version(body), "a", "## A\n\n1\n", TEMPLATE).body
    assert put == body.replace("un", "1")


def test_a_definition_comes_and_goes_without_moving_anything_else() -> None:
    body = "## A\n\nun[^1]\n\n[^1]: note  \n\n\n## B\n\ndeux\n\n\n"
    added = put_section(
        Version(body), "a", "## A\n\nun[^1][^2]\n\n[^1]: note\n[^2]: deux\n", TEMPLATE
    ).body
    gone = put_section(Version(body), "a", "## A\n\nun\n", TEMPLATE).body

    assert added == body.replace("un[^1]", "un[^1][^2]").replace("  \n", "  \n[^2]: deux\n")
    assert gone == body.replace("un[^1]", "un").replace("[^1]: note  \n", "")


def test_the_scanner_is_imported_without_django() -> None:
    code = (
        "import sys, time; start = time.process_time(); import sheets.markdown.scanner;"
        "print(time.process_time() - start, 'django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spent, has_django = done.stdout.split()

    assert has_django == "False"
    assert float(spent) < 0.1


def written(case: str) -> str:
    """Return a body with the text of a case as its first section."""
    return f"## Début\n\n{CASES[case][0]}\n\n{AFTER}"


@pytest.mark.django_db
def test_a_section_of_every_case_is_edited_through_the_form(
    client: Client, contributor: User
) -> None:
    kind = SheetType.objects.get(key="solution")
    client.force_login(contributor)
    for number, case in enumerate(CASES):
        sheet = Sheet.objects.create(sheet_type=kind, title=f"Cas {number}", slug=f"cas-{number}")
        body = written(case)
        save_revision(sheet, base=None, body=body, metadata={}, origin="human")
        section, heading = ("suite", "## Suite") if number % 4 == 0 else ("debut", "## Début")
        address = f"{reverse('sheet_edit', args=[sheet.slug])}?section={section}"
        given = client.get(address).context["form"].initial
        typed = given["body"].replace(heading, f"{heading}\n\nMot.", 1).replace("\n", "\r\n")
        client.post(address, {"body": typed, "base": given["base"], "section": section})
        sheet.refresh_from_db()
        assert sheet.current is not None
        assert sheet.current.body == body.replace(heading, f"{heading}\n\nMot.", 1), case


def test_the_compared_page_hides_the_id_of_a_reworded_heading() -> None:
    old, new = Version("## Mesures\n\nUn.\n"), Version("## Relevés {#mesures}\n\nUn.\n")
    rendered = render_changes(diff_blocks(old.body, new.body), {}, TEMPLATE, {})

    assert "{#" not in rendered
    assert "<ins>Relevés</ins>" in rendered


@pytest.mark.django_db
def test_the_preview_says_what_readers_will_not_see(client: Client, contributor: User) -> None:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Cas", slug="cas")
    save_revision(sheet, base=None, body="## Début\n\nx\n", metadata={}, origin="human")
    client.force_login(contributor)
    sent = {"body": "## Début\n\n<div>vu</div>\n", "base": 1, "section": "debut"}
    page = client.post(reverse("sheet_preview", args=["cas"]), sent).content.decode()

    assert "&lt;div&gt;" in page.partition("</ul>")[0]
    assert "vu" in page.partition("</ul>")[2]


@pytest.mark.django_db
def test_the_preview_of_a_section_knows_the_addresses_and_notes_of_the_others(
    client: Client, contributor: User
) -> None:
    body = "## Début\n\nx\n\n## Suite\n\n[g]: https://exemple.fr\n\n[^1]: Note de [g]\n"
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Cas", slug="cas")
    save_revision(sheet, base=None, body=body, metadata={}, origin="human")
    client.force_login(contributor)

    def preview(typed: str) -> str:
        sent = {"body": typed, "base": 1, "section": "debut"}
        return client.post(reverse("sheet_preview", args=["cas"]), sent).content.decode()

    assert preview("## Début\n\n[g] et[^1]\n").count('href="https://exemple.fr"') == 2
    opened = preview("## Début\n\nx[^1]\n\n```\ncode\n")
    assert "<code>code\n</code>" in opened
    assert "Note de" in opened
