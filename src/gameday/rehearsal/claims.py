"""What a message claims: what is affected, since when, whether it is over, what became of data and money, when the next comes.

Read from English text by its words, sentence by sentence. Where the words do not say, nothing is claimed: a rule that rests
on this must not find anything in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from gameday.rehearsal.stated_times import Stated, chain, times_in

SERVICES: Final = {
    "orders": r"orders?|ordering|checkout|check out|purchases?|buy(?:ing)?",
    "payment": r"payments?|pay(?:ing)?|cards?|refunds?",
    "cart": r"carts?|baskets?",
    "sign-in": r"sign[- ]?in|log[- ]?in|logins?|accounts?|passwords?",
    "search": r"search(?:es|ing)?|catalogue|catalog|product pages?",
    "shop": r"shop|store|storefront|web ?site|site|app|pages?",
    "delivery": r"deliver(?:y|ies)|shipments?|shipping|parcels?|fulfilment|carriers?",
    "receipts": r"receipts?|invoices?|confirmations?|e-?mails?",
    "figures": r"figures|reports?|settlements?|payouts?|listings?|inventory|stock",
    "support": r"calls|chat|hotline",
}
_IMPACT: Final = re.compile(
    r"\b(?:cannot|can't|can ?not|could not|couldn't|unable|not able|fail(?:s|ed|ing)?|unavailable|down|errors?|slow(?:er"
    r"|ly)?|delay(?:s|ed)?"
    r"|late(?:r)?|not work(?:ing)?|(?:does|do|did) not|disrupted|disruption|interrupted|interruption|degraded|impossible"
    r"|outage|affected"
    r"|lost|missing|wrong|again|restored|recovered|resolved|back|works?|longer than|turned away|waiting page|stopped)\b",
    re.IGNORECASE,
)
_ONGOING: Final = re.compile(
    r"\b(?:cannot|can't|can not|(?:are|is|be) (?:currently |still |not )?(?:unable|failing|down|unavailable|being"
    r"|affected|investigating|working(?! (?:as usual|normally|again))|delayed|slow)|not (?:yet )?able"
    r"|still (?:fail|fails|down|affected|cannot|ongoing|working|investigating)|continu(?:es?|ing)|ongoing"
    r"|not (?:yet )?(?:resolved|over|fixed)|fails?|failing)\b",
    re.IGNORECASE,
)
_AS_USUAL: Final = re.compile(r"\b(?:works?|working) (?:as usual|normally)\b", re.IGNORECASE)
_STILL: Final = re.compile(r"\bstill (?:fails?|failing|cannot|unavailable|down|affected)\b", re.IGNORECASE)
_FOR_WHOM: Final = re.compile(r"\b(?:if|in case|who(?:m|se|ever)?|where|any(?:one|body)|should|when)\b", re.IGNORECASE)
_FOR_NOBODY: Final = re.compile(
    r"\b(?:no|none|nobody|nothing)(?:\s(?!(?:and|but|while|as|because|so)\b)[\w'\u2019-]+(?::\d+)?){0,6}\s$|\b(?:not|never)\s$",
    re.IGNORECASE,
)
"""A new clause says something of its own: “there is no estimate and payments still fail”."""
_OVER: Final = re.compile(
    r"\b(?:resolved|(?:is|are|was) (?:now )?over|restored|back to normal|has ended|fixed|work(?:s|ing)? again|(?:go|goes"
    r"|going|went) through again"
    r"|available again|recovered|can (?:order|pay|check out|buy|sign in|log in) again|as usual again)\b",
    re.IGNORECASE,
)
_NOT_YET: Final = re.compile(
    r"\b(?:will|expect\w*|estimat\w*|until|till|when|once|as soon as|not|n't|should|hope|trying|try|to be|be|if|partly"
    r"|partially|some|before|unless|nor|being)\b",
    re.IGNORECASE,
)
_ENDED: Final = re.compile(r"\b(?:from|between)\b.{0,60}\d:\d\d.{0,40}\b(?:to|until|and)\b.{0,40}\d:\d\d", re.IGNORECASE)
_SINCE: Final = re.compile(
    r"\b(?:since(?: about| around)?|from|began(?: at)?|started(?: at)?|start(?: at|:)?|starting(?: at)?"
    r"|stopped (?:working|responding)(?: at)?"
    r"|beginning(?: at)?|between)\b",
    re.IGNORECASE,
)
_AGAIN: Final = re.compile(r"\b(?:again|restored|recovered|resolved|fixed|back)\b[\w ,]*$", re.IGNORECASE)
_NEXT: Final = re.compile(
    r"\b(?:next (?:update|message|news|report|announcement|status|information|one)|(?:write|report|update you|inform you"
    r"|tell you|hear from us|be in touch|come back to you|post|speak)"
    r"(?: to you)?(?: here| there)?(?: again)?(?: more)?|(?:another|a further|further|an?) updates?|updates? (?:follows?"
    r"|every|at|by|in)|follow-?up|new information|more (?:news|information))\b",
    re.IGNORECASE,
)
_RELATIVE: Final = re.compile(
    r"\b(?:in|within|every|no later than|after)\s+(?:the next\s+|about\s+|at most\s+|at the latest\s+)?(?P<n>\d+|an|a"
    r"|one|two|half an|thirty|twenty|fifteen|ten|five)\s*(?P<unit>minutes?|min|hours?|h|days?)\b",
    re.IGNORECASE,
)
_NUMBERS: Final = {
    "an": 1.0,
    "a": 1.0,
    "one": 1.0,
    "two": 2.0,
    "half an": 0.5,
    "thirty": 30.0,
    "twenty": 20.0,
    "fifteen": 15.0,
    "ten": 10.0,
    "five": 5.0,
}
_SEVERITY: Final = re.compile(
    r"\bSEV[- ]?(?P<n>[123])\b|\bseverity[: ]+(?:is )?(?P<w>critical|major|minor)\b|\b(?P<v>critical|major"
    r"|minor) (?:incident|outage|disruption)\b",
    re.IGNORECASE,
)
_SEVERITIES: Final = {"1": "critical", "2": "major", "3": "minor"}
_UNAFFECTED: Final = (
    r"\b(?:{words})\b[\w ,-]{{0,40}}\b(?:(?:is|are) not affected|(?:is|are) unaffected|works? (?:as usual|normally)|(?:is"
    r"|are) working (?:as usual|normally))"
)
_NOT_CHARGED: Final = re.compile(
    r"\b(?:not (?:been |be |being )?charged|(?:nobody|no one|no customer|none|no card)\b[\w ,]{0,30}\bcharged"
    r"|without being charged|no (?:double )?charges?|no money (?:was|has been|is) taken)\b",
    re.IGNORECASE,
)
_CHARGED: Final = re.compile(
    r"\b(?:(?:was|were|have been|has been|been|may be|may have been|are|is|got) (?:wrongly |already |also )?charged"
    r"|charged (?:twice|without|more than once|for)|double charges|money (?:was|has been) taken)\b",
    re.IGNORECASE,
)
_NOT_LOST: Final = re.compile(
    r"\b(?:no|nothing|none|not|never|neither)\b[\w ,'-]{0,50}\b(?:lost|missing|loss)\b|\b(?:orders?|data"
    r"|everything)\b[\w ,'-]{0,40}\b(?:safe|complete|kept)\b",
    re.IGNORECASE,
)
_LOST: Final = re.compile(
    r"\b(?:orders?|data|records?|messages?)\b[\w ,'-]{0,30}\b(?:was|were|are|is|have been|has been|may be|may have been"
    r"|got) (?:lost|missing|deleted|destroyed)\b"
    r"|\blost (?:some |a few |\d+ |all )?(?:orders?|data|records?)\b|\bdata loss (?:occurred|happened|of)\b",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"“(])|\n{2,}|\n(?=[^\S\n]*(?:[-*•]|[A-Z][\w ]{0,30}:))")
MOST_CHARACTERS: Final = 10_000
_CLAUSE: Final = 80
"""How many characters before a word are of what it is said of."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What one text says, as far as its words say it."""

    sentences: tuple[str, ...]
    times: tuple[Stated, ...]
    since: tuple[Stated, ...]
    """When it began, in each zone in which that is written."""
    next: tuple[Stated, ...]
    next_at: datetime | None
    promises: bool
    """Whether a next message is spoken of at a time, be it one that cannot be read."""
    state: str
    """ongoing, resolved, or empty where it does not say."""
    severity: str
    affected: frozenset[str]
    unaffected: frozenset[str]
    charged: bool | None
    lost: bool | None


@lru_cache(maxsize=2048)
def claims_of(text: str, zones: tuple[str, ...], at: datetime) -> Claims:
    """Read a text that was written at a moment for readers in these zones; what is beyond 10,000 characters is not read."""
    text = text[:MOST_CHARACTERS]
    sentences = _sentences(text)
    timed = [(sentence, times_in(sentence, zones=zones, near=at)) for sentence in sentences]
    upcoming = next(filter(None, (_next_of(sentence, times) for sentence, times in timed)), ())
    relative = None if upcoming else next(filter(None, (_relative(sentence, at) for sentence in sentences)), None)
    return Claims(
        sentences=tuple(sentences),
        times=tuple(time for _, times in timed for time in times),
        since=next(filter(None, (_since_of(sentence, times) for sentence, times in timed)), ()),
        next=upcoming,
        next_at=next((time.at for time in upcoming if time.at), relative),
        promises=bool(upcoming) or relative is not None,
        state=_state(sentences),
        severity=_severity(text),
        affected=frozenset(name for sentence in sentences for name in _affected(sentence)),
        unaffected=frozenset(
            name for name, words in SERVICES.items() if re.search(_UNAFFECTED.format(words=words), text, re.IGNORECASE)
        ),
        charged=_either(text, _CHARGED, _NOT_CHARGED),
        lost=_either(text, _LOST, _NOT_LOST),
    )


def says_impact(sentence: str, own: Sequence[str]) -> bool:
    """Say whether a sentence names something that works or does not: a shop's service, or one of the incident's words."""
    if not _IMPACT.search(sentence):
        return False
    return any(_has(words, sentence) for words in SERVICES.values()) or any(_has(re.escape(word), sentence) for word in own)


def _sentences(text: str) -> list[str]:
    plain = re.sub(r"\b([ap])\.m\.(?=\s)", r"\1m", text)
    return [" ".join(part.split()) for part in _SENTENCE_END.split(plain) if part.strip()]


def _since_of(sentence: str, times: Sequence[Stated]) -> tuple[Stated, ...]:
    for match in _SINCE.finditer(sentence):
        if match.group().lower().startswith(("since", "from")) and _said_again(sentence, match.start()):
            continue
        found = chain(sentence, times, match.end(), within=25)
        if found:
            return found
    return ()


def _said_again(sentence: str, end: int) -> bool:
    """Say whether what stands just before is that something is back; the same work, however long the text."""
    return _AGAIN.search(sentence, max(0, end - _CLAUSE), end) is not None


def _next_of(sentence: str, times: Sequence[Stated]) -> tuple[Stated, ...]:
    for match in _NEXT.finditer(sentence):
        found = chain(sentence, times, match.end(), within=60)
        if found:
            return found
    return ()


def _relative(sentence: str, at: datetime) -> datetime | None:
    spoken = _NEXT.search(sentence)
    if not spoken:
        return None
    match = _RELATIVE.search(sentence, max(0, spoken.start() - 40))
    if not match:
        return None
    number = match["n"].lower()
    amount = float(number) if number.isdigit() else _NUMBERS[number]
    unit = match["unit"].lower()[0]
    # A year is more than any message promises, and less than a date can hold.
    return at + timedelta(minutes=min(amount * {"m": 1, "h": 60, "d": 1440}[unit], 525_600))


def _state(sentences: Sequence[str]) -> str:
    # What still fails is not over by something else being restored.
    if any(_still_fails(sentence) for sentence in sentences):
        return "ongoing"
    if any(is_over(sentence) for sentence in sentences):
        return "resolved"
    ended = [_ENDED.search(sentence) is not None for sentence in sentences]
    if any(_ONGOING.search(sentence) and not end for sentence, end in zip(sentences, ended, strict=True)):
        return "ongoing"
    return "resolved" if any(ended) and any(_AS_USUAL.search(sentence) for sentence in sentences) else ""


def _still_fails(sentence: str) -> bool:
    unless = (_FOR_WHOM, _FOR_NOBODY)
    return any(
        not any(one.search(sentence, max(0, match.start() - 60), match.start()) for one in unless)
        for match in _STILL.finditer(sentence)
    )


def is_over(sentence: str) -> bool:
    """Say whether a sentence says that it is over, and not that it will be, is not, or is for some."""
    return any(not _NOT_YET.search(sentence[max(0, match.start() - 60) : match.start()]) for match in _OVER.finditer(sentence))


def _severity(text: str) -> str:
    match = _SEVERITY.search(text)
    if not match:
        return ""
    return _SEVERITIES[match["n"]] if match["n"] else (match["w"] or match["v"]).lower()


def _affected(sentence: str) -> Iterator[str]:
    if _ONGOING.search(sentence) or re.search(
        r"\b(?:fail(?:ed|s|ing)?|down|unavailable|outage|affected|delayed|late)\b", sentence, re.IGNORECASE
    ):
        # What is said to work is not affected by standing in the same sentence.
        plain = re.sub(
            "|".join(_UNAFFECTED.format(words=words) for words in SERVICES.values()), " ", sentence, flags=re.IGNORECASE
        )
        plain = re.sub(
            r"\b(?:on|by|via|see) (?:the |our |your )?(?:status )?(?:page|site|chat|app|e-?mail)\b",
            " ",
            plain,
            flags=re.IGNORECASE,
        )
        yield from (name for name, words in SERVICES.items() if name != "support" and _has(words, plain))


def _either(text: str, yes: re.Pattern[str], no: re.Pattern[str]) -> bool | None:
    """Return which of two claims a text makes; None for neither, and for both."""
    denied = bool(no.search(text))
    rest = no.sub(" ", text)
    claimed = bool(yes.search(rest))
    return None if claimed == denied else claimed


def _has(words: str, sentence: str) -> bool:
    return re.search(rf"\b(?:{words})\b", sentence, re.IGNORECASE) is not None
