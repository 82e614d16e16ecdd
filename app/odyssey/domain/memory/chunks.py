"""
Text cut into the pieces that an embedding model can take in.
"""

from __future__ import annotations

MAX_WORDS = 180
"""all-MiniLM-L6-v2 reads 256 word pieces and drops the rest; English has about 1.3 for a word."""

OVERLAP = 30
MAX_CHUNKS = 16
"""What a megabyte of log is worth: its beginning and its end, not an hour of embedding."""

MAX_CHUNK_CHARACTERS = 1_500


def chunks(text: str) -> list[str]:
    """
    *text* in pieces of at most 180 words and 1,500 characters that overlap by up to 30 words.

    At most 16: of a longer text the first half of them and the last half. At
    least one, so that every text has a vector.
    """
    words = [
        word[start : start + MAX_CHUNK_CHARACTERS]
        for word in text.split()
        for start in range(0, len(word), MAX_CHUNK_CHARACTERS)
    ]
    pieces: list[str] = []
    start = 0
    while start < len(words):
        end, size = start, 0
        while end < len(words) and end - start < MAX_WORDS:
            size += len(words[end]) + 1
            if size > MAX_CHUNK_CHARACTERS and end > start:
                break
            end += 1
        pieces.append(" ".join(words[start:end]))
        if end >= len(words):
            break
        start = end - min(OVERLAP, (end - start) // 4)
    if len(pieces) > MAX_CHUNKS:
        pieces = pieces[: MAX_CHUNKS // 2] + pieces[-MAX_CHUNKS // 2 :]
    return pieces or [text]
