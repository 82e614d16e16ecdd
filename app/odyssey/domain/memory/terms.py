"""
Text as the words to search for: lower case, without the words that say nothing, stemmed.

Stores index exactly these terms and queries are made of them, so every store
finds by the same words, whatever its own tokenizer does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from odyssey.domain.memory.stemming import stem

# fmt: off
STOPWORDS = frozenset(
    {
        "a", "about", "above", "after", "again", "against", "all", "also", "am", "an", "and",
        "any", "anybody", "anyone", "anything", "are", "aren", "as", "at", "be", "because",
        "been", "before", "being", "below", "between", "both", "but", "by", "can", "could",
        "couldn", "did", "didn", "do", "does", "doesn", "doing", "don", "down", "during",
        "each", "either", "else", "ever", "every", "few", "for", "from", "further", "get",
        "gets", "getting", "go", "going", "got", "had", "hadn", "has", "hasn", "have",
        "haven", "having", "he", "hello", "her", "here", "hers", "herself", "hey", "hi",
        "him", "himself", "his", "how", "i", "if", "in", "into", "is", "isn", "it", "its",
        "itself", "just", "let", "ll", "like", "likely", "me", "might", "mine", "more",
        "most", "much", "must", "my", "myself", "no", "nor", "not", "now", "of", "off", "oh",
        "ok", "okay", "on", "once", "one", "only", "or", "other", "our", "ours", "ourselves",
        "out", "over", "own", "please", "quite", "rather", "re", "really", "s", "same",
        "shall", "she", "should", "shouldn", "so", "some", "someone", "something", "such",
        "t", "than", "thank", "thanks", "that", "the", "their", "theirs", "them",
        "themselves", "then", "there", "these", "they", "this", "those", "though", "through",
        "to", "too", "two", "under", "until", "up", "upon", "us", "ve", "very", "was", "wasn",
        "way", "we", "well", "were", "weren", "what", "whatever", "when", "where", "whether",
        "which", "while", "who", "whom", "whose", "why", "will", "with", "won", "would",
        "wouldn", "wow", "yeah", "yes", "yet", "you", "your", "yours", "yourself",
        "yourselves",
    }
)
# fmt: on
"""Words that say nothing; not `may`, which is a month."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_RUN = re.compile(r"[\w./#-]+")
_JOINED = re.compile(r"[^\W_][./#_][^\W_]")
_NUMBER = re.compile(r"#\d+")
_LONGEST = 64
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")


def terms(text: str) -> list[str]:
    """
    The terms of *text* in order, repeated where it repeats them.

    Contractions lose their tail (`don't` is `don`), accents are dropped. Writing
    without spaces becomes pairs of characters.
    """
    plain = _plain(text)
    found: list[str] = []
    for match in _WORD.finditer(plain):
        word = match[0].partition("'")[0].partition("’")[0]
        if word in STOPWORDS:
            continue
        if _IDEOGRAPH.search(word):
            found.extend(_pairs(word))
        else:
            found.append(stem(word[:_LONGEST]))
    return found


def identifiers(text: str) -> list[str]:
    """
    The names in *text* that prose would break apart: paths, symbols, `#41`.

    Each once, lower case, in order: `app/odyssey/gate.py`, `head_sha`.
    """
    names: dict[str, None] = {}
    for match in _RUN.finditer(_plain(text)):
        name = match[0].strip("./-")
        if not _NUMBER.fullmatch(name):
            name = name.strip("#./-_")
            if ".." in name or not _JOINED.search(name):
                continue
        names[name[: 2 * _LONGEST]] = None
    return list(names)


def distinct(found: Iterable[str], *, limit: int) -> list[str]:
    """The first *limit* different terms, in order."""
    return list(dict.fromkeys(found))[:limit]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return unicodedata.normalize("NFKC", bare).lower()


def _pairs(word: str) -> list[str]:
    if len(word) == 1:
        return [word]
    return [word[index : index + 2] for index in range(len(word) - 1)]
