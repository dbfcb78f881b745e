"""Compute spreadsheet formulas whose values the file does not keep.

Programs that write workbooks often leave the values to be computed when the file is opened. This
computes arithmetic, comparisons and the commonest functions; anything else is `NotComputed`, and
the cell is then shown as its formula. Bounded in steps and depth.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Value = float | str | bool | None
Lookup = Callable[[str, int, int], Value]
"""Returns the value of a cell: sheet (`""` for the formula's own), row and column from 1."""

MAX_LENGTH = 2_000
MAX_DEPTH = 60
MAX_RANGE = 100_000

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+\-]?\d+)?|\.\d+)"
    r'|"(?P<text>(?:[^"]|"")*)"'
    r"|(?P<ref>(?:(?P<sheet>'(?:[^']|'')+'|[\w.]+)!)?\$?(?P<column>[A-Za-z]{1,3})\$?(?P<row>\d{1,7})"
    r"(?::\$?(?P<column2>[A-Za-z]{1,3})\$?(?P<row2>\d{1,7}))?(?![\w(.]))"
    r"|(?P<name>[A-Za-z_][\w.]*)\s*(?=\()"
    r"|(?P<word>TRUE|FALSE)\b"
    r"|(?P<sign><>|<=|>=|[-+*/^&=<>%(),;:]))"
)


class NotComputed(Exception):
    """A formula that is not computed here."""


class _Range(NamedTuple):
    values: list[Value]


Operand = Value | _Range


@dataclass(slots=True)
class Budget:
    """Cells that the formulas of a workbook may still look up."""

    lookups: int = 2_000_000
    depth: int = 0


@dataclass(slots=True)
class FormulaValues:
    """The values of the formulas of a workbook, each computed once."""

    budget: Budget = field(default_factory=Budget)
    values: dict[tuple[str, int, int], Value | NotComputed] = field(default_factory=dict)

    def value(
        self, place: tuple[str, int, int], formula: str, lookup: Lookup
    ) -> Value | NotComputed:
        """Return the value of a formula at a place: sheet, row, column; `NotComputed` if none."""
        if place not in self.values:
            self.values[place] = NotComputed("refers to itself")
            try:
                self.values[place] = evaluate(formula, lookup, self.budget)
            except NotComputed as error:
                self.values[place] = NotComputed(str(error))
        return self.values[place]


def evaluate(formula: str, lookup: Lookup, budget: Budget) -> Value:
    """Return the value of a formula, without its "="; raise `NotComputed` if it cannot be."""
    if len(formula) > MAX_LENGTH or budget.depth > MAX_DEPTH:
        raise NotComputed(formula[:50])
    budget.depth += 1
    try:
        parser = _Parser(list(_tokens(formula)), lookup, budget)
        value = _single(parser.comparison())
        if parser.tokens:
            raise NotComputed(formula[:50])
    except (ArithmeticError, ValueError, IndexError, RecursionError) as error:
        raise NotComputed(formula[:50]) from error
    finally:
        budget.depth -= 1
    if isinstance(value, float) and not math.isfinite(value):
        raise NotComputed(formula[:50])
    return value


def column_number(letters: str) -> int:
    """Return the number of a column from its letters: 27 for "AA"."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - 64
    return number


def _tokens(formula: str) -> Iterator[re.Match[str]]:
    at = 0
    formula = formula.strip()
    while at < len(formula):
        match = _TOKEN.match(formula, at)
        if match is None:
            raise NotComputed(formula[:50])
        yield match
        at = match.end()


@dataclass(slots=True)
class _Parser:
    """A parser by precedence that computes as it reads."""

    tokens: list[re.Match[str]]
    lookup: Lookup
    budget: Budget
    depth: int = 0

    def __post_init__(self) -> None:
        self.tokens.reverse()

    def _sign(self, *signs: str) -> str:
        """Take the next token if it is one of these signs; return it, else `""`."""
        if self.tokens and (sign := self.tokens[-1]["sign"]) in signs and sign:
            self.tokens.pop()
            return sign
        return ""

    def comparison(self) -> Operand:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotComputed("nested too deep")
        left = self._joined()
        while sign := self._sign("=", "<>", "<", ">", "<=", ">="):
            left = _compare(sign, _single(left), _single(self._joined()))
        self.depth -= 1
        return left

    def _joined(self) -> Operand:
        left = self._sum()
        while self._sign("&"):
            left = _as_text(_single(left)) + _as_text(_single(self._sum()))
        return left

    def _sum(self) -> Operand:
        left = self._product()
        while sign := self._sign("+", "-"):
            right = _as_number(self._product())
            left = _as_number(left) + (right if sign == "+" else -right)
        return left

    def _product(self) -> Operand:
        left = self._signed()
        while sign := self._sign("*", "/"):
            right = _as_number(self._signed())
            left = _as_number(left) * right if sign == "*" else _as_number(left) / right
        return left

    def _signed(self) -> Operand:
        left = self._unary()
        while self._sign("^"):
            right = _as_number(self._unary())
            left = math.pow(_as_number(left), right)
        return left

    def _unary(self) -> Operand:
        """Read an operand and its signs, which bind more tightly than "^"."""
        signs = ""
        while sign := self._sign("-", "+"):
            signs += sign
        value = self._percent()
        return value if "-" not in signs else _as_number(value) * (-1) ** signs.count("-")

    def _percent(self) -> Operand:
        value = self._operand()
        while self._sign("%"):
            value = _as_number(value) / 100
        return value

    def _operand(self) -> Operand:
        if not self.tokens:
            raise NotComputed("cut short")
        token = self.tokens.pop()
        if token["number"]:
            return float(token["number"])
        if token["text"] is not None:
            return token["text"].replace('""', '"')
        if token["word"]:
            return token["word"].upper() == "TRUE"
        if token["ref"]:
            return self._reference(token)
        if token["name"]:
            return self._call(token["name"].upper().removeprefix("_XLFN."))
        if token["sign"] == "(":
            value = self.comparison()
            if not self._sign(")"):
                raise NotComputed("bracket")
            return value
        raise NotComputed(token.group())

    def _reference(self, token: re.Match[str]) -> Operand:
        sheet = (token["sheet"] or "").strip("'").replace("''", "'")
        row, column = int(token["row"]), column_number(token["column"])
        if not token["column2"]:
            self._spend(1)
            return self.lookup(sheet, row, column)
        row2, column2 = int(token["row2"]), column_number(token["column2"])
        rows, columns = sorted((row, row2)), sorted((column, column2))
        size = (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1)
        self._spend(size)
        return _Range(
            [
                self.lookup(sheet, i, j)
                for i in range(rows[0], rows[1] + 1)
                for j in range(columns[0], columns[1] + 1)
            ]
        )

    def _spend(self, cells: int) -> None:
        self.budget.lookups -= cells
        if cells > MAX_RANGE or self.budget.lookups < 0:
            raise NotComputed("too many cells")

    def _call(self, name: str) -> Operand:
        function = FUNCTIONS.get(name)
        if function is None or not self._sign("("):
            raise NotComputed(name)
        arguments: list[Operand] = []
        while not self._sign(")"):
            if arguments and not self._sign(",", ";"):
                raise NotComputed(name)
            arguments.append(self.comparison())
        return function(arguments)


def _single(value: Operand) -> Value:
    if isinstance(value, _Range):
        if len(value.values) != 1:
            raise NotComputed("range")
        return value.values[0]
    return value


def _as_number(value: Operand) -> float:
    single = _single(value)
    if single is None:
        return 0.0
    if isinstance(single, str):
        raise NotComputed("text")
    return float(single)


def _as_text(value: Value) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "VRAI" if value else "FAUX"
    return f"{value:.10g}".replace(".", ",")


def _compare(sign: str, left: Value, right: Value) -> bool:
    if isinstance(left, str) != isinstance(right, str):
        if left is not None and right is not None:
            return sign == "<>"
        left, right = left or "", right or ""
    first: float | str
    second: float | str
    if isinstance(left, str) and isinstance(right, str):
        first, second = left.lower(), right.lower()
        return _ORDER[sign](first, second)
    return _ORDER[sign](_as_number(left), _as_number(right))


_ORDER: dict[str, Callable[[object, object], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]
    ">": operator.gt,  # type: ignore[dict-item]
    "<=": operator.le,  # type: ignore[dict-item]
    ">=": operator.ge,  # type: ignore[dict-item]
}


def _numbers(arguments: list[Operand]) -> list[float]:
    """Return the numbers among arguments; the text and blanks of a range do not count."""
    numbers: list[float] = []
    for argument in arguments:
        if isinstance(argument, _Range):
            numbers += [
                float(value)
                for value in argument.values
                if isinstance(value, int | float) and not isinstance(value, bool)
            ]
        else:
            numbers.append(_as_number(argument))
    return numbers


def _flat(arguments: list[Operand]) -> list[Value]:
    return [
        value
        for argument in arguments
        for value in (argument.values if isinstance(argument, _Range) else [argument])
    ]


def _round(arguments: list[Operand], rounding: Callable[[float], float]) -> float:
    number = _as_number(arguments[0])
    places = int(_as_number(arguments[1])) if len(arguments) > 1 else 0
    if abs(places) > 15:
        raise NotComputed("places")
    scaled = float(f"{abs(number) * 10**places:.14g}")
    return math.copysign(rounding(scaled) / 10**places, number)


def _half_up(number: float) -> float:
    return math.floor(number + 0.5)


def _if(arguments: list[Operand]) -> Operand:
    condition = _single(arguments[0])
    if isinstance(condition, str):
        raise NotComputed("IF")
    if condition:
        return arguments[1]
    return arguments[2] if len(arguments) > 2 else False


def _sum_product(arguments: list[Operand]) -> float:
    columns = [a.values if isinstance(a, _Range) else [a] for a in arguments]
    if len({len(column) for column in columns}) != 1:
        raise NotComputed("SUMPRODUCT")
    return math.fsum(
        math.prod(float(v) if isinstance(v, int | float) else 0.0 for v in row)
        for row in zip(*columns, strict=True)
    )


def _average(arguments: list[Operand]) -> float:
    numbers = _numbers(arguments)
    return math.fsum(numbers) / len(numbers)


FUNCTIONS: dict[str, Callable[[list[Operand]], Operand]] = {
    "SUM": lambda given: math.fsum(_numbers(given)),
    "AVERAGE": _average,
    "MIN": lambda given: min(_numbers(given), default=0.0),
    "MAX": lambda given: max(_numbers(given), default=0.0),
    "PRODUCT": lambda given: math.prod(_numbers(given)),
    "COUNT": lambda given: float(len(_numbers(given))),
    "COUNTA": lambda given: float(sum(value is not None for value in _flat(given))),
    "SUMPRODUCT": _sum_product,
    "ABS": lambda given: abs(_as_number(given[0])),
    "SQRT": lambda given: math.sqrt(_as_number(given[0])),
    "EXP": lambda given: math.exp(_as_number(given[0])),
    "LN": lambda given: math.log(_as_number(given[0])),
    "INT": lambda given: float(math.floor(_as_number(given[0]))),
    "PI": lambda given: math.pi,
    "POWER": lambda given: math.pow(_as_number(given[0]), _as_number(given[1])),
    "ROUND": lambda given: _round(given, _half_up),
    "ROUNDUP": lambda given: _round(given, math.ceil),
    "ROUNDDOWN": lambda given: _round(given, math.floor),
    "IF": _if,
    "AND": lambda given: all(_as_number(value) for value in _flat(given) if value is not None),
    "OR": lambda given: any(_as_number(value) for value in _flat(given) if value is not None),
    "NOT": lambda given: not _as_number(given[0]),
    "CONCATENATE": lambda given: "".join(map(_as_text, _flat(given))),
    "CONCAT": lambda given: "".join(map(_as_text, _flat(given))),
    "LEN": lambda given: float(len(_as_text(_single(given[0])))),
}
