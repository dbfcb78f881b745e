"""Pages cut into passages."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.pipeline.chunk import ChunkDraft, chunk_pages
from ingestion.readers import Block, PageText


def page(number: int, *blocks: Block) -> PageText:
    return PageText(number, "\n\n".join(b.text for b in blocks), 595, 842, blocks)


def heading(text: str, level: int = 1) -> Block:
    return Block("heading", text, level)


def paragraph(text: str) -> Block:
    return Block("paragraph", text)


SENTENCE = "La chaleur perdue est récupérée sur le circuit d'huile du compresseur. "


def test_sections_never_mix() -> None:
    chunks = chunk_pages(
        [page(1, heading("A"), paragraph("un"), heading("B", 2), paragraph("deux"))],
        size=500,
        overlap=50,
    )
    assert [(c.text, c.headings) for c in chunks] == [("A\nun", ("A",)), ("B\ndeux", ("A", "B"))]
    assert [c.position for c in chunks] == [0, 1]


def test_small_sub_sections_share_a_passage() -> None:
    blocks = [heading("A"), heading("B", 3), paragraph("un"), heading("C", 3), paragraph("deux")]
    (chunk,) = chunk_pages([page(1, *blocks)], size=500, overlap=50)
    assert chunk.text == "A\nB\nun\n\nC\ndeux"


def test_paragraph_cut_by_the_turn_of_the_page_is_whole() -> None:
    (chunk,) = chunk_pages(
        [page(1, paragraph("Le gain dépend de la")), page(2, paragraph("température de retour."))],
        size=500,
        overlap=50,
    )
    assert chunk.text == "Le gain dépend de la température de retour."
    assert (chunk.page_start, chunk.page_end) == (1, 2)


def test_long_text_is_cut_between_sentences_and_overlaps() -> None:
    text = " ".join(f"Phrase numéro {i} du texte, avec sa virgule." for i in range(40))
    chunks = chunk_pages([page(1, heading("A"), paragraph(text))], size=400, overlap=100)
    assert len(chunks) > 3
    for before, after in itertools.pairwise(chunks):
        assert before.text.endswith(".")
        assert any(before.text.endswith(after.text[:n]) for n in range(20, 101))


def test_pages_follow_the_text() -> None:
    pages = [page(n, paragraph(f"{n}. " + SENTENCE * 5)) for n in range(1, 5)]
    chunks = chunk_pages(pages, size=400, overlap=0)
    for chunk in chunks:
        numbers = [int(n) for n in re.findall(r"(\d)\. ", chunk.text)]
        assert all(chunk.page_start <= n <= chunk.page_end for n in numbers)
    assert {c.page_start for c in chunks} == {1, 2, 3, 4}


def test_table_stays_whole_with_its_caption() -> None:
    table = Block("table", "| Poste | kWh |\n| --- | --- |\n| Four | 12 |")
    caption = Block("caption", "Tableau 1 : postes")
    before, chunk, after = chunk_pages(
        [page(1, paragraph(SENTENCE * 4), caption, table, paragraph(SENTENCE * 4))],
        size=400,
        overlap=40,
    )
    assert (before.kind, chunk.kind, after.kind) == ("text", "table", "text")
    assert chunk.text == f"{caption.text}\n\n{table.text}"


def test_long_table_is_cut_between_rows_under_its_header() -> None:
    header = "| Poste | kWh |\n| --- | --- |"
    rows = [f"| Machine {i} | {i * 1000} |" for i in range(60)]
    table = Block("table", "\n".join([header, *rows]))
    chunks = chunk_pages([page(3, heading("A"), table)], size=300, overlap=30)
    tables = [c for c in chunks if c.kind == "table"]
    assert all(c.text.startswith(header) and len(c.text) <= 300 for c in tables)
    assert [row for c in tables for row in c.text.split("\n")[2:]] == rows


def test_numbers_are_not_cut_from_their_groups_and_units() -> None:
    words = "gain de 1 234 567,5 kWh par an "
    chunks = chunk_pages([page(1, paragraph(words * 30))], size=60, overlap=0)
    assert all(c.text.count("1 234 567,5 kWh") == c.text.count("567") for c in chunks)


def test_pages_known_by_their_text_alone() -> None:
    (chunk,) = chunk_pages([PageText(7, "Du texte.", 1, 1)], size=100, overlap=0)
    assert (chunk.text, chunk.page_start, chunk.kind) == ("Du texte.", 7, "text")


def test_hash_depends_on_text_and_headings_alone() -> None:
    one = ChunkDraft(0, "texte", 1, 1, ("A",), "text")
    assert one.content_hash == ChunkDraft(9, "texte", 3, 4, ("A",), "text").content_hash
    assert one.content_hash != ChunkDraft(0, "texte", 1, 1, ("B",), "text").content_hash
    assert one.content_hash != ChunkDraft(0, "texte!", 1, 1, ("A",), "text").content_hash


@pytest.mark.parametrize(("size", "overlap"), [(100, 100), (100, -1), (0, 0)])
def test_impossible_sizes_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        chunk_pages([], size=size, overlap=overlap)


WORDS = st.text("abcdéèç'’-0123456789,.;:% ", min_size=1, max_size=400)
CELLS = st.text("abcdé 0123456789", min_size=1, max_size=30)


@st.composite
def tables(draw: st.DrawFn) -> Block:
    width = draw(st.integers(2, 4))
    row = st.lists(CELLS, min_size=width, max_size=width).map(" | ".join)
    rows = [f"| {text} |" for text in draw(st.lists(row, min_size=1, max_size=12))]
    return Block("table", "\n".join([rows[0], "|" + " --- |" * width, *rows[1:]]))


BLOCKS = st.one_of(
    st.builds(Block, st.sampled_from(["paragraph", "list", "caption", "contents"]), WORDS),
    st.builds(
        Block, st.just("heading"), st.text("abcdé ", min_size=1, max_size=40), st.integers(1, 6)
    ),
    tables(),
)


@st.composite
def documents(draw: st.DrawFn) -> list[PageText]:
    pages = draw(st.lists(st.lists(BLOCKS, max_size=8), max_size=5))
    return [page(number, *blocks) for number, blocks in enumerate(pages, 1)]


@settings(max_examples=60, deadline=None)
@given(documents(), st.integers(120, 600), st.integers(0, 100))
def test_whatever_the_pages(pages: list[PageText], size: int, overlap: int) -> None:
    chunks = chunk_pages(pages, size=size, overlap=overlap)
    assert chunks == chunk_pages(pages, size=size, overlap=overlap)
    assert [c.position for c in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert chunk.text.strip()
        assert chunk.page_start <= chunk.page_end
        longest = max((len(line) for line in chunk.text.split("\n")), default=0)
        assert len(chunk.text) <= size or (chunk.kind == "table" and longest <= len(chunk.text))
        if chunk.kind == "text":
            assert len(chunk.text) <= size
    letters = "".join(re.findall(r"\w", " ".join(c.text for c in chunks)))
    for one in pages:
        for word in re.findall(r"\w+", one.text):
            if len(word) < 20:
                assert word in letters


@settings(max_examples=30, deadline=None)
@given(documents(), st.integers(120, 600))
def test_reading_order_is_kept(pages: list[PageText], size: int) -> None:
    chunks = chunk_pages(pages, size=size, overlap=0)
    assert [c.page_start for c in chunks] == sorted(c.page_start for c in chunks)
