"""The visual editor writes the Markdown that it has read: by its modules, and in its page."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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
  const [tiptap, schema, writer] = await Promise.all(
    ["django_prose_editor/editor.js", "js/visual_schema.js", "js/markdown_writer.js"].map(
      (name) => import(`/static/${name}`)));
  const model = tiptap.getSchema(schema.extensions(tiptap, {}));
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
    return node.get("text", formula) + "".join(map(plain_text, node.get("content", ())))


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
    before = {
        "source": "a",
        "node": {"type": "paragraph", "content": [{"type": "text", "text": "a"}]},
    }
    fresh = {"blocks": [before, empty], "gaps": ["", "\n\n", ""]}
    given += [(fresh, 1, typed) for typed in TYPED_FIRST]
    edited = 0
    for (blocks, place, typed), text in zip(given, modules.evaluate(EDITED, given), strict=True):
        if text is None:
            continue
        edited += 1
        now = visual_blocks(text)
        sources = [one["source"] for one in now["blocks"]]
        before = [one["source"] for one in blocks["blocks"]]
        assert sources[:place] + sources[place + 1 :] == before[:place] + before[place + 1 :]
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


BODY = (
    "## 🎯 Résumé (10 secondes)\n\nLa chaleur *fatale* sert au lavage.[^1]   Reste 5 * 3.\n\n"
    "* un\n* deux\n\n"
    "| Poste | Part |\n|:--|--:|\n|Four|4 %|\n| Étuve | 6 % |\n\n"
    "```\ncode\n```\n\n"
    "[^1]: [Guide, p. 1](/sources/{pk}/pages/1/) « l’eau à 60 °C »\n"
)


SETTLED = """() => {
  const { view } = document.querySelector(".visual-text").editor;
  const { focusNode, focusOffset } = getSelection();
  return view.hasFocus() && view.state.selection.head === view.posAtDOM(focusNode, focusOffset);
}"""
"""Whether the editor has taken over where the browser's cursor is, which it does a moment later."""


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
    expect(page.locator("#edit_body")).to_have_value(wanted)
    page.get_by_role("button", name="Visuel").click()
    expect(text.locator("li")).to_have_count(3)
    page.keyboard.press("Control+s")
    expect(page.locator(".messages")).to_contain_text("version 2")
    sheet.refresh_from_db()
    assert sheet.current.body == wanted
