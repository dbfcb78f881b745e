"""What a reader says with a proposal is never changed either."""

import importlib

from django.db import migrations

GUARDS = importlib.import_module("sheets.migrations.0005_proposal_guards")
START = GUARDS.CREATE.index("CREATE FUNCTION wikico2_proposal_is_kept()")
END = GUARDS.CREATE.index("CREATE TRIGGER proposal_is_kept")
FORMER = GUARDS.CREATE[START:END].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
KEPT = FORMER.replace("NEW.notices,", "NEW.notices, NEW.remark, NEW.signed,").replace(
    "OLD.notices,", "OLD.notices, OLD.remark, OLD.signed,"
)


class Migration(migrations.Migration):
    dependencies = [("sheets", "0015_editing")]
    operations = [migrations.RunSQL(KEPT, FORMER)]
