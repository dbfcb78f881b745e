"""Links between sheets, their former names, who watches them, and the pages that are kept."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sheets", "0011_index_sheets"),
        ("wikico2", "0001_account"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Digest",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="digest",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "wanted",
                    models.BooleanField(
                        default=True, verbose_name="send me a digest by e-mail each day"
                    ),
                ),
                ("language", models.CharField(default="fr", max_length=10)),
                (
                    "sent_until",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "verbose_name": "digest",
                "verbose_name_plural": "digests",
            },
        ),
        migrations.CreateModel(
            name="FormerName",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=200, verbose_name="title")),
                ("folded", models.CharField(db_index=True, max_length=250)),
                (
                    "slug",
                    models.SlugField(
                        max_length=220, blank=True, null=True, unique=True, verbose_name="address"
                    ),
                ),
                (
                    "renamed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "verbose_name": "former name",
                "verbose_name_plural": "former names",
                "ordering": ["-renamed_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="KeptPage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=32)),
                ("token", models.TextField()),
                ("nonce", models.CharField(max_length=16)),
                ("html", models.TextField()),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), db_index=True
                    ),
                ),
            ],
            options={
                "verbose_name": "kept page",
                "verbose_name_plural": "kept pages",
            },
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("folded", models.CharField(db_index=True, max_length=250)),
                ("title", models.CharField(max_length=200)),
            ],
            options={
                "verbose_name": "link",
                "verbose_name_plural": "links",
                "ordering": ["source", "folded"],
            },
        ),
        migrations.CreateModel(
            name="Relation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("weight", models.PositiveIntegerField()),
            ],
            options={
                "verbose_name": "relation",
                "verbose_name_plural": "relations",
                "ordering": ["sheet", "-weight", "other"],
            },
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("category", models.CharField(blank=True, max_length=200, verbose_name="category")),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "verbose_name": "watch",
                "verbose_name_plural": "watches",
                "ordering": ["user", "category", "sheet"],
            },
        ),
        migrations.AddField(
            model_name="searchedsheet",
            name="category_name",
            field=models.CharField(blank=True, db_index=True, max_length=200),
        ),
        migrations.AlterField(
            model_name="searchedsheet",
            name="system_name",
            field=models.CharField(blank=True, db_index=True, max_length=200),
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(fields=["-created_at", "-id"], name="revision_latest"),
        ),
        migrations.AddIndex(
            model_name="searchedsheet",
            index=models.Index(fields=["folded"], name="searched_sheet_named"),
        ),
        migrations.AddField(
            model_name="formername",
            name="renamed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="formername",
            name="sheet",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="former_names",
                to="sheets.sheet",
            ),
        ),
        migrations.AddField(
            model_name="keptpage",
            name="sheet",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="sheets.sheet",
            ),
        ),
        migrations.AddField(
            model_name="link",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="links", to="sheets.sheet"
            ),
        ),
        migrations.AddField(
            model_name="relation",
            name="other",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sheets.sheet"
            ),
        ),
        migrations.AddField(
            model_name="relation",
            name="sheet",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="relations",
                to="sheets.sheet",
            ),
        ),
        migrations.AddField(
            model_name="watch",
            name="sheet",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="watches",
                to="sheets.sheet",
            ),
        ),
        migrations.AddField(
            model_name="watch",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="watches",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="keptpage",
            constraint=models.UniqueConstraint(fields=("sheet", "key"), name="keptpage_unique"),
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=models.UniqueConstraint(fields=("source", "folded"), name="link_unique"),
        ),
        migrations.AddConstraint(
            model_name="relation",
            constraint=models.UniqueConstraint(fields=("sheet", "other"), name="relation_unique"),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.UniqueConstraint(fields=("user", "sheet"), name="watch_sheet_once"),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.UniqueConstraint(
                condition=models.Q(("category", ""), _negated=True),
                fields=("user", "category"),
                name="watch_category_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("category", ""), ("sheet__isnull", False)),
                    models.Q(("sheet__isnull", True), models.Q(("category", ""), _negated=True)),
                    _connector="OR",
                ),
                name="watch_sheet_or_category",
            ),
        ),
        migrations.AddIndex(
            model_name="sheet",
            index=models.Index(fields=["-updated_at", "-id"], name="sheet_latest"),
        ),
        migrations.AddIndex(
            model_name="sheet",
            index=models.Index(fields=["title", "id"], name="sheet_by_title"),
        ),
        migrations.AddIndex(
            model_name="sheet",
            index=models.Index(
                fields=["completeness", "title", "id"], name="sheet_by_completeness"
            ),
        ),
    ]
