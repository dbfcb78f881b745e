"""What a kept page was made of, as one text: it differs as soon as one of the rows has changed.

A row is named by `xmin` and `ctid`, which every change of it renews. The table of the pages is not
logged: it is derived, and not worth the disk's time.
"""

from django.db import migrations

CREATE = """
ALTER TABLE sheets_keptpage SET UNLOGGED;

-- What all pages show: names of people, what the types of sheets ask for. Such a change is rare.
CREATE TABLE sheets_common (version bigint NOT NULL);
INSERT INTO sheets_common VALUES (1);
CREATE FUNCTION wikico2_common_has_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sheets_common SET version = version + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER common_has_changed AFTER UPDATE OR DELETE OR TRUNCATE ON sheets_sheettype
    FOR EACH STATEMENT EXECUTE FUNCTION wikico2_common_has_changed();
CREATE TRIGGER common_has_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON sheets_section
    FOR EACH STATEMENT EXECUTE FUNCTION wikico2_common_has_changed();
CREATE TRIGGER common_has_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON sheets_field
    FOR EACH STATEMENT EXECUTE FUNCTION wikico2_common_has_changed();
CREATE TRIGGER a_person_left AFTER DELETE ON wikico2_user
    FOR EACH STATEMENT EXECUTE FUNCTION wikico2_common_has_changed();
CREATE TRIGGER a_name_has_changed AFTER UPDATE ON wikico2_user FOR EACH ROW
    WHEN ((OLD.username, OLD.first_name, OLD.last_name)
        IS DISTINCT FROM (NEW.username, NEW.first_name, NEW.last_name))
    EXECUTE FUNCTION wikico2_common_has_changed();

CREATE FUNCTION wikico2_sheet_token(wanted bigint) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
RETURN (
    SELECT concat_ws('|',
        s.xmin, s.ctid, r.xmin, r.ctid,
        (SELECT version FROM sheets_common),
        (SELECT string_agg(concat(d.id, d.xmin, d.ctid), ';' ORDER BY d.id)
            FROM sheets_sheet_documents sd JOIN ingestion_document d ON d.id = sd.document_id
            WHERE sd.sheet_id = s.id),
        (SELECT concat(g.xmin, g.ctid) FROM sheets_generation g
            WHERE g.sheet_id = s.id ORDER BY g.created_at DESC, g.id DESC LIMIT 1),
        (SELECT string_agg(concat(p.id, p.xmin, p.ctid), ';' ORDER BY p.id)
            FROM sheets_proposal p WHERE p.sheet_id = s.id AND p.state = 'open'),
        (SELECT string_agg(l.section, ';' ORDER BY l.section)
            FROM sheets_sectionlock l WHERE l.sheet_id = s.id),
        (SELECT string_agg(concat(n.id), ';' ORDER BY n.id)
            FROM sheets_formername n WHERE n.sheet_id = s.id),
        (SELECT string_agg(concat(t.id, t.xmin, t.ctid), ';' ORDER BY t.id)
            FROM sheets_link k
            JOIN sheets_searchedsheet n ON n.folded = k.folded
            JOIN sheets_sheet t ON t.id = n.sheet_id
            WHERE k.source_id = s.id),
        (SELECT string_agg(concat(t.id, t.xmin, t.ctid), ';' ORDER BY t.id)
            FROM sheets_link k
            JOIN sheets_formername n ON n.folded = k.folded
            JOIN sheets_sheet t ON t.id = n.sheet_id
            WHERE k.source_id = s.id),
        (SELECT string_agg(concat(t.id, t.xmin, t.ctid), ';' ORDER BY t.id)
            FROM sheets_link k JOIN sheets_sheet t ON t.id = k.source_id
            WHERE k.folded IN (
                SELECT n.folded FROM sheets_searchedsheet n WHERE n.sheet_id = s.id
                UNION SELECT n.folded FROM sheets_formername n WHERE n.sheet_id = s.id)),
        (SELECT string_agg(concat(t.id, t.xmin, t.ctid), ';' ORDER BY t.id)
            FROM sheets_relation e JOIN sheets_sheet t ON t.id = e.other_id
            WHERE e.sheet_id = s.id)
    )
    FROM sheets_sheet s LEFT JOIN sheets_revision r ON r.id = s.current_id
    WHERE s.id = wanted
);
END $$;

-- All that sending a kept page needs; a function, so that its plan is made once a connection. The
-- page comes along only if it was made of what is there now.
CREATE FUNCTION wikico2_kept_page(
    wanted text, page text, reader bigint,
    OUT sheet bigint, OUT token text, OUT nonce text, OUT html text, OUT watched boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    made_of text;
BEGIN
    SELECT s.id, wikico2_sheet_token(s.id) INTO sheet, token
        FROM sheets_sheet s WHERE s.slug = wanted;
    IF sheet IS NULL THEN
        RETURN;
    END IF;
    SELECT k.nonce, k.html, k.token INTO nonce, html, made_of
        FROM sheets_keptpage k WHERE k.sheet_id = sheet AND k.key = page;
    IF made_of IS DISTINCT FROM token THEN
        html := NULL;
    END IF;
    watched := reader IS NOT NULL AND EXISTS (
        SELECT FROM sheets_watch w WHERE w.user_id = reader AND w.sheet_id = sheet);
END $$;
"""
DROP = """
DROP FUNCTION wikico2_kept_page(text, text, bigint);
DROP FUNCTION wikico2_sheet_token(bigint);
DROP TRIGGER common_has_changed ON sheets_sheettype;
DROP TRIGGER common_has_changed ON sheets_section;
DROP TRIGGER common_has_changed ON sheets_field;
DROP TRIGGER a_person_left ON wikico2_user;
DROP TRIGGER a_name_has_changed ON wikico2_user;
DROP FUNCTION wikico2_common_has_changed();
DROP TABLE sheets_common;
"""


class Migration(migrations.Migration):
    dependencies = [("sheets", "0012_reading")]
    operations = [migrations.RunSQL(CREATE, DROP)]
