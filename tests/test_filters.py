"""Filters and facets: what an address chooses, what it leaves, and what can be chosen."""

from django.db.models import Q
from django.http import QueryDict
from django.template import Context, Template

from sheets.models import Sheet
from wikico2.filters import (
    Facet,
    FacetChoice,
    Filter,
    FilterField,
    count_values,
    read_choice,
    read_line,
    read_match,
)

FILTER = Filter(
    (
        FilterField("q", read_line(10)),
        FilterField("kind", read_match("[a-z]+"), "sheet_type__key", parameter="type"),
        FilterField("state", read_choice(("draft", "review")), "state", parameter="etat", most=2),
        FilterField("stale", read_choice(("1",)), lambda _value: ~Q(stale_reasons=[])),
        FilterField("sort", read_choice(("recent", "title")), default="recent"),
    )
)
STATES = [FacetChoice("draft", "brouillon", 3), FacetChoice("review", "en relecture", 2)]


def read(query: str) -> Filter:
    return FILTER.read(QueryDict(query))


class TestReading:
    def test_values_are_made_regular_and_what_makes_no_sense_is_passed_over(self) -> None:
        asked = read("q=%20deux%00%0A mots et plus&type=%20secteur &etat=x&sort=nonsense&stale=2")
        assert asked.values == {"q": ("deux mots ",), "kind": ("secteur",)}

    def test_of_one_value_the_last_counts_and_several_are_bounded(self) -> None:
        asked = read("type=a&type=b&etat=draft&etat=x&etat=draft&etat=review&etat=draft")
        assert asked.values == {"kind": ("b",), "state": ("draft", "review")}

    def test_a_last_value_that_makes_no_sense_does_not_bring_back_the_first(self) -> None:
        assert read("type=a&type=1").values == {}

    def test_a_field_has_its_value_its_default_or_nothing(self) -> None:
        assert (read("sort=title")["sort"], read("")["sort"], read("")["q"]) == (
            "title",
            "recent",
            "",
        )

    def test_templates_read_fields_by_name(self) -> None:
        shown = Template("{{ asked.kind }} {{ asked.sort }} {{ asked.narrows }}")
        assert shown.render(Context({"asked": read("type=a")})) == "a recent True"


class TestNarrowing:
    def test_anything_but_the_order_narrows(self) -> None:
        assert not read("sort=title").narrows
        assert all(read(query).narrows for query in ("q=a", "type=a", "etat=draft", "stale=1"))
        assert not read("q=a&type=a").without("q", "kind").narrows

    def test_it_applies_what_is_chosen_and_nothing_else(self) -> None:
        asked = read("q=a&type=a&etat=draft&etat=review&stale=1&sort=title")
        by_hand = (
            Sheet.objects.filter(sheet_type__key="a")
            .filter(Q(state="draft") | Q(state="review"))
            .exclude(stale_reasons=[])
        )
        assert str(asked.apply(Sheet.objects.all()).query) == str(by_hand.query)
        assert str(read("q=a").apply(Sheet.objects.all()).query) == str(Sheet.objects.all().query)


class TestAddress:
    def test_it_says_what_is_chosen_in_the_order_of_the_fields(self) -> None:
        asked = read("page=3&etat=review&q=a%26b&etat=draft&type=x")
        assert asked.address() == "?q=a%26b&type=x&etat=review&etat=draft"
        assert read(asked.address()[1:]) == asked

    def test_nothing_chosen_is_the_list_itself(self) -> None:
        assert (read("").address(), read("").address("/fiches/")) == ("?", "/fiches/")

    def test_one_value_replaces_the_other_and_several_stand_together(self) -> None:
        asked = read("type=a&etat=draft")
        assert asked.toggle("kind", "b")["kind"] == "b"
        assert asked.toggle("kind", "a").values == {"state": ("draft",)}
        assert asked.toggle("state", "review").values["state"] == ("draft", "review")
        assert asked.toggle("state", "draft").values == {"kind": ("a",)}
        assert asked.choose("kind", "").values == {"state": ("draft",)}


class TestFacet:
    def test_a_choice_chooses_itself_or_takes_itself_back(self) -> None:
        facet = read("q=a&etat=draft").facet("state", "État", STATES, path="/fiches/")
        assert [(choice.chosen, choice.address) for choice in facet.choices] == [
            (True, "/fiches/?q=a"),
            (False, "/fiches/?q=a&etat=draft&etat=review"),
        ]

    def test_where_one_choice_stands_for_all_a_second_click_keeps_the_other(self) -> None:
        choices = [FacetChoice("", "Tout"), FacetChoice("a", "A")]
        chosen = read("type=a").facet("kind", "Type", choices).choices
        assert [(c.chosen, c.address) for c in chosen] == [(False, "?"), (True, "?type=a")]
        assert [c.chosen for c in read("").facet("kind", "Type", choices).choices] == [True, False]

    def test_a_default_is_chosen_where_nothing_is(self) -> None:
        orders = [FacetChoice("recent", "Récentes"), FacetChoice("title", "Titre")]
        chosen = read("type=a").facet("sort", "Ordre", orders).choices
        assert [(c.chosen, c.address) for c in chosen] == [
            (True, "?type=a&sort=recent"),
            (False, "?type=a&sort=title"),
        ]

    def test_it_narrows_with_two_values_or_one_that_is_chosen(self) -> None:
        everything = FacetChoice("", "Tout", 3)
        assert read("").facet("state", "État", [everything, *STATES]).narrows
        assert not read("").facet("state", "État", [everything, STATES[0]]).narrows
        assert read("etat=draft").facet("state", "État", [everything, STATES[0]]).narrows

    def test_what_is_chosen_is_never_folded_away(self) -> None:
        choices = [FacetChoice(str(n), str(n), chosen=n == 3) for n in range(5)]
        facet = Facet("state", "État", choices, shown=2)
        assert [choice.value for choice in facet.first] == ["0", "1", "3"]
        assert [choice.value for choice in facet.folded] == ["2", "4"]


class TestCounting:
    ROWS = (
        ({"state": ("draft",), "source": ("1", "2")}, 3),
        ({"state": ("review",), "source": ("2",)}, 1),
        ({"state": ("review",), "source": ()}, 5),
    )

    def test_a_value_counts_beside_what_the_others_choose(self) -> None:
        chosen = {"state": ("draft",)}
        assert count_values(self.ROWS, "source", chosen) == {"1": 3, "2": 3}
        assert count_values(self.ROWS, "state", chosen) == {"draft": 3, "review": 6}

    def test_several_values_of_one_field_widen(self) -> None:
        chosen = {"state": ("draft", "review")}
        assert count_values(self.ROWS, "source", chosen) == {"1": 3, "2": 4}

    def test_what_is_chosen_is_counted_even_where_it_leaves_nothing(self) -> None:
        assert count_values(self.ROWS, "state", {"state": ("published",)})["published"] == 0
        assert "published" in count_values(self.ROWS, "state", {"state": ("published",)})
