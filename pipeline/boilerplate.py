"""What is not the article: rules over its first and last lines.

In: an `Article` with its raw text. Out: the same with removed spans, each with its
rule, and with what the removed lines said (url, title, author, time, agency).

`RULES` is meant to be read: each rule with the line it was written for. Precision
comes first: rules look at whole short lines or at the very edge of the body, and
what no rule is sure of stays. The order of the rules in a zone is their rank.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from pipeline.dates import parse_published, published_in_url
from pipeline.records import RemovedSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.records import Article, Published

RULES_VERSION = 1
"""Raised whenever a rule is added or removes something else. An ingredient of `text_key`."""

EDGE_LINES = 6
"""Lines with text that count as first or last: three in four pieces of page furniture stand there."""

Zone = Literal["head", "opening", "any", "tail", "closing", "inside"]
Action = Literal["cut", "mask"]

# Agencies: how they sign. Acronyms only in capitals: `AP`, `PA` and `SPA` are words elsewhere.
AGENCIES: dict[str, str] = {
    "AP": r"(?:The |the )?Associated Press|\bAP\b",
    "AFP": r"Agence France-Presse|Agence France Presse|\bAFP\b",
    "Reuters": r"Thomson Reuters|Reuters?\b|REUTERS?\b",
    "TASS": r"ITAR-TASS|\bTASS\b|\bТАСС\b",
    "RIA Novosti": r"RIA Novosti|\bРИА «?Новости»?",
    "Interfax": r"Interfax|Интерфакс",
    "Sputnik": r"Sputnik News|Sputnik\b",
    "Xinhua": r"Xinhua",
    "dpa": r"Deutsche Presse-Agentur|\bdpa\b|\bDPA\b",
    "EFE": r"Agencia EFE|\bEFE\b",
    "ANSA": r"\bANSA\b",
    "PTI": r"Press Trust of India|\bPTI\b",
    "ANI": r"Asian News International|\bANI\b",
    "IANS": r"Indo-Asian News Service|\bIANS\b",
    "Kyodo": r"Kyodo",
    "Jiji": r"Jiji Press|JIJI",
    "Yonhap": r"Yonhap",
    "Anadolu": r"Anadolu(?: Agency)?",
    "UPI": r"United Press International|\bUPI\b",
    "Bloomberg": r"Bloomberg News|Bloomberg",
    "PA": r"Press Association|PA Media",
    "Canadian Press": r"(?:The |the )?Canadian Press",
    "AAP": r"Australian Associated Press|\bAAP\b",
    "APA": r"Austria Presse Agentur|\bAPA\b",
    "Belga": r"\bBelga\b|\bBELGA\b",
    "Lusa": r"\bLusa\b|\bLUSA\b",
    "IRNA": r"\bIRNA\b",
    "WAM": r"\bWAM\b",
    "Bernama": r"Bernama|BERNAMA",
    "Antara": r"\bANTARA\b",
    "Ukrinform": r"Ukrinform",
    "Prensa Latina": r"Prensa Latina",
}
_AGENCY = "(?:" + "|".join(AGENCIES.values()) + ")"
_AGENCY_PATTERNS = {name: re.compile(pattern) for name, pattern in AGENCIES.items()}

_UPPER = "A-ZÀ-ÖØ-ÞĀČĆĎĐĒĞĢĪİĶĻŁŅŇŌŘŚŞŠŤŪŮŹŻŽА-ЯЁЄІЇҐ"
_NAME = rf"[{_UPPER}][\w.'’-]*(?:[ \t]+(?:[{_UPPER}][\w.'’-]*|de|del|der|van|von|da|di|la|le|al|bin|ben|el|ter)){{1,3}}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DASH = "[—–-]{1,2}"
_SITES = r"(?:Twitter|Facebook|Instagram|LinkedIn|YouTube|Telegram|Threads|Bluesky|TikTok|Snapchat|Google\+|X)"
_SITE = r"[\w-]+\.(?:com|net|org|info|ph|in|co\.uk)"
_UI_WORD = (
    r"(?:listen to (?:this )?article(?: \d+:\d\d)?|share this (?:article|story|page)|share|tweet|post|e-?mail|print|pin(?: it)?"
    r"|facebook|twitter|whatsapp|linkedin|telegram|reddit|flipboard|pinterest|messenger|comments?|save|copy link|link copied)"
)
_PUBLISHED = r"(?P<published>[\w][\w ,.:|/+()-]{6,60})"
_TIME_WORDS = "(?:first |originally )?(?:published|posted|created|date|issued)"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of boilerplate.

    Attributes:
        name: stands beside each span that it removes.
        example: the line it was written for; a test holds the rule to it.
        zone: `head` and `tail`: a whole line among the first or last; `any`: a whole line
            anywhere; `opening` and `closing`: a prefix or suffix of a line there; `inside`:
            the group `piece`, anywhere.
        max_chars: longer lines (in `opening` and `closing`: longer pieces) are left alone.
        pattern: its groups `url`, `published`, `author`, `title` become metadata; `credit` may name an agency.
        action: `cut` it from the text, or `mask` it from matching.
        accepts: what a pattern cannot say.
        literal: a text without it needs no search (zone `inside`).
    """

    name: str
    example: str
    zone: Zone
    max_chars: int
    pattern: str
    action: Action
    accepts: Callable[[re.Match[str], _Findings], bool] | None = None
    literal: str = ""


class _Line(NamedTuple):
    """A line with text: where the line begins in the raw text, its stripped stretch."""

    begin: int
    start: int
    end: int


@dataclass(slots=True)
class _Findings:
    """What the lines of one article have told so far; what is known already wins."""

    title: str | None
    author: str | None
    url: str | None
    agency: str | None
    published: Published | None
    timezone: str | None
    kept_lines: int = 0
    spans: list[RemovedSpan] = field(default_factory=list)

    def date(self, text: str) -> Published | None:
        """The time that a text means, if it is a full date."""
        return parse_published(text, found_in="text", timezone=self.timezone)

    def learn(self, match: re.Match[str]) -> None:
        """Takes over what the groups of a match say."""
        groups = match.groupdict()
        self.title = self.title or groups.get("title")
        self.author = self.author or groups.get("author")
        self.url = self.url or groups.get("url")
        if self.agency is None and (credit := groups.get("credit")):
            self.agency = agency_in(credit)
        if written := groups.get("published"):
            self._date_it(self.date(written))
        elif url := groups.get("url"):
            self._date_it(published_in_url(url, timezone=self.timezone))

    def _date_it(self, published: Published | None) -> None:
        """A time in the text is worth more than one in a URL, less than any other."""
        if published is not None and (self.published is None or self.published.found_in == "url" != published.found_in):
            self.published = published


def agency_in(credit: str) -> str | None:
    """The agency that a credit names first, by the key of `AGENCIES`."""
    places = ((match.start(), name) for name, pattern in _AGENCY_PATTERNS.items() if (match := pattern.search(credit)))
    return min(places, default=(0, None))[1]


def _is_date(match: re.Match[str], findings: _Findings) -> bool:
    """The group `published` is a full date and nothing else."""
    return findings.date(match["published"]) is not None


def _is_own_url(match: re.Match[str], findings: _Findings) -> bool:
    """It stands above the text and is no post or video that the article embeds."""
    return findings.kept_lines == 0 and _EMBEDS.match(match["url"]) is None


_EMBEDS = re.compile(
    r"https?://(?:[\w-]+\.)*(?:twitter|x|t|youtube|youtu|facebook|instagram|soundcloud|vimeo|tiktok)\.(?:com|co|be)/",
    re.IGNORECASE,
)


def _is_bare_date(match: re.Match[str], findings: _Findings) -> bool:
    """A date alone stands above the body; further down it may head a part of it."""
    return findings.kept_lines == 0 and _is_date(match, findings)


# `By Any Means Necessary`, `By The Numbers` head a part of an article, they do not sign it.
_NO_NAMES = frozenset(
    "a all an and any by default design every her his hook how law means my no not numbers on one our some that the their"  # noqa: SIM905
    " this train virtue what why year years night day monday tuesday wednesday thursday friday saturday sunday".split()
)


def _is_author(match: re.Match[str], findings: _Findings) -> bool:
    """The name is one, and at most a headline and a line below it stand above."""
    return findings.kept_lines <= 2 and _NO_NAMES.isdisjoint(match["author"].lower().split())


def _is_headline(match: re.Match[str], findings: _Findings) -> bool:
    """The first line repeats the title, or, where none is known, most of the URL's slug."""
    if findings.kept_lines or match["title"].endswith("."):  # a sentence: the title was made from the text
        return False
    words = _words(match["title"])
    if findings.title:
        return bool(words) and words == _words(findings.title)
    slug = _slug_words(findings.url) if findings.url and match["title"][-1] not in ":;," else []
    common = len(set(words) & set(slug))
    # Slugs leave out small words and cut the end; headlines that share but a topic with the slug share fewer.
    return len(slug) >= 4 and common >= 0.75 * len(set(slug)) and common >= 0.5 * len(set(words))


def _is_place(match: re.Match[str], _findings: _Findings) -> bool:
    """What stands before the dash is not a label, nor a heading in capitals."""
    words = match["place"].split()
    is_short = len(words) <= _PLACE_WORDS or "," in match["place"] or bool(match["credit"])
    return is_short and words[0].strip(",.:") not in _LABELS


_PLACE_WORDS = 4  # RANCHO SANTA FE, VILLA NUEVA DEL MAR


_LABELS = frozenset(
    "FILE FILED UPDATE UPDATED WATCH BREAKING VIDEO EXCLUSIVE ANALYSIS OPINION PHOTO PHOTOS CORRECTION NOTE ALERT LIVE PART"  # noqa: SIM905
    " STEP ROUND CHAPTER DAY WEEK"
    " MYTH FACT Q A QUESTION ANSWER WINNER LOSER WINNERS LOSERS NO YES OK TV DVD FAQ VERDICT CLAIM".split()
)

RULES: tuple[Rule, ...] = (
    # First lines: into metadata.
    Rule("url", "https://example.org/world/2019/03/28/a-slug/", "head", 500, r"(?P<url>https?://\S+)", "cut", _is_own_url),
    Rule(
        "timestamp",
        "Published 7:42 PM, March 28, 2019",
        "head",
        90,
        rf"(?i:{_TIME_WORDS})(?i:\s+(?:on|at))?\s*[:,]?\s+{_PUBLISHED}",
        "cut",
        _is_date,
    ),
    Rule(
        "timestamp",
        "Updated: March 29, 2019 8:01 AM",
        "head",
        90,
        rf"(?i:(?:last )?(?:updated|modified|edited))(?i:\s+(?:on|at))?\s*[:,]?\s+{_PUBLISHED.replace('<published>', '<when>')}",
        "cut",
        lambda match, findings: findings.date(match["when"]) is not None,
    ),
    Rule("timestamp", "March 28, 2019 19:42", "head", 60, _PUBLISHED, "cut", _is_bare_date),
    Rule(
        "byline",
        "By JANE DOE, Associated Press",
        "head",
        110,
        rf"(?:By|BY|by)[: ]\s*(?P<author>{_NAME}(?:(?:,? and|,| &) (?!{_AGENCY}){_NAME}){{0,3}})"
        r"(?:\s*[,|/–—]\s*(?P<credit>[^.!?\"“”]{2,50}))?",
        "cut",
        _is_author,
    ),
    Rule("byline", "By The Associated Press", "head", 60, rf"(?:By|BY|by) (?P<credit>{_AGENCY})", "cut"),
    Rule(
        "byline",
        "Jane Doe, Associated Press",
        "head",
        80,
        rf"(?P<author>{_NAME}),? (?P<credit>{_AGENCY})(?: (?:Writer|Correspondent|Staff|Reporter))?",
        "cut",
        _is_author,
    ),
    Rule("headline", "Ferry Strike Enters Its Third Week", "head", 250, r"(?P<title>\S.{8,})", "cut", _is_headline),
    # The very start of the body: stays for the reader, is not matched.
    Rule(
        "date-prefix",
        " date 2019-07-05 The port opened again.",
        "opening",
        40,
        r"\s*date:? (?P<published>\d{4}-\d\d-\d\d)[ \t]+",
        "cut",
        _is_date,
    ),
    Rule(
        "dateline",
        "MOSCOW, March 28 (Xinhua) -- The ministry said",
        "opening",
        90,
        rf"(?P<place>[{_UPPER}][{_UPPER}.'’ -]{{2,35}}(?:[,/] [{_UPPER}][\w.' ]{{1,25}}){{0,2}}"
        rf"(?:,? (?:{_MONTH} \d{{1,2}}|\d{{1,2}} {_MONTH}))?"
        rf"(?:, \d{{4}})?)\.?(?: \((?P<credit>[^()\n]{{2,40}})\))?\s?(?:[—–]|--|(?<=\s)-(?=\s))\s*",
        "mask",
        _is_place,
    ),
    Rule(
        "dateline",
        "Lakeside, Iowa (CNN) The candidate",
        "opening",
        80,
        rf"(?:[{_UPPER}][\w.'’-]+(?:[ ,]+[{_UPPER}][\w.'’-]*){{0,5}}(?:,? {_MONTH} \d{{1,2}})?,? )?"
        rf"\((?P<credit>{_AGENCY}|CNN|CNNMoney|CNN Business|CBS News|NBC News|VOA|RFE/RL)\)(?:\s*{_DASH})?\s+",
        "mask",
    ),
    Rule(
        "dateline",
        "MOSCOW, March 28. /TASS/. The ministry said",
        "opening",
        80,
        rf"[{_UPPER}][{_UPPER} -]{{2,30}}(?:, (?:{_MONTH} \d{{1,2}}|\d{{1,2}} \w{{3,8}}))?\.?\s+"
        rf"(?:{_DASH}\s*)?(?:/(?P<credit>{_AGENCY})/\.?|(?<=[—–-] )РИА Новости\.)\s*",
        "mask",
    ),
    # Any line.
    Rule(
        "notice",
        "This is a rush transcript. Copy may not be in its final form.",
        "any",
        120,
        r"This is a rush transcript\..*",
        "cut",
    ),
    Rule(
        "ui",
        "SHARE THIS ARTICLE Share Tweet Post Email",
        "any",
        150,
        rf"(?i:{_UI_WORD}(?:[\s|•·,/]+{_UI_WORD})+|listen to (?:this )?article(?: \d+:\d\d)?|share this (?:article|story|page))",
        "cut",
    ),
    Rule(
        "ui",
        "Please enable Javascript to watch this video",
        "any",
        120,
        r"(?i:(?:please |you need to )?enable javascript\b.*|your browser does not support.*|this video is not available.*)",
        "cut",
    ),
    Rule(
        "advertisement",
        "Advertisement",
        "any",
        80,
        r"(?i:advertisement|(?:story|article) continues below(?: (?:this )?(?:advertisement|ad|video))?|continue reading below"
        r"|continue reading the main story|scroll to continue|skip advertisement)[:.]?",
        "cut",
    ),
    Rule(
        "link",
        "Read more",
        "any",
        30,
        r"(?i:read (?:more|also|next|the full story here)|see also|related (?:articles?|stories))[:.…»>]*",
        "cut",
    ),
    Rule(
        "link",
        "Read more: Ferry strike enters its third week",
        "any",
        160,
        r"(?:READ MORE|Read [Mm]ore|RELATED|Related|ALSO READ|Also [Rr]ead|SEE ALSO|See [Aa]lso"
        r"|READ ALSO|Read [Aa]lso|READ NEXT|Read [Nn]ext)"
        r" ?[:|»>] ?\S.{3,}[^.…]",
        "cut",
    ),
    Rule(
        "link",
        "Click here for more from Lakeside News.",
        "any",
        120,
        r"\**(?:Click|CLICK|Tap) (?:here )?"
        r"(?:for more from|to (?:read|sign up|subscribe|follow|watch|listen|get|join|download)|HERE|here)\b.*",
        "cut",
    ),
    Rule(
        "newsletter",
        "Get the Lakeside Stories you care about delivered to your inbox. By signing up, you agree to our Privacy Policy",
        "any",
        220,
        r"\**(?i:(?:get|receive|want|sign up|subscribe)\b.{0,120}\b"
        r"(?:(?:in|to) your inbox|newsletters?|privacy policy|sign up here)\b.{0,90})",
        "cut",
    ),
    Rule(
        "cookie",
        "This site uses cookies. By continuing to browse you accept our cookie policy.",
        "any",
        250,
        r"(?i:(?:we|this (?:web)?site|our (?:web)?site) uses? cookies\b.*"
        r"|by (?:continuing|using|browsing)\b.{0,80}\bcookies?\b.*)",
        "cut",
    ),
    Rule(
        "promo",
        "Follow Jane Doe on Facebook, Twitter at @jane_doe, or email her at jane@example.org.",
        "any",
        220,
        rf"(?:Follow|FOLLOW) (?:@?[\w.'’-]+ ){{0,5}}(?:on|On|at|via) {_SITES}\b[^\"“”]*",
        "cut",
    ),
    Rule(
        "promo",
        "Join the conversation on Facebook",
        "any",
        120,
        rf"(?:Like|Join|Find|Connect with) (?:us|the \w+) on {_SITES}\b.*",
        "cut",
    ),
    Rule(
        "contact", "Send tips to jane@example.org.", "any", 140, r"(?:Send|Email|Got|Have) (?:\w+ ){0,4}tips?\b.{0,60}@.*", "cut"
    ),
    Rule(
        "caption",
        "Photo by Jane Doe/Lakeside Images",
        "any",
        140,
        r"\(?(?:Photo|PHOTO|Image|Picture|Photographer|Photograph|Video)s?(?: by|:| credit:| courtesy(?: of)?) [^.!?\"“”]{3,}\)?",
        "cut",
    ),
    Rule(
        "caption",
        "Enlarge this image toggle caption Jane Doe/Lakeside Images Jane Doe/Lakeside Images",
        "any",
        200,
        r"(?:Enlarge this image|Hide caption|toggle caption)\b[^\"“”]*",
        "cut",
    ),
    Rule(
        "notice", "This article is more than 1 year old", "any", 60, r"This article is more than \d+ (?:year|month)s? old", "cut"
    ),
    Rule(
        "notice",
        "The opinions expressed in this commentary are solely those of the author.",
        "any",
        250,
        r"(?:The )?(?:[Oo]pinions|[Vv]iews) (?:and opinions )?expressed (?:in this|by|here)\b.*\b(?:author|own|views)\b.*",
        "cut",
    ),
    # Between words of a line.
    Rule(
        "link",
        "Minister Jane Doe Jane Mary DoeFerry strike enters its third week Bridge opens again MORE said",
        "inside",
        700,
        r"\b(?P<name>[A-Z][\w'’-]*[a-z])"
        r"(?P<piece> (?:(?!(?P=name)\b)[A-Z(“\"‘'][\w.()'’“”\"-]* ){0,6}(?P=name)(?=[A-Z0-9‘'“\"])[^\n]{10,650}? MORE)\b",
        "cut",
        literal=" MORE",
    ),
    # Last lines.
    Rule(
        "promo",
        "Jane Doe is a reporter for Lakeside News. Follow her on Twitter @janedoe.",
        "tail",
        300,
        rf"[{_UPPER}*][^\"“”]{{5,230}}[.!] (?:You can )?[Ff]ollow (?:@?[\w.'’-]+ ){{0,4}}(?:on|On|at) {_SITES}\b[^\"“”]*",
        "cut",
    ),
    Rule("promo", "Follow on Twitter: Follow @janedoe", "tail", 120, r"Follow (?:on \w+: .*|@\w+.{0,60})", "cut"),
    Rule(
        "promo",
        "Facebook: https://example.org/jane.doe",
        "tail",
        160,
        rf"(?:On )?{_SITES}(?: page)?:? ?(?:@\w+|https?://\S+|www\.\S+)",
        "cut",
    ),
    Rule(
        "contact",
        "Contact the writer at jane@example.org",
        "tail",
        200,
        r"(?:(?:Email|E-mail|Contact|Reach|Write to)\b[^\"“”]{0,80}"
        r"|[^\"“”]{3,90} (?:can|may) be (?:reached|contacted|emailed)\b[^\"“”]{0,30} )"
        r"\S+@\S+\.\w+[^\"“”]{0,60}",
        "cut",
    ),
    Rule(
        "contact",
        "Jane Doe in Third Shore at jane@example.org",
        "tail",
        100,
        rf"(?:{_NAME}(?: in [\w ,.]{{2,30}})?(?: at|[,:])? )?<?[\w.+-]+@[\w-]+\.[\w.-]+>?",
        "cut",
    ),
    Rule(
        "contact",
        "To contact the author of this story:",
        "tail",
        160,
        r"To contact the (?:author|editor|reporter|writer)s?\b.*",
        "cut",
    ),
    Rule(
        "link",
        "Read more from Lakeside News.",
        "tail",
        80,
        r"(?:Read|See|Click for|Get) more (?:from|at|on) [^\"“”]{2,50}",
        "cut",
    ),
    Rule(
        "copyright",
        "© 2019 AFP",
        "tail",
        300,
        r"(?P<credit>(?:©|\(c\)|\(C\)|Copyright\b|COPYRIGHT\b).*)",
        "mask",
    ),
    Rule("copyright", "All rights reserved.", "tail", 250, r"(?i:all rights reserved)\b.*", "mask"),
    Rule(
        "credit",
        "Lakeside News' Jane Doe and The Associated Press contributed to this report.",
        "tail",
        250,
        r"\(?(?P<credit>[^\"“”]{2,}) (?:also )?contributed "
        r"(?:(?:to|from) (?:this|the) (?:report|story|article)|(?:to )?(?:reporting|this))\b[^\"“”]{0,60}",
        "mask",
    ),
    Rule(
        "credit",
        "This report contains material from the Associated Press.",
        "tail",
        160,
        r"(?P<credit>(?:This|Some) (?:report|story|article|information)\b[^\"“”]{0,30}"
        r"\b(?:material|information|reporting|based)\b.*"
        r"|(?:Material|Information) from .{3,80} was used in .*)",
        "mask",
    ),
    Rule(
        "credit",
        "(Reporting by Jane Doe; Editing by John Roe)",
        "tail",
        350,
        r"[(\[]?(?P<credit>(?:Additional reporting|Reporting|Writing|Editing|Edited|Compiled|Written"
        r"|With (?:inputs|assistance|files|reporting))"
        r" (?:by|from) [^\"“”]{3,})[)\]]?",
        "mask",
    ),
    Rule(
        "credit",
        "— With assistance by Jane Doe",
        "tail",
        160,
        rf"{_DASH} ?(?P<credit>With (?:assistance|files|reporting) (?:by|from) .*)",
        "mask",
    ),
    Rule(
        "credit",
        "Reuter",
        "tail",
        40,
        rf"[(\[/—–-]*\s*(?:Source: ?)?(?P<credit>{_AGENCY}(?:\s*[/,&]\s*{_AGENCY})*)\s*[)\]/]?\.?",
        "mask",
    ),
    Rule(
        "credit",
        "Lakeside TV / Third Shore News 2019.",
        "tail",
        90,
        rf"(?P<credit>[{_UPPER}][\w.&'’ -]{{1,40}}(?: ?/ ?[{_UPPER}][\w.&'’ -]{{1,40}}){{1,3}}) ?(?:19|20)\d\d\.?",
        "mask",
    ),
    # The very end of a last line.
    Rule(
        "credit",
        "The port opened again. – Lakeside.com",
        "closing",
        80,
        rf"(?<=[.!?\"”’'»)])\s*{_DASH}\s?(?P<credit>(?:with (?:a )?reports? from )?"
        rf"(?:{_AGENCY}|{_SITE})(?:(?:\s*[/,&]\s*|,? and )(?:{_AGENCY}|{_SITE})){{0,2}})\.?$",
        "mask",
    ),
    Rule(
        "credit",
        "The port opened again. (Reporting by Jane Doe; Editing by John Roe)",
        "closing",
        350,
        r"\s[(\[](?P<credit>(?:Additional reporting|Reporting|Writing|Editing|Edited|Compiled|With inputs)"
        r" (?:by|from) [^()\[\]]{3,})[)\]]$",
        "mask",
    ),
    Rule(
        "credit",
        "The port opened again. (AFP)",
        "closing",
        40,
        rf"(?<=[.!?\"”’'»])\s*[(\[/](?P<credit>{_AGENCY}(?:/{_AGENCY})?)[)\]/]\.?$",
        "mask",
    ),
)

_GROUP_NAME = re.compile(r"\?P<\w+>")
_OF_ZONE: dict[str, tuple[tuple[Rule, re.Pattern[str]], ...]] = {
    zone: tuple((rule, re.compile(rule.pattern)) for rule in RULES if rule.zone == zone)
    for zone in ("head", "opening", "any", "tail", "closing", "inside")
}
_MAX_CHARS = {zone: max(rule.max_chars for rule, _ in rules) for zone, rules in _OF_ZONE.items()}
_MAX_OPENING_LINE = 150
"""A kept line above the dateline is a headline or a line below it, hence short; behind a longer one the body has begun."""

# One pattern a zone that says whether any of its rules may fit: most lines cost one try. The headline and the bare date,
# which fit anything, are only for the first kept line and stay outside.
_LOOSE = frozenset({r"(?P<title>\S.{8,})", _PUBLISHED})
_FIRST_TRY = {
    zone: re.compile("|".join(f"(?:{_GROUP_NAME.sub('?:', rule.pattern)})" for rule, _ in rules if rule.pattern not in _LOOSE))
    for zone, rules in _OF_ZONE.items()
    if zone != "inside"
}


def clean(article: Article, *, timezone: str | None = None) -> Article:
    """The article with its removed spans, sorted and apart, and with what they told.

    Where nothing would be left of the text, nothing is removed.

    Args:
        article: as `extract` made it.
        timezone: IANA name of the source's zone, for times in the text that name none.
    """
    text = article.raw_text
    lines = _lines(text)
    findings = _Findings(article.title, article.author, article.url, article.agency, article.published, timezone)
    cut = _cut_lines(text, lines, findings)
    if findings.kept_lines == 0:
        return article
    kept = [line for index, line in enumerate(lines) if index not in cut]
    _open(text, kept, findings)
    _close(text, kept, findings)
    spans = findings.spans + _line_spans(text, lines, cut)
    spans += _pieces(text, spans)
    if not spans:
        return article
    return replace(
        article,
        title=findings.title,
        author=findings.author,
        url=findings.url,
        agency=findings.agency,
        published=findings.published,
        removed=tuple(sorted(spans, key=lambda span: span.raw_start)),
    )


def _lines(text: str) -> list[_Line]:
    """Lines with text. A text without a single line feed may have carriage returns."""
    lines = []
    begin = 0
    for line in text.split("\n" if "\n" in text else "\r"):
        bare = line.strip()
        if bare:
            start = begin + line.index(bare[0])
            lines.append(_Line(begin, start, start + len(bare)))
        begin += len(line) + 1
    return lines


def _cut_lines(text: str, lines: list[_Line], findings: _Findings) -> dict[int, Rule]:
    """Whole lines that a rule cuts, by index; lines that it masks are noted in `findings`."""
    cut = {}
    first_of_tail = len(lines) - EDGE_LINES
    for index, line in enumerate(lines):
        rule = None
        if index < EDGE_LINES:
            rule = _rule_for(text, line, "head", findings)
        if rule is None:
            rule = _rule_for(text, line, "any", findings)
        if rule is None and index >= first_of_tail:
            rule = _rule_for(text, line, "tail", findings)
        if rule is None:
            findings.kept_lines += 1
        elif rule.action == "cut":
            cut[index] = rule
        else:
            findings.spans.append(RemovedSpan(line.start, line.end, rule.name, in_body=True))
    return cut


def _rule_for(text: str, line: _Line, zone: Zone, findings: _Findings) -> Rule | None:
    """The first rule of a zone that fits the whole line."""
    chars = line.end - line.start
    if chars > _MAX_CHARS[zone]:
        return None
    is_first = zone == "head" and not findings.kept_lines
    if not is_first and _FIRST_TRY[zone].match(text, line.start, line.end) is None:
        return None
    for rule, pattern in _OF_ZONE[zone]:
        if chars > rule.max_chars:
            continue
        match = pattern.fullmatch(text, line.start, line.end)
        if match and (rule.accepts is None or rule.accepts(match, findings)):
            findings.learn(match)
            return rule
    return None


def _open(text: str, kept: list[_Line], findings: _Findings) -> None:
    """Takes prefixes off the line that begins the body, one after the other."""
    masked = {span.raw_start for span in findings.spans}
    for line in kept[:3]:
        place = line.begin
        for rule, pattern in _OF_ZONE["opening"]:
            match = pattern.match(text, place if rule.action == "cut" else max(place, line.start), line.end)
            if match is None or match.end() - match.start() > rule.max_chars or line.start in masked:
                continue
            if rule.accepts is None or rule.accepts(match, findings):
                findings.learn(match)
                findings.spans.append(RemovedSpan(match.start(), match.end(), rule.name, rule.action == "mask"))
                if rule.action == "mask":
                    return
                place = match.end()
        if line.end - line.start > _MAX_OPENING_LINE:
            return


def _close(text: str, kept: list[_Line], findings: _Findings) -> None:
    """Masks credits at the end of the last lines."""
    taken = list(findings.spans)
    for line in kept[-EDGE_LINES:]:
        start = max((span.raw_end for span in taken if line.begin <= span.raw_start < line.end), default=line.start)
        for rule, pattern in _OF_ZONE["closing"]:
            match = pattern.search(text, max(start, line.end - rule.max_chars), line.end)
            if match and (rule.accepts is None or rule.accepts(match, findings)):
                findings.learn(match)
                findings.spans.append(RemovedSpan(match.start(), match.end(), rule.name, in_body=True))
                break


def _line_spans(text: str, lines: list[_Line], cut: dict[int, Rule]) -> list[RemovedSpan]:
    """Spans of whole lines with the line breaks behind them; at the end of the text, those before."""
    spans = []
    tail_start = len(lines)
    while tail_start - 1 in cut:
        tail_start -= 1
    for index, rule in cut.items():
        begin = lines[index].begin
        if index == tail_start:
            begin = lines[index - 1].end
        end = lines[index + 1].begin if index + 1 < len(lines) else len(text)
        spans.append(RemovedSpan(begin, end, rule.name, in_body=False))
    return spans


def _pieces(text: str, taken: list[RemovedSpan]) -> list[RemovedSpan]:
    """Pieces inside lines that stay."""
    found = (
        RemovedSpan(*match.span("piece"), rule.name, rule.action == "mask")
        for rule, pattern in _OF_ZONE["inside"]
        if rule.literal in text
        for match in pattern.finditer(text)
    )
    return [new for new in found if not any(new.raw_start < old.raw_end and old.raw_start < new.raw_end for old in taken)]


def _words(text: str) -> list[str]:
    """Words in small letters, without accents and punctuation."""
    folded = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", re.sub(r"['’`]", "", folded))


def _slug_words(url: str) -> list[str]:
    """Words of the part of a URL's path that has most of them, without ids."""
    try:
        parts: Iterable[str] = urlsplit(url).path.split("/")
    except ValueError:
        return []
    slugs = (_words(re.sub(r"\.\w{2,5}$", "", unquote(part))) for part in parts)
    longest = max(slugs, key=len, default=[])
    return [word for word in longest if not (word.isdigit() and len(word) > 4)]
