"""What assistants are told: each answer with quote, document, page, level, lasting address."""

from pydantic import BaseModel

from api.routes.search import HitOut
from api.schemas.sheets import CitationOut, FigureOut, SheetOut, StatementOut


class Proof(BaseModel):
    """A quote on a page of a document, with its level and its lasting address."""

    quote: str
    document: str
    source: int | None
    page: int
    level: str
    url: str

    @classmethod
    def of(cls, one: CitationOut) -> "Proof":
        return cls(
            quote=one.quote,
            document=one.title,
            source=one.source,
            page=one.page,
            level=one.level,
            url=one.url,
        )


class Fact(BaseModel):
    """A statement with its figures, its level, its lasting address, and its proofs."""

    text: str
    figures: list[FigureOut]
    section: str
    level: str
    reasons: list[str]
    url: str
    proofs: list[Proof]


class FactsAnswer(BaseModel):
    """The statements of a sheet that hold figures."""

    sheet: str
    title: str
    version: int | None
    url: str
    facts: list[Fact]


class SheetAnswer(BaseModel):
    """A sheet as Markdown, with its statements and their proofs."""

    sheet: str
    title: str
    type: str
    state: str
    version: int | None
    confidence: int
    url: str
    header: dict[str, str]
    sections: list[str]
    markdown: str
    facts: list[Fact]


class SectionAnswer(BaseModel):
    """One section as Markdown, with its statements and their proofs."""

    sheet: str
    section: str
    heading: str
    version: int
    url: str
    markdown: str
    facts: list[Fact]


class PageAnswer(BaseModel):
    """The text of one page of a source."""

    source: int
    document: str
    page: int
    pages: int
    text: str
    url: str


class PassageAnswer(BaseModel):
    """A passage of a source: quote it word for word, with its page."""

    quote: str
    document: str
    source: int
    page: int
    headings: list[str]
    found_by: str
    url: str


class PassagesAnswer(BaseModel):
    """The passages that answer a question, the best first."""

    passages: list[PassageAnswer]


class FoundAnswer(BaseModel):
    """What a search found, the best first, and what to try instead."""

    total: int
    hits: list[HitOut]
    corrections: list[str]
    notice: str


class ProposalAnswer(BaseModel):
    """A proposal that waits for a person; the sheet is unchanged."""

    proposal: int
    state: str
    url: str


class UploadAnswer(BaseModel):
    """What was uploaded, and the job that reads it."""

    source: int | None
    title: str
    state: str
    job: int | None
    url: str


class JobAnswer(BaseModel):
    """How far a job is."""

    job: int
    kind: str
    state: str
    percent: int
    error: str


def facts_of(statements: list[StatementOut], citations: list[CitationOut]) -> list[Fact]:
    """Return statements with their proofs."""
    by_marker = {one.marker: one for one in citations}
    return [
        Fact(
            text=one.text,
            figures=one.figures,
            section=one.section,
            level=one.level,
            reasons=one.reasons,
            url=one.url,
            proofs=[Proof.of(by_marker[m]) for m in one.citations if m in by_marker],
        )
        for one in statements
    ]


def sheet_answer(sheet: SheetOut) -> SheetAnswer:
    """Return a sheet as an assistant reads it."""
    return SheetAnswer(
        sheet=sheet.slug,
        title=sheet.title,
        type=sheet.type,
        state=sheet.state,
        version=sheet.version,
        confidence=sheet.confidence,
        url=sheet.url,
        header=sheet.header,
        sections=[section.id for section in sheet.sections],
        markdown=sheet.markdown,
        facts=facts_of(sheet.statements, sheet.citations),
    )
