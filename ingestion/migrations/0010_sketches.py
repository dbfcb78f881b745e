"""Draw the sketches of the sources that were read before there were any."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ingestion.intake.near_duplicates import LEAST_SHINGLES, draw


def sketch(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Draw a sketch of each source that has pages."""
    documents = apps.get_model("ingestion", "Document").objects
    sketches = apps.get_model("ingestion", "Sketch").objects
    for document in documents.filter(pages__isnull=False).distinct().only("pk").iterator():
        drawn = draw(document.pages.order_by("number").values_list("text", flat=True))
        if drawn.shingles >= LEAST_SHINGLES:
            sketches.create(document=document, hashes=list(drawn.hashes), shingles=drawn.shingles)


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0009_sources_described")]
    operations = [migrations.RunPython(sketch, migrations.RunPython.noop)]
