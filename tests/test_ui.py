"""What every template may use."""

import pytest
from django.utils.translation import override

from wikico2.templatetags.ui import weight


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (1536, "1.5 KB"), (100 * 1024 * 1024, "100.0 MB")],
)
def test_weights_are_told_in_one_way(size: int, said: str) -> None:
    with override("en"):
        assert weight(size) == said
