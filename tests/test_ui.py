"""What every template may use."""

import pytest
from django.utils.translation import override

from wikico2.sizes import format_size
from wikico2.templatetags.ui import error_pattern, size_attributes


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (1536, "1.5 KB"), (100 * 1024 * 1024, "100.0 MB")],
)
def test_weights_are_told_in_one_way(size: int, said: str) -> None:
    with override("en"):
        assert format_size(size) == said


def test_a_script_takes_the_words_of_sizes_from_the_page() -> None:
    with override("fr"):
        assert size_attributes().replace("\u00a0", " ") == (
            'data-byte="%s octet" data-bytes="%s octets" data-kb="%s ko" data-mb="%s Mo"'
        )
        said = [format_size(size).replace("\u00a0", " ") for size in (0, 1536)]
        assert said == ["0 octet", "1,5 ko"]


def test_a_script_fills_in_the_details_of_an_error() -> None:
    with override("en"):
        assert "is {size} MB; the limit is {limit} MB" in error_pattern(
            "too_large", "size", "limit"
        )
