"""Render the Markdown of a sheet as HTML, once per revision.

Nothing of the HTML in a text is executed: its tags are left out but for those that change letters
(`sheets.rendering.inline`), and the output is filtered by an allow-list of tags.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import markdown
import nh3
from django.urls import reverse
from django.utils import translation
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from sheets.markdown.parse import (
    MARKER,
    Note,
    OutlineTracker,
    SheetHeading,
    linked_title,
    read_outline,
    split_notes,
)
from sheets.markdown.scanner import LINK
from sheets.rendering.charts import PROFILE_KEY, draw_charts, profile_shares
from sheets.rendering.converter import Converter
from sheets.rendering.labels import (
    SHEET_LANGUAGE,
    english_heading,
    lang_attribute,
    mark_language,
    reader_language,
    set_words,
)
from sheets.schema.types import SheetTemplate
from wikico2.text.normalize import fold_text

VERSION = 9
"""Increase it when the output changes in any language: stored renderings of older versions are then
rendered again when read."""

UNCHECKED = "unchecked"
"""Shown for a citation that the present program has not checked yet."""

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em",
    "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "ins",
    "kbd", "li", "mark", "ol", "p", "pre", "s", "section", "small", "span", "strong", "sub", "sup",
    "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title", "id", "class", "aria-describedby", "rel"},
    "img": {"src", "alt", "title", "width", "height", "loading"},
    "section": {"class", "id"},
    "sup": {"class", "data-level"},
    "code": {"class"},
    "div": {"class"},
    "input": {"type", "disabled", "checked", "aria-label"},
    "li": {"class"},
    "p": {"class"},
    "span": {"class", "role", "aria-label"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align", "scope"},
    **{f"h{n}": {"id"} for n in range(1, 7)},
}
NO_BREAK, THIN = "\u00a0", "\u202f"
SPACE = f"[ {NO_BREAK}{THIN}]"
UNIT = r"(?:[kMGT]?(?:Wh?|J|€|tep|t(?:CO[2₂]e?)?)|°[CF]?|K|[kcm]?m[²³]?|[km]?g|h|min|bar)"
SPACING = (
    (re.compile(rf"(?<=[\w)»”]){SPACE}?(?=[;!?](?:\s|$))"), THIN),
    (re.compile(rf"(?<=[\w)»”]){SPACE}(?=:(?:\s|$))"), NO_BREAK),
    (re.compile(rf"(?<=\d){SPACE}?(?=%)"), THIN),
    (re.compile(rf"(?<=«){SPACE}?(?=\S)"), NO_BREAK),
    (re.compile(rf"(?<=\S){SPACE}?(?=»)"), NO_BREAK),
    (re.compile(rf"(?<=\d){SPACE}(?=\d{{3}}(?!\d))"), THIN),
    (re.compile(rf"(?<=\d){SPACE}(?={UNIT}(?![\w²³]))"), NO_BREAK),
)
PICTURE = re.compile(r"^/images/[0-9a-f]{16}-(\d{1,5})x(\d{1,5})\.webp$")
LOCAL = re.compile(r"/(?![/\\\\])")
UNTOUCHED = {"code", "pre", "kbd"}
ELSEWHERE = re.compile(r"(?i)(?:https?:)?//")
LINKED_COLUMNS = {"solutions associees"}
STARRED_COLUMNS = {"priorite"}
MOST_STARS = 5
PRIORITY = re.compile(r"([1-5])(?:\s*(?:/|sur)\s*5)?[\s⭐★☆]*")
LONGEST_NAME = 60
NO_FIGURE = {"", "-", "–", "—", "n.d.", "nd", "s.o."}
FIGURE = re.compile(
    rf"[-+−±~≈<>≤≥]?{SPACE}?\d{{1,15}}(?:[ .,{NO_BREAK}{THIN}]\d{{1,15}}){{0,8}}"
    rf"(?:{SPACE}?(?:%|k€|M€|ans?|mois|{UNIT}))?"
)
"""The text of a cell that is a figure, with or without a unit."""


@dataclass(frozen=True)
class CitationView:
    """A citation as the page shows it."""

    marker: str
    title: str
    page: int
    quote: str
    url: str
    level: str
    # Why the level is no higher, as sentences in the language of the page.
    reasons: tuple[str, ...] = ()
    # The words of the statement that no passage bears.
    unborne: tuple[str, ...] = ()
    # The quote as the rows of its table, the column headings first; empty for other quotes.
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class RenderedSheet:
    """The safe HTML of a revision: body, table of contents, header data by field.

    `translated` are the ids of the headings that are not in French.
    """

    body: str
    outline: list[tuple[str, str]]
    header: dict[str, str]
    translated: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "body": self.body,
            "outline": self.outline,
            "header": self.header,
        }


class FootnoteNumbering:
    """Numbers the markers in the order of their first use."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = set(known)
        self.uses: dict[str, int] = {}
        self.numbers: dict[str, int] = {}

    def use(self, marker: str) -> tuple[int, int]:
        """Return (number, number of uses so far) for a marker."""
        number = self.numbers.setdefault(marker, len(self.numbers) + 1)
        self.uses[marker] = self.uses.get(marker, 0) + 1
        return number, self.uses[marker]


def render_sheet(
    body: str,
    header: Mapping[str, str],
    template: SheetTemplate,
    citations: Mapping[str, CitationView],
    language: str = SHEET_LANGUAGE,
) -> RenderedSheet:
    """Return the HTML of a sheet's text and header data.

    `citations` are the checked ones, by marker; other footnotes are shown as notes. `language` of
    the text of renderer and template is "fr" or "en".
    """
    with translation.override(language):
        return render_in_active_language(body, header, template, citations)


def render_in_active_language(
    body: str,
    header: Mapping[str, str],
    template: SheetTemplate,
    citations: Mapping[str, CitationView],
) -> RenderedSheet:
    _text, notes = split_notes(body)
    numbering = FootnoteNumbering(notes)
    converter = make_converter(template, citations, numbering)
    headings = {entry.heading.start: entry for entry in read_outline(body, template)}
    lines = template.ordered(header).items()
    cards = {key: render_inline(converter, value) for key, value in lines if value.strip()}
    # The converter sets neither for an empty text.
    converter.wikico2_outline = []  # type: ignore[attr-defined]
    converter.wikico2_translated = []  # type: ignore[attr-defined]
    converter.wikico2_headings = headings  # type: ignore[attr-defined]
    html = with_profile(sanitize_html(converter.convert(body)), body, template, numbering)
    outline = list(converter.wikico2_outline)  # type: ignore[attr-defined]
    translated = list(converter.wikico2_translated)  # type: ignore[attr-defined]
    taken = {entry.anchor for entry in headings.values()}
    anchor = next(a for n in count(1) if (a := f"notes-{n}" if n > 1 else "notes") not in taken)
    ending = render_notes(numbering, notes, citations, converter, anchor)
    if ending:
        outline.append((anchor, _("Sources")))
        translated += [anchor] if lang_attribute() else []
    return RenderedSheet(html + ending, outline, cards, translated)


def with_profile(
    html: str, text: str, template: SheetTemplate, numbering: FootnoteNumbering
) -> str:
    """Insert the charts of shares, if the text has any, after the heading of their section."""
    found = profile_shares(text, template)
    if not found:
        return html
    heading = re.compile(
        rf'<section(?=[^>]* id="{PROFILE_KEY}")[^>]*>\s*<h2[^>]*>.*?</h2>', re.DOTALL
    )
    return heading.sub(lambda m: m[0] + draw_charts(found, numbering.numbers), html, count=1)


def make_converter(
    template: SheetTemplate, citations: Mapping[str, CitationView], numbering: FootnoteNumbering
) -> Converter:
    """Return a Markdown converter with the site's markers and sections."""
    return Converter(SheetExtension(template, citations, numbering))


class SheetExtension(Extension):
    """Adds footnote markers, wiki links, stable ids, sections and French spacing."""

    def __init__(
        self,
        template: SheetTemplate,
        citations: Mapping[str, CitationView],
        numbering: FootnoteNumbering,
    ) -> None:
        super().__init__()
        self.parts = (template, citations, numbering)

    def extendMarkdown(self, md: markdown.Markdown) -> None:  # noqa: N802 (the library's name)
        template, citations, numbering = self.parts
        md.inlinePatterns.register(LinkPattern(LINK.pattern, md), "sheet_link", 185)
        md.inlinePatterns.register(MarkerPattern(md, numbering), "marker", 175)
        md.treeprocessors.register(SheetTree(md, template, citations, numbering), "sheet", 5)


class MarkerPattern(InlineProcessor):
    """Turns `[^3]` into a <sup>, which `SheetTree` numbers in document order."""

    def __init__(self, md: markdown.Markdown, numbering: FootnoteNumbering) -> None:
        super().__init__(MARKER.pattern, md)
        self.numbering = numbering

    def handleMatch(  # type: ignore[override]  # noqa: N802 (the library's name)
        self, match: re.Match[str], data: str
    ) -> tuple[ElementTree.Element | None, int | None, int | None]:
        if match[1] not in self.numbering.known:
            return None, None, None
        sup = ElementTree.Element("sup", {"class": "cite", "data-marker": match[1]})
        return sup, match.start(0), match.end(0)


class LinkPattern(InlineProcessor):
    """Turns `[[Titre]]` and `[[Titre|texte]]` into links by title, resolved when sent."""

    def handleMatch(  # type: ignore[override]  # noqa: N802 (the library's name)
        self, match: re.Match[str], data: str
    ) -> tuple[ElementTree.Element, int, int]:
        shown = " ".join((match["shown"] or match["title"]).split())
        return link_to(linked_title(match), shown), match.start(0), match.end(0)


def link_to(title: str, shown: str, kind: str = "wikilink") -> ElementTree.Element:
    """Return the link to the sheet of that title.

    The kind "wikilink guess" is for text that nobody marked as a link: readers get a link only if a
    sheet has the title.
    """
    address = f"{reverse('sheet_called')}?{urlencode({'titre': title})}"
    link = ElementTree.Element("a", {"class": kind, "href": address})
    link.text = AtomicString(shown)
    return link


class SheetTree(Treeprocessor):
    """Sets heading ids, wraps sections and tables, numbers markers, marks empty fields."""

    def __init__(
        self,
        md: markdown.Markdown,
        template: SheetTemplate,
        citations: Mapping[str, CitationView],
        numbering: FootnoteNumbering,
    ) -> None:
        super().__init__(md)
        self.outline = OutlineTracker(template)
        self.fields = {s.key: {f.key: f.heading for f in s.fields} for s in template.written}
        self.english = template.english if reader_language() == "en" else {}
        self.citations = citations
        self.numbering = numbering

    def run(self, root: ElementTree.Element) -> None:
        entries: Mapping[int, SheetHeading] = getattr(self.md, "wikico2_headings", {})
        headings: list[tuple[str, str]] = []
        translated: list[str] = []
        tables: list[tuple[ElementTree.Element, str, str]] = []
        children = list(root)
        del root[:]
        section: ElementTree.Element = root
        key = field = ""
        empty: list[tuple[str, str]] = []
        for index, child in enumerate(children):
            entry = entries.get(int(child.get("data-line", -1)))
            if entry and not entry.field:
                self.name_empty(section, empty)
                key, field = entry.anchor, self.outline.only_field(entry.key)
                child.tag = "h2"
                if self.translate_heading(child, key, ""):
                    translated.append(key)
                headings.append((key, element_text(child)))
                section = ElementTree.SubElement(root, "section")
                section.set("class", "sheet-section")
                section.set("id", key)
            elif entry:
                field = entry.field
                child.set("id", entry.anchor)
                self.translate_heading(child, key, field)
            elif child.tag == "table":
                tables.append((child, key, field))
            if entry and is_empty(children, index):
                named = entry.field or self.outline.only_field(entry.key)
                if named in self.fields.get(entry.key, {}):
                    empty.append((named, element_text(child)))
                    if entry.field:
                        continue
            section.append(child)
        self.name_empty(section, empty)
        for heading in root.iter("h1"):
            heading.tag = "h2"
        for table in root.iter("table"):
            format_columns(table)
        for place in tables:
            self.translate_columns(*place)
        for link in root.iter("a"):
            if ELSEWHERE.match(link.get("href", "")):
                link.set("class", "external")
                link.set("rel", "noopener nofollow")
        for sup in root.iter("sup"):
            if marker := sup.attrib.pop("data-marker", ""):
                self.number(sup, marker)
        for box in root.iter("input"):
            box.set("aria-label", _("Done") if "checked" in box.attrib else _("To do"))
        frame_children(root)
        space_element(root)
        self.md.wikico2_outline = headings  # type: ignore[attr-defined]
        self.md.wikico2_translated = translated  # type: ignore[attr-defined]

    def name_empty(self, section: ElementTree.Element, empty: list[tuple[str, str]]) -> None:
        """Name the empty fields of a section in one line at its end, and forget them."""
        if not empty:
            return
        line = ElementTree.SubElement(section, "p", {"class": "empty-fields"})
        set_words(line, _("Not filled in:"))
        line.text = f"{line.text} "
        for number, (key, name) in enumerate(empty, 1):
            span = ElementTree.SubElement(line, "span", {"class": f"gap gap-{key}"})
            span.text = name
            span.tail = ", " if number < len(empty) else "."
        empty.clear()

    def translate_heading(self, heading: ElementTree.Element, section: str, field: str) -> bool:
        """Translate a heading of the template on an English page; return whether it was."""
        labels = self.english.get((section, field))
        words = "" if len(heading) else english_heading(heading.text or "", labels)
        if words:
            set_words(heading, words)
        return bool(words)

    def translate_columns(self, table: ElementTree.Element, section: str, field: str) -> None:
        """Translate the column headings of the template on an English page."""
        if labels := self.english.get((section, field)):
            for cell in table.iter("th"):
                if not len(cell) and (words := labels.columns.get(element_text(cell))):
                    set_words(cell, words)

    def number(self, sup: ElementTree.Element, marker: str) -> None:
        """Give a marker its number, link and level."""
        number, times = self.numbering.use(marker)
        cited = self.citations.get(marker)
        if cited:
            sup.set("data-level", cited.level or UNCHECKED)
        link = ElementTree.SubElement(sup, "a")
        link.set("href", cited.url if cited else f"#note-{number}")
        link.set("id", f"ref-{number}-{times}")
        link.set("aria-describedby", f"note-{number}")
        link.text = str(number)


def element_text(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def frame_children(root: ElementTree.Element) -> None:
    """Put tables into a scrollable <div>, and pictures with a title into a <figure>."""
    for parent in list(root.iter()):
        for index, child in enumerate(parent):
            if child.tag == "table":
                for cell in child.iter("th"):
                    cell.set("scope", "col")
                parent[index] = ElementTree.Element("div", {"class": "table-scroll"})
                parent[index].append(child)
            elif child.tag == "img":
                set_picture(child, is_in_link=parent.tag == "a")
            elif child.tag == "p" and is_figure(child):
                child.tag = "figure"
                caption = ElementTree.SubElement(child, "figcaption")
                caption.text = child[0].attrib.pop("title")


def is_figure(paragraph: ElementTree.Element) -> bool:
    """Tell whether a paragraph is an uploaded picture with a title."""
    if len(paragraph) != 1 or (paragraph.text or "").strip():
        return False
    image = paragraph[0]
    has_title = image.tag == "img" and image.get("title")
    return bool(has_title and LOCAL.match(image.get("src", "")) and not (image.tail or "").strip())


def set_picture(image: ElementTree.Element, *, is_in_link: bool) -> None:
    """Set the size of an uploaded picture from its name, so that the layout does not shift.

    A picture from elsewhere becomes a link: its host would learn who reads what.
    """
    source = image.get("src", "")
    if size := PICTURE.match(source):
        image.set("width", size[1])
        image.set("height", size[2])
        image.set("loading", "lazy")
    elif not LOCAL.match(source):
        text = image.get("alt") or source
        image.attrib.clear()
        image.tag, image.text = "span", AtomicString(text)
        if ELSEWHERE.match(source) and not is_in_link:
            image.tag = "a"
            image.attrib.update({"href": source, "class": "external", "rel": "noopener nofollow"})


def format_columns(table: ElementTree.Element) -> None:
    """Draw priorities as stars, link the names of solutions, and align figures to the right."""
    align_figures(table)
    heads = [fold_text(element_text(cell)) for cell in table.iter("th")]
    for row in table.iter("tr"):
        for head, cell in zip(heads, row.findall("td"), strict=False):
            if head in STARRED_COLUMNS:
                draw_stars(cell)
            elif head in LINKED_COLUMNS:
                link_names(cell)


def align_figures(table: ElementTree.Element) -> None:
    """Align to the right the columns that hold only figures, unless the text aligns them."""
    head, *rows = [list(row) for row in table.iter("tr")] or [[]]
    for index, heading in enumerate(head):
        column = [row[index] for row in rows if index < len(row)]
        words = [element_text(cell) for cell in column]
        figures = [text for text in words if text not in NO_FIGURE]
        if "align" in heading.attrib or not figures or not all(map(FIGURE.fullmatch, figures)):
            continue
        for cell in (heading, *column):
            cell.set("align", "right")


def draw_stars(cell: ElementTree.Element) -> None:
    """Show a priority from 1 to 5 as stars, with a label for screen readers."""
    text = (cell.text or "").strip()
    match = PRIORITY.fullmatch(text)
    count = int(match[1]) if match else text.count("⭐") or text.count("★")
    if not 1 <= count <= MOST_STARS:
        return
    stars = ElementTree.Element("span", {"class": "stars", "role": "img"})
    label = _("%(count)s out of %(most)s") % {"count": count, "most": MOST_STARS}
    stars.set("aria-label", label)
    mark_language(stars)
    stars.text = "★" * count + "☆" * (MOST_STARS - count)
    cell.text = None
    cell.insert(0, stars)


def link_names(cell: ElementTree.Element) -> None:
    """Turn a cell that lists short names into guessed links; leave links and sentences."""
    if not cell.text or any(child.tag != "sup" for child in cell):
        return
    names = [" ".join(name.split()) for name in re.split("[,;]", cell.text.strip(" ."))]
    if not all(0 < len(name) <= LONGEST_NAME and len(name.split()) <= 7 for name in names):
        return
    cell.text = None
    for index, name in enumerate(names):
        link = link_to(name[:1].upper() + name[1:], name, "wikilink guess")
        link.tail = ", " if index + 1 < len(names) else None
        cell.insert(index, link)


def is_empty(children: list[ElementTree.Element], index: int) -> bool:
    """Tell whether the heading at `index` has no content."""
    level = children[index].tag
    if level not in ("h2", "h3"):
        return False
    following = children[index + 1].tag if index + 1 < len(children) else "h1"
    return following in ("h1", "h2") or (level == "h3" and following == "h3")


def space_element(root: ElementTree.Element) -> None:
    """Apply French spacing below an element, except to code and other languages."""
    stack = [root]
    while stack:
        element = stack.pop()
        if element.tag in UNTOUCHED or "lang" in element.attrib or element.get("class") == "math":
            continue
        element.text = french_spaces(element.text)
        for child in element:
            child.tail = french_spaces(child.tail)
            stack.append(child)


@lru_cache(maxsize=4096)  # most of a text is unchanged since it was last saved
def french_spaces(text: str | None) -> str | None:
    """Return the text with the no-break spaces of French typography."""
    if not text or text.isspace():
        return text
    for pattern, replacement in SPACING:
        text = pattern.sub(replacement, text)
    return text


def render_inline(converter: markdown.Markdown, text: str) -> str:
    """Return one line of Markdown as HTML without the <p>."""
    converter.wikico2_headings = {}  # type: ignore[attr-defined]
    html = sanitize_html(converter.convert(" ".join(text.split())))
    return re.sub(r"^<p>(.*)</p>$", r"\1", html.strip(), flags=re.DOTALL)


def render_note(converter: markdown.Markdown, text: str) -> str:
    """Return a plain footnote as HTML; with its paragraphs, if it has several."""
    if "\n" not in text:
        return render_inline(converter, text)
    converter.wikico2_headings = {}  # type: ignore[attr-defined]
    return sanitize_html(converter.convert(re.sub(r"(?m)^    ", "", text)))


def sanitize_html(html: str) -> str:
    """Return the HTML with only the allowed tags, attributes and URL schemes."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
        attribute_filter=safe_attribute,
    )


def safe_attribute(tag: str, attribute: str, value: str) -> str | None:
    """Remove the address of pictures on other hosts, which would learn who reads what."""
    if tag == "img" and attribute == "src" and not LOCAL.match(value):
        return None
    return value


def render_notes(
    numbering: FootnoteNumbering,
    notes: Mapping[str, Note],
    citations: Mapping[str, CitationView],
    converter: markdown.Markdown,
    anchor: str,
) -> str:
    """Return the footnotes by source, in the order of their numbers."""
    groups: dict[str, list[str]] = {}
    for marker, number in list(numbering.numbers.items()):
        cited = citations.get(marker) or unchecked_view(notes[marker])
        # `sanitize_html` has filtered the free text of a plain note: it is safe.
        content = (
            cited_note(cited) if cited else mark_safe(render_note(converter, notes[marker].text))  # noqa: S308
        )
        item = format_html(
            '<li value="{}" id="note-{}"{}>{} <a class="backref" href="#ref-{}-1" '
            'aria-label="{}"{}>↩</a></li>',
            number,
            number,
            format_html(' data-level="{}"', cited.level or UNCHECKED) if cited else "",
            content,
            number,
            _("Back to the text"),
            lang_attribute(),
        )
        groups.setdefault(cited.title if cited else "", []).append(item)
    if not groups:
        return ""
    return format_html(
        '<section class="notes" id="{}"><h2{}>{}</h2>{}</section>',
        anchor,
        lang_attribute(),
        _("Sources"),
        format_html_join("", "{}", ((notes_of(*group),) for group in groups.items())),
    )


def notes_of(title: str, items: Sequence[str]) -> SafeString:
    """Return the notes of one source, folded; "" is the title of notes without a source."""
    return format_html(
        '<details class="source-notes"><summary><span{}>{}</span> '
        '<span class="count">{}</span></summary><ol>{}</ol></details>',
        "" if title else lang_attribute(),
        title or _("Remarks"),
        len(items),
        format_html_join("", "{}", ((item,) for item in items)),
    )


def unchecked_view(note: Note) -> CitationView | None:
    """Return a citation that was not checked yet; None if the note is not a citation."""
    if note.document_id is None or note.page is None:
        return None
    title = note.text.partition("](")[0].lstrip("[").removesuffix(f", p. {note.page}")
    address = reverse("page", args=[note.document_id, note.page])
    return CitationView(note.marker, title, note.page, note.quote, address, "")


def cited_note(cited: CitationView) -> SafeString:
    """Return a citation as HTML: its quote, the link to its page, the reasons."""
    why = format_html(' <span class="why"{}>{}</span>', lang_attribute(), " ".join(cited.reasons))
    words = format_html_join(", ", '<b class="unborne">{}</b>', ((word,) for word in cited.unborne))
    quote = (
        table_quote(cited.rows)
        if cited.rows
        else format_html(
            '<blockquote class="quote">« {} »</blockquote>', french_spaces(cited.quote)
        )
    )
    return format_html(
        '{} <a class="source" href="{}"><span class="of">{}, </span>p. {}</a>{}{}',
        quote,
        cited.url,
        cited.title,
        cited.page,
        why if cited.reasons else "",
        format_html(' <span class="unborne-words">{}</span>', words) if cited.unborne else "",
    )


def table_quote(rows: Sequence[Sequence[str]]) -> SafeString:
    """Return a quote from a table as its rows under their headings."""
    head, *body = rows
    names = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in head))
    lines = (
        format_html_join(
            "",
            "<td{}>{}</td>",
            (
                (mark_safe(' align="right"') if FIGURE.fullmatch(cell) else "", french_spaces(cell))
                for cell in row
            ),
        )
        for row in body
    )
    return format_html(
        '<blockquote class="quote"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
        "</blockquote>",
        names,
        format_html_join("", "<tr>{}</tr>", ((line,) for line in lines)),
    )


def page_url(document_id: int, page: int, citation_id: int) -> str:
    """Return the address of the source page with the citation's quote highlighted."""
    return f"{reverse('page', args=[document_id, page])}?citation={citation_id}"
