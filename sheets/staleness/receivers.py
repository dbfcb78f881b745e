"""Receivers of signals: compare sheets when a source, a template or a prompt changes."""

from typing import Any

from django.apps import apps as django_apps
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import receiver

from ingestion.models import Document
from ingestion.signals import document_settled, version_changed
from sheets.models import Field, Prompt, Section, Sheet, SheetType
from sheets.staleness.state import refresh_staleness


@receiver(m2m_changed, sender=Sheet.documents.through)
def sources_changed(
    sender: object,
    instance: Sheet | Document,
    action: str,
    pk_set: set[int] | None,
    **kwargs: object,
) -> None:
    """Compare the sheets whose list of sources was changed."""
    if not action.startswith("post_"):
        return
    if isinstance(instance, Sheet):
        refresh_staleness(Sheet.objects.filter(pk=instance.pk))
    elif pk_set:
        refresh_staleness(Sheet.objects.filter(pk__in=pk_set))
    else:
        refresh_staleness(Sheet.objects.all())


@receiver(version_changed)
@receiver(document_settled)
def source_settled(sender: object, document_id: int, **kwargs: object) -> None:
    """Compare the sheets that draw on a source that was just read, or on what it replaces.

    The same where a source is replaced no longer.
    """
    replaced = Document.objects.filter(pk=document_id).values("supersedes")
    refresh_staleness(Sheet.objects.filter(documents=document_id))
    refresh_staleness(Sheet.objects.filter(documents__in=replaced))


@receiver(post_save, sender=Document)
def source_saved(sender: object, instance: Document, raw: bool = False, **kwargs: object) -> None:
    """Compare the sheets whose source a document is said to replace."""
    if not raw and instance.supersedes_id and instance.is_ready:
        refresh_staleness(Sheet.objects.filter(documents=instance.supersedes_id))


@receiver(pre_delete, sender=Document)
def source_goes(sender: object, instance: Document, **kwargs: object) -> None:
    """Note which sheets draw on a source that is being deleted, or on what it replaces."""
    touched = Sheet.objects.filter(documents__in=[instance.pk, instance.supersedes_id])
    instance.drawn_on_by = list(touched.values_list("pk", flat=True))  # type: ignore[attr-defined]


@receiver(post_delete, sender=Document)
def source_gone(sender: object, instance: Document, **kwargs: object) -> None:
    """Compare the sheets that drew on a deleted source, or on what it replaced."""
    refresh_staleness(Sheet.objects.filter(pk__in=getattr(instance, "drawn_on_by", [])))


@receiver([post_save, post_delete], sender=SheetType)
@receiver([post_save, post_delete], sender=Section)
@receiver([post_save, post_delete], sender=Field)
def type_changed(
    sender: object, instance: SheetType | Section | Field, raw: bool = False, **kwargs: object
) -> None:
    """Compare the sheets of a kind whose template was changed."""
    if raw:
        return
    kind: Any = instance.pk
    if isinstance(instance, Section):
        kind = instance.sheet_type_id
    elif isinstance(instance, Field):
        kind = Section.objects.filter(pk=instance.section_id).values("sheet_type")[:1]
    refresh_staleness(Sheet.objects.filter(sheet_type=kind))


@receiver(post_save, sender=Prompt)
def prompt_added(sender: object, raw: bool = False, **kwargs: object) -> None:
    """Compare all sheets: what models are told has changed."""
    if not raw:
        refresh_staleness(Sheet.objects.all())


def check_writer_settings(apps: Any = None, **kwargs: object) -> None:
    """Compare all sheets: after a start, model and prompts may be others.

    Where the tables were taken back to an earlier form, there is nothing to compare.
    """
    if apps is None or columns_of(apps) == columns_of(django_apps):
        refresh_staleness(Sheet.objects.all())


def columns_of(apps: Any) -> dict[str, set[str]]:
    """Return the columns of the wiki's tables, as a set of models has them."""
    return {
        model._meta.db_table: {f.column for f in model._meta.local_concrete_fields}
        for model in apps.get_app_config("sheets").get_models()
    }
