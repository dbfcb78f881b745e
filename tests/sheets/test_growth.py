"""The time to process texts of people, models and documents is linear in their length.

Each hostile text is doubled three times; twice the text may take 2.6 times the processor time.
"""

import functools
import itertools
import random
from collections.abc import Callable, Iterator
from html import escape, unescape

import pytest
from django.http import QueryDict

from ingestion.anchors.text_highlight import find_quote_in_text
from ingestion.search.query import parse_query
from ingestion.search.rerank import AskedGroup, AskedQuestion, read_answer
from sheets.discussions.passages import (
    find_passage,
    follow_passage,
    mark_passages,
    page_text,
)
from sheets.forms.edit import LONGEST, EditForm, SuggestForm
from sheets.markdown.notes import defined_twice, repair_footnotes, undefined_markers
from sheets.markdown.parse import body_statements, linked_titles, read_note, split_notes
from sheets.markdown.passages import split_passages
from sheets.markdown.sections_edit import keep_anchors, put_section
from sheets.markdown.sentences import quotable_units
from sheets.markdown.splice import expand_footnotes, splice_sections
from sheets.merge import (
    MINE,
    Version,
    itemise_changes,
    merge_versions,
    resolve_conflicts,
    take_items,
)
from sheets.models import Revision, Sheet, SheetType, VocabularyTerm
from sheets.models.vocabulary import names_in_header, rename_in_header
from sheets.rendering.charts import profile_shares
from sheets.rendering.html import french_spaces, render_sheet
from sheets.rendering.snippet import cut_snippet
from sheets.rendering.visual import visual_blocks
from sheets.revisions.blame import texts_of
from sheets.revisions.compare import compare_versions
from sheets.revisions.save import save_revision
from sheets.schema.types import Evidence
from sheets.verification.figures import find_figures
from sheets.verification.levels import check_statement
from sheets.verification.quantities import find_codes, find_dates, find_quantities
from sheets.views.edit import preview_typed
from sheets.writers.empty_words import repeats_prompt, without_marks
from sheets.writers.extractive import UnitWorths, choose_units, labelled_value
from sheets.writers.numbered import set_field
from tests.cost import processor_time
from tests.sheets.factories import TEMPLATE, passage
from wikico2.models import User
from wikico2.text.analyzer import build_tsvector, compose_accents, extract_terms
from wikico2.text.normalize import stem_set

GROWTH = 2.6
NOISE = 0.004
"""Shortest measurement, in seconds, from which growth can be computed."""
TRIES = 6

REPEATED = [
    "a\n", "a\n\n", "\n \n", "\n", "[", "[[", "[ ", "[x](", '[x]("', "[x](<", "[x](a (", "[x][",
    "![", "![x](", "[[a|b", "[^", "[^a]", "[^a] ", "[^1]: a\n", "[a]: b\n", "[a]:\nb\n", "*", "*a ",
    "**a *b ", "_a ", "*_[`", "`", "`x", "```\n", "~~~\na\n", ">", "> ", "> a\n", "- ", "- a\n",
    "1. ", "| ", "| a | b |\n", "|`a", "|--", "<", "<a@", "<http://a", "&", "&amp;", "\\*", "\t",
    "    a\nb\n", "# a\n", "## a\n\nb\n\n", "#", "# ", "---\n", "a\n---\n", "a  \n", "1", "1 ",
    "1 000 ", "1.", "1,000", "1-", "a1-", "5 % du gaz ", "deux ans ", "1 kWh / ", "1/1/",
    "t éq CO2 ", "t ", "a-", "a_", "a.", "M. A", "a\xad", "\xad", "e\u0301", "\u0301", "a\u00a0",
    "«", "« ", "a »", "a ! ", "](/sources/7/pages/1/?", "- [ ] *a\n> `b\n| c\n",
    "x[^a]*[x](`y` _z_ **\n> - ", "<sub>", "<a href=x>", "<!--", "<script ", "~~a ", "^a", "$a",
    "\\(", "a\n: b\n", "•\ta\no\tb\n", "[^1]: a\n\n    b\n", "<div>\n", "a@b.c/",
]  # fmt: skip
BETWEEN = [
    ("a", "\n", "b"),
    ("a", " ", "b"),
    ("# a", " ", "b"),
    ("# ", "#", "x"),
    ("|a|\n", " ", "x"),
    ("- a\n", "  b\n", ""),
    ("", "[", "](x)"),
    ("[^1]: ", "[x](", ""),
    ("[^1]: [", "](/sources/7/pages/1/?", ""),
    ("[^1]: [G, p. 1](/sources/7/pages/1/) « a", " ", "b"),
    ("[^1]: [G, p. 1](/sources/7/pages/1/) « a", " »", "b"),
    ("[a]: ", "(x", ""),
    ("", "[^a]", "\n\n[^a]: x"),
    ("# ", "T", "\n\nx"),
    ("## ", "S", "\n\nx"),
    ("## ", "é", "\n\nx"),
    ("## a {#", "a", "}"),
    ("<a ", "href=", ">x</a>"),
    ("https://a", ")", ""),
]
HOSTILE = [("", sign, "") for sign in REPEATED] + BETWEEN


def repeated(before: str, sign: str, after: str, size: int) -> str:
    return before + sign * (size // len(sign)) + after


def wide_table(size: int) -> str:
    """Return a table of many columns and many rows of one cell."""
    columns = size // 8
    return f"|{'a|' * columns}\n|{'-|' * columns}\n" + "|\n" * (size // 4)


SHAPES: dict[object, Callable[[int], str]] = {
    **{parts: functools.partial(repeated, *parts) for parts in HOSTILE},
    "wide table": wide_table,
}
"""What makes a hostile text of about so many characters."""

BASE = Version("## Résumé (10 secondes)\n\nUn mot, puis deux.\n\n## Suite\n\nFin.\n")
SUGGESTED_FOR = Version(BASE.body + "mot " * 5_000)


def body(text: str) -> str:
    return f"## Résumé (10 secondes)\n\n{text}\n\n## Impacts attendus\n\nFin.\n"


def sent(text: str, **given: str) -> QueryDict:
    data = QueryDict(mutable=True)
    data.update({"base": "1", "body": text, **given})
    return data


def read(text: str) -> None:
    split_notes(text)
    linked_titles(text)
    body_statements(body(text), TEMPLATE)
    split_passages(body(text), TEMPLATE)
    profile_shares(f"## Profil\n\n{text}\n", TEMPLATE)
    french_spaces(text)


def rendered(text: str) -> None:
    render_sheet(body(text), {"categorie": text[:2_000]}, TEMPLATE, {})


def previewed(text: str) -> None:
    preview_typed(EditForm(sent(text), start=BASE, template=TEMPLATE, section="resume"), User())


def compared(text: str) -> None:
    half = len(text) // 2
    compare_versions(
        Version(body(text)), Version(body(f"{text[:half]} mot {text[half:]}")), TEMPLATE
    )


def merged(text: str) -> None:
    third = len(text) // 3
    ours = f"{text[:third]} mot {text[third:]}"
    theirs = f"{text[: 2 * third]} autre {text[2 * third :]}"
    for base, other in ((BASE, BASE.body.replace("mot", "nom")), (Version(body(text)), theirs)):
        result = merge_versions(base, Version(body(ours)), Version(body(other)))
        resolve_conflicts(result, {conflict.id: MINE for conflict in result.conflicts})


def spliced(text: str) -> None:
    splice_sections(
        Version(body(text)), Version(body(f"{text} mot")), ["resume", "impacts"], TEMPLATE
    )
    put_section(BASE, "resume", text, TEMPLATE)
    keep_anchors(Version(f"{text} mot"), Version(text), TEMPLATE)
    expand_footnotes(Version(body(text)), TEMPLATE)
    repair_footnotes(Version(text), BASE)
    undefined_markers(Version(text))
    defined_twice(text)
    texts_of(body(text))


def checked(text: str) -> None:
    find_quantities(text)
    find_figures(text)
    find_dates(text)
    find_codes(text)
    list(quotable_units(text))
    check_statement("Le gain atteint 5 % du combustible.", [text])
    check_statement(text, [text])


def searched(text: str) -> None:
    parse_query(text)
    plain = compose_accents(text)
    list(extract_terms(plain))
    list(extract_terms(plain, {"chaud"}))
    build_tsvector([(text, "A")])
    cut_snippet(text, {"a", "chal"})


def quoted(text: str) -> None:
    find_quote_in_text(f"{text} fin", [text, f"« {text} … {text}"])
    find_quote_in_text(f"{text} fin", [f"début {text} fin"], in_parts=True)
    read_note("1", text)


def drawn(text: str) -> None:
    """Cut a passage, choose from it for a few fields, and set all of it word for word."""
    field, shown = TEMPLATE.written[2].fields[0], {"S1": passage(1, text, headings=(text[:200],))}
    units = UnitWorths("Chaudière à gaz", TEMPLATE, shown)
    choose_units(TEMPLATE.written[2], field, units)
    list(units.numbered.lines("S1"))
    set_field(field, units.numbered.by_number, units.numbered, set())
    labelled_value(field, Evidence(shown, {}))
    repeats_prompt(without_marks(text), [text[: len(text) // 2]])
    read_answer(AskedQuestion.of(text, [AskedGroup((stem_set("gaz"),), 1.0)]), (text,), text)


def suggested(text: str) -> None:
    given = sent(text, remark=text[:5_000])
    form = SuggestForm(
        given, start=SUGGESTED_FOR, template=TEMPLATE, section="resume", anonymous=True
    )
    if form.is_valid():
        form.text()


def named(text: str) -> None:
    """Read the terms of the vocabulary from a key fact, and write another name into it."""
    header = {"sous_secteurs": text, "categorie": text, "systeme": text}
    for kind in VocabularyTerm.Kind.values:
        names_in_header(header, kind)
        rename_in_header(header, VocabularyTerm(kind=kind, name="b", folded="b", former=["a", "x"]))


def itemised(text: str) -> None:
    """Leave out every second change of a text."""
    new = Version(text)
    ids = [conflict.id for conflict in itemise_changes(BASE, new).conflicts]
    take_items(BASE, new, set(ids[::2]))


def discussed(text: str) -> None:
    """Find, follow and mark a passage on a page of a text."""
    page = page_text("".join(f"<p>{escape(line)}</p>" for line in text.split("\n")))
    other = page_text("".join(f"<li>{escape(line[1:])}" for line in text.split("\n")))
    words = page.words()
    if words and (span := find_passage(page, page.text[words[-1].start :], "a", "b")):
        mark_passages(page, [(1, span)])
        follow_passage(page, other, span)


def shown(text: str) -> None:
    """Read a text as blocks of the visual editor."""
    visual_blocks(text)


READERS: list[tuple[Callable[[str], None], int]] = [
    (read, 1_000), (rendered, 400), (previewed, 400), (compared, 700), (merged, 350),
    (spliced, 1_000), (checked, 300), (searched, 700), (suggested, 800),
    (quoted, 350), (named, 800), (itemised, 200), (discussed, 200), (drawn, 200),
    (shown, 400),
]  # fmt: skip
"""The functions under test, each with the length in characters of its shortest text."""

_fresh: Iterator[int] = itertools.count()


def spent(reader: Callable[[str], None], text: str) -> float:
    """Return the processor time, in seconds, of a function for a text not cached yet."""
    text = f"q{next(_fresh)}\n\n{text}"
    return processor_time(lambda: reader(text))


@pytest.mark.django_db
@pytest.mark.parametrize(("reader", "size"), READERS, ids=lambda x: getattr(x, "__name__", ""))
def test_twice_the_text_takes_about_twice_the_time(
    reader: Callable[[str], None], size: int
) -> None:
    for shape, make in SHAPES.items():
        steep = growth(reader, make, size)
        # A step, such as memory that the system has to fetch, is no growth: it is left behind
        # at greater lengths, where what is not linear shows all the more.
        longer = steep and growth(reader, make, size * 8)
        assert not longer, (shape, steep, longer)


def growth(
    reader: Callable[[str], None], make: Callable[[int], str], size: int
) -> list[float] | None:
    """Return the times for a text of one, two, four and eight sizes where they are too steep."""
    texts = [make(size * times) for times in (1, 2, 4, 8)]
    times = [spent(reader, text) for text in texts]
    for _ in range(TRIES):
        if not too_steep(times):
            return None
        times = [min(t, spent(reader, text)) for t, text in zip(times, texts, strict=True)]
    return times if too_steep(times) else None


def too_steep(times: list[float]) -> bool:
    return any(
        twice > NOISE and twice > GROWTH * max(once, NOISE / GROWTH)
        for once, twice in itertools.pairwise(times)
    )


# --- The largest text ---------------------------------------------------------------------------

DENSE = """\
## Titre {n}

Le gain atteint **5 %** du combustible[^1] selon *la* température ([[Chaudière]]) et `x`.[^2]

- un gain de 12 000 kWh/an[^3], voir [le guide](https://exemple.fr/a?b=1)
    - dont « la moitié » ; soit 3 t

| Poste | Part |
| --- | --- |
| Four[^1] | 40 % du gaz |

"""
NOTES = "".join(
    f"[^{n}]: [Guide, p. {n}](/sources/7/pages/{n}/) « Le gain {n}. »\n" for n in (1, 2, 3)
)


@pytest.mark.parametrize("sign", ["", "- - - x\n", "*a* ", "`x", "[x]("])
def test_the_largest_text_is_rendered_in_two_seconds(sign: str) -> None:
    dense = "".join(DENSE.format(n=n) for n in range(LONGEST // len(DENSE)))
    text = sign * (LONGEST // len(sign)) if sign else dense + NOTES

    assert any(spent(rendered, text) < 2 for _ in range(3))


@pytest.mark.django_db
def test_a_sheet_of_huge_words_is_saved_in_two_seconds() -> None:
    kind = SheetType.objects.get(key="solution")
    sheet = Sheet.objects.create(sheet_type=kind, title="Air", slug="air")

    def saved(text: str) -> None:
        human = Revision.Origin.HUMAN
        save_revision(sheet, base=sheet.current, body=text, metadata={}, origin=human)

    words = f"# {'T' * 20_000}\n\n## {'S' * 70_000}\n\nx\n\n## {'é' * 50_000}"

    assert spent(saved, words) < 2
    assert spent(saved, words) < 2


def test_a_large_honest_text_is_taken() -> None:
    text = "".join(DENSE.format(n=n) for n in range((LONGEST - len(NOTES)) // (len(DENSE) + 5)))
    form = EditForm(sent(text + NOTES), start=BASE, template=TEMPLATE)

    assert form.is_valid(), form.errors


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4_000,
        "[[" * 10_000,
        "[x](" * 10_000,
        "![" * 2_000,
        "- " * 4_000 + "x",
        ">" * 4_000,
        wide_table(4_000),
    ],
)
def test_what_is_too_dense_is_refused_with_a_sentence_and_shown_to_the_letter(text: str) -> None:
    form = EditForm(sent(text), start=BASE, template=TEMPLATE)

    assert not form.is_valid()
    assert "brackets" in form.errors["body"][0] or "crochets" in form.errors["body"][0]
    assert text.split("x")[-1].strip("- >\n") in unescape(render_sheet(text, {}, TEMPLATE, {}).body)


def test_what_was_dense_before_does_not_stop_an_edit() -> None:
    start = Version(f"{'[' * 4_000}\n\nUn mot.\n")
    form = EditForm(sent(f"{start.body}\nUn autre.\n"), start=start, template=TEMPLATE)

    assert form.is_valid(), form.errors


def test_merging_texts_of_which_each_line_moved_is_linear() -> None:
    def reordered(text: str) -> None:
        lines = text.split("\n")[2:]
        rows = [lines, *(random.Random(seed).sample(lines, len(lines)) for seed in (1, 2))]
        result = merge_versions(*(Version("\n".join(row) + "\n") for row in rows))
        resolved = resolve_conflicts(result, {conflict.id: MINE for conflict in result.conflicts})
        assert sorted(resolved.split("\n")) == sorted([*lines, ""])

    texts = ["\n".join(f"- {n} mot" for n in range(size)) for size in (500, 4_000)]
    times = [min(spent(reordered, text) for _ in range(2)) for text in texts]
    assert times[1] < times[0] * GROWTH**3
