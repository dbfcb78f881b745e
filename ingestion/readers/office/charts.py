"""Read charts as tables from the values kept in their XML, whatever their type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.readers import Block
from ingestion.readers.office.number_format import format_value
from ingestion.readers.office.package import A, local_name, namespace_of
from ingestion.readers.repair.characters import repair_text
from ingestion.readers.text.pagination import build_table

if TYPE_CHECKING:
    from lxml.etree import _Element

C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
MAX_POINTS = 20_000
_CATEGORIES = ("cat", "xVal")
_VALUES = ("val", "yVal")


class NoValues(ValueError):
    """A chart that keeps none of its values."""


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    categories: list[str]
    values: list[str]
    sizes: list[str]  # of bubbles


def chart_blocks(root: _Element) -> Iterator[Block]:
    """Yield the title of a chart, then a table: a row per category, a column per series.

    Series with other categories make a table of their own. Raises `NoValues` if there is no value.
    """
    if "chartex" in namespace_of(root):
        yield from _extended_chart(root)
        return
    chart = root if root.tag == C + "chart" else root.find(C + "chart")
    title = chart.find(C + "title") if chart is not None else None
    if title is not None and (text := _title_text(title)):
        yield Block("caption", text)
    area = chart.find(C + "plotArea") if chart is not None else None
    plots = [] if area is None else [p for p in area if local_name(p).endswith("Chart")]
    series = [_read_series(found) for plot in plots for found in plot.findall(C + "ser")]
    yield from _tables([one for one in series if any(one.values)])


def _tables(series: list[_Series]) -> Iterator[Block]:
    if not series:
        raise NoValues("the chart keeps no values")
    groups: dict[tuple[str, ...], list[_Series]] = {}
    for one in series:
        groups.setdefault(tuple(one.categories), []).append(one)
    for categories, group in groups.items():
        columns = [column for one in group for column in _columns(one)]
        count = max([len(categories), *(len(values) for _, values in columns)])
        rows = [["", *(name for name, _ in columns)]]
        for i in range(count):
            cells = [values[i] if i < len(values) else "" for _, values in columns]
            rows.append([categories[i] if i < len(categories) else "", *cells])
        block = build_table(rows)
        if block is not None:
            yield block


def _columns(series: _Series) -> Iterator[tuple[str, list[str]]]:
    yield series.name, series.values
    if any(series.sizes):
        yield f"{series.name} (taille)".strip(), series.sizes


def _read_series(series: _Element) -> _Series:
    return _Series(
        name=_line(" ".join(_points(series.find(C + "tx")))),
        categories=_categories(_first(series, _CATEGORIES)),
        values=_points(_first(series, _VALUES)),
        sizes=_points(series.find(C + "bubbleSize")),
    )


def _first(element: _Element, names: tuple[str, ...]) -> _Element | None:
    return next((found for name in names if (found := element.find(C + name)) is not None), None)


def _categories(element: _Element | None) -> list[str]:
    """Return the categories; those of several levels are joined from the outermost."""
    if element is None:
        return []
    levels = list(element.iter(C + "lvl"))
    if not levels:
        return _points(element)
    columns = [_cached(level) for level in levels]  # the innermost first
    count = max(len(column) for column in columns)
    filled = []
    for column in columns:
        column += [""] * (count - len(column))
        for i in range(1, count if column is not columns[0] else 0):
            column[i] = column[i] or column[i - 1]
        filled.append(column)
    return [" – ".join(filter(None, texts)) for texts in zip(*reversed(filled), strict=True)]


def _points(element: _Element | None) -> list[str]:
    """Return the values kept in an element, in their order."""
    if element is None:
        return []
    for name in ("strCache", "numCache", "strLit", "numLit"):
        cache = next(element.iter(C + name), None)
        if cache is not None:
            return _cached(cache)
    plain = element.find(C + "v")
    return [_line(plain.text or "")] if plain is not None else []


def _cached(cache: _Element) -> list[str]:
    form = cache.findtext(C + "formatCode") or "General"
    is_number = local_name(cache).startswith("num")
    values: dict[int, str] = {}
    for point in cache.findall(C + "pt")[:MAX_POINTS]:
        position = str(point.get("idx"))
        text = point.findtext(C + "v") or ""
        if position.isdecimal() and int(position) < MAX_POINTS:
            shown = _number(text, point.get("formatCode") or form) if is_number else _line(text)
            values[int(position)] = shown
    return [values.get(i, "") for i in range(max(values, default=-1) + 1)]


def _number(text: str, form: str) -> str:
    try:
        return format_value(float(text), form)
    except ValueError:
        return _line(text)


def _extended_chart(root: _Element) -> Iterator[Block]:
    """Read a chart of Office 2016 and later: treemap, waterfall, funnel, map."""
    space = namespace_of(root)
    title = next(root.iter(space + "title"), None)
    if title is not None and (text := _title_text(title)):
        yield Block("caption", text)
    data = {str(one.get("id")): one for one in root.iter(space + "data")}
    found = []
    for series in root.iter(space + "series"):
        link = series.find(space + "dataId")
        one = data.get(str(link.get("val"))) if link is not None else None
        name = series.find(f"{space}tx")
        if one is not None:
            label = "" if name is None else _line("".join(name.itertext(space + "v")))
            found.append(_extended_series(one, space, label))
    yield from _tables([one for one in found if any(one.values)])


def _extended_series(data: _Element, space: str, name: str) -> _Series:
    columns: dict[str, list[str]] = {"strDim": [], "numDim": []}
    for kind in columns:
        levels = [
            [point.text or "" for point in level.findall(space + "pt")[:MAX_POINTS]]
            for dimension in data.findall(space + kind)
            for level in dimension.findall(space + "lvl")
        ]
        joined = zip(*reversed(levels), strict=False)
        columns[kind] = [" – ".join(filter(None, texts)) for texts in joined]
    values = [_number(text, "General") for text in columns["numDim"]]
    return _Series(name, [_line(text) for text in columns["strDim"]], values, [])


def _title_text(title: _Element) -> str:
    text = "".join(
        part.text or "" if part.tag == A + "t" else "\n"
        for part in title.iter(A + "p", A + "t", A + "br")
    )
    return _line(text or " ".join(_points(title)))


def _line(text: str) -> str:
    return " ".join(repair_text(text).split())
