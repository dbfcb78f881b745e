"""Remove the columns that are those of jobs now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0026_job_rows"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="filejob",
            name="errand_failure_has_error",
        ),
        migrations.RemoveConstraint(
            model_name="filejob",
            name="errand_export_once",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="attempts",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="done",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="error_code",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="error_details",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="lease_token",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="lease_until",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="state",
        ),
        migrations.RemoveField(
            model_name="filejob",
            name="total",
        ),
        migrations.RemoveField(
            model_name="generation",
            name="attempts",
        ),
        migrations.RemoveField(
            model_name="generation",
            name="lease_token",
        ),
        migrations.RemoveField(
            model_name="generation",
            name="lease_until",
        ),
    ]
