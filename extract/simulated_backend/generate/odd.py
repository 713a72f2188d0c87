"""Text that is legal and breaks careless pipelines, and names from many places."""

# ruff: noqa: RUF001

from __future__ import annotations

import re

import numpy as np


def _names(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[ \n]+", text.strip()))


REMARKS: tuple[str, ...] = (
    "Great contact!",
    "Felt heavy, ball first next time",
    "",
    " leading and trailing blanks ",
    'She said "hold the finish", then smiled',
    "It's in the hips, isn't it?",
    "one, two; three\tfour",
    "First line\nSecond line\n\nFourth line",
    "Windows line\r\nend",
    "C:\\TrackMan\\export\\2024.csv",
    "\\N",
    "NULL",
    "null",
    "\\.",
    "{1,2,NULL}",
    "<b>100 %</b> & more; -- drop table strokes",
    "Grün ist schön: Überblick, Fußstellung, 5° zu flach",
    "ナイスショット、次はもう少し右へ",
    "좋은 샷입니다",
    "ضربة جيدة جدا",
    "Отличный удар",
    "e\u0301 is not é, yet looks the same",
    "\u200bzero width, \u00a0no-break, \ufeffmark",
    "🏌️‍♀️⛳️ ace?! 👏🏽",
    "£€¥ ½ × 10⁻³ ≠ 0,5",
    "a" * 300,
)
TAGS: tuple[str, ...] = (
    "league",
    "junior",
    "vip",
    "needs, lesson",
    'the "closer"',
    "back\\slash",
    "übung",
    "左打ち",
    "{braces}",
    "",
    "NULL",
)
# Names are divided by blanks; a no-break space joins the parts of one.
GIVEN_NAMES: tuple[str, ...] = _names("""
    Anna Lars Søren Åse Ingrid Mikkel Zoë François José Núria João Chloé Łukasz Zofia Jiří Dvořák
    Ömer Elif Αλέξανδρος Ольга Иван محمد سارة 健太 美咲 지민 서연 伟 秀英 Priya Arjun Nguyễn Aoife
    Seán Siân D'Arcy Mary-Jane Emma Liam Noah Olivia Ava Jack Amelia Hugo Freja Björn Kwame Mateo
    Thandiwe Valentina
""")
FAMILY_NAMES: tuple[str, ...] = _names("""
    Jensen Nielsen Sørensen Müller Strauß García Fernández-López O'Brien O'Neill Mc\u00a0Kay
    Ångström van\u00a0der\u00a0Berg Ødegård Kowalski Nowák Yıldız Παπαδόπουλος Кузнецова العلي
    山田 鈴木 김 박 王 李 Patel Singh Trần Ní\u00a0Bhriain Smith Jones Williams Brown Taylor Walker
    Johnson Okafor Mbeki Silva Conceição
""")


def remark(rng: np.random.Generator) -> str:
    """A remark of a person, sometimes odd."""
    return REMARKS[int(rng.integers(len(REMARKS)))]
