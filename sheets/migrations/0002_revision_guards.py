"""What the database itself refuses, whoever asks.

* A revision is never changed nor deleted alone (its cached rendering may be made again).
* A revision grows from the sheet's latest one: a stale save cannot slip in.
* Once a person has written in a sheet, a generated text cannot become a revision of it.
* A sheet's current revision is one of its own.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION wikico2_revision_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- Only together with its sheet, whose row is gone by then.
        IF EXISTS (SELECT FROM sheets_sheet WHERE id = OLD.sheet_id) AND
           current_setting('wikico2.deleting_sheet', true) IS DISTINCT FROM OLD.sheet_id::text THEN
            RAISE EXCEPTION 'A revision is never deleted alone (sheet %, number %).',
                OLD.sheet_id, OLD.number USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    -- An author's account may be deleted: the text stays, without a name.
    IF to_jsonb(NEW) - 'rendered' - 'author_id' IS DISTINCT FROM
       to_jsonb(OLD) - 'rendered' - 'author_id'
       OR (NEW.author_id IS DISTINCT FROM OLD.author_id AND NEW.author_id IS NOT NULL) THEN
        RAISE EXCEPTION 'A revision is never changed (sheet %, number %).',
            OLD.sheet_id, OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER revision_is_append_only BEFORE UPDATE OR DELETE ON sheets_revision
    FOR EACH ROW EXECUTE FUNCTION wikico2_revision_is_append_only();

CREATE FUNCTION wikico2_revision_grows_from_latest() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    latest sheets_revision;
BEGIN
    -- Writers of one sheet take turns.
    PERFORM FROM sheets_sheet WHERE id = NEW.sheet_id FOR UPDATE;
    SELECT * INTO latest FROM sheets_revision
        WHERE sheet_id = NEW.sheet_id ORDER BY number DESC LIMIT 1;
    IF NEW.number <> COALESCE(latest.number, 0) + 1 OR
       NEW.parent_id IS DISTINCT FROM latest.id THEN
        RAISE EXCEPTION 'Revision % of sheet % does not grow from the latest one.',
            NEW.number, NEW.sheet_id USING ERRCODE = 'serialization_failure';
    END IF;
    IF NEW.origin = 'generated' AND EXISTS (
        SELECT FROM sheets_revision WHERE sheet_id = NEW.sheet_id AND origin <> 'generated'
    ) THEN
        RAISE EXCEPTION 'A person has written in sheet %: a generated text is only proposed.',
            NEW.sheet_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER revision_grows_from_latest BEFORE INSERT ON sheets_revision
    FOR EACH ROW EXECUTE FUNCTION wikico2_revision_grows_from_latest();

ALTER TABLE sheets_revision ADD CONSTRAINT revision_of_its_sheet UNIQUE (sheet_id, id);
ALTER TABLE sheets_sheet ADD CONSTRAINT sheet_current_is_its_own
    FOREIGN KEY (id, current_id) REFERENCES sheets_revision (sheet_id, id)
    DEFERRABLE INITIALLY DEFERRED;
"""

DROP = """
ALTER TABLE sheets_sheet DROP CONSTRAINT sheet_current_is_its_own;
ALTER TABLE sheets_revision DROP CONSTRAINT revision_of_its_sheet;
DROP TRIGGER revision_grows_from_latest ON sheets_revision;
DROP TRIGGER revision_is_append_only ON sheets_revision;
DROP FUNCTION wikico2_revision_grows_from_latest();
DROP FUNCTION wikico2_revision_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("sheets", "0001_sheets")]
    operations = [migrations.RunSQL(CREATE, DROP)]
