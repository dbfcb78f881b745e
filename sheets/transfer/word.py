"""Write a sheet as a Word document (.docx): styles, tables, and its notes as footnotes.

It is made from the HTML that readers see, so that page and document say the same. The time is
linear in the length of that HTML.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import docx
from django.conf import settings
from django.template.defaultfilters import capfirst
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import XmlPart
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Length, Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph
from docx.text.run import Run
from lxml import html
from PIL import Image, UnidentifiedImageError

from sheets.links.localized_text import LocalizedText
from sheets.models import Revision, Sheet
from sheets.rendering.images import picture_of
from sheets.revisions.authorship import authorship_line, authorship_of
from sheets.transfer.pdf import name_levels

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
NOTE_NUMBER = re.compile(r"#?note-(\d+)$")
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
BLOCKS = {
    "blockquote", "dd", "div", "dl", "dt", "figcaption", "figure", "h2", "h3", "h4", "h5", "h6",
    "hr", "ol", "p", "pre", "section", "table", "ul",
}  # fmt: skip
DEEPEST_LIST = 3
MOST_NUMBERINGS = 500
"""Numbered lists beyond this many go on counting."""
TEXT_WIDTH = Mm(170)
GREEN, GREY = RGBColor(0x17, 0x64, 0x3E), RGBColor(0x53, 0x5D, 0x57)


@dataclass(frozen=True)
class Look:
    """How a piece of text is set."""

    bold: bool = False
    italic: bool = False
    mono: bool = False
    raised: bool | None = None
    struck: bool = False


LOOKS: dict[str, dict[str, Any]] = {
    "strong": {"bold": True}, "b": {"bold": True}, "em": {"italic": True}, "i": {"italic": True},
    "code": {"mono": True}, "kbd": {"mono": True}, "sup": {"raised": True},
    "sub": {"raised": False}, "del": {"struck": True}, "s": {"struck": True},
}  # fmt: skip


def to_word(sheet: Sheet, revision: Revision, text: LocalizedText) -> bytes:
    """Return a version of a sheet, as a reader sees it, as a Word document."""
    writer = WordWriter(name_levels(text.body), sheet.title)
    document = writer.document
    document.add_heading(clean(sheet.title), 0)
    writer.add_cover(sheet, revision)
    writer.add_identity(text.header)
    writer.add_body()
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def clean(text: str | None) -> str:
    """Return a text without the characters that XML does not allow."""
    return NOT_IN_XML.sub("", text or "")


def word_element(tag: str, /, **attributes: str) -> Any:
    """Return an element of WordprocessingML with attributes of its namespace."""
    element = OxmlElement(tag)
    for key, value in attributes.items():
        element.set(qn(f"w:{key}"), value)
    return element


@dataclass
class WordWriter:
    """Writes the HTML of one sheet into one document."""

    body: str
    title: str
    document: Document = field(init=False)
    footnotes: "WordNotes" = field(init=False)
    style_ids: dict[str, str] = field(init=False)
    numbered: int = 0

    def __post_init__(self) -> None:
        self.document = styled_document(self.title)
        self.footnotes = WordNotes(self.document)
        self.style_ids = {str(one.name): str(one.style_id) for one in self.document.styles}
        self.root = html.fragment_fromstring(self.body, create_parent="div")
        for section in self.root.xpath('.//section[@class="notes"]'):
            for note in section.iter("li"):
                if match := NOTE_NUMBER.match(note.get("id", "")):
                    self.footnotes.notes[match[1]] = note
            section.getparent().remove(section)

    def add_cover(self, sheet: Sheet, revision: Revision) -> None:
        """Add the line of state, version, date and address, and who wrote."""
        address = settings.SITE_URL + sheet.get_absolute_url()
        version = _("version %(n)s of %(date)s") % {
            "n": revision.number,
            "date": date_format(localtime(revision.created_at), "DATE_FORMAT"),
        }
        line = self.document.add_paragraph(style="Subtitle")
        line.add_run(clean(capfirst(sheet.get_state_display()))).bold = True
        line.add_run(f" · {clean(version)} · ")
        add_link(line, address, address)
        by = authorship_line(authorship_of(sheet, revision), sheet)
        self.document.add_paragraph(clean(f"{sheet.sheet_type.name} · {by}"), style="Caption")

    def add_identity(self, header: list[tuple[str, str]]) -> None:
        """Add the header data as a table of two columns."""
        if not header:
            return
        table = self.document.add_table(rows=0, cols=2, style="Table Grid")
        for label, value in header:
            name, cell = table.add_row().cells
            name.paragraphs[0].add_run(clean(label)).bold = True
            element = html.fragment_fromstring(value, create_parent="div")
            self.add_inline(cell.paragraphs[0], element, Look())
        self.document.add_paragraph()

    def add_body(self) -> None:
        """Add the text of the sheet."""
        self.add_flow(self.root, "Normal")

    def add_line(self, style: str) -> Paragraph:
        """Add an empty paragraph. The library would look for its style among all, each time."""
        line = self.document.add_paragraph()
        line._p.style = self.style_ids[style]
        return line

    def add_flow(self, element: Any, style: str, depth: int = 0) -> Paragraph | None:
        """Add what an element holds: its blocks, and a paragraph for each text between them.

        Return the first of these paragraphs, if there is one.
        """
        first: Paragraph | None = None
        line: Paragraph | None = None
        for part in pieces(element):
            if not isinstance(part, str) and part.tag in BLOCKS:
                line = None
                self.add_block(part, style, depth)
            elif not isinstance(part, str) or part.strip():
                if line is None:
                    line = self.add_line(style)
                    first = first or line
                    part = part.lstrip() if isinstance(part, str) else part
                self.add_piece(line, part, Look())
            elif line is not None:
                line.add_run(" ")
        return first

    def add_block(self, element: Any, style: str, depth: int) -> None:
        """Add one block."""
        tag = element.tag
        if tag in {"h2", "h3", "h4", "h5", "h6"}:
            heading = self.add_line(f"Heading {min(int(tag[1]) - 1, 4)}")
            self.add_inline(heading, element, Look())
        elif tag in {"ul", "ol"}:
            self.add_list(element, depth)
        elif tag == "table":
            self.add_table(element)
        elif tag == "pre":
            self.add_line("Code").add_run(clean(element.text_content()))
        elif tag == "blockquote":
            self.add_flow(element, "Quote", depth)
        elif tag == "figcaption":
            self.add_flow(element, "Caption", depth)
        elif tag == "dt":
            self.add_inline(self.document.add_paragraph(), element, Look(bold=True))
        elif tag == "dd":
            self.add_flow(element, "List Continue", depth)
        elif tag == "hr":
            self.document.add_paragraph()
        else:
            self.add_flow(element, style, depth)

    def add_list(self, element: Any, depth: int) -> None:
        """Add a list; a numbered one counts from its own start."""
        level = min(depth + 1, DEEPEST_LIST)
        numbered = element.tag == "ol"
        name = "List Number" if numbered else "List Bullet"
        style = name if level == 1 else f"{name} {level}"
        numbering = self.new_numbering(style, element.get("start", "1")) if numbered else None
        for item in element.iterchildren("li"):
            first = self.add_flow(item, style, depth + 1)
            if numbering is not None and first is not None:
                properties: Any = first._p.get_or_add_pPr()
                properties.get_or_add_numPr().get_or_add_numId().val = numbering

    def new_numbering(self, style: str, start: str) -> int | None:
        """Return a numbering of its own for a list of that style; None for one of very many."""
        self.numbered += 1
        if self.numbered > MOST_NUMBERINGS:  # a new one is compared with all before it
            return None
        numbering = self.document.part.numbering_part.element
        used = self.document.styles[style].element.pPr
        if used is None or used.numPr is None or used.numPr.numId is None:
            return None
        abstract = numbering.num_having_numId(used.numPr.numId.val).abstractNumId.val
        new = numbering.add_num(abstract)
        first = int(start) if start.isdecimal() and len(start) < 6 else 1
        new.add_lvlOverride(ilvl=0).add_startOverride(first)
        return int(new.numId)

    def add_table(self, element: Any) -> None:
        """Add a table; its first row is repeated on each page."""
        for caption in element.iterchildren("caption"):
            line = self.add_line("Caption")
            self.add_inline(line, caption, Look())
        rows = [without_drawing(row) for row in element.iter("tr")]
        width = max(map(len, rows), default=0)
        if not width:
            return
        table = self.document.add_table(rows=len(rows), cols=width, style="Table Grid")
        for cells, row in zip(rows, table.rows, strict=True):
            filled = row.cells
            for cell, place in zip(cells, filled, strict=False):
                line = place.paragraphs[0]
                is_head = cell.tag == "th" and cell.get("scope") == "col"
                self.add_inline(line, cell, Look(bold=is_head))
                if cell.get("align") == "right" or cell.get("class") == "num":
                    line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
                elif cell.get("align") == "center":
                    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
            if cells and all(cell.tag == "th" for cell in cells):
                row._tr.get_or_add_trPr().append(word_element("w:tblHeader"))
        self.document.add_paragraph()

    def add_inline(self, line: Paragraph, element: Any, look: Look) -> None:
        """Add all that an element holds to a paragraph."""
        for part in pieces(element):
            self.add_piece(line, part, look)

    def add_piece(self, line: Paragraph, part: Any, look: Look) -> None:
        """Add a text or an element within a paragraph."""
        if isinstance(part, str):
            add_text(line, part, look)
        elif part.tag == "br":
            line.add_run().add_break()
        elif part.tag == "img":
            self.add_picture(line, part)
        elif part.tag == "input":
            line.add_run("☒" if "checked" in part.attrib else "☐")
        elif part.tag == "svg":
            return
        elif part.tag == "a":
            self.add_anchor(line, part, look)
        elif part.tag == "sup" and "cite" in part.get("class", "").split():
            for link in part.iter("a"):
                number = NOTE_NUMBER.match(link.get("aria-describedby", ""))
                self.footnotes.refer(line, number[1] if number else "")
        else:
            self.add_inline(line, part, replace(look, **LOOKS.get(part.tag, {})))

    def add_anchor(self, line: Paragraph, link: Any, look: Look) -> None:
        """Add a link; one to a note becomes a reference to its footnote."""
        address = link.get("href", "")
        if number := NOTE_NUMBER.match(address):
            self.footnotes.refer_again(line, number[1])
        elif address.startswith("#") or not address:
            self.add_inline(line, link, look)
        else:
            add_link(line, address, link.text_content())

    def add_picture(self, line: Paragraph, image: Any) -> None:
        """Add a picture of the wiki, or its alternative text."""
        content = stored_picture(image.get("src", ""))
        if content is None:
            line.add_run(clean(image.get("alt", ""))).italic = True
            return
        shape = line.add_run().add_picture(content)
        if shape.width > TEXT_WIDTH:
            shape.height = Length(shape.height * TEXT_WIDTH // shape.width)
            shape.width = TEXT_WIDTH
        shape._inline.docPr.set("descr", clean(image.get("alt", "")))


class WordNotes:
    """The footnotes of a document: each note of the sheet once, numbered by Word."""

    def __init__(self, document: Document) -> None:
        self.notes: dict[str, Any] = {}
        self._used: set[str] = set()
        self._part = XmlPart(
            PackURI("/word/footnotes.xml"),
            CONTENT_TYPE.WML_FOOTNOTES,
            parse_xml(
                f"<w:footnotes {nsdecls('w', 'r')}>"
                '<w:footnote w:type="separator" w:id="-1"><w:p><w:r><w:separator/></w:r></w:p>'
                '</w:footnote><w:footnote w:type="continuationSeparator" w:id="0"><w:p><w:r>'
                "<w:continuationSeparator/></w:r></w:p></w:footnote></w:footnotes>"
            ),
            document.part.package,
        )
        document.part.relate_to(self._part, RELATIONSHIP_TYPE.FOOTNOTES)
        self._style = document.styles["footnote text"]

    def refer(self, line: Paragraph, number: str) -> None:
        """Add a reference to a note; the first one brings its footnote, later ones point at it."""
        if number not in self.notes:
            return
        if number in self._used:
            self.refer_again(line, number)
            return
        self._used.add(number)
        name = {"id": number, "name": f"_RefNote{number}"}
        line._p.append(word_element("w:bookmarkStart", **name))
        run: Any = line.add_run()._r
        run.style = "FootnoteReference"
        run.append(word_element("w:footnoteReference", id=number))
        line._p.append(word_element("w:bookmarkEnd", id=number))
        self._add(number)

    def refer_again(self, line: Paragraph, number: str) -> None:
        """Add the number of a note that has its footnote elsewhere."""
        run = line.add_run(number)
        run._r.style = "FootnoteReference"
        add_field(line, f" NOTEREF _RefNote{number} \\h ", run)

    def _add(self, number: str) -> None:
        """Write the footnote of a note."""
        footnote = word_element("w:footnote", id=number)
        paragraph: Any = OxmlElement("w:p")
        footnote.append(paragraph)
        self._part.element.append(footnote)
        line = Paragraph(paragraph, self._part)
        paragraph.get_or_add_pPr().style = self._style.style_id
        mark: Any = line.add_run()._r
        mark.get_or_add_rPr().style = "FootnoteReference"
        mark.append(OxmlElement("w:footnoteRef"))
        line.add_run(" ")
        self._add_words(line, self.notes[number])

    def _add_words(self, line: Paragraph, element: Any) -> None:
        for part in pieces(element):
            if isinstance(part, str):
                add_text(line, re.sub(r"\s+", " ", part), Look())
            elif part.tag == "a" and "backref" in part.get("class", "").split():
                continue
            elif part.tag == "a":
                add_link(line, part.get("href", ""), part.text_content())
            elif part.tag == "table":
                line.add_run(clean(table_in_words(part)))
            else:
                self._add_words(line, part)


def pieces(element: Any) -> Iterator[Any]:
    """Yield the texts (str) and elements that an element holds, in order."""
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str):
            yield child
        if child.tail:
            yield child.tail


def table_in_words(table: Any) -> str:
    """Return the rows of a quoted table as text: each cell after the heading of its column."""
    names = [cell.text_content() for cell in table.iter("th")]
    rows = ([cell.text_content() for cell in row.iter("td")] for row in table.iter("tr"))
    lines = (zip(names, row, strict=False) for row in rows if row)
    said = ("; ".join(f"{name}: {cell}" for name, cell in line if cell) for line in lines)
    return f"« {' / '.join(said)} »"


def without_drawing(row: Any) -> list[Any]:
    """Return the cells of a row, without the bar of a chart and its heading."""
    cells = [cell for cell in row if cell.tag in {"td", "th"}]
    figure = next(row.iterancestors("figure"), None)
    is_chart = figure is not None and "profile" in figure.get("class", "").split()
    return [cell for index, cell in enumerate(cells) if not (is_chart and index == 1)]


def add_text(line: Paragraph, text: str, look: Look) -> None:
    """Add a text with its look."""
    run = line.add_run(clean(text.replace("\n", " ")))
    run.bold, run.italic = look.bold or None, look.italic or None
    run.font.strike = look.struck or None
    if look.mono:
        run.font.name = "Courier New"
    if look.raised is not None:
        run.font.superscript, run.font.subscript = look.raised or None, not look.raised or None


def add_link(line: Paragraph, address: str, text: str) -> None:
    """Add a link, as a field: a relation would be compared with all others of the document."""
    whole = settings.SITE_URL + address if address.startswith("/") else address
    quoted = clean(whole).replace("\\", "%5C").replace('"', "%22")
    add_field(line, f' HYPERLINK "{quoted}" ', line.add_run(clean(text)), GREEN)


def add_field(line: Paragraph, instruction: str, run: Run, colour: RGBColor | None = None) -> None:
    """Put the last run of a paragraph into a field, as what the field shows."""
    if colour is not None:
        run.font.color.rgb = colour
    pointer = word_element("w:fldSimple", instr=instruction)
    pointer.append(run._r)
    line._p.append(pointer)


def stored_picture(address: str) -> io.BytesIO | None:
    """Return a picture of this wiki as PNG, which Word reads; None if there is none."""
    picture = picture_of(address)
    if picture is None:
        return None
    content = io.BytesIO()
    try:
        with picture.file.open("rb") as stored, Image.open(stored) as image:
            image.convert("RGBA").save(content, "PNG")
    except (OSError, UnidentifiedImageError):
        return None
    content.seek(0)
    return content


def styled_document(title: str) -> Document:
    """Return an empty A4 document with the styles of a sheet."""
    document = docx.Document()
    document.core_properties.title = clean(title)[:255]
    document.core_properties.author = "WikiCO2"
    document.core_properties.language = "fr-FR"
    page = document.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = Mm(20)
    styles = document.styles
    for style in styles:
        if style.type == WD_STYLE_TYPE.PARAGRAPH and style.name.startswith("Heading"):
            style.font.color.rgb = GREEN
    styles["Subtitle"].font.size, styles["Caption"].font.color.rgb = Pt(10), GREY
    code = styles.add_style("Code", WD_STYLE_TYPE.PARAGRAPH)
    code.font.name, code.font.size = "Courier New", Pt(9)
    note = styles.add_style("footnote text", WD_STYLE_TYPE.PARAGRAPH)
    note.font.size, note.paragraph_format.space_after = Pt(8), Pt(0)
    mark = styles.add_style("footnote reference", WD_STYLE_TYPE.CHARACTER)
    mark.font.superscript = True
    note.element.set(qn("w:styleId"), "FootnoteText")
    mark.element.set(qn("w:styleId"), "FootnoteReference")
    add_page_number(page.footer.paragraphs[0], title)
    return document


def add_page_number(line: Paragraph, title: str) -> None:
    """Write the title and the number of the page into the foot of the pages."""
    line.add_run(f"{clean(title)} · ")
    add_field(line, " PAGE ", line.add_run("1"))
