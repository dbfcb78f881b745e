"""The visual editor writes the Markdown that it has read: by its modules, and in its page."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from ingestion.models import Document
from sheets.merge import Version
from sheets.models import Sheet, SheetType
from sheets.rendering.visual import visual_blocks
from sheets.revisions.edit import save_edit
from tests.browser.conftest import Live
from tests.sheets.markdown_texts import FIXED, PIECES, FrenchWriter
from tests.sheets.test_markdown_cases import CASES
from wikico2.models import User

pytestmark = pytest.mark.django_db(transaction=True)
MODULES = """async () => {
  const [tiptap, schema, writer, pasted] = await Promise.all(
    ["django_prose_editor/editor.js", "js/visual_schema.js", "js/markdown_writer.js",
     "js/pasted.js"].map((name) => import(`/static/${name}`)));
  const model = tiptap.getSchema(schema.extensions(tiptap, {}));
  window.paste = (text, html) => {
    const copies = { "text/plain": text, "text/html": html };
    const found = pasted.readPasted({ getData: (type) => copies[type] ?? "" });
    if (!found.html) return found;
    const box = new DOMParser().parseFromString(found.html, "text/html").body;
    const doc = tiptap.pm.model.DOMParser.fromSchema(model).parse(box);
    return { text: new writer.Writer().document(doc).trim() };
  };
  window.read = (blocks) => {
    const own = new writer.Writer();
    return { own, model, doc: writer.readBlocks(model, blocks, own) };
  };
}"""
UNTOUCHED = """(all) => all.map((blocks) => {
  const { own, doc } = read(blocks);
  const raw = [];
  doc.forEach((node, _offset, at) => {
    if (node.type.name === "rawBlock") raw.push(blocks.blocks[at].source);
  });
  return { text: own.document(doc), raw, known: doc.childCount };
})"""


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture
def modules(live: Live) -> Page:
    page = live("/healthz")
    page.evaluate(MODULES)
    return page


def texts() -> list[str]:
    """Return the documents of the demonstration, of the cases and of chance."""
    demo = [path.read_text() for path in sorted(Path("demo/content").glob("*.md"))]
    cases = [text for text, _expected in CASES.values()]
    chance = random.Random(7)
    pieces = ["\n".join(chance.choices(PIECES, k=12)) + "\n" for _ in range(60)]
    return [*demo, *FIXED, *cases, *(FrenchWriter(seed).document() for seed in range(60)), *pieces]


def test_what_nobody_touched_is_written_as_it_was(modules: Page) -> None:
    given = texts()
    found = modules.evaluate(UNTOUCHED, [visual_blocks(text) for text in given])
    assert [one["text"] for one in found] == given
    raw = [source for one in found[:40] for source in one["raw"]]
    assert len(raw) < 0.25 * sum(one["known"] for one in found[:40])
    cited = "**Gras[^1] et *penché[^1]* là** ~~non[^1]~~[^1]\n\n[^1]: note\n"
    [one] = modules.evaluate(UNTOUCHED, [visual_blocks(cited)])
    assert one == {"text": cited, "raw": [], "known": 1}


EDITED = """(all) => all.map(([blocks, at, typed]) => {
  const { own, doc, model } = read(blocks);
  const node = doc.child(at);
  if (!node.isTextblock || node.type.name === "rawBlock") return null;
  const text = model.text(typed);
  const nodes = [];
  doc.forEach((child, _offset, index) =>
    nodes.push(index === at ? child.copy(child.content.addToEnd(text)) : child));
  return own.document(model.node("doc", null, nodes));
})"""
TYPED = (
    " x *a* **b** _c_ `d` [e](f) [[g]] [^1] ~h~ ^i^ $j$ <k> &amp; \\ 5 * 3 a_b_c", " 1 < 2 [x]",
    " {f} 100 % : « oui » ; (a) ~ 30 % ^ 2", " ![a](b) <!-- c --> https://e.fr/a_b_c.", " # ",
)  # fmt: skip
TYPED_FIRST = (
    "# x",
    "- x",
    "1. x",
    "> x",
    "---",
    ": x",
    "Table: x",
    "```",
    "| --- |",
    "+ x",
    "=",
    "~~~",
)


def plain_text(node: dict[str, Any]) -> str:
    """Return what a reader of a node reads."""
    formula = node.get("attrs", {}).get("source", "")
    return str(node.get("text", formula)) + "".join(map(plain_text, node.get("content", ())))


def test_only_what_was_edited_is_written_anew(modules: Page) -> None:
    chance = random.Random(3)
    given: list[tuple[dict[str, Any], int, str]] = []
    for text in texts()[:100]:
        blocks = visual_blocks(text)
        places = [n for n, one in enumerate(blocks["blocks"]) if one["node"]]
        chance.shuffle(places)
        given += [(blocks, place, chance.choice(TYPED)) for place in places[:3]]
    given += [(visual_blocks("a\n\n\n\nb\n"), 1, typed) for typed in TYPED]
    empty = {"source": "", "node": {"type": "paragraph"}}
    first = {
        "source": "a",
        "node": {"type": "paragraph", "content": [{"type": "text", "text": "a"}]},
    }
    fresh = {"blocks": [first, empty], "gaps": ["", "\n\n", ""]}
    given += [(fresh, 1, typed) for typed in TYPED_FIRST]
    edited = 0
    for (blocks, place, typed), text in zip(given, modules.evaluate(EDITED, given), strict=True):
        if text is None:
            continue
        edited += 1
        now = visual_blocks(text)
        sources = [one["source"] for one in now["blocks"]]
        read = [one["source"] for one in blocks["blocks"]]
        assert sources[:place] + sources[place + 1 :] == read[:place] + read[place + 1 :]
        gaps = [gap for n, gap in enumerate(now["gaps"]) if n not in (place, place + 1)]
        assert gaps == [g for n, g in enumerate(blocks["gaps"]) if n not in (place, place + 1)]
        node = now["blocks"][place]["node"]
        assert node is not None, text
        kind = blocks["blocks"][place]["node"]["type"]
        assert node["type"] == kind
        assert plain_text(node).endswith(typed.strip()), sources[place]
    assert edited > 100


def test_writing_grows_with_the_text(modules: Page) -> None:
    line = "**a** *b [c](https://e.fr)* `d` e_f_ ~g~ [^1] \\* 5 * 3 <x "
    took = modules.evaluate(
        """(all) => all.map((blocks) => {
          const { own, doc } = read(blocks);
          const once = () => {
            const start = performance.now();
            doc.forEach((node) => own.write(node, true));
            return performance.now() - start;
          };
          return Math.min(...Array.from({ length: 7 }, once));
        })""",
        [visual_blocks(line * n + "\n\n" + f"- {line}\n" * n) for n in (40, 80, 160)],
    )
    assert took[2] < 8 * max(took[0], 1), took


WORD = """<html><head><style>p{color:red}</style></head><body><!--StartFragment-->
<h1>Récupé\u00adration de chaleur</h1>
<p class=MsoNormal>Un <b style='mso-bidi-font-weight:normal'>échangeur</b>&nbsp;:
 <a href="https://exemple.fr/a">guide</a>, CO<sub>2</sub><o:p></o:p></p>
<p class=MsoListParagraphCxSpFirst style='mso-list:l0 level1 lfo1'><![if !supportLists]><span
 style='mso-list:Ignore'>·<span>&nbsp;&nbsp;</span></span><![endif]>relever</p>
<p class=MsoListParagraphCxSpMiddle style='mso-list:l0 level2 lfo1'><span
 style='mso-list:Ignore'>o<span>&nbsp;&nbsp;</span></span>chaque jour</p>
<p class=MsoListParagraphCxSpLast style='mso-list:l0 level1 lfo1'><span
 style='mso-list:Ignore'>·<span>&nbsp;</span></span>noter</p>
<table><tr><td><p>Poste</p></td><td><p>Part</p></td></tr>
<tr><td><p>Four | étuve</p></td><td><p>4&nbsp;%</p></td></tr></table>
<!--EndFragment--></body></html>"""
PASTED = {
    "word": (
        "x", WORD,
        "## Récupération de chaleur\n\nUn **échangeur** : [guide](https://exemple.fr/a), CO~2~\n\n"
        "- relever\n  - chaque jour\n- noter\n\n"
        "| Poste | Part |\n| --- | --: |\n| Four \\| étuve | 4 % |",
    ),
    "excel": (
        "a\tb\n1\t2\n",
        "<meta><table><col><tr><td>a</td><td>b</td></tr>"
        "<tr><td align=right>1</td><td>2</td></table>",
        "| a | b |\n| --: | --: |\n| 1 | 2 |",
    ),
    "web": (
        "x",
        "<div><nav><ul><li><p>un</p><ol start=1><li>deux</ol></ul></nav><h3><a href='/x'>T</a></h3>"
        "<p>Texte <em>penché </em>puis<br>ligne</p><blockquote><p>cité</blockquote></div>",
        "- un\n  1. deux\n\n### T\n\nTexte *penché* puis  \nligne\n\n> cité",
    ),
    "google docs": (
        "x",
        "<b style='font-weight:normal'><p><span style='font-weight:700'>Gras</span> non</p></b>",
        "**Gras** non",
    ),
    "hostile": (
        "x",
        "<p onclick=alert(1)>a<script>alert(1)</script><img src=x onerror=alert(1)>"
        "<a href='javascript:alert(1)'>b</a> <a href='https://e.fr/) x'>c</a>"
        "<svg><style>*{}</style></svg>"
        "<iframe src=//e.fr></iframe> [d](javascript:1) &lt;script&gt;</p>",
        "ab [c](https://e.fr/%29%20x) \\[d](javascript:1) \\<script>",
    ),
    "table for layout": ("x", "<table><tr><td><h2>T</h2><p>a</td></tr></table>", "## T\n\na"),
    "tab in a paragraph": ("Un\u00a0:\ttexte", "", "Un :\ttexte"),
    "tab in two paragraphs": ("Un :\ttexte\nautre", "", "Un :\ttexte\nautre"),
    "numbers with tabs": ("1.\tun\n2.\tdeux", "", "1.\tun\n2.\tdeux"),
    "plain in HTML": ("Un mot\u202f!", "<span style='color:red'>Un mot&#8239;!</span>", "Un mot !"),
    "PDF": (
        "La chaleur des compresseurs est récu-\npérée sur un circuit d’huile et sert au\nlavage.",
        "",
        "La chaleur des compresseurs est récupérée sur un circuit d’huile et sert au lavage.",
    ),
}  # fmt: skip


def test_what_is_pasted_becomes_markdown(modules: Page) -> None:
    given = [[text, html] for text, html, _expected in PASTED.values()]
    found = modules.evaluate("(all) => all.map(([text, html]) => paste(text, html).text)", given)
    assert dict(zip(PASTED, found, strict=True)) == {k: v[2] for k, v in PASTED.items()}
    cells = modules.evaluate("paste('a\\tb\\r\\n1\\t2\\r\\n', '').cells")
    assert cells == [["a", "b"], ["1", "2"]]


def test_pasting_grows_with_what_is_pasted(modules: Page) -> None:
    hostile = (
        "<p style='a:b;;;'>x ",
        "a\u00ad-\n",
        "[[*_`",
        "<b>a</b> <a href=x>",
        "<a <",
        "<tr><td>",
    )
    took = modules.evaluate(
        """(all) => all.map(([one, n]) => {
          const once = () => {
            const start = performance.now();
            paste(one.repeat(n), one.repeat(n));
            return performance.now() - start;
          };
          return Math.min(once(), once(), once());
        })""",
        [[one, n] for one in hostile for n in (500, 2_000)],
    )
    for one, short, long in zip(hostile, took[::2], took[1::2], strict=True):
        assert long < 12 * max(short, 4), (one, short, long)


BODY = (
    "## 🎯 Résumé (10 secondes)\n\nLa chaleur *fatale* sert au lavage.[^1]   Reste 5 * 3.\n\n"
    "* un\n* deux\n\n"
    "| Poste | Part |\n|:--|--:|\n|Four|4 %|\n| Étuve | 6 % |\n\n"
    "```\ncode\n```\n\nSans note [^2].\n\n"
    "[^1]: [Guide, p. 1](/sources/{pk}/pages/1/) « l’eau à 60 °C »\n"
)


SETTLED = """() => {
  const { view } = document.querySelector(".visual-text").editor;
  const { focusNode, focusOffset } = getSelection();
  return view.hasFocus() && view.state.selection.head === view.posAtDOM(focusNode, focusOffset);
}"""
"""Whether the editor has taken over where the browser's cursor is, which it does a moment later."""


PASTE = """(element, html) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/html", html);
  clipboardData.setData("text/plain", "sans mise en forme");
  const more = { bubbles: true, cancelable: true };
  element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, ...more }));
}"""


def go_to_end(page: Page, place: Locator) -> None:
    place.click()
    page.keyboard.press("End")
    page.wait_for_function(SETTLED)


@pytest.fixture
def sheet(transactional_db: None, expert: User, document: Document) -> Sheet:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air comprimé", slug="air")
    save_edit(sheet, expert, base=None, text=Version(BODY.replace("{pk}", str(document.pk)), {}))
    sheet.refresh_from_db()
    return sheet


def test_a_sheet_is_edited_as_it_looks(live: Live, sheet: Sheet, contributor: User) -> None:
    assert sheet.current
    before = sheet.current.body
    page = live(f"{sheet.get_absolute_url()}modifier/", user=contributor, visual=True)
    text = page.get_by_role("textbox", name="Texte", exact=True)
    expect(text.locator(".chip")).to_contain_text("p. 1")
    text.locator(".chip").click()
    expect(page.locator("#edit-note")).to_contain_text("l’eau à 60 °C")
    expect(page.locator("#edit-note [data-level-word]")).to_contain_text("fragile")
    page.locator("#edit-note [data-close]").click()

    text.locator("em").dblclick()
    page.wait_for_function(SETTLED)
    page.keyboard.type("perdue")
    go_to_end(page, text.locator("td", has_text="6 %"))
    page.keyboard.type(" | environ")
    go_to_end(page, text.locator("li", has_text="deux"))
    page.keyboard.press("Enter")
    page.keyboard.type("voir ")
    page.locator("[data-web-link]").click()
    page.locator("#edit-link-address").fill("exemple.fr/a")
    page.locator("#edit-link [value=set]").click()
    expect(text.locator("li")).to_have_count(3)

    page.get_by_role("button", name="Markdown").click()
    wanted = before.replace("*fatale*", "*perdue*").replace(
        "| Étuve | 6 % |", "| Étuve | 6 % \\| environ |"
    )
    wanted = wanted.replace("* deux\n", "* deux\n* voir [exemple.fr/a](https://exemple.fr/a)\n")
    area = page.locator("#edit_body")
    expect(area).to_have_value(wanted)
    area.evaluate("a => { const n = a.value.indexOf('\\n\\n* un'); a.setSelectionRange(n, n) }")
    area.evaluate(PASTE, "<p>Voir <b>ici</b></p><ol><li>trois</ol>")
    wanted = wanted.replace("5 * 3.\n", "5 * 3.\n\nVoir **ici**\n\n1. trois\n", 1)
    expect(area).to_have_value(wanted)
    page.get_by_role("button", name="Visuel").click()
    expect(text.locator("li")).to_have_count(4)
    go_to_end(page, text.locator("p", has_text="Voir ici"))
    page.keyboard.type(" ")
    text.evaluate(PASTE, "<STYLE>p{color:red}</STYLE><p style='color:red'>et <i>là</i></p>")
    text.evaluate(PASTE, f"<p>x</p><!-- {'long ' * 200_000} -->")
    wanted = wanted.replace("Voir **ici**", "Voir **ici** et *làsans mise en forme*")
    go_to_end(page, text.locator("li", has_text="deux"))
    page.locator("[data-open=pick-citation]").click()
    page.locator("#pick-citation input").fill("eau à 60 °C pour le lavage")
    page.locator("#pick-citation .pick").first.click()
    expect(text.locator(".chip")).to_have_count(2)
    page.keyboard.press("Control+s")
    expect(page.locator(".messages")).to_contain_text("version 2")
    sheet.refresh_from_db()
    body, _gap, note = sheet.current.body.rstrip("\n").rpartition("\n")
    assert f"{body}\n" == wanted.replace("* deux\n", "* deux[^3]\n")
    assert note.startswith("[^3]: [Guide de l'énergie, p. 1](/sources/")


def test_sections_are_moved_by_keyboard_and_by_dragging(
    live: Live, sheet: Sheet, contributor: User, expert: User
) -> None:
    parts = ["## Un\n\n* a\n* b", "## Deux\n\nTexte  à 5 * 3.", "## Trois\n\n|a|b|\n|-|-|\n|1|2|"]
    save_edit(sheet, expert, base=sheet.current, text=Version("\n\n".join(parts) + "\n", {}))
    address = f"{sheet.get_absolute_url()}modifier/"
    page = live(address, user=contributor, visual=True, reduced_motion="reduce")
    page.locator("#edit-sections summary").click()
    page.get_by_role("button", name="Descendre : Un").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#edit-sections li").first).to_contain_text("Deux")
    expect(page.get_by_role("button", name="Descendre : Un")).to_be_focused()
    page.locator("#edit-sections li", has_text="Trois").drag_to(
        page.locator("#edit-sections li", has_text="Deux")
    )
    wanted = "\n\n".join([parts[2], parts[1], parts[0]]) + "\n"
    expect(page.locator("#edit_body")).to_have_value(wanted)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
