"""Quotes: one matcher for the verdict, the text and the image of a page."""

import random

import pytest

from ingestion.anchors.page_highlight import find_quote_on_page
from ingestion.anchors.text_highlight import find_quote_in_text
from sheets.verification.citations import contains_quote
from tests.ingestion.test_page_highlight import placed
from wikico2.text.quotes import find_quote, fold_quote_text

LONG = "Un début assez long ici, puis un milieu, et une fin assez longue."

FOUND = [
    ("le gain de 15 % net", "15 %"),
    ("le gain de 15\u00a0% net", "gain de 15%"),
    ("Η απόδοση είναι υψηλή.", "η αποδοση ειναι"),
    ("КПД котла равен 95 %", "КПД котла равен 95 %"),
    ("热泵的效率很高", "效率"),
    ("10⁶ kWh", "10^6 kWh"),
    ("10⁻³ m", "10^-3 m"),
    ("5 m² utiles", "5 m2"),
    ("1 234,5 kWh", "1234,5 kWh"),
    ("1234,5 kWh", "1\u202f234,5 kWh"),
    ("Total 1'234", "1 234"),
    ("| 150 | 200 |", "150 200"),
    ("Chauffage 150 200", "| Chauffage | 150 | 200 |"),
    ("2019 150 kW", "150 kW"),
    ("de -5 °C", "−5 °C"),
    ("à − 5 °C", "-5 °C"),
    ("de 10-15 %", "10 – 15 %"),
    ("eﬃcace", "efficace"),
    ("l’œuvre", "l'oeuvre"),
    ("consom-\nme", "consomme"),
    ("flexi\x02bilité", "flexibilité"),
    ("flexi\u00adbilité", "flexibilité"),
    ("CO₂ émis", "CO2"),
    ("« Le Bilan Carbone® »", "Le Bilan Carbone"),
    ("e\u0301changeur", "échangeur"),
    ("COP de 1.5", "1,5"),
    ("la moitié, 1/2", "½"),
    ("25 ºC", "25 °C"),
    ("art. L.151-8", "L. 151-8"),
    ("15kW", "15 kW"),
    ("en 2015 [1], soit", "en 2015 [1], soit"),
    (LONG, "Un début assez long ici […] une fin assez longue."),
    (LONG, "Un début assez long ici (...) une fin assez longue"),
]
NOT_FOUND = [
    ("le gain de 1,5 % net", "15 %"),
    ("le gain de 1,5 % net", "5 %"),
    ("le gain de 115 % net", "15 %"),
    ("le gain de 15 € net", "15 %"),
    ("10⁶ kWh", "106 kWh"),
    ("106 kWh", "10⁶ kWh"),
    ("10⁻³ m", "10³ m"),
    ("m³", "m²"),
    ("1 234,5 kWh", "234,5 kWh"),
    ("| 150 | 200 |", "150200"),
    ("12.345", "12,345"),
    ("de -5 °C", "5 °C"),
    ("de +5 %", "5 %"),
    ("de ± 5 %", "5 %"),
    ("de 10-15 %", "1015 %"),
    ("150 kW/h", "150 kWh"),
    ("2½ h", "21/2 h"),
    ("le 12/03", "1203"),
    ("1, 5", "1,5"),
    ("10:30", "1030"),
    ("15kW", "5 kW"),
    ("CO2", "CO"),
    ("Bilan Carbone", "Bilan Carb"),
    ("и не только", "и не тольк"),
    ("热泵", "热热"),
    (LONG, "une fin assez longue […] Un début assez long"),
    (LONG, "Un […] longue"),
    ("x", ""),
    ("...", "..."),
    ("", "x"),
]


def answers(text: str, quote: str) -> set[bool]:
    """Return what the verdict, the text highlight and the page highlight say."""
    return {
        contains_quote(text, quote),
        bool(find_quote_in_text(text, [quote])),
        bool(find_quote_on_page(quote, placed(*text.split("\n")))),
    }


@pytest.mark.parametrize(("text", "quote"), FOUND)
def test_what_stands_there_is_found_by_all(text: str, quote: str) -> None:
    assert answers(text, quote) == {True}


@pytest.mark.parametrize(("text", "quote"), NOT_FOUND)
def test_what_does_not_stand_there_is_found_by_none(text: str, quote: str) -> None:
    assert answers(text, quote) == {False}


PIECES = [
    "chaleur", "l’usine", "échangeur", "eﬃcace", "œuvre", "κΑὶ", "Σωλήνας", "тепло", "15 %",
    "1,5 %", "1.5", "-5 °C", "1 234", "1\u202f234,5", "12 345 678", "10⁶", "m²", "CO₂", "2019",
    "10-15 %", "½", "150 | 200", "kWh/m²", "5 €", "≤ 3", "consom-\nme", "[1]", "« dit »", "fin.",
    "2 000", "200", "…",
]  # fmt: skip
CHANGES = [
    ("’", "'"), ("ﬃ", "ffi"), ("œ", "oe"), ("\u202f", " "), (" %", "%"), ("é", "e"), ("²", "2"),
    ("1.5", "1,5"), ("-5", "−5"), (" | ", " "), ("-\n", ""), ("⁶", "^6"), ("1 234", "1234"),
    ("15", "16"), ("1,5", "15"), ("2 000", "200"), ("10⁶", "106"), ("≤", "≥"), ("€", "%"),
    ("½", "12"),
]  # fmt: skip


def test_the_three_agree_on_random_quotes() -> None:
    """What is found, folded, is the quote, folded; and all three find it or none does."""
    found = 0
    for seed in range(1_500):
        chance = random.Random(seed)
        text = " ".join(chance.choices(PIECES, k=12))
        start = chance.randrange(len(text))
        quote = text[start : start + chance.randint(1, 60)]
        for old, new in chance.sample(CHANGES, chance.randint(0, 6)):
            quote = quote.replace(old, new)
        assert len(answers(text, quote)) == 1, (text, quote)
        spans = find_quote(text, quote)
        if len(spans) == 1:
            found += 1
            shown = text[spans[0].start : spans[0].end]
            assert any(
                fold_quote_text(shown, joined=joined).folded
                == fold_quote_text(quote, joined=joined).folded
                for joined in (True, False)
            ), (text, quote)
    assert 200 < found < 1_300
