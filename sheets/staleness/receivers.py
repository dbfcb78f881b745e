"""Receivers of signals: refresh staleness when a source, a template or a prompt changes."""

from collections.abc import Collection
from typing import Any

from django.apps import apps as django_apps
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import receiver

from ingestion.models import Document
from ingestion.signals import document_settled, passages_replaced, version_changed
from sheets.models import Field, Prompt, Section, Sheet, SheetType
from sheets.staleness.rules import mark_reread
from sheets.staleness.state import refresh_staleness


@receiver(m2m_changed, sender=Sheet.documents.through)
def sources_changed(
    sender: object,
    instance: Sheet | Document,
    action: str,
    pk_set: set[int] | None,
    **kwargs: object,
) -> None:
    """Refresh the sheets whose sources changed."""
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
    """Refresh the sheets of a source that was ingested, or of the source that it supersedes.

    Also called when a source is no longer superseded.
    """
    replaced = Document.objects.filter(pk=document_id).values("supersedes")
    refresh_staleness(Sheet.objects.filter(documents=document_id))
    refresh_staleness(Sheet.objects.filter(documents__in=replaced))


@receiver(passages_replaced)
def source_reread(
    sender: object, document_id: int, gone: Collection[int], **kwargs: object
) -> None:
    """Mark the sections that were written from passages which are gone since a source was re-read.

    Nothing is written again by itself.
    """
    document = Document.objects.only("title").get(pk=document_id)
    sheets = Sheet.objects.filter(documents=document_id)
    for sheet in sheets.exclude(written_from={}).select_for_update(of=("self",)).order_by("pk"):
        marked = mark_reread(sheet.written_from, str(document_id), document.title, set(gone))
        if marked != sheet.written_from:
            Sheet.objects.filter(pk=sheet.pk).update(written_from=marked)
    refresh_staleness(Sheet.objects.filter(documents=document_id))


@receiver(post_save, sender=Document)
def source_saved(sender: object, instance: Document, raw: bool = False, **kwargs: object) -> None:
    """Refresh the sheets of the source that a ready document supersedes."""
    if not raw and instance.supersedes_id and instance.is_ready:
        refresh_staleness(Sheet.objects.filter(documents=instance.supersedes_id))


@receiver(pre_delete, sender=Document)
def source_deleting(sender: object, instance: Document, **kwargs: object) -> None:
    """Remember the sheets of a source being deleted, and of the source that it supersedes."""
    touched = Sheet.objects.filter(documents__in=[instance.pk, instance.supersedes_id])
    instance.drawn_on_by = list(touched.values_list("pk", flat=True))  # type: ignore[attr-defined]


@receiver(post_delete, sender=Document)
def source_deleted(sender: object, instance: Document, **kwargs: object) -> None:
    """Refresh the sheets that `source_deleting` remembered."""
    refresh_staleness(Sheet.objects.filter(pk__in=getattr(instance, "drawn_on_by", [])))


@receiver([post_save, post_delete], sender=SheetType)
@receiver([post_save, post_delete], sender=Section)
@receiver([post_save, post_delete], sender=Field)
def type_changed(
    sender: object, instance: SheetType | Section | Field, raw: bool = False, **kwargs: object
) -> None:
    """Refresh the sheets of a type whose template changed."""
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
    """Refresh all sheets when a prompt is added."""
    if not raw:
        refresh_staleness(Sheet.objects.all())


def check_writer_settings(apps: Any = None, **kwargs: object) -> None:
    """Refresh all sheets after a migration, since the settings of the writer may have changed.

    Skipped when the tables were migrated backwards and lack columns of today's models.
    """
    if apps is None or columns_of(apps) == columns_of(django_apps):
        refresh_staleness(Sheet.objects.all())


def columns_of(apps: Any) -> dict[str, set[str]]:
    """Return the columns of the tables of `sheets`, as these models define them."""
    return {
        model._meta.db_table: {f.column for f in model._meta.local_concrete_fields}
        for model in apps.get_app_config("sheets").get_models()
    }
