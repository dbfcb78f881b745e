"""Dates are written as the readers of each language write them."""

import datetime as dt

import pytest
from django.utils.formats import date_format
from django.utils.translation import override

AT = dt.datetime(2026, 3, 9, 15, 5)


@pytest.mark.parametrize(
    ("language", "form", "said"),
    [
        ("en", "DATE_FORMAT", "9 March 2026"),
        ("en", "SHORT_DATE_FORMAT", "9 Mar 2026"),
        ("en", "DATETIME_FORMAT", "9 March 2026, 15:05"),
        ("en", "SHORT_DATETIME_FORMAT", "9 Mar 2026, 15:05"),
        ("en", "TIME_FORMAT", "15:05"),
        ("en-gb", "SHORT_DATE_FORMAT", "9 Mar 2026"),
        ("fr", "DATE_FORMAT", "9 mars 2026"),
    ],
)
def test_the_day_comes_first(language: str, form: str, said: str) -> None:
    with override(language):
        assert date_format(AT, form) == said
