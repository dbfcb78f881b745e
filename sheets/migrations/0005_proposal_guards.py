"""What the database itself refuses of proposals and merges, whoever asks.

* A merged revision is a person's decision: it has an author when it is written, and the generated
  text that it takes in waited, open, for that decision.
* A generated text never empties a sheet.
* Both parents of a revision, and all that a proposal refers to, belong to its sheet.
* What a proposal says never changes, nor does a decision; a proposal goes only with its sheet.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION wikico2_merge_is_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.origin = 'merge' THEN
        IF NEW.author_id IS NULL THEN
            RAISE EXCEPTION 'Only a person merges (sheet %, number %).', NEW.sheet_id, NEW.number
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NEW.generation_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM sheets_proposal WHERE sheet_id = NEW.sheet_id
                AND generation_id = NEW.generation_id AND state = 'open'
        ) THEN
            RAISE EXCEPTION 'No open proposal of sheet % holds this generated text.', NEW.sheet_id
                USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    IF NEW.origin = 'generated' AND NEW.body !~ '\\w' AND EXISTS (
        SELECT FROM sheets_revision WHERE id = NEW.parent_id AND body ~ '\\w'
    ) THEN
        RAISE EXCEPTION 'A generated text never empties a sheet (sheet %).', NEW.sheet_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER revision_merge_is_decided BEFORE INSERT ON sheets_revision
    FOR EACH ROW EXECUTE FUNCTION wikico2_merge_is_decided();

ALTER TABLE sheets_revision ADD CONSTRAINT revision_second_parent_is_its_sheets
    FOREIGN KEY (sheet_id, second_parent_id) REFERENCES sheets_revision (sheet_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE sheets_proposal ADD CONSTRAINT proposal_base_is_its_sheets
    FOREIGN KEY (sheet_id, base_id) REFERENCES sheets_revision (sheet_id, id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE sheets_proposal ADD CONSTRAINT proposal_accepted_is_its_sheets
    FOREIGN KEY (sheet_id, accepted_as_id) REFERENCES sheets_revision (sheet_id, id)
    DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION wikico2_proposal_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT FROM sheets_sheet WHERE id = OLD.sheet_id) AND
           current_setting('wikico2.deleting_sheet', true) IS DISTINCT FROM OLD.sheet_id::text THEN
            RAISE EXCEPTION 'A proposal is never deleted alone (%).', OLD.id
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF (NEW.sheet_id, NEW.base_id, NEW.base_proposal_id, NEW.generation_id, NEW.body,
        NEW.metadata, NEW.sections, NEW.notices, NEW.created_at)
       IS DISTINCT FROM
       (OLD.sheet_id, OLD.base_id, OLD.base_proposal_id, OLD.generation_id, OLD.body,
        OLD.metadata, OLD.sections, OLD.notices, OLD.created_at) THEN
        RAISE EXCEPTION 'What a proposal says is never changed (%).', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> 'open' AND (NEW.state, NEW.reason, NEW.decided, NEW.accepted_as_id)
       IS DISTINCT FROM (OLD.state, OLD.reason, OLD.decided, OLD.accepted_as_id) THEN
        RAISE EXCEPTION 'A decision is never changed (proposal %).', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER proposal_is_kept BEFORE UPDATE OR DELETE ON sheets_proposal
    FOR EACH ROW EXECUTE FUNCTION wikico2_proposal_is_kept();
"""

DROP = """
DROP TRIGGER proposal_is_kept ON sheets_proposal;
DROP FUNCTION wikico2_proposal_is_kept();
ALTER TABLE sheets_proposal DROP CONSTRAINT proposal_accepted_is_its_sheets;
ALTER TABLE sheets_proposal DROP CONSTRAINT proposal_base_is_its_sheets;
ALTER TABLE sheets_revision DROP CONSTRAINT revision_second_parent_is_its_sheets;
DROP TRIGGER revision_merge_is_decided ON sheets_revision;
DROP FUNCTION wikico2_merge_is_decided();
"""


class Migration(migrations.Migration):
    dependencies = [("sheets", "0004_proposals_and_locks")]
    operations = [migrations.RunSQL(CREATE, DROP)]
