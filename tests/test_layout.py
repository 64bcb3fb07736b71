"""Paragraphs and sentences, held to docs/data-model.md ("Tokens")."""

from __future__ import annotations

from pipeline.layout import paragraph_starts, sentence_starts


def test_paragraphs_begin_behind_newlines() -> None:
    assert paragraph_starts("One.\nTwo.\n\n  Three.\n") == [0, 5, 13]
    assert paragraph_starts("") == [0]


def test_sentences_begin_behind_their_ends_and_at_paragraphs() -> None:
    text = "One. Two! “Three?” Four\nFive。六。七"
    starts = sentence_starts(text)
    assert [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)] == [
        "One.",
        "Two!",
        "“Three?”",
        "Four",
        "Five。",
        "六。",
        "七",
    ]
