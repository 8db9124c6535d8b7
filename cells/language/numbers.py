"""Numbers as people say and write them: digits, and words in English, German and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product

_EN_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_EN_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_DE_ONES = [
    "null", "eins", "zwei", "drei", "vier", "fuenf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwoelf",
    "dreizehn", "vierzehn", "fuenfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn",
]  # fmt: skip
_DE_TENS = ["zwanzig", "dreissig", "vierzig", "fuenfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
_ZH_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "兩": 2, "两": 2, "廿": 20, "卅": 30}
ZH_NUMERALS = frozenset(_ZH_DIGITS) | frozenset("十百")


@cache
def words(language: str) -> Mapping[str, int]:
    """Number words of English or German (umlauts written out) from 0 to 100; of Chinese none, see :func:`chinese`."""
    if language == "en":
        out = {word: n for n, word in enumerate(_EN_ONES)} | {"hundred": 100, "a hundred": 100, "one hundred": 100}
        for (i, ten), (j, one) in product(enumerate(_EN_TENS, 2), enumerate(_EN_ONES[:10])):
            out |= {ten: 10 * i} if not j else {f"{ten} {one}": 10 * i + j, f"{ten}{one}": 10 * i + j}
        return out
    if language == "de":
        out = {word: n for n, word in enumerate(_DE_ONES)} | {"zwo": 2, "hundert": 100, "einhundert": 100}
        for (i, ten), (j, one) in product(enumerate(_DE_TENS, 2), enumerate(_DE_ONES[:10])):
            out[f"{'ein' if j == 1 else one}und{ten}" if j else ten] = 10 * i + j
        return out
    return {}


def chinese(text: str) -> float | None:
    """The value of Chinese numerals up to 999, with 點 for the decimal point; None if it isn't one."""
    if "點" in text:
        whole, _, part = text.partition("點")
        value = chinese(whole)
        if value is None or not part or any(c not in _ZH_DIGITS for c in part):
            return None
        return value + sum(_ZH_DIGITS[c] / 10.0 ** (i + 1) for i, c in enumerate(part))
    if not text or any(c not in ZH_NUMERALS for c in text):
        return None
    if len(text) > 1 and not set(text) & set("十百廿卅"):
        return float("".join(str(_ZH_DIGITS[c]) for c in text))
    total = 0
    digit: int | None = None
    for c in text:
        if c in "十百":
            total += (1 if digit is None else digit) * (10 if c == "十" else 100)
            digit = None
        elif c in "廿卅":
            total += _ZH_DIGITS[c]
        else:
            digit = _ZH_DIGITS[c]
    return float(total + (digit or 0))
