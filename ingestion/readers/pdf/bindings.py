"""PDFium functions that are called for every character, bound without checks of arguments."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pypdfium2.raw as raw

POINTER, INT = ctypes.c_void_p, ctypes.c_int


def _unchecked(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Bind a PDFium function without ctypes' argument checks, which halves the cost of a call."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return ctypes.CFUNCTYPE(result, *arguments)(address)


char_box = _unchecked(
    raw.FPDFText_GetCharBox, INT, POINTER, INT, POINTER, POINTER, POINTER, POINTER
)
loose_box = _unchecked(raw.FPDFText_GetLooseCharBox, INT, POINTER, INT, POINTER)
origin = _unchecked(raw.FPDFText_GetCharOrigin, INT, POINTER, INT, POINTER, POINTER)
matrix = _unchecked(raw.FPDFText_GetMatrix, INT, POINTER, INT, POINTER)
font_size = _unchecked(raw.FPDFText_GetFontSize, ctypes.c_double, POINTER, INT)
font_weight = _unchecked(raw.FPDFText_GetFontWeight, INT, POINTER, INT)
font_info = _unchecked(
    raw.FPDFText_GetFontInfo, ctypes.c_ulong, POINTER, INT, POINTER, ctypes.c_ulong, POINTER
)
text_object = _unchecked(raw.FPDFText_GetTextObject, POINTER, POINTER, INT)
unicode = _unchecked(raw.FPDFText_GetUnicode, ctypes.c_uint, POINTER, INT)
render_mode = _unchecked(raw.FPDFTextObj_GetTextRenderMode, INT, POINTER)
fill_color = _unchecked(
    raw.FPDFPageObj_GetFillColor, INT, POINTER, POINTER, POINTER, POINTER, POINTER
)
stroke_color = _unchecked(
    raw.FPDFPageObj_GetStrokeColor, INT, POINTER, POINTER, POINTER, POINTER, POINTER
)


def address_of(handle: Any) -> int:
    """Return the address of a PDFium object, 0 for none."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
