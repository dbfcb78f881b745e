"""Spending on the model service by day and model. Kept when sheets are deleted."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wikico2.errors import UserError

MILLION = Decimal(1_000_000)


class SpendingQuerySet(models.QuerySet["Spending"]):
    """Queries about spending."""

    def tokens(self) -> int:
        """Return the sum of tokens, in and out."""
        sums = self.aggregate(n=Sum(F("tokens_in") + F("tokens_out")))
        return int(sums["n"] or 0)

    def today(self) -> "SpendingQuerySet":
        return self.filter(day=timezone.localdate())

    def by_month(self) -> list[dict[str, Any]]:
        """Return one row for each month, latest first: `month`, tokens in and out, cost, calls.

        `sum_today` is the tokens of today, in and out.
        """
        rows = self.order_by().annotate(month=TruncMonth("day")).values("month")
        sums = rows.annotate(
            sum_in=Sum("tokens_in"),
            sum_out=Sum("tokens_out"),
            sum_cost=Sum("cost"),
            sum_calls=Sum("calls"),
            sum_today=Sum(
                F("tokens_in") + F("tokens_out"), filter=Q(day=timezone.localdate()), default=0
            ),
        )
        return [{**row} for row in sums.order_by("-month")]


class Spending(models.Model):
    """The use of one model on one day (Europe/Paris)."""

    day = models.DateField(_("day"))
    model = models.CharField(_("model"), max_length=100)
    calls = models.PositiveIntegerField(_("answers"), default=0)
    tokens_in = models.PositiveBigIntegerField(_("input tokens"), default=0)
    tokens_out = models.PositiveBigIntegerField(_("output tokens"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=6, default=0)

    objects = SpendingQuerySet.as_manager()

    class Meta:
        verbose_name = _("spending")
        verbose_name_plural = _("spending")
        ordering = ["-day", "model"]
        constraints = [
            models.UniqueConstraint(fields=["day", "model"], name="spending_unique_day_model")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model}"


def token_price(tokens_in: int, tokens_out: int, model: str = "") -> Decimal:
    """Return the price of tokens of a model, by the settings' prices per million tokens."""
    prices = (settings.LLM_PRICE_IN, settings.LLM_PRICE_OUT)
    if model == settings.VISION_MODEL != settings.LLM_MODEL:
        prices = (settings.VISION_PRICE_IN, settings.VISION_PRICE_OUT)
    cost_in = Decimal(str(prices[0])) * tokens_in
    cost_out = Decimal(str(prices[1])) * tokens_out
    return ((cost_in + cost_out) / MILLION).quantize(Decimal("0.000001"))


def record_spending(
    model: str, tokens_in: int, tokens_out: int, *, day: dt.date | None = None
) -> Decimal:
    """Add the tokens of one call of a model to the day's spending; return their price."""
    cost = token_price(tokens_in, tokens_out, model)
    if not tokens_in and not tokens_out:
        return cost
    row, _created = Spending.objects.get_or_create(day=day or timezone.localdate(), model=model)
    Spending.objects.filter(pk=row.pk).update(
        calls=F("calls") + 1,
        tokens_in=F("tokens_in") + tokens_in,
        tokens_out=F("tokens_out") + tokens_out,
        cost=F("cost") + cost,
    )
    return cost


def check_token_ceiling() -> None:
    """Raise UserError("token_ceiling") when the day's tokens are used up."""
    ceiling = settings.LLM_TOKENS_PER_DAY
    if ceiling and (spent := Spending.objects.today().tokens()) >= ceiling:
        raise UserError("token_ceiling", spent=spent, limit=ceiling)
