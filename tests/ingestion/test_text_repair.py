"""Text as PDFs give it, made fit to keep."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.readers.repair.characters import (
    CUT,
    count_words,
    detect_language,
    join_lines,
    repair_mac_accents,
    repair_text,
    shorten_leaders,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("e\u0301nergie", "énergie"),
        ("eﬃcacité, ﬁn, ﬂux", "efficacité, fin, flux"),
        ("a\x00b\x07c\ud800d\ufffee", "abcde"),
        ("1\u202f234,5\xa0kWh", "1 234,5 kWh"),
        ("consom\xadmation", "consommation"),
        ("\uf0b7 un point", "• un point"),
        ("un \uf0b7 signe", "un signe"),
        ("\u202egauche\u202c", "gauche"),
        ("vis‑à‑vis", "vis-à-vis"),
        ("m² et CO₂", "m² et CO₂"),
        ("  deux   espaces \n ici", "deux espaces\nici"),
        ("a\r\nb", "a\nb"),
        ("l´energie tr`es na¨ıve", "lénergie très naïve"),
        ("e \u0301nergie", "énergie"),
        ("dÃ©carbonÃ©e", "décarbonée"),
        ("gain \uf0b3 90 %", "gain ≥ 90 %"),
        ("𝐶𝑜𝑛𝑠𝑜 = 𝟐𝟎 ℎ ∙ 𝜂", "Conso = 20 h ∙ η"),
    ],
)
def test_repair(before: str, after: str) -> None:
    assert repair_text(before) == after


@settings(deadline=None)
@example("¹\x08`Y")
@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_repaired_text_can_be_kept_anywhere(text: str) -> None:
    repaired = repair_text(text)
    assert "\x00" not in repaired
    repaired.encode()
    assert unicodedata.is_normalized("NFC", repaired)
    assert repair_text(repaired) == repaired


@pytest.mark.parametrize(
    ("lines", "elsewhere", "joined"),
    [
        (["la flexi" + CUT, "bilité"], "", "la flexibilité"),
        (["la sous" + CUT, "station"], "", "la sous-station"),
        (["le back" + CUT, "office"], "le back-office du site", "le back-office"),
        (["la sous" + CUT, "traitance"], "une soustraitance", "la soustraitance"),
        (["le court" + CUT, "circuit"], "un court circuit", "le court-circuit"),
        (["les éco" + CUT, "quartiers"], "", "les éco-quartiers"),
        (["une éco" + CUT, "nomie"], "", "une économie"),
        (["un avant" + CUT, "projet"], "", "un avant-projet"),
        (["un avant" + CUT, "age"], "", "un avantage"),
        (["de sous" + CUT, "crire"], "", "de souscrire"),
        (["une ex" + CUT, "ploitation"], "", "une exploitation"),
        (["en par" + CUT, "ticulier"], "", "en particulier"),
        (["plus" + CUT, "ieurs"], "", "plusieurs"),
        (["un mi" + CUT, "nistère"], "", "un ministère"),
        (["la bio" + CUT, "masse"], "", "la biomasse"),
        (["une micro" + CUT, "centrale"], "la centrale", "une micro-centrale"),
        (["l'auto" + CUT, "consommation"], "la consommation", "l'auto-consommation"),
        (["l'auto" + CUT, "consommation"], "une autoconsommation", "l'autoconsommation"),
        (["une base co" + CUT, "pilotée"], "elle est pilotée", "une base copilotée"),
        (["les bas" + CUT, "sins"], "", "les bassins"),
        (["non" + CUT, "résidentiel"], "", "non-résidentiel"),
        (["le vice" + CUT, "président"], "", "le vice-président"),
        (["c'est-à" + CUT, "dire"], "", "c'est-à-dire"),
        (["la norme ISO 14064-", "2 de"], "", "la norme ISO 14064-2 de"),
        (["Saint" + CUT, "Denis"], "", "Saint-Denis"),
        (["une consom-", "mation"], "", "une consommation"),
        (["deux", "lignes"], "", "deux lignes"),
        (["fin de page" + CUT], "", "fin de page-"),
        (["de 10 -", "20 kW"], "", "de 10 - 20 kW"),
    ],
)
def test_hyphens_at_the_end_of_lines(lines: list[str], elsewhere: str, joined: str) -> None:
    assert join_lines(lines, count_words([*lines, elsewhere])) == joined


def test_vocabulary_leaves_out_what_a_cut_has_damaged() -> None:
    assert count_words(["une flexi" + CUT, "bilité forte"]) == {"une": 1, "forte": 1}


def test_accents_of_a_macintosh_are_read_again() -> None:
    page = "LÕŽnergie consommŽe et lÕŽlectricitŽ produite"
    assert repair_mac_accents(page) == "L’énergie consommée et l’électricité produite"
    assert repair_mac_accents("Slavoj Žižek a été cité") == "Slavoj Žižek a été cité"


def test_leaders_are_shortened() -> None:
    assert shorten_leaders("Chaleur ............ 12") == "Chaleur … 12"
    assert shorten_leaders("Une phrase...") == "Une phrase..."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("La part de la chaleur qui est perdue dans les conduites du site", "fr"),
        ("The share of the heat that is lost in the pipes of the plant", "en"),
        ("kWh kWh 12 345", ""),
        ("", ""),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect_language(text) == language
