"""Quotation marks and quotations without them, held to docs/data-model.md ("Tokens")."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.layout import paragraph_starts
from pipeline.quotation import quotations
from pipeline.text import tokenize


def quoted_words(text: str) -> list[str]:
    tokens = tokenize(text)
    places = zip(tokens.starts.tolist(), tokens.ends.tolist(), tokens.quoted.tolist(), strict=True)
    return [text[a:b] for a, b, quoted in places if quoted]


# Each row: a text, and the words in it that stand inside quotation marks.
QUOTATIONS = {
    "English, curly": ("He said “we will go” and went.", "we will go"),
    "English, straight": ('He said "we will go" and went.', "we will go"),
    "English, two": ('"One," he said, "and two."', "One and two"),
    "English, single": ("He said ‘we will go’ and went.", "we will go"),
    "English, single with an apostrophe": ("He said ‘we don’t go’ and went.", "we don t go"),
    "English, single inside double": ("“He said ‘no’ to me,” she said.", "He said no to me"),
    "English, ends with a full stop": ("“We will go.” They went.", "We will go"),
    "German": ("Er sagte: „Wir gehen“ und ging.", "Wir gehen"),
    "German, guillemets": ("Er sagte: »Wir gehen« und ging.", "Wir gehen"),
    "German, single guillemets": ("Der ›Spiegel‹ meldet heute mehr.", "Spiegel"),
    "German, double inside": ("Er sagte: „Der ‚Stern‘ kommt“ und ging.", "Der Stern kommt"),
    "Polish": ("Powiedział: „Idziemy” i poszedł.", "Idziemy"),
    "French": ("Il a dit : «\u00a0Nous allons\u00a0» et partit.", "Nous allons"),
    "French, behind an apostrophe": ("Elle dit qu’« il ne peut pas » gagner.", "il ne peut pas"),
    "French, two": ("« Oui » dit-il, « non » dit-elle.", "Oui non"),
    "Russian": ("Он сказал: «Мы идём» и ушёл.", "Мы идём"),
    "Russian, nested": ("Он сказал: «Газета „Известия“ пишет» и ушёл.", "Газета Известия пишет"),
    "Spanish, straight": ('Dijo: "¡Vamos!" y se fue.', "Vamos"),
    "Japanese": ("彼は「行く」と言った", "行 く"),
    "Japanese, nested": ("彼は「私は『行く』と」言った", "私 は 行 く と"),
    "Chinese": ("他说：“我们走”就走了", "我 们 走"),
    "LaTeX": ("He said ``we will go'' and went.", "we will go"),
    "mixed ends": ('He said “we will go" and went.', "we will go"),
    "in brackets": ('It (the "plan") failed.', "plan"),
    "behind a dash": ('They said—"never"—and left.', "never"),
    "apostrophes": ("It’s the minister’s, don't, rock ’n’ roll, the ’90s, dogs’ and cats' home.", ""),
    "an opening mark as an apostrophe": ("In the ‘90s it was cheap, and it stayed so.", ""),
    "inches": ('The 5\'10" man bought a 27" screen, then another 32" one.', ""),
    "no marks": ("Nothing is said here.", ""),
    "empty": ('It was “” and "" then.', ""),
    "never closed": ("He said “we will go and went.", "we will go and went"),
    "closed, never opened": ("He will go” and went away.", ""),
    "Swedish": ("Hon sade: ”Vi går” och gick.", "Vi går"),
    "Swedish, two": ("”Ja”, sade hon, ”och nej.”", "Ja och nej"),
    "Finnish": ("Hän sanoi: »Me menemme» ja lähti.", "Me menemme"),
    "Danish": ("Han sagde: »Vi går« og gik.", "Vi går"),
    "Norwegian": ("Han sa: «Vi går» og gikk.", "Vi går"),
    "German, closed by a straight mark": ('Er sagte: „Wir gehen" und ging.', "Wir gehen"),
    "German, closed by an English mark": ("Er sagte: „Wir gehen” und ging.", "Wir gehen"),
    "German, single": ("Der ‚Stern‘ kommt heute.", "Stern"),
    "double inside single": ("He said ‘the “plan” has failed’ and went.", "the plan has failed"),
    "double inside straight single": ("He said 'the \"plan\" has failed' and went.", "the plan has failed"),
    "single inside straight double": ("\"He said 'no' to me,\" she said.", "He said no to me"),
    "straight single": ("He said: 'We will go,' and went.", "We will go"),
    "straight single with an apostrophe": ("'We don't go,' he said, 'and won't.'", "We don t go and won t"),
    "straight single with a plural possessive": ("'The ministers' plan has failed,' he said.", "The ministers plan has failed"),
    "straight single, a term": ("The 'tea party' movement and the workers' union met.", "tea party"),
    "closed by an opening mark": ("He called him a “political dummy“ on Monday.", "political dummy"),
    "closed by two straight single marks": ("He said “we will go,'' and went.", "we will go"),
    "two straight single marks": ("He said ''we will go'' and went.", "we will go"),
    "inches inside": ('He said "the 27" screen is wide" and went.', "the 27 screen is wide"),
    "feet and inches": ("He is 5'10\" tall and his son 6'2\" now.", ""),
    "apostrophes of all sorts": ("O'Brien's rock 'n' roll of the '90s, 'til the dogs' home let 'em in, wasn't d'Artagnan's.", ""),
    "Chinese title": ("他读《红楼梦》了", ""),
    "Chinese, corner marks": ("他說「走」了", "走"),
    "Polish guillemets": ("Powiedział: »Idziemy« i poszedł.", "Idziemy"),
    "English, the space lost": ('He left."We go," he said."And so it is."', "We go And so it is"),
}


@pytest.mark.parametrize(("text", "expected"), QUOTATIONS.values(), ids=QUOTATIONS.keys())
def test_words_inside_quotation_marks_are_quoted(text: str, expected: str) -> None:
    assert quoted_words(text) == expected.split()


def test_an_unclosed_quotation_ends_with_its_paragraph() -> None:
    assert quoted_words("“One two\nThree four.") == ["One", "two"]
    assert quoted_words("„Eins zwei\n\nDrei vier.") == ["Eins", "zwei"]
    assert quoted_words('"One two\r\nThree four.') == ["One", "two"]


def test_a_quotation_of_many_paragraphs_opens_each() -> None:
    assert quoted_words("“One.\n“Two.\n“Three,” he said.\nFour.") == ["One", "Two", "Three"]
    assert quoted_words('"One.\n\n"Two,"\n\nhe said.') == ["One", "Two"]
    assert quoted_words("« Un.\n« Deux », dit-il.\nTrois.") == ["Un", "Deux"]
    assert quoted_words("'One.\n\n'Two.\n\n'Three,' he said.\n\nFour.") == ["One", "Two", "Three"]
    assert quoted_words("She said: ‘One.\n‘Two,’ and went.") == ["One", "Two"]


def test_a_lost_closing_mark_does_not_turn_the_rest_inside_out() -> None:
    assert quoted_words('"One, he said. "Two," she said.\n"Three."') == ["One", "he", "said", "Two", "Three"]


LINES = [
    "The minister said in the harbour on Monday “that all of the ships",
    "will leave before the end of the month",
    "and that",
]
WRAPPED = [
    *LINES,
    "none would be left behind in the port of Veld by then.”",
    "",
    "Nothing more was said on that day by anyone at all.",
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_quotation_runs_on_over_hard_wrapped_lines(newline: str) -> None:
    text = newline.join(WRAPPED)
    assert quoted_words(text)[0] == "that"
    assert quoted_words(text)[-1] == "then"
    assert len(quoted_words(text)) == 5 + 8 + 2 + 12


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_hard_wrapped_paragraphs_end_at_blank_lines(newline: str) -> None:
    text = newline.join(WRAPPED).replace("”", "")
    assert len(paragraph_starts(text)) == 2
    assert quoted_words(text)[-1] == "then"


@given(st.text(st.sampled_from("a \n.,\"“”„«»‘’'`「」é"), max_size=60))
@settings(max_examples=300)
def test_quotations_are_disjoint_in_order_and_within_a_paragraph(text: str) -> None:
    found = quotations(text)
    ends = [*paragraph_starts(text)[1:], len(text)]
    at = 0
    for start, end in found:
        assert at <= start <= end <= len(text)
        assert end <= next((e for e in ends if e > start), len(text))
        at = end


@given(st.text(st.sampled_from("Aa \n.,:—–()@\"“”„«»‘’'`「」é1"), max_size=80))
@settings(max_examples=300)
def test_hostile_marks_give_intervals_that_are_disjoint_and_within_a_paragraph(text: str) -> None:
    for body in (text, f"HE: {text}\nSHE: {text}\nHE: {text}", f"He said:\n{text * 3}\n— A (@b) {text}\n— x, — y {text}"):
        found = quotations(body)
        ends = [*paragraph_starts(body)[1:], len(body)]
        at = 0
        for start, end in found:
            assert at <= start <= end <= len(body)
            assert end <= next((e for e in ends if e > start), len(body))
            at = end


# ------------------------------------------- words presented without their marks

WITHOUT_MARKS = {
    "post": (
        "He wrote again.\n\nWe go now! Sad! — Ada Veld (@adaveld) June 5, 2017\n\nThey went.",
        "We go now Sad Ada Veld adaveld June 5 2017",
    ),
    "two posts in a paragraph": (
        "One. — A B (@ab) May 1, 2017 Two. — A B (@ab) May 2, 2017\nThey went.",
        "One A B ab May 1 2017 Two A B ab May 2 2017",
    ),
    "post behind its author": ("He wrote again.\nAda Veld (@adaveld) We go now!\nThey went.", "We go now"),
    "a handle in a sentence": ("Ada Veld (@adaveld) said on Monday that she would go.", ""),
    "transcript": ("ADA VELD: We go.\nTHE HOST: Now?\nADA VELD: Now.\nTHE HOST: Well.\nThey went.", "We go Now Now Well"),
    "headings are no speakers": ("One.\nRELATED: Two\nWATCH: Three\nREAD MORE: Four\nPHOTOS: Five", ""),
    "led in": (
        "In a letter she wrote:\n\nNobody shall say that we had not asked for all of this.\n\nThey went.",
        "Nobody shall say that we had not asked for all of this",
    ),
    "led in, German": (
        "In der Erklärung heißt es:\nNiemand soll sagen, dass wir nicht danach gefragt hätten.\nSie gingen.",
        "Niemand soll sagen dass wir nicht danach gefragt hätten",
    ),
    "a list is not led in": ("The plan has three parts:\n\nThe harbour of Veld will be dredged by the end of May.", ""),
    "Russian dialogue": ("— Мы идём, — сказал он. — Сейчас.\nОни ушли.", "Мы идём Сейчас"),
    "Polish dialogue": ("– Idziemy – powiedział.\n– Idziemy, – powiedział.", "Idziemy"),
    "Spanish dialogue": ("—Vamos —dijo Juan—. Ahora.\nSe fueron.", "Vamos Ahora"),
    "bullets are no dialogue": ("– Paris, Lyon\n– Berlin – Hamburg\n— Roma", ""),
    "dateline behind a dash": ("VELD — The harbour is open — at last, they say.", ""),
}


@pytest.mark.parametrize(("text", "expected"), WITHOUT_MARKS.values(), ids=WITHOUT_MARKS.keys())
def test_words_presented_without_marks_are_quoted(text: str, expected: str) -> None:
    assert quoted_words(text) == expected.split()
