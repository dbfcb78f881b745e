"""Measure how search grows: `python -m bench.growth [--sizes 1000 10000 100000]`.

A wiki is made up in a database and a Chroma of its own: for each size so many passages, and a sheet
for every ten. Their words are drawn as in a language, few often and many seldom; their vectors are
random, which is harder for the index than meaning. At each size prints medians and 95th
percentiles, in milliseconds: the page of results end to end (the question embedded on the CPU), the
search by words alone, the suggestions, and saving a sheet until it is found. `--planted` instead
asks 28 questions that have one right page each among 2,000 sheets of which the others use the same
words too, and prints which are found.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from bench.search import BATCH, out, services

if TYPE_CHECKING:
    from sheets.models import Sheet

PASSAGES_OF_A_DOCUMENT = 500
PASSAGES_OF_A_SHEET = 10
VOCABULARY = 30_000
DIMENSIONS = 384
HEADER = f"{'':28} {'p50 ms':>8} {'p95 ms':>8}"
SYLLABLES = (
    "cha leur ré cu pé ra tion com pres seur air va peur gaz é ner gie ren de ment mo teur tur bi "
    "ne four sé cheur fil tre cui vre a cier pom pe dé bit vo lu me sta ti que li gne"
).split()

# Title, a sentence of the page, what is typed, and how.
PLANTED = (
    ("Récupération de chaleur fatale", "Les buées des fours préchauffent l’eau.", "recuperation chaleur fatal", "accents"),  # noqa: E501
    ("Captage du CO₂ en cimenterie", "Les fumées traversent une solution d’amines.", "captage CO2", "chemistry"),  # noqa: E501
    ("Manœuvre des vannes de régulation", "Chaque vanne est manœuvrée à la main.", "manoeuvre vanne", "œ"),  # noqa: E501
    ("Électrification des procédés", "Des résistances remplacent les brûleurs.", "electrification procede", "accents"),  # noqa: E501
    ("Pompe à chaleur haute température", "Elle fournit de l’eau à 120 °C.", "PAC haute température", "synonym"),  # noqa: E501
    ("Calorifugeage des réseaux de vapeur", "La laine minérale couvre les brides.", "calorifuger réseau vapeur", "form"),  # noqa: E501
    ("Chaudière biomasse", "Elle brûle des plaquettes forestières.", "chaudières biomasses", "plural"),  # noqa: E501
    ("Méthanisation des effluents", "Le digesteur traite les eaux de lavage.", "methanistion effluents", "typo"),  # noqa: E501
    ("Variateurs de vitesse sur ventilateurs", "La consommation suit le cube du débit.", "variateur ventilateur", "plural"),  # noqa: E501
    ("Détection des fuites d’air comprimé", "Un détecteur à ultrasons passe le dimanche.", "fuite air comprimé", "elision"),  # noqa: E501
    ("Sous-station de chauffage urbain", "L’échangeur sépare les deux réseaux.", "sousstation chauffage", "hyphen"),  # noqa: E501
    ("Groupe froid au NH₃", "L’ammoniac ne réchauffe pas le climat.", "groupe froid NH3", "chemistry"),  # noqa: E501
    ("Rendement surfacique des serres", "On compte 200 kWh/m² par an.", "kWh par m2 serres", "chemistry"),  # noqa: E501
    ("Séchage solaire du bois", "L’air chaud vient de capteurs en toiture.", "sechage solair bois", "typo"),  # noqa: E501
    ("Gestion technique du bâtiment", "Elle pilote les consignes et les horaires.", "GTB", "synonym"),  # noqa: E501
    ("Eau chaude sanitaire solaire", "Les ballons tiennent deux jours de besoin.", "ECS solaire", "synonym"),  # noqa: E501
    ("Effacement électrique industriel", "L’usine s’arrête sur ordre du réseau.", "efacement électrique", "typo"),  # noqa: E501
    ("Cogénération au gaz", "Le moteur donne courant et chaleur.", "cogénér", "beginning"),
    ("Éclairage à diodes", "Les détecteurs éteignent les allées vides.", "eclairag", "beginning"),
    ("Allègement des emballages", "Le carton perd un cinquième de son poids.", "comment alléger les emballages ?", "question"),  # noqa: E501
    ("Recompression mécanique de vapeur", "La vapeur de l’évaporateur est comprimée.", "par quoi comprimer la vapeur d’un évaporateur ?", "question"),  # noqa: E501
    ("Report modal du fret", "Le train prend la suite du camion.", "report modal", "pair"),
    ("Thermographie des façades", "La caméra montre les ponts thermiques.", "thermographie", "word"),  # noqa: E501
    ("Tri à la source des biodéchets", "Les cuisines séparent les restes.", "\"tri à la source\"", "phrase"),  # noqa: E501
    ("Récupérateur sur fumées de chaudière", "L’économiseur préchauffe l’eau d’alimentation.", "l'économiseur", "elision"),  # noqa: E501
    ("Photovoltaïque en ombrière", "Le parking produit le midi.", "photovoltaique ombrieres", "accents"),  # noqa: E501
    ("Isolation thermique par l’extérieur", "La façade reçoit un manteau.", "isolation thermique extérieur -vapeur", "without"),  # noqa: E501
    ("Substitution du fioul lourd", "Les chaudières passent au granulé.", "substituer fioul", "form"),  # noqa: E501
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--planted", action="store_true", help="28 questions over 2,000 sheets")
    options = parser.parse_args()
    with services(SimpleNamespace(model="multilingual-e5-small")):
        from django.conf import settings

        settings.ALLOWED_HOSTS = ["*"]
        wiki = Wiki(random.Random(7))  # noqa: S311 (the same wiki each time)
        if options.planted:
            return ask_planted(wiki)
        for size in options.sizes:
            begun = time.monotonic()
            wiki.grow(size)
            wiki.settle()
            made = time.monotonic() - begun
            out(f"{size} passages, {len(wiki.sheets)} sheets, made in {made:.0f} s")
            measure(wiki, options.queries)
    return 0


class Wiki:
    """Documents and sheets of words drawn by lot."""

    def __init__(self, chance: random.Random) -> None:
        from sheets.models import SheetType

        self.chance = chance
        self.words = sorted({self._word() for _ in range(2 * VOCABULARY)})[:VOCABULARY]
        chance.shuffle(self.words)
        weights = itertools.accumulate(1 / (n + 10) for n in range(len(self.words)))
        self.weights = list(weights)
        self.sheets: list[int] = []
        self.passages = 0
        self.kind = SheetType.objects.get(key="solution")

    def _word(self) -> str:
        return "".join(self.chance.choices(SYLLABLES, k=self.chance.randint(2, 4)))

    def draw(self, count: int) -> list[str]:
        return self.chance.choices(self.words, cum_weights=self.weights, k=count)

    def sentences(self, count: int) -> str:
        return " ".join(f"{' '.join(self.draw(12)).capitalize()}." for _ in range(count))

    def seldom(self) -> str:
        """Return a word that is not among the usual ones."""
        return self.chance.choice(self.words[300:5_000])

    def grow(self, passages: int) -> None:
        """Add documents until there are so many passages, and sheets."""
        while self.passages < passages:
            self.add_document(min(PASSAGES_OF_A_DOCUMENT, passages - self.passages))
        while len(self.sheets) < passages // PASSAGES_OF_A_SHEET:
            self.add_sheet(" ".join(self.draw(3)).capitalize(), self.sentences(30))

    def add_document(self, size: int) -> None:
        from ingestion.models import Chunk, Document

        title = " ".join(self.draw(4)).capitalize()
        digest = hashlib.sha256(f"{self.passages}".encode()).hexdigest()
        document = Document.objects.create(title=title, sha256=digest, size=1, state="ready")
        rows = []
        for position in range(size):
            text = self.sentences(8)
            rows.append(
                Chunk(
                    document=document,
                    position=position,
                    text=text,
                    headings=[" ".join(self.draw(3))],
                    page_start=position // 3 + 1,
                    page_end=position // 3 + 1,
                    content_hash=hashlib.sha256(text.encode()).hexdigest(),
                )
            )
        Chunk.objects.bulk_create(rows, batch_size=BATCH)
        self.passages += size

    def add_sheet(self, title: str, text: str) -> Sheet:
        from sheets.index import index_words
        from sheets.models import Revision, Sheet

        body = f"## 📖 Définition\n\n{text}\n"
        sheet = Sheet.objects.create(
            title=title, slug=f"fiche-{len(self.sheets)}", sheet_type=self.kind
        )
        sheet.current = Revision.objects.create(sheet=sheet, number=1, body=body, origin="human")
        sheet.save(update_fields=["current"])
        index_words(sheet)
        self.sheets.append(sheet.pk)
        return sheet

    def settle(self) -> None:
        """Give what is new its vectors, learn its words, and let the database tidy up."""
        from django.db import connection

        from ingestion import index, postings, spelling
        from ingestion.models import Chunk
        from sheets.index import SECTIONS
        from sheets.models import SearchedSection

        spelling.learn(self.words)
        for shelf, rows, owner in (
            (index.PASSAGES, Chunk.objects, "document"),
            (SECTIONS, SearchedSection.objects, "sheet"),
        ):
            place(shelf, rows.values_list("pk", f"{owner}_id", "content_hash").order_by("pk"))
        for table in (Chunk._meta.db_table, "sheets_searchedsheet"):
            postings.fold(table)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def place(shelf: Any, rows: Any) -> None:
    """Index the rows that have no vector yet, with one drawn from their hash."""
    import numpy as np

    from ingestion import chroma, index
    from ingestion.embed import store
    from ingestion.embedders import get_embedder
    from ingestion.models import Vector

    model = get_embedder().name
    collection = chroma.collection(index.collection_name(model, shelf))
    known = set(Vector.objects.values_list("content_hash", flat=True))
    new = [row for row in rows.iterator() if row[2] not in known]
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        hashes = [row[2] for row in batch]
        vectors = np.stack([drawn(h) for h in hashes])
        store(hashes, vectors, model)
        collection.upsert(
            ids=[str(row[0]) for row in batch],
            vectors=[vector.tobytes() for vector in vectors],
            metadatas=[{shelf.owner: row[1], "hash": row[2]} for row in batch],
        )


def drawn(content_hash: str) -> Any:
    import numpy as np

    vector = np.random.default_rng(int(content_hash[:16], 16)).normal(size=DIMENSIONS)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def measure(wiki: Wiki, count: int) -> None:
    from django.contrib.auth.models import AnonymousUser
    from django.test import Client

    from sheets.search import search

    client, nobody = Client(), AnonymousUser()
    asked = list(questions(wiki, count))
    out(HEADER)
    for kind in ("sheets", "sources"):
        tab = {"type": "sources"} if kind == "sources" else {}
        timed(
            f"page, {kind}",
            [lambda q=q, tab=tab: get(client, "/recherche/", {"q": q, **tab}) for q in asked],
        )
        timed(
            f"by words, {kind}",
            [lambda q=q, kind=kind: search(q, user=nobody, kind=kind, dense=False) for q in asked],
        )
    timed(
        "suggestions",
        [
            lambda q=q: get(client, "/recherche/suggestions/", {"q": q.split()[0][:5]})
            for q in asked
        ],
    )
    timed("sheet saved until found", [lambda: save(wiki) for _ in range(min(count, 20))])


def get(client: Any, path: str, data: dict[str, str]) -> None:
    response = client.get(path, data)
    assert response.status_code == 200, response.status_code


def questions(wiki: Wiki, count: int) -> Iterator[str]:
    """Yield one to four words, of which some have a slip; no two questions are alike."""
    for number in range(count):
        words = [*wiki.draw(number % 3), wiki.seldom()]
        if number % 5 == 0:
            words[-1] = words[-1][:-1] + "x"
        yield " ".join(words)


def save(wiki: Wiki) -> None:
    """Save a sheet that some words were added to, and index it as the queue does."""
    from sheets.models import Revision, Sheet
    from sheets.revise import save_revision
    from sheets.tasks import index_sheet

    sheet = Sheet.objects.get(pk=wiki.chance.choice(wiki.sheets))
    base = sheet.current
    assert base is not None
    body = f"{base.body}\n{wiki.sentences(2)}\n"
    save_revision(sheet, base=base, body=body, metadata={}, origin=Revision.Origin.HUMAN)
    index_sheet(sheet.pk)


def timed(name: str, calls: Sequence[Callable[[], object]]) -> None:
    """Print how long the calls take, the first ones apart from which caches are filled."""
    for call in calls[:3]:
        call()
    seconds = []
    for call in calls[3:]:
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    cuts = statistics.quantiles(seconds, n=20)
    out(f"  {name:26} {cuts[9] * 1000:8.1f} {cuts[18] * 1000:8.1f}")


def ask_planted(wiki: Wiki) -> int:
    from django.contrib.auth.models import AnonymousUser

    from sheets.index import learn_words
    from sheets.search import search

    pages = [*PLANTED, *[None] * (2_000 - len(PLANTED))]
    wiki.chance.shuffle(pages)
    known = [word for title, text, *_ in PLANTED for word in f"{title} {text}".split()]
    for page in pages:
        # The other pages speak of the same things, in no order.
        title, text = page[:2] if page else (" ".join(wiki.draw(3)).capitalize(), "")
        said = text or f"{' '.join(wiki.chance.sample(known, 12)).capitalize()}."
        sheet = wiki.add_sheet(title, f"{wiki.sentences(10)} {said} {wiki.sentences(10)}")
        if page:
            learn_words(sheet)
    wiki.settle()
    found = 0
    for title, _text, typed, form in PLANTED:
        hits = search(typed, user=AnonymousUser(), page_size=3, dense=False).hits
        good = title in [hit.title for hit in hits]
        found += good
        out(f"{'' if good else 'MISSED '}{form:10} {typed:45} {[hit.title for hit in hits]}")
    out(f"{found} of {len(PLANTED)} among the first three, by words alone")
    return 0


if __name__ == "__main__":
    Path("var").mkdir(exist_ok=True)
    sys.exit(main())
