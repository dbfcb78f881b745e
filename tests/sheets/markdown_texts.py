"""Markdown as people write it: fixed texts, and texts made of French building blocks by a seed."""

import random
from collections.abc import Callable, Sequence

WORDS = (
    "chaleur fatale récupérée compresseur réseau vapeur condensats échangeur isolation fumées four"
    " séchoir air comprimé fuites pression débit rendement consommation électricité gaz biomasse"
    " pompe bilan audit site atelier usine mesure relevé comptage régulation variateur moteur"
).split()
INLINE = (
    "**{0}**", "*{0}*", "`{0} # x`", "~~{0}~~", "H~2~O", "m^3^", "CO<sub>2</sub>", "$E = mc^2$",
    "[{0}](https://exemple.fr/{1}?a=1)", "[[Fiche {0}|{1}]]", "https://exemple.fr/a_b_c", "{0}[^1]",
    "www.exemple.fr", "<https://exemple.fr/x>", "<mailto:a@exemple.fr>", "{0}<br>{1}", "5 % de {0}",
    "#12", "a \\| b", "« {0} »", "{0}  ", "{0}[^b]", "<span>{0}</span>", "3 < 4", "l\u00ad{0}",
)  # fmt: skip
BULLETS = ("-", "*", "+", "1.", "1)", "•", "–")
PIECES = (
    "- a", "- ", "-", "  - b", "    - c", "   c", "1. x", "2. y", "10) z", "* q", "+ r", "> q", ">",
    "> > n", "> - i", "# H", "## S #", "###", "##T", "T", "===", "---", "- - -", "***", "```",
    "````", "~~~ py", "    code", "\tcode", "| a | b |", "|---|:-:|", "| 1 | 2 | 3 |", "x | y",
    "--- | ---", "", "", "", "", "  ", "<div>", "</div>", "<b>", "<!-- c", "-->", "<br>", "texte",
    "suite  ", "   ## i", "    ## j", "  * k", "      deep", "1. ", "-\tt", "> ```", "[a]: /u",
    "[^1]: note", "    suite", "COP", ": coefficient", "•\tpoint", "o\tsous", "– tiret", "|", "a|b",
    "- [ ] à faire", "- [x] fait", "Table: Légende", "x[^1]", "- #12 fuite", "## T {#ancre}",
    "  | c | d |", "fin\u2028ligne", "```7 bar``` et x", "\u00a0", "- ```", "  ```",
)  # fmt: skip

FIXED = (
    "## Relevés\n\nAu départ :\n- four 1\n- four 2\n  1. brûleur\n  2. ventilateur\n\nFin.\n",
    "# Guide\n\nPréambule.\n\nMéthode\n=======\n\n1. relever\n\n   deux fois\n\n2. noter\n",
    "## Mesures\n\n~~~sh\n# commande\n## pas un titre\n~~~\n\n````\n```\n## dedans\n```\n````\n",
    "## Gaz\n\nPoste | Part\n:-- | --:\nFour | 4 %\nÉtuve | [[Air comprimé|air]]\n\nTable: Gaz\n",
    "## Notes\n\nUn[^a] et deux[^b].\n\n[^a]: une\n    suite\n\n    autre alinéa\n[^b]: courte\n",
    "## Sigles\n\nCOP\n: coefficient\n\nGTB\n: gestion technique\n: du bâtiment\n",
    "## Copié\n\n•\tpremier\n•\tdeuxième\no\tsous-point\n•\ttroisième\n",
    "## À faire\n\n- [ ] lire\n- [x] noter\n\n> Cité\n> - un\n> - deux\n\n***\n\n<div>ici</div>\n",
    "## A\n\n```\nsans fin\n\n## B\n\nb\n",
    "##Collé\n\n- #12 fuite\n- autre\n\n#12 au début\n",
)


class FrenchWriter:
    """Writes a document of random blocks."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.blocks: Sequence[Callable[[], str]] = (
            self.paragraph, self.paragraph, self.list, self.list, self.table, self.fence,
            self.indented, self.quote, self.definitions, self.html, self.rule, self.heading,
            self.pasted, self.figure, self.led_list,
        )  # fmt: skip

    def document(self) -> str:
        """Return a document of some sections, with its footnotes."""
        parts: list[str] = []
        for _section in range(self.chance.randint(1, 4)):
            parts.append(self.heading())
            parts += [self.chance.choice(self.blocks)() for _ in range(self.chance.randint(1, 6))]
        gap = [self.chance.choices(("\n\n", "\n", "\n\n\n"), (90, 5, 5))[0] for _ in parts]
        text = "".join(part + end for part, end in zip(parts, gap, strict=True))
        return f"{text}\n{self.notes()}"

    def words(self, least: int = 1, most: int = 8) -> str:
        return " ".join(self.chance.choices(WORDS, k=self.chance.randint(least, most)))

    def line(self) -> str:
        words = self.words(2, 7).split()
        if self.chance.random() < 0.5:
            form = self.chance.choice(INLINE)
            words.insert(self.chance.randint(1, len(words)), form.format(words[0], words[-1]))
        return " ".join(words)

    def paragraph(self) -> str:
        return "\n".join(self.line() for _ in range(self.chance.randint(1, 3)))

    def heading(self) -> str:
        words, level = self.words(1, 3), self.chance.choice((1, 2, 2, 2, 3, 4))
        if level <= 2 and self.chance.random() < 0.2:
            return f"{words}\n{'=-'[level - 1] * self.chance.randint(3, 9)}"
        end = self.chance.choice(("", "", "", " ##", " {#ancre}", " 🎯"))
        return f"{'#' * level} {words}{end}"

    def list(self, indent: int = 0, depth: int = 0) -> str:
        mark = self.chance.choice(BULLETS[:5] if depth else BULLETS)
        gap = self.chance.choice(("\n", "\n", "\n\n"))
        items: list[str] = []
        for number in range(1, self.chance.randint(2, 4)):
            own = f"{number}{mark[-1]}" if mark[0].isdecimal() else mark
            box = self.chance.choice(("", "", "", "[ ] ", "[x] "))
            item = f"{' ' * indent}{own} {box}{self.line()}"
            inner = indent + self.chance.choice((len(own) + 1, max(4, len(own) + 1)))
            if self.chance.random() < 0.2:
                item += f"\n{' ' * inner}{self.line()}"
            if depth < 2 and self.chance.random() < 0.3:
                item += f"\n{self.list(inner, depth + 1)}"
            items.append(item)
        return gap.join(items)

    def led_list(self) -> str:
        return f"{self.line()} :\n{self.list()}"

    def table(self) -> str:
        width = self.chance.randint(1, 4)
        bar = self.chance.random() < 0.8 or width == 1
        rule = [self.chance.choice(("---", ":--", "--:", ":-:", "-")) for _ in range(width)]
        rows = [[self.cell() for _ in range(width)] for _ in range(self.chance.randint(1, 4))]
        lines = [" | ".join(row) for row in (rows[0], rule, *rows[1:])]
        led = f"{self.line()}\n" if self.chance.random() < 0.2 else ""
        caption = f"\n\nTable: {self.words()}" if self.chance.random() < 0.2 else ""
        return led + "\n".join(f"| {line} |" if bar else line for line in lines) + caption

    def cell(self) -> str:
        return self.chance.choice(
            (self.words(1, 2), f"[[Fiche|{self.words(1, 1)}]]", "a \\| b", "`x`", "1<br>2", "12 %")
        )

    def fence(self) -> str:
        mark = self.chance.choice(("```", "~~~", "````"))
        inner = self.chance.choice(("# x", "## pas un titre", "- a", "| a |", "[^1]: non", ""))
        language = self.chance.choice(("", "python", "sh"))
        return f"{mark}{language}\n{inner}\n{self.words()}\n{mark}"

    def indented(self) -> str:
        return f"{self.words()}\n\n    # {self.words()}\n    {self.words()}"

    def quote(self) -> str:
        return "\n".join(f"> {line}" for line in (self.line(), "", *self.list().splitlines()))

    def definitions(self) -> str:
        return "\n\n".join(f"{self.words(1, 2)}\n: {self.line()}" for _ in range(2))

    def html(self) -> str:
        return self.chance.choice(
            (f"<div>\n{self.words()}\n</div>", f"<!-- {self.words()} -->", "<br>", "<hr/>")
        )

    def rule(self) -> str:
        return self.chance.choice(("***", "* * *", "___"))

    def pasted(self) -> str:
        return f"•\t{self.words()}\no\t{self.words()}\n•\t{self.words()}\u2028{self.words()}"

    def figure(self) -> str:
        return f'![{self.words()}](/images/0123456789abcdef-64x48.webp "{self.words()}")'

    def notes(self) -> str:
        return (
            f"[^1]: {self.line()}\n[^b]: {self.words()}\n    {self.words()}\n\n    {self.words()}\n"
        )


def mixture(seed: int) -> str:
    """Return some lines that mean most things to a reader of Markdown, in any order."""
    chance = random.Random(seed)
    return "\n".join(chance.choices(PIECES, k=chance.randint(1, 12))) + "\n"
