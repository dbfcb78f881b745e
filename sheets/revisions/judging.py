"""Have a model read again what a sheet says in other words than its sources."""

from sheets.models import Revision, Sheet
from sheets.models.schema_loader import load_template
from sheets.revisions.save import check_revision, recheck_revision
from sheets.sources.judge import is_judge_on, judge_statements, statements_to_judge
from wikico2.llm.client import RetryPolicy


def judge_sheet(sheet: Sheet, patience: RetryPolicy | None = None) -> int:
    """Ask the judge about the current revision and show its answers; return how many it gave.

    Raises UserError when the service fails or the day's tokens are used up.
    """
    if not is_judge_on() or sheet.current_id is None:
        return 0
    revision = Revision.objects.select_related("sheet").get(pk=sheet.current_id)
    checked = check_revision(revision, load_template(sheet.sheet_type))
    wanted = statements_to_judge(checked.statements)
    answered = judge_statements(wanted, patience or RetryPolicy.from_settings()) if wanted else 0
    if answered:
        recheck_revision(revision)
    return answered
