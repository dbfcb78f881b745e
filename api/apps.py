from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "api"
    verbose_name = _("Programs")

    def ready(self) -> None:
        from api.webhooks import register_webhooks  # registers receivers

        register_webhooks()
