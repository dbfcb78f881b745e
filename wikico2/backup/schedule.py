"""The daily backup, as a job of the queue."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from wikico2.backup.make import make_backup
from wikico2.backup.stores import open_store
from wikico2.errors import UserError
from wikico2.jobs.policy import JobPolicy, register_kind
from wikico2.jobs.queue import schedule_daily, start_job
from wikico2.jobs.runner import JobRun
from wikico2.launcher.supervisor import OperatorError
from wikico2.models import Job

BACKUP = "backup"
TASK = "wikico2.backup.schedule.start_backup"


def start_backup() -> None:
    """Start the daily backup, if there is a place for it."""
    if settings.BACKUP_TO:
        start_job(BACKUP)


def run_backup(run: JobRun) -> bool:
    """Make a backup; files that an interrupted attempt has copied are not copied again."""
    try:
        make_backup(open_store(settings.BACKUP_TO), days=settings.BACKUP_DAYS, check=run.renew)
    except (OperatorError, OSError) as error:
        raise UserError("backup_failed", reason=str(error)[:500]) from error
    return True


def ensure_backup_schedule(**kwargs: object) -> None:
    """Schedule the daily backup; keep an existing schedule."""
    schedule_daily(TASK, "backup", settings.BACKUP_HOUR)


register_kind(JobPolicy(BACKUP, _("backup"), Job.Lane.UPKEEP, run_backup, attempts=3, at_once=1))
