"""Translate characters of the Symbol and Wingdings fonts to Unicode."""

from __future__ import annotations

_SYMBOL_ROWS = {
    0x20: " !∀#∃%&∋()∗+,−./0123456789:;<=>?",
    0x40: "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_",
    0x60: "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼ ",
    0xA0: "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵",
    0xC0: "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓",
    0xE0: "◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭ ",
}
_SYMBOL = {
    start + offset: char for start, row in _SYMBOL_ROWS.items() for offset, char in enumerate(row)
}
_WINGDINGS = {
    0x21: "✏", 0x22: "✂", 0x28: "☎", 0x2A: "✉", 0x4A: "☺", 0x4C: "☹", 0x6C: "●", 0x6D: "❍",
    0x6E: "■", 0x6F: "□", 0x71: "❑", 0x72: "❒", 0x74: "⧫", 0x75: "◆", 0x76: "❖", 0x77: "⬥",
    0x9E: "·", 0x9F: "•", 0xA1: "○", 0xA4: "◉", 0xA7: "▪", 0xA8: "◻", 0xAA: "✦", 0xAB: "★",
    0xC3: "➢", 0xD5: "⌫", 0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE3: "↖",
    0xE4: "↗", 0xE5: "↙", 0xE6: "↘", 0xE8: "➔", 0xEF: "⇦", 0xF0: "⇨", 0xF1: "⇧", 0xF2: "⇩",
    0xF3: "⬄", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
for _number in range(10):  # circled digits
    _WINGDINGS[0x80 + _number] = "⓪①②③④⑤⑥⑦⑧⑨"[_number]

_PRIVATE = 0xF000


def symbol(font: str, code: int) -> str:
    """Return a character of a symbol font, given by its code with or without the private offset.

    A character of a font that is not known stays as it is; `""` if it has no meaning by itself.
    """
    bare = code - _PRIVATE if _PRIVATE <= code <= _PRIVATE + 0xFF else code
    name = font.lower()
    if name == "symbol":
        return _SYMBOL.get(bare, "")
    if name.startswith(("wingdings", "webdings")):
        return _WINGDINGS.get(bare, "")
    return chr(code) if 0x20 <= code < 0xD800 else ""


def is_symbol_font(font: str) -> bool:
    """Tell whether the letters of a font are drawn as other characters."""
    return font.lower() in ("symbol", "wingdings", "wingdings 2", "wingdings 3", "webdings")


def symbol_text(font: str, text: str) -> str:
    """Return text in a symbol font as the characters that it shows."""
    return "".join(char if char.isspace() else symbol(font, ord(char)) for char in text)
