"""What actions, rows and details of the audit log are called on its page.

The log stores keys of actions, models, fields and choices, since it outlives them; a key of which
nothing is known any more is shown as it is.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.template.defaultfilters import yesno
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop

NAMES_OF_ACTIONS = {
    "account.activate": gettext_noop("account activated"),
    "account.add": gettext_noop("account created"),
    "account.change_role": gettext_noop("role changed"),
    "account.deactivate": gettext_noop("account deactivated"),
    "account.delete": gettext_noop("account deleted"),
    "account.invite": gettext_noop("invitation sent"),
    "account.link": gettext_noop("account of the organisation linked"),
    "account.recovery_code": gettext_noop("recovery code used up"),
    "account.recovery_codes": gettext_noop("recovery codes made again"),
    "account.reset_second_factor": gettext_noop("second factor reset"),
    "account.second_factor": gettext_noop("second factor given"),
    "account.second_factor_failed": gettext_noop("second factor refused"),
    "account.second_factor_removed": gettext_noop("second factor removed"),
    "account.second_factor_set_up": gettext_noop("second factor set up"),
    "account.sign_in": gettext_noop("signed in"),
    "account.sign_in_failed": gettext_noop("sign-in refused"),
    "account.sign_out": gettext_noop("signed out"),
    "account.unlock": gettext_noop("account unlocked"),
    "admin.add": gettext_noop("added in the administration"),
    "admin.change": gettext_noop("changed in the administration"),
    "admin.delete": gettext_noop("deleted in the administration"),
    "import.remove": gettext_noop("import of sources forgotten"),
    "job.retry": gettext_noop("task retried"),
    "job.stop": gettext_noop("task stopped"),
    "prompt.add": gettext_noop("version of the prompt added"),
    "proposal.accept": gettext_noop("proposal accepted"),
    "proposal.close": gettext_noop("remark closed"),
    "proposal.keep": gettext_noop("proposal left aside for a section"),
    "proposal.refuse": gettext_noop("proposal refused"),
    "queue.pause": gettext_noop("processing paused"),
    "queue.resume": gettext_noop("processing resumed"),
    "role.give": gettext_noop("role given"),
    "role.take": gettext_noop("role taken away"),
    "role.clear": gettext_noop("roles taken away"),
    "sheet.add_source": gettext_noop("source added to a sheet"),
    "sheet.archive": gettext_noop("sheet archived"),
    "sheet.assign": gettext_noop("person in charge changed"),
    "sheet.create": gettext_noop("sheet created"),
    "sheet.delete": gettext_noop("sheet deleted"),
    "sheet.generate": gettext_noop("writing asked for"),
    "sheet.imported_validation": gettext_noop("validation imported"),
    "sheet.lock": gettext_noop("section locked"),
    "sheet.publish": gettext_noop("sheet published"),
    "sheet.remove_source": gettext_noop("source removed from a sheet"),
    "sheet.rename": gettext_noop("sheet renamed"),
    "sheet.replace_source": gettext_noop("source of a sheet replaced"),
    "sheet.request_changes": gettext_noop("changes requested"),
    "sheet.restore": gettext_noop("restored from the archive"),
    "sheet.schedule_review": gettext_noop("date of review changed"),
    "sheet.submit": gettext_noop("submitted for validation"),
    "sheet.undelete": gettext_noop("restored after its deletion"),
    "sheet.unlock": gettext_noop("section unlocked"),
    "sheet.validate": gettext_noop("version validated"),
    "sheet.withdraw": gettext_noop("to be validated again"),
    "sheet.write": gettext_noop("new version"),
    "source.add": gettext_noop("source added"),
    "source.edit": gettext_noop("details of a source changed"),
    "source.remove": gettext_noop("source removed"),
    "source.set_access": gettext_noop("access to a source changed"),
    "statement.confirm": gettext_noop("statement confirmed"),
    "statement.dispute": gettext_noop("statement rejected"),
    "term.merge": gettext_noop("terms merged"),
    "term.rename": gettext_noop("term renamed"),
    "type.add": gettext_noop("sheet type added"),
    "type.change": gettext_noop("sheet type changed"),
    "type.delete": gettext_noop("sheet type deleted"),
    "webhook.add": gettext_noop("webhook added"),
    "webhook.change": gettext_noop("webhook changed"),
    "webhook.delete": gettext_noop("webhook deleted"),
    "wiki.export": gettext_noop("wiki exported"),
    "wiki.import": gettext_noop("wiki imported"),
}
NAMES_OF_DETAILS = {
    "access": gettext_noop("access"),
    "address": gettext_noop("address"),
    "before": gettext_noop("state before"),
    "changes": gettext_noop("what was changed"),
    "comment": gettext_noop("comment"),
    "date": gettext_noop("date"),
    "did": gettext_noop("what was done"),
    "fields": gettext_noop("fields"),
    "files": gettext_noop("with the files"),
    "key": gettext_noop("key"),
    "label": gettext_noop("object"),
    "model": gettext_noop("kind"),
    "name": gettext_noop("name"),
    "names": gettext_noop("names"),
    "new": gettext_noop("new"),
    "number": gettext_noop("number"),
    "old": gettext_noop("former"),
    "origin": gettext_noop("origin"),
    "proposal": gettext_noop("proposal"),
    "roles": gettext_noop("roles"),
    "section": gettext_noop("section"),
    "sections": gettext_noop("sections"),
    "state": gettext_noop("state"),
    "text": gettext_noop("text"),
    "title": gettext_noop("title"),
    "version": gettext_noop("version"),
}
CHOICES_OF_DETAILS = {
    "access": ("ingestion.document", "access"),
    "before": ("sheets.sheet", "state"),
    "origin": ("sheets.revision", "origin"),
    "state": ("sheets.sheet", "state"),
    "source.set_access.new": ("ingestion.document", "access"),
    "source.set_access.old": ("ingestion.document", "access"),
}
"""The model and the field whose choices a detail names, by its name or by action and name."""


def name_model(label: str) -> str:
    """Return what rows of a model are called, in the active language."""
    with suppress(LookupError, ValueError):
        return str(apps.get_model(label)._meta.verbose_name)
    return label


def name_field(label: str, name: str) -> str:
    """Return what a field of a model is called, in the active language."""
    with suppress(LookupError, ValueError, FieldDoesNotExist):
        field: Any = apps.get_model(label)._meta.get_field(name)
        return str(getattr(field, "verbose_name", name))
    return name


def name_detail(name: str) -> str:
    """Return what a detail is called, in the active language."""
    return gettext(NAMES_OF_DETAILS[name]) if name in NAMES_OF_DETAILS else name


def show_detail(action: str, kind: str, name: str, value: Any) -> str:
    """Return the value of a detail of an event in the active language; `kind` is its model."""
    if isinstance(value, bool):
        return str(yesno(value))
    if isinstance(value, list):
        names = [name_field(kind, str(one)) if name == "fields" else str(one) for one in value]
        return ", ".join(names)
    if name == "model":
        return name_model(str(value))
    if name == "date":
        with suppress(ValueError):
            return date_format(date.fromisoformat(str(value)))
    field = CHOICES_OF_DETAILS.get(name) or CHOICES_OF_DETAILS.get(f"{action}.{name}")
    words = choices_of(*field) if field else {}
    return words.get(str(value), str(value)) or "—"


def choices_of(label: str, name: str) -> Mapping[str, str]:
    """Return the words of the choices of a field, in the active language."""
    with suppress(LookupError, FieldDoesNotExist):
        field: Any = apps.get_model(label)._meta.get_field(name)
        return {str(value): str(words) for value, words in field.flatchoices}
    return {}
