"""Search among the sheets."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from ingestion.search.bm25 import Match, MatchedGroups, lexeme_idf
from ingestion.search.hybrid import RowHit, SearchResult, search_rows
from ingestion.search.query import ParsedQuery
from sheets.models import SearchedSection, Sheet, SheetType
from sheets.models.sheet import CHANGED_SINCE_VALIDATION
from sheets.rendering.snippet import cut_snippet, mark_lexemes
from sheets.search.field_filters import INDEXED_FIELDS, QUERY_FIELDS
from sheets.search.indexing import SHEETS
from sheets.search.public_texts import match_validated, public_text, with_validated
from sheets.search.results import MAX_ROWS, FacetRow, Hit, match_reason
from sheets.sources.visibility import sources_visible_to
from wikico2.accounts.rules import may
from wikico2.filters import Filter
from wikico2.text.analyzer import quote_lexeme

NEAR_SECTION = 0.5
"""The weight of vector similarity when sections are ranked; all words together weigh 1."""


class SheetSearcher:
    """Searches the sheets that a reader sees in lists, filtered by the fields of the query."""

    def __init__(self, user: Any, query: ParsedQuery) -> None:
        self.user = user
        self.listed = Filter(QUERY_FIELDS, query.fields).apply(Sheet.objects.listed_for(user))
        self.visible, self.changed = self.listed, Sheet.objects.none()
        if not may(user, "unvalidated.read"):  # the index has texts that the user may not read
            self.visible = self.listed.exclude(CHANGED_SINCE_VALIDATION)
            if INDEXED_FIELDS.isdisjoint(query.fields):
                self.changed = self.listed.filter(CHANGED_SINCE_VALIDATION)
            else:
                self.listed = self.visible
        self.titles: dict[str, str] = {}
        self.kinds = {kind.key: kind for kind in SheetType.objects.all()}

    def find(self, query: ParsedQuery, dense: bool) -> SearchResult:
        if not query.wanted:
            return self.all_visible(query)
        result = search_rows(
            query,
            SHEETS,
            limit=MAX_ROWS,
            known=self.known,
            within=self.visible_condition(),
            dense=dense,
        )
        return with_validated(result, match_validated(self.changed.order_by("pk"), result.lexical))

    def visible_condition(self) -> tuple[str, Any]:
        """Return the SQL condition, with parameters, on the ids of visible sheets."""
        try:
            sql, params = self.visible.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:  # the fields of the query match nothing
            return "IN (NULL)", ()
        return f"IN ({sql})", params

    def known(self, keys: Sequence[int]) -> Mapping[int, int]:
        sections = SearchedSection.objects.filter(pk__in=keys, sheet__in=self.visible.order_by())
        return dict(sections.values_list("pk", "sheet_id"))

    def all_visible(self, query: ParsedQuery) -> SearchResult:
        """Return the sheets that match the fields alone, without those with excluded words."""
        if not query.fields:
            return SearchResult()
        without = ParsedQuery(query.raw, tuple((item,) for item in query.without))
        excluded = set()
        if query.without:
            result = search_rows(without, SHEETS, limit=MAX_ROWS, known=self.known, dense=False)
            excluded = {found.entry for found in result.hits if found.complete}
            changed = match_validated(self.changed.order_by("pk"), result.lexical)
            excluded |= {found.entry for found in changed if found.complete}
        pks = self.listed.order_by("title", "pk").values_list("pk", flat=True)
        left = [pk for pk in pks[: MAX_ROWS + len(excluded)] if pk not in excluded]
        found = [
            RowHit(pk, 0.0, Match(pk, 0.0, MatchedGroups()), complete=True)
            for pk in left[:MAX_ROWS]
        ]
        return SearchResult(found, self.listed.count() - len(excluded))

    def count(self, row_hits: Sequence[RowHit]) -> int:
        """Return how many sheets that is."""
        return len(row_hits)

    def rows(self, row_hits: Sequence[RowHit]) -> list[FacetRow]:
        """Return the facets' values of what was found, in its order."""
        sheets = Sheet.objects.filter(pk__any_of=[found.entry for found in row_hits]).order_by()
        drawn = Sheet.documents.through.objects.filter(sheet__in=sheets)
        pairs = list(drawn.values_list("sheet_id", "document_id"))
        titles = sources_visible_to(self.user).filter(
            pk__in={document for _sheet, document in pairs}
        )
        self.titles = {str(pk): title for pk, title in titles.values_list("pk", "title")}
        sources: dict[int, list[str]] = {}
        for sheet, document in pairs:
            if str(document) in self.titles:
                sources.setdefault(sheet, []).append(str(document))
        changed = set(self.changed.values_list("pk", flat=True))
        values = {
            pk: {
                "type": (type_key,),
                "state": (state,),
                "systeme": (system,) if system and pk not in changed else (),
                "source": tuple(sources.get(pk, ())),
            }
            for pk, type_key, state, system in sheets.values_list(
                "pk", "sheet_type__key", "state", "searched__system_name"
            )
        }
        return [FacetRow(found, values[found.entry]) for found in row_hits if found.entry in values]

    def label(self, name: str, value: str) -> str:
        if name == "type":
            return self.kinds[value].name if value in self.kinds else value
        if name == "state":
            return str(dict(Sheet.State.choices).get(value, value))
        return self.titles.get(value, value) if name == "source" else value

    def hits(self, rows: Sequence[FacetRow], result: SearchResult) -> list[Hit]:
        lexemes = result.lexical.lexemes
        pks = [row.found.entry for row in rows]
        sheets = Sheet.objects.only(
            "title", "slug", "state", "sheet_type", "current", "validated_revision"
        ).in_bulk(pks)
        sections = best_sections([row.found for row in rows], result)
        kinds = {kind.pk: kind for kind in self.kinds.values()}
        states = {value: str(label) for value, label in Sheet.State.choices}
        hits = []
        for row in rows:
            sheet = sheets.get(row.found.entry)
            if sheet is None:
                continue
            section = sections.get(sheet.pk)
            text = section.text if section else ""
            shown = sheet.revision_id_for(self.user)
            if shown is not None and shown != sheet.current_id:
                section, text = None, public_text(shown).text
            anchor = section.anchor if section else ""
            hits.append(
                Hit(
                    kind="sheets",
                    id=sheet.pk,
                    title=sheet.title,
                    url=sheet.get_absolute_url() + (f"#{anchor}" if anchor else ""),
                    heading=section.heading if section else "",
                    anchor=anchor,
                    snippet=cut_snippet(text, lexemes) if text else [],
                    why=match_reason(row.found),
                    score=row.found.score,
                    title_pieces=mark_lexemes(sheet.title, lexemes),
                    type_key=kinds[sheet.sheet_type_id].key,
                    type_name=kinds[sheet.sheet_type_id].name,
                    state=sheet.state,
                    state_name=states[sheet.state],
                    slug=sheet.slug,
                )
            )
        return hits


def best_sections(found: Sequence[RowHit], result: SearchResult) -> dict[int, SearchedSection]:
    """Return the best section of each sheet, by words and vector similarity."""
    weights = {w: lexeme_idf(result.lexical, w) for w in result.lexical.lexemes}
    total = sum(weights.values()) or 1.0
    near = {one.neighbour for one in found if one.neighbour is not None}
    best: dict[int, tuple[float, int]] = {}
    for pk, sheet, fit in _section_fits([one.entry for one in found], weights):
        worth = fit / total + (NEAR_SECTION if pk in near else 0.0)
        if sheet not in best or worth > best[sheet][0]:
            best[sheet] = (worth, pk)
    wanted = [pk for _worth, pk in best.values()]
    sections = SearchedSection.objects.only("sheet", "heading", "anchor", "text").in_bulk(wanted)
    return {section.sheet_id: section for section in sections.values()}


def _section_fits(sheets: list[int], weights: Mapping[str, float]) -> list[tuple[int, int, float]]:
    """Return (section id, sheet id, sum of the weights of its words), ordered by sheet."""
    one = "CASE WHEN search @@ %s::tsquery THEN %s::float8 ELSE 0 END"
    fit = " + ".join(["0::float8", *[one] * len(weights)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, sheet_id, {fit} FROM sheets_searchedsection"  # noqa: S608 (constant SQL)
            " WHERE sheet_id = ANY (%s) ORDER BY sheet_id, position",
            [*(x for w, weight in weights.items() for x in (quote_lexeme(w), weight)), sheets],
        )
        return [(pk, sheet, weight) for pk, sheet, weight in cursor.fetchall()]
