"""The check of the width of templates."""

from __future__ import annotations

from pathlib import Path

import pytest

from lint import template_lines


def test_a_line_over_the_width_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fits, too_long = tmp_path / "fits.html", tmp_path / "long.html"
    fits.write_text("é" * 120 + "\n")
    too_long.write_text("<p>\n" + "é" * 121 + "\n")

    assert template_lines.main([str(fits)]) == 0
    assert template_lines.main([str(fits), str(too_long)]) == 1
    assert capsys.readouterr().out == f"{too_long}:2: 121 columns, 120 at most\n"
