"""Add the tokens spent by ingestion (OCR of pictures) to the spending of the wiki."""

from typing import Any

from django.dispatch import receiver

from ingestion.signals import before_spending, tokens_spent
from sheets.models.spending import check_token_ceiling, record_spending


@receiver(before_spending, dispatch_uid="sheets.spending.before")
def enforce_token_ceiling(sender: Any, **kwargs: Any) -> None:
    """Raise UserError("token_ceiling") when the day's tokens are used up."""
    check_token_ceiling()


@receiver(tokens_spent, dispatch_uid="sheets.spending.spent")
def record_tokens(sender: Any, model: str, tokens_in: int, tokens_out: int, **kwargs: Any) -> None:
    """Add the tokens to the spending of the day."""
    record_spending(model, tokens_in, tokens_out)
