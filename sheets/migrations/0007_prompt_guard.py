"""A prompt that sheets were written with is never changed, whoever asks; new versions are added."""

from django.db import migrations

CREATE = """
CREATE FUNCTION wikico2_prompt_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An author's account may be deleted: the text stays, without a name.
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'author_id' IS DISTINCT FROM to_jsonb(OLD) - 'author_id'
       OR (NEW.author_id IS DISTINCT FROM OLD.author_id AND NEW.author_id IS NOT NULL) THEN
        RAISE EXCEPTION 'A prompt is never changed (version %).', OLD.version
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER prompt_is_append_only BEFORE UPDATE OR DELETE ON sheets_prompt
    FOR EACH ROW EXECUTE FUNCTION wikico2_prompt_is_append_only();
"""
DROP = """
DROP TRIGGER prompt_is_append_only ON sheets_prompt;
DROP FUNCTION wikico2_prompt_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("sheets", "0006_prompts_and_spending")]
    operations = [migrations.RunSQL(CREATE, DROP)]
