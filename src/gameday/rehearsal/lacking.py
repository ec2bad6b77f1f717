"""What a reader needs and does not find in a message, and words that keep it from them: rules over one message alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from gameday.rehearsal import wording
from gameday.rehearsal.claims import says_impact
from gameday.rehearsal.looks import SAME_MINUTE, Finding, Look, claims_in, moment_of, reference_of, started_at
from gameday.rehearsal.state import Incident
from gameday.rehearsal.stated_times import Stated, local_text, zone_of

_OUTSIDE: Final = frozenset({"customers", "sellers", "press"})
"""Audiences that do not know how the shop is built."""
_EVERYDAY: Final = frozenset(
    ("get", "post", "host", "hosts", "container", "containers", "query", "queries", "exception", "exceptions", "ram")
)
"""Words of both worlds; only their spelling in capitals is a machine's."""
_NO_SERVICE: Final = frozenset(
    ("about", "after", "before", "customer", "customers", "every", "nobody", "other", "people", "users")
)
_ANNOUNCED: Final = re.compile(r"follow-?up|review|account of what", re.IGNORECASE)


def placeholders(look: Look) -> Iterator[Finding]:
    """Nothing is left to be filled in."""
    found = list(dict.fromkeys(wording.PLACEHOLDER.findall(look.text)))
    if found:
        shown = ", ".join(item[:40] for item in found[:4])
        yield Finding("placeholder", f"left to be filled in: {shown}", "fill it in, or take the sentence out")


def affected(look: Look) -> Iterator[Finding]:
    """It says what works and what does not."""
    own = _own_words(look.incident)
    if not any(says_impact(sentence, own) for sentence in look.claims.sentences):
        add = "name what readers cannot do, in their words: “orders cannot be completed”"
        yield Finding("affected", "it does not say what works and what does not", add)


def _own_words(incident: Incident) -> tuple[str, ...]:
    """Return the words for what is affected that whoever classified it used."""
    said = " ".join(item.affected for item in incident.classifications)
    return tuple(dict.fromkeys(word for word in re.findall(r"[a-z]{5,}", said.lower()) if word not in _NO_SERVICE))


def since(look: Look) -> Iterator[Finding]:
    """It says since when; one that tells of the end says when that was."""
    if look.claims.since or (look.is_resolved and look.claims.times) or look.is_follow_up:
        return
    start = started_at(look.incident)
    known = f"since {start:%H:%M} UTC, as far as is known" if start else "since a time of day and its zone"
    yield Finding("since", "it does not say since when", known)


def zones(look: Look) -> Iterator[Finding]:
    """Every time has its zone."""
    bare = [time.text for time in look.claims.times if not time.has_zone]
    if bare:
        add = "write the zone behind it, such as 14:05 UTC"
        yield Finding("zone", f"{', '.join(bare[:3])}: a time without its zone", add)


def local_times(look: Look) -> Iterator[Finding]:
    """The start and the next message stand in each reader's own time, and rightly."""
    for what, times in (("since when", look.claims.since), ("the next message", look.claims.next)):
        at = next((time.at for time in times if time.at), None)
        if at is not None:
            yield from _wrong(what, times, at, look.now)
            yield from _missing(what, times, at, look)


def _wrong(what: str, times: Sequence[Stated], at: datetime, now: datetime) -> Iterator[Finding]:
    for other in times:
        if other.at is not None and other.zone is not None and abs(other.at - at) > SAME_MINUTE:
            message = f"{what}: {times[0].text} is not {other.text}"
            yield Finding("local-time-wrong", message, f"write {local_text(at, other.zone, beside=now)}")


def _missing(what: str, times: Sequence[Stated], at: datetime, look: Look) -> Iterator[Finding]:
    known = [*times, *(time for time in look.claims.times if time.at is not None and abs(time.at - at) <= SAME_MINUTE)]
    missing = [name for name in look.zones if not _in_zone(known, name, at)]
    if missing:
        zones_ = [zone for name in missing if (zone := zone_of(name)) is not None]
        written = ", ".join(local_text(at, zone, beside=look.now) for zone in zones_)
        yield Finding("local-time", f"{what}: not in the time of readers in {', '.join(missing)}", f"add ({written})")


def _in_zone(times: Sequence[Stated], name: str, at: datetime) -> bool:
    offset = at.astimezone(zone_of(name)).utcoffset()
    return any(time.zone is not None and at.astimezone(time.zone).utcoffset() == offset for time in times)


def meanwhile(look: Look) -> Iterator[Finding]:
    """As long as it goes on, it says what to do, or that there is nothing to do."""
    if look.is_resolved or wording.MEANWHILE.search(look.text):
        return
    add = {
        "executives": "say what you need from them, or that nothing is needed",
        "press": "say what may be quoted, and whom to ask",
        "support": "say what to tell whoever calls",
    }.get(look.audience, "say what to do until then, or that there is nothing to do")
    yield Finding("meanwhile", "it does not say what to do meanwhile", add)


def reference(look: Look) -> Iterator[Finding]:
    """It has something by which to ask about it."""
    if not wording.REFERENCE.search(_without_times(look)):
        yield Finding(
            "reference", "it has no reference by which to ask about it", f"add “Reference: {reference_of(look.incident)}”"
        )


def contact(look: Look) -> Iterator[Finding]:
    """It says where to turn."""
    if not wording.CONTACT.search(wording.REFERENCE.sub(" ", _without_times(look))):
        add = "add an address, a number, a page or a channel that is answered"
        yield Finding("contact", "it does not say where to turn", add)


def _without_times(look: Look) -> str:
    """Return the text without what is no number to call: dates and times."""
    return re.sub(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}", " ", look.text)


def next_one(look: Look) -> Iterator[Finding]:
    """It says when the next message comes, which is still to come, and the time that was noted; the last one says so."""
    claims, promised = look.claims, moment_of(look.next_at)
    if not claims.promises:
        is_last = wording.LAST_ONE.search(look.text) or _ANNOUNCED.search(look.text)
        if not look.is_follow_up and not (look.is_resolved and is_last):
            add = f"add “Next update at {promised:%H:%M} UTC”" if promised else "add when the next update comes, as a time of day"
            yield Finding("next", "it does not say when the next message comes", add)
        return
    said = claims.next_at
    if said is not None and said <= look.now - SAME_MINUTE:
        message = f"the next message is promised for {said:%H:%M} UTC, which is past"
        yield Finding("next-past", message, "promise a time that is still to come")
    if said is not None and promised is not None and abs(said - promised) > SAME_MINUTE:
        message = f"it promises the next message for {said:%H:%M} UTC, and {promised:%H:%M} UTC was noted"
        yield Finding("next-differs", message, "make the two the same")


def promise(look: Look) -> Iterator[Finding]:
    """The promise of the last message is kept, or the reader is told that it is not."""
    last = next((message for message in reversed(look.incident.messages) if message.audience == look.audience), None)
    if last is None:
        return
    promised = moment_of(last.next_at) or claims_in(last, look.readers).next_at
    if promised is None or look.now <= promised + SAME_MINUTE or wording.LATE.search(look.text) or look.is_follow_up:
        return
    late = round((look.now - promised).total_seconds() / 60)
    message = f"the last message promised this one for {promised:%H:%M} UTC; it is {late} min late"
    yield Finding("promise-broken", message, "say that it comes later than promised, and promise what can be kept")


def estimate(look: Look) -> Iterator[Finding]:
    """An estimate says that it is one."""
    if look.is_resolved or wording.MAY_CHANGE.search(look.text):
        return
    for sentence in look.claims.sentences:
        for match in wording.ESTIMATE.finditer(sentence):
            first = wording.MESSAGE_FIRST.search(sentence, max(0, match.start() - 60), match.start())
            if not first and not wording.OF_A_MESSAGE.search(match.group()):
                add = "say that it is an estimate that may change"
                yield Finding("estimate", f"“{match.group()[:80]}” reads like a promise", add)
                return


def blame(look: Look) -> Iterator[Finding]:
    """Nobody is named as guilty."""
    for match in wording.BLAME.finditer(look.text):
        if not wording.NOT_BLAME.search(look.text, max(0, match.start() - 60), match.start()):
            message = f"“{' '.join(match.group().split())[:80]}” names somebody as guilty"
            yield Finding("blame", message, "say what failed and what is done about it, not who")
            return


def jargon(look: Look) -> Iterator[Finding]:
    """Whoever does not know how the shop is built need not know its words."""
    if look.audience not in _OUTSIDE:
        return
    plain = re.sub(r"\S{1,64}@\S+|https?://\S+|\b(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,}\S*", " ", look.text)
    found = [match.group() for pattern in (wording.JARGON, wording.JARGON_ANY_CASE) for match in pattern.finditer(plain)]
    words = [word for word in found if word.isupper() or word.lower() not in _EVERYDAY]
    # Sellers may sell by it.
    words += wording.API_WORDS.findall(plain) if look.audience != "sellers" else []
    if words:
        shown = ", ".join(list(dict.fromkeys(word if word.isupper() else word.lower() for word in words))[:4])
        yield Finding("jargon", f"{shown}: not words of {look.audience}", "say what it means for them instead")
