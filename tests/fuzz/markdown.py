"""
Comments as Markdown is written, well and badly: pieces in any order and nesting.
"""

from __future__ import annotations

from hypothesis import strategies as st

CALLS = st.sampled_from(
    [
        "/odyssey", "/odyssey help", "/odyssey propose Say hello", "/odyssey reject No.",
        "/odyssey validate", "/ODYSSEY status", "  /odyssey why", "/odyssey approve 1f3c9d2",
        "/odyssey propose --branch-prefix feature Say", "/odysseyx", "/odyssey\tstatus",
        "/odyssey\u00a0status", "/ody\u200bssey status", "/odyssey revert", "/odyssey update",
    ]
)  # fmt: skip

_MARKS = st.text("`~>#*_-+=|<>[]()!\\&;:. \t\r\n", max_size=12)
_HTML = st.sampled_from(
    [
        "<details>", "</details>", "<!--", "-->", "<pre>", "</pre>", "<blockquote>", "<br>", "<s>",
        "</s>", "<![CDATA[", "]]>", "<?php", "<a href='x'>", "<script>", "</script>", "<table>",
    ]
)  # fmt: skip
_WORDS = st.text(max_size=12) | st.sampled_from(
    [
        "hello", "On Monday ben wrote:", "-----Original Message-----", "[x]: http://y 'z'", "---",
        "| a | b |", "|---|---|", "1. one", "- two", "- [ ] three", "# four", "===", "    five",
        "**src/app.py**", "`src/app.py`", "&#47;odyssey help", "\\/odyssey help", "\u202e", "é",
        "\U000e0041", "😀", "\x00", "\x85", "\u2028",
    ]
)  # fmt: skip


def _fenced(inner: str, length: int, char: str, info: str) -> str:
    return f"{char * length}{info}\n{inner}\n{char * length}"


_FENCES = st.builds(
    _fenced,
    st.deferred(lambda: BODIES),
    st.integers(2, 5),
    st.sampled_from("`~"),
    st.sampled_from(["", "diff", "python src/app.py", "delete a.py", 'title="x"', "{.py}"]),
)
_QUOTED = st.deferred(lambda: BODIES).map(lambda text: quoted(text))
_LISTED = st.deferred(lambda: BODIES).map(lambda text: listed(text))

LINES = st.lists(_WORDS | _MARKS | _HTML | CALLS, max_size=4).map(" ".join)

BODIES: st.SearchStrategy[str] = st.recursive(
    CALLS | LINES,
    lambda inner: (
        st.lists(inner | _FENCES | _QUOTED | _LISTED, min_size=1, max_size=5).map("\n".join)
        | st.lists(inner, min_size=1, max_size=4).map("\n\n".join)
    ),
    max_leaves=12,
)
"""Bodies of comments."""


def _prefixed(prefix: str, text: str) -> str:
    return "\n".join(prefix + line for line in in_lines(text))


def in_lines(text: str) -> list[str]:
    """*text* in lines as Markdown sees them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def quoted(text: str) -> str:
    """*text* as GitHub's *Quote reply* makes it."""
    return _prefixed("> ", text)


def listed(text: str) -> str:
    """*text* as an item of a list."""
    return "- " + _prefixed("  ", text)[2:]


def as_code(text: str) -> str:
    """*text* in a fence that is longer than any in it."""
    longest, run = 2, 0
    for each in text:
        run = run + 1 if each == "`" else 0
        longest = max(longest, run)
    return f"{'`' * (longest + 1)}\n{text}\n{'`' * (longest + 1)}"
