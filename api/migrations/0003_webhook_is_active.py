from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("api", "0002_webhooks")]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="is_active",
            field=models.BooleanField(db_default=True, default=True, verbose_name="active"),
        ),
    ]
