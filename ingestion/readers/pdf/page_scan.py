"""Form the lines of a PDF page from its characters, their places and their styles."""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise, product

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from ingestion.readers.pdf import bindings
from ingestion.readers.pdf.figures import PageDrawing
from ingestion.readers.pdf.frame import Frame
from ingestion.readers.pdf.glyph_shapes import GlyphShapes, repair_quotes
from ingestion.readers.pdf.lines import INITIAL_RATIO, Flow, LineSegment, TextLine
from ingestion.readers.pdf.raised_marks import (
    MAX_LENGTH,
    MAX_SIZE_RATIO,
    baseline_shift,
    join_marks,
    mark_text,
    may_be_shifted,
)
from ingestion.readers.pdf.rules import Rules
from ingestion.readers.pdf.text_style import StyleKey, TextStyle, TextStyles
from ingestion.readers.pdf.visibility import hidden_characters
from ingestion.readers.repair.characters import repair_mac_accents, repair_text

HYPHENS = "\x02\ufffe"
"""Characters with which PDFium, depending on its version, replaces a hyphen and line end."""

WIDE_GAP, HUGE_GAP = 0.8, 4.0
"""A gap between two words, in multiples of the font size, that may separate cells, or always does.

Between the two, the gap must be wider than usual on its line, so that justified prose is not split.
"""

DOUBLE_DISTANCE = 0.12
"""Distance between a text and its copy that makes it look bold, in multiples of the font size."""

MIN_PART_CHANGE, MIN_PART_GAP, MIN_PART_WORDS = 0.08, 1.0, 4
"""Change of the font size, gap in font sizes, and words on both sides from which a line is parted,
since it runs through two columns."""

MIN_STEP = 0.3
"""Distance of two baselines, in font sizes, from which text beside a wide gap is another cell's."""

MAX_FALSE_GAP = 0.18
"""Gap between letters, in font sizes, that is no space on a line that has spaces of its own."""

MAX_CALL_GAP = 0.6
"""Maximum gap between a word and the call of a note, in multiples of the font size."""

MIN_SPACED_LETTERS, SPACED_WORD_GAP = 5, 1.6
"""Letters from which spaced letters make words, and the gap between those, in multiples of the gap
between their letters."""

_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)
_TOKEN = re.compile(rf"[{HYPHENS}]|[^\s{HYPHENS}]+")
_WORD = re.compile(r"\S+")
_LINE = re.compile(r"[^\r\n]+")
_LETTER = re.compile(r"[^\W_]|[*†‡]")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def _characters(textpage: pdfium.PdfTextPage) -> str:
    """Return the text of a page with exactly one character per PDFium index."""
    count = raw.FPDFText_CountChars(textpage)
    if count <= 0:
        return ""
    buffer = ctypes.create_string_buffer((count + 1) * 2)
    units = raw.FPDFText_GetText(
        textpage, 0, count, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort))
    )
    text = buffer.raw[: max(units - 1, 0) * 2].decode("utf-16-le", "surrogatepass")
    if len(text) == count:
        return text
    handle = bindings.address_of(textpage.raw)
    codes = (bindings.unicode(handle, i) for i in range(count))
    return _join_surrogates("".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes))


def repaired_characters(textpage: pdfium.PdfTextPage, styles: TextStyles) -> str:
    """Return the text of a page with one character for each index, repaired by their shapes."""
    return repair_quotes(repair_mac_accents(_characters(textpage)), styles)


def _join_surrogates(text: str) -> str:
    """Join the halves of characters beyond U+FFFF, putting a word joiner in the second place.

    Pictographs become spaces: fonts without a table of characters state them for spaces.
    """
    return _SURROGATES.sub(_joined_surrogates, text)


def _joined_surrogates(halves: re.Match[str]) -> str:
    char = halves[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return "  " if unicodedata.category(char) in {"So", "Cn", "Co"} else f"{char}\u2060"


StyledPart = tuple[int, int, TextStyle]
"""The first character of a part of a word, the one after its last, and their style."""

Piece = tuple[int, int, int]
"""As above, with a shift: 1 raised, -1 lowered, 0 neither."""

Word = tuple[Piece, ...]


class PageScan:
    """Measures the lines of one text page, querying PDFium once for each text object and word."""

    def __init__(
        self, textpage: pdfium.PdfTextPage, frame: Frame, rules: Rules, *, rows_in_one: bool
    ) -> None:
        self.textpage = textpage
        self.rules = rules
        self.rows_in_one = rows_in_one
        self.handle = bindings.address_of(textpage.raw)
        self.frame = frame
        self.styles = TextStyles(self.handle, frame)
        self.shapes = GlyphShapes(self.handle)
        self.text = repaired_characters(textpage, self.styles)
        self.has_hyphens = any(hyphen in self.text for hyphen in HYPHENS)
        count = len(self.text)
        self.objects = array("Q", (bindings.text_object(self.handle, i) or 0 for i in range(count)))
        self.left_out = bytearray(len(self.text))  # 1 for each character hidden or drawn twice
        self.leaves_out = False
        self._rect = raw.FS_RECTF()
        self._rect_at = ctypes.addressof(self._rect)
        self._name = ctypes.create_string_buffer(128)
        self._name_at = ctypes.addressof(self._name)

    def turned(self, angle: int, rules: Rules) -> PageScan:
        """Return a scan of the page as it is displayed when turned clockwise by an angle."""
        frame = self.frame.turned(angle)
        scan = PageScan(self.textpage, frame, rules, rows_in_one=self.rows_in_one)
        scan.left_out, scan.leaves_out = self.left_out, self.leaves_out
        return scan

    def leave_out_hidden(self, page: pdfium.PdfPage, drawing: PageDrawing) -> int:
        """Leave out the text that no reader sees; return the number of its lines."""
        self.left_out = hidden_characters(page, self.text, self.objects, self.styles, drawing)
        if not any(self.left_out):
            return 0
        self.leaves_out = True
        return sum(self._hides_text(*line.span()) for line in _LINE.finditer(self.text))

    def _hides_text(self, start: int, stop: int) -> bool:
        found = self.left_out.find(1, start, stop) >= 0
        return found and any(
            self.left_out[i] and not self.text[i].isspace() for i in range(start, stop)
        )

    def leave_out_doubles(self) -> None:
        """Leave out text that is drawn again at its own place, a little aside, to look bold."""
        seen: set[tuple[str, int, int]] = set()
        position = 0
        for address, run in groupby(self.objects):
            start, position = position, position + len(list(run))
            text = self.text[start:position].strip()
            if not address or not text or self.left_out[start]:
                continue
            style = self.styles.of(start, address)
            step = max(DOUBLE_DISTANCE * style.size, 0.1)
            x, y = round(style.x / step), round(style.baseline / step)
            around = product((x - 1, x, x + 1), (y - 1, y, y + 1))
            if any((text, *place) in seen for place in around):
                self.left_out[start:position] = b"\1" * (position - start)
                self.leaves_out = True
            seen.add((text, x, y))

    def lines(self) -> list[TextLine]:
        """Return the lines inside the visible part of the page, in PDFium's order."""
        found: list[TextLine] = []
        for line in _LINE.finditer(self.text):
            self._scan(line.start(), line.end(), found)
        return found

    def _scan(self, start: int, stop: int, found: list[TextLine]) -> None:
        """Split a PDFium line where a hyphen replaces a line end, and measure each part."""
        if not self.has_hyphens:
            self._add([word.span() for word in _WORD.finditer(self.text, start, stop)], found)
            return
        words: list[tuple[int, int]] = []
        for token in _TOKEN.finditer(self.text, start, stop):
            if self.text[token.start()] not in HYPHENS:
                words.append(token.span())
            elif token.end() < stop or not found or words:
                self._add(words, found, cut=True)
                words = []
        self._add(words, found)

    def _add(
        self, spans: list[tuple[int, int]], found: list[TextLine], *, cut: bool = False
    ) -> None:
        """Add the lines that words make: one, unless they differ in direction."""
        if not spans:
            return
        styled = self._without_false_gaps(self._styled_words(spans))
        flows = {style.flow for word in styled for _, _, style in word}
        for flow in sorted(flows, key=lambda flow: flow is not Flow.RIGHT):
            words = [[part for part in word if part[2].flow is flow] for word in styled]
            words = [word for word in words if word]
            capital = _drop_capital(words, self.text) if flow is Flow.RIGHT else None
            if capital:
                self._append(found, [capital], flow, cut=False)
                words[0] = words[0][1:]
                words = [word for word in words if word]
            parts = self._parts(words) if flow is Flow.RIGHT else [words]
            for part in parts:
                last = part is parts[-1] and len(flows) == 1
                self._append(found, part, flow, cut=cut and last)

    def _append(
        self,
        found: list[TextLine],
        words: Sequence[Sequence[StyledPart]],
        flow: Flow,
        *,
        cut: bool,
    ) -> None:
        """Append the line that words make, unless all its characters are without meaning."""
        line = self._line(words, flow, cut=cut) if words else None
        if line and line.segments:
            found.append(line)

    def _parts(self, words: list[list[StyledPart]]) -> list[list[list[StyledPart]]]:
        """Part text of different heights, such as cells, or of different sizes, such as notes.

        PDFium makes one line of cells of which the text stands at different heights, and of the
        prose of two columns in different sizes.
        """
        if len({part[2].key for word in words for part in word}) == 1:
            return [words]
        levels, parts = [[words[0]]], [[words[0]]]
        for before, after in pairwise(words):
            last, first = before[0][2], after[0][2]
            size = max(first.size, last.size)
            gap = self._extent(after[0][0], after[-1][1])[0]
            gap -= self._extent(before[0][0], before[-1][1])[1]
            step = abs(first.baseline - last.baseline)
            if step > size or (gap > WIDE_GAP * size and step > MIN_STEP * size):
                levels.append([])
            levels[-1].append(after)
            last = before[-1][2]
            changed = abs(first.size - last.size) > MIN_PART_CHANGE * last.size
            if changed and gap > MIN_PART_GAP * max(first.size, last.size):
                parts.append([])
            parts[-1].append(after)
        if len(levels) > 1:
            return levels
        is_prose = all(len(part) >= MIN_PART_WORDS for part in parts)
        return parts if is_prose else [words]

    def _styled_words(self, spans: Sequence[tuple[int, int]]) -> list[list[StyledPart]]:
        """Return the parts of each word that have one style, without what is left out."""
        words: list[list[StyledPart]] = []
        for begin, end in spans:
            parts: list[StyledPart] = []
            start = begin
            for address, run in groupby(self.objects[begin:end]):
                stop = start + len(list(run))
                style = self.styles.of(start, address)
                for first, last in self._kept(start, stop):
                    if parts and parts[-1][1] == first and parts[-1][2].key == style.key:
                        parts[-1] = (parts[-1][0], last, parts[-1][2])
                    else:
                        parts.append((first, last, style))
                start = stop
            if parts:
                words.append(parts)
        return words

    def _without_false_gaps(self, words: list[list[StyledPart]]) -> list[list[StyledPart]]:
        """Rejoin words that PDFium has split where letters stand apart a little more than usual.

        The line has spaces of its own, and the gap is narrower than any.
        """
        made_up = [
            before[-1][1] + 1 == after[0][0] and not self.objects[before[-1][1]]
            for before, after in pairwise(words)
        ]
        if not any(made_up) or all(made_up):
            return words
        joined = [words[0]]
        for apart, word in zip(made_up, words[1:], strict=True):
            before, after = joined[-1][-1], word[0]
            if (
                apart
                and before[2].key == after[2].key
                and self.text[before[1] - 1].isalpha()
                and self.text[after[0]].islower()
                and self._extent(after[0], after[0] + 1)[0]
                - self._extent(before[1] - 1, before[1])[1]
                < MAX_FALSE_GAP * before[2].size
            ):
                joined[-1] = [*joined[-1], *word]
            else:
                joined.append(word)
        return joined

    def _kept(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        if not self.leaves_out or self.left_out.find(1, start, stop) < 0:
            yield start, stop
            return
        for left_out, run in groupby(range(start, stop), key=self.left_out.__getitem__):
            if not left_out:
                kept = list(run)
                yield kept[0], kept[-1] + 1

    def _line(self, styled: Sequence[Sequence[StyledPart]], flow: Flow, *, cut: bool) -> TextLine:
        main = _main_style(styled)
        first, last = styled[0][0][0], styled[-1][-1][1] - 1
        begins_bold = self._bold(first)
        bold = begins_bold and (last == first or self._bold(last))
        if flow is Flow.RIGHT:
            words = self._join_spaced_letters(self._shifted_words(styled, main))
            segments = self._segments(words, main.size, main.baseline - 0.3 * main.size)
        else:
            text = repair_text(self.text[first : last + 1])
            segments = [LineSegment(text, main.x, main.x + main.size)] if text else []
        return TextLine(
            tuple(segments),
            round(main.baseline, 1),
            round(main.size, 1),
            bold,
            cut,
            flow,
            begins_bold,
        )

    def _shifted_words(self, styled: Sequence[Sequence[StyledPart]], main: TextStyle) -> list[Word]:
        """Tell which parts of the words of a line are raised or lowered."""
        if all(len(word) == 1 and word[0][2].key == main.key for word in styled):
            return [self._raised_glyphs(*word[0][:2]) for word in styled]
        words: list[Word] = []
        line = main
        for index, word in enumerate(styled):
            pieces: list[Piece] = []
            for begin, end, style in word:
                shift = self._shift(begin, end, style, line)
                apart = begin == word[0][0]
                if shift and apart and not self._follows_closely(styled, index, line.size):
                    shift = 0
                if shift:
                    pieces.append((begin, end, shift))
                    continue
                if self._has_letters(begin, end):
                    line = style
                pieces += self._raised_glyphs(begin, end)
            words.append(tuple(pieces))
        return _without_long_shifts(words)

    def _shift(self, begin: int, end: int, style: TextStyle, line: TextStyle) -> int:
        if style is line or not self._has_letters(begin, end):
            return 0
        shift = baseline_shift(style.size, style.baseline, line.size, line.baseline)
        smaller = style.size <= MAX_SIZE_RATIO * line.size
        before = self.text[max(begin - 4, 0) : begin]
        return shift if may_be_shifted(self.text[begin:end], before, smaller=smaller) else 0

    def _has_letters(self, begin: int, end: int) -> bool:
        return _LETTER.search(self.text, begin, end) is not None

    def _follows_closely(
        self, styled: Sequence[Sequence[StyledPart]], index: int, size: float
    ) -> bool:
        """Tell whether a word begins the line, or closely follows the word before it."""
        if not index:
            return True
        begin, end = styled[index - 1][0][0], styled[index - 1][-1][1]
        x0 = self._extent(styled[index][0][0], styled[index][0][1])[0]
        return x0 - self._extent(begin, end)[1] < MAX_CALL_GAP * size

    def _raised_glyphs(self, begin: int, end: int) -> Word:
        """Split off the digits at the end of a word that are raised by their glyphs.

        Fonts have small raised digits for the same character and baseline.
        """
        start = end
        while start > begin and self.text[start - 1].isdecimal() and self._is_small(start - 1):
            start -= 1
        if start == end:
            return ((begin, end, 0),)
        raised = (start, end, 1)
        return ((begin, start, 0), raised) if start > begin else (raised,)

    def _is_small(self, index: int) -> bool:
        style = self.styles.of(index, self.objects[index])
        return self.frame.rotation == 0 and self.shapes.is_raised(index, style.size)

    def _join_spaced_letters(self, words: list[Word]) -> list[Word]:
        """Join spaced-out letters to words, which wider gaps separate."""
        joined: list[Word] = []
        run: list[Word] = []
        for word in [*words, ()]:
            if (
                len(word) == 1
                and word[0][1] - word[0][0] == 1
                and (self.text[word[0][0]].isalpha() or (run and self.text[word[0][0]] in "'’-&,."))
            ):
                run.append(word)
                continue
            joined += self._spaced_words(run) if len(run) >= MIN_SPACED_LETTERS else run
            run = []
            joined += [word] if word else []
        return joined

    def _spaced_words(self, letters: Sequence[Word]) -> list[Word]:
        extents = [self._extent(word[0][0], word[0][1]) for word in letters]
        gaps = [after[0] - before[1] for before, after in pairwise(extents)]
        usual = sorted(gaps)[len(gaps) // 3]
        words = [letters[0]]
        for gap, letter in zip(gaps, letters[1:], strict=True):
            if gap > SPACED_WORD_GAP * max(usual, 0.1):
                words.append(letter)
            else:
                words[-1] = (*words[-1], *letter)
        return words if max(map(len, words)) > 2 else list(letters)

    def _segments(self, words: Sequence[Word], size: float, y: float) -> list[LineSegment]:
        """Split a line where the gap between two words is wide or contains a ruled line."""
        extents = [self._extent(word[0][0], word[-1][1]) for word in words]
        gaps = [after[0] - before[1] for before, after in pairwise(extents)]
        wide = WIDE_GAP * size
        if gaps and max(gaps) > wide:
            gaps = self._significant_gaps(words, gaps, HUGE_GAP * size)
        if self.rules.vertical:
            gaps = [
                math.inf if self.rules.between(before[1], after[0], y) else gap
                for gap, (before, after) in zip(gaps, pairwise(extents), strict=True)
            ]
        segments: list[LineSegment] = []
        begin = 0
        for i, gap in enumerate([*gaps, math.inf]):
            if gap <= wide:
                continue
            text = self._words_text(words[begin : i + 1])
            if text:
                x0, x1 = extents[begin][0], extents[i][1]
                segments.append(LineSegment(text, round(x0, 1), round(x1, 1)))
            begin = i + 1
        return segments

    def _significant_gaps(
        self, words: Sequence[Word], gaps: list[float], huge: float
    ) -> list[float]:
        """Return the gaps, with those set to 0 that only space out words drawn by one operation."""
        objects = [(self.objects[word[0][0]], self.objects[word[-1][1] - 1]) for word in words]
        same_object = [before[1] == after[0] for before, after in pairwise(objects)]
        inside = sorted(gap for gap, one in zip(gaps, same_object, strict=True) if one)
        threshold = min(1.5 * inside[len(inside) // 2], huge) if inside else 0.0
        result = []
        for gap, one in zip(gaps, same_object, strict=True):
            justified = one and not self.rows_in_one
            result.append(0.0 if justified or gap < threshold else gap)
        return result

    def _words_text(self, words: Sequence[Word]) -> str:
        """Return the repaired text of words, with marks around what is raised or lowered."""
        if all(len(word) == 1 and not word[0][2] for word in words):
            return repair_text(
                self.text[words[0][0][0] : words[-1][0][1]]
                if not self.leaves_out
                else " ".join(self.text[word[0][0] : word[0][1]] for word in words)
            )
        parts: list[str] = []
        plain = ""
        for index, word in enumerate(words):
            plain += " " if index else ""
            for begin, end, shift in word:
                if not shift:
                    plain += self.text[begin:end]
                    continue
                parts += [_repair_part(plain), mark_text(repair_text(self.text[begin:end]), shift)]
                plain = ""
        return join_marks("".join([*parts, _repair_part(plain)])).strip()

    def _extent(self, begin: int, end: int) -> tuple[float, float]:
        """Return the start and end of a word, in points from the left of the displayed page."""
        rect = self._rect
        bindings.loose_box(self.handle, begin, self._rect_at)
        if self.frame.rotation == 0:
            x0 = rect.left - self.frame.left
            if end - begin > 1:
                bindings.loose_box(self.handle, end - 1, self._rect_at)
            return x0, rect.right - self.frame.left
        ends = [*self._displayed_ends()]
        bindings.loose_box(self.handle, end - 1, self._rect_at)
        ends += self._displayed_ends()
        return min(ends), max(ends)

    def _displayed_ends(self) -> tuple[float, float]:
        rect = self._rect
        return (
            self.frame.to_display(rect.left, rect.bottom)[0],
            self.frame.to_display(rect.right, rect.top)[0],
        )

    def _bold(self, index: int) -> bool:
        length = bindings.font_info(self.handle, index, self._name_at, 128, None)
        if 0 < length <= 128 and _BOLD.search(self._name.value):
            return True
        return bool(bindings.font_weight(self.handle, index) >= 600)


def _main_style(words: Sequence[Sequence[StyledPart]]) -> TextStyle:
    """Return the style of most characters of a line."""
    styles = {part[2].key: part[2] for word in reversed(words) for part in reversed(word)}
    if len(styles) == 1:
        return words[0][0][2]
    lengths: Counter[StyleKey] = Counter()
    for word in words:
        for begin, end, style in word:
            lengths[style.key] += end - begin
    return styles[max(lengths, key=lengths.__getitem__)]


def _drop_capital(words: Sequence[Sequence[StyledPart]], text: str) -> list[StyledPart] | None:
    """Return the large initial or number with which a line begins, if any."""
    if not words or (len(words) == 1 and len(words[0]) == 1):
        return None
    begin, end, style = words[0][0]
    main = _main_style([words[0][1:], *words[1:]] if len(words[0]) > 1 else words[1:])
    initial = text[begin:end]
    is_initial = (len(initial) == 1 and initial.isupper()) or initial.isdecimal()
    return [words[0][0]] if is_initial and style.size >= INITIAL_RATIO * main.size else None


def _without_long_shifts(words: Sequence[Word]) -> list[Word]:
    """Undo the shifts that run over more characters than an exponent or the calls of notes."""
    pieces = [piece for word in words for piece in word]
    too_long: set[int] = set()
    for shift, run in groupby(pieces, key=lambda piece: piece[2]):
        shifted = list(run)
        if shift and sum(end - begin for begin, end, _ in shifted) > MAX_LENGTH:
            too_long.update(begin for begin, _, _ in shifted)
    if not too_long:
        return list(words)
    return [
        tuple((begin, end, 0 if begin in too_long else shift) for begin, end, shift in word)
        for word in words
    ]


def _repair_part(text: str) -> str:
    """Repair a part of a line, keeping one space at each end that has any."""
    repaired = repair_text(text)
    if not repaired:
        return " " if text[:1].isspace() else ""
    return (" " if text[0].isspace() else "") + repaired + (" " if text[-1].isspace() else "")
