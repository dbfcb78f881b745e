"""Find related sheets: by links, system, category and shared sources."""

from django.db import connection, transaction

from sheets.models import Relation, Sheet

MOST = 6
RELATED_SQL = """
    SELECT other, sum(weight) FROM (
        SELECT o.sheet_id AS other, 3 AS weight
            FROM sheets_sheet_documents m
            JOIN sheets_sheet_documents o ON o.document_id = m.document_id
            WHERE m.sheet_id = %(sheet)s
        UNION ALL
        SELECT o.sheet_id, CASE WHEN o.system_name = m.system_name THEN 5 ELSE 2 END
            FROM sheets_searchedsheet m
            JOIN sheets_searchedsheet o ON (o.system_name = m.system_name AND m.system_name <> '')
                OR (o.category_name = m.category_name AND m.category_name <> '')
            WHERE m.sheet_id = %(sheet)s
        UNION ALL
        SELECT o.sheet_id, 8
            FROM sheets_link l JOIN sheets_searchedsheet o ON o.folded = l.folded
            WHERE l.source_id = %(sheet)s
        UNION ALL
        SELECT l.source_id, 8
            FROM sheets_searchedsheet m JOIN sheets_link l ON l.folded = m.folded
            WHERE m.sheet_id = %(sheet)s
    ) AS common
    JOIN sheets_sheet s ON s.id = other AND s.state <> 'archived'
    WHERE other <> %(sheet)s
    GROUP BY other, s.updated_at ORDER BY 2 DESC, s.updated_at DESC, other LIMIT %(most)s
"""
DELETE_SURPLUS_SQL = """
    DELETE FROM sheets_relation WHERE id IN (
        SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY sheet_id ORDER BY weight DESC, other_id)
                AS place
            FROM sheets_relation WHERE sheet_id = ANY(%s)
        ) AS placed WHERE place > %s
    )
"""


@transaction.atomic
def update_related(sheet: Sheet) -> None:
    """Store the sheets most related to this one, in both directions, MOST for each sheet.

    One writer at a time: two that write relations of each other would wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sheets_relation'))")
        cursor.execute(RELATED_SQL, {"sheet": sheet.pk, "most": MOST})
        found = [(other, int(weight)) for other, weight in cursor.fetchall()]
        Relation.objects.filter(sheet=sheet).delete()
        Relation.objects.filter(other=sheet).delete()
        Relation.objects.bulk_create(
            Relation(sheet_id=one, other_id=two, weight=weight)
            for other, weight in found
            for one, two in ((sheet.pk, other), (other, sheet.pk))
        )
        cursor.execute(DELETE_SURPLUS_SQL, [[other for other, _weight in found], MOST])


def related_sheets(sheet: Sheet, user: object) -> list[Sheet]:
    """Return the related sheets that `user` may see in lists, the most related first."""
    shown = Sheet.objects.listed_for(user).order_by().values("pk")
    rows = sheet.relations.filter(other__in=shown).select_related("other__sheet_type")
    return [relation.other for relation in rows.order_by("-weight", "other__title")]
