"""What contradicts another message, what was classified, or the incident's own moments: rules over several messages.

A message is held against the latest one of every audience and channel, since that is what is being read meanwhile. One that
says that it corrects an earlier one may differ from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from gameday.log.people import MessageSent
from gameday.rehearsal import wording
from gameday.rehearsal.looks import SAME_MINUTE, Finding, Look, moment_of
from gameday.rehearsal.state import time_of

_SAME_START: Final = timedelta(minutes=5)
"""Starts that differ by less are told apart by nobody."""
_TOGETHER: Final = timedelta(minutes=10)
"""Messages on several channels within such a time are one announcement."""
_RELAPSE: Final = re.compile(r"\b(?:again since|has returned|came back|relapse|second time|once more)\b", re.IGNORECASE)


def severity(look: Look) -> Iterator[Finding]:
    """It says the severity that was classified; without one, the same as other messages."""
    said = look.claims.severity
    if not said or wording.CORRECTS.search(look.text):
        return
    if look.incident.classifications:
        decided = look.incident.classifications[-1].severity
        if decided != said:
            message = f"it says {said}, and the incident is classified as {decided}"
            yield Finding("contradiction-severity", message, f"say {decided}, or classify it anew first")
        return
    for message_, claims in look.others():
        if claims.severity and claims.severity != said:
            message = f"it says {said}, and {_place(message_)} says {claims.severity}"
            yield Finding("contradiction-severity", message, "say the same on all channels")
            return


def affected(look: Look) -> Iterator[Finding]:
    """What one message calls affected, no other calls well; one audience hears of the same thing on all its channels."""
    claims = look.claims
    if claims.state != "ongoing" or wording.CORRECTS.search(look.text):
        return
    for other, theirs in look.others():
        if theirs.state != "ongoing":
            continue
        denied = (claims.unaffected & theirs.affected) | (theirs.unaffected & claims.affected)
        if denied:
            message = f"{', '.join(sorted(denied))}: affected in one message and not in the other, {_place(other)}"
            yield Finding("contradiction-affected", message, "find out which is true, and say that on both")
            return
        same = other.audience == look.audience and other.channel != look.channel
        if same and claims.affected and theirs.affected and not claims.affected & theirs.affected:
            here, there = (", ".join(sorted(names)) for names in (claims.affected, theirs.affected))
            message = f"it names {here}, and {_place(other)} names {there}"
            yield Finding("contradiction-affected", message, "name the same on all channels")
            return


def start(look: Look) -> Iterator[Finding]:
    """It began when the others say that it began, and before it was declared."""
    said = next((time.at for time in look.claims.since if time.at), None)
    if said is None or wording.CORRECTS.search(look.text):
        return
    if said > look.now + SAME_MINUTE:
        yield Finding("contradiction-start", f"it says since {said:%H:%M} UTC, which is still to come", "say when it began")
        return
    for other, claims in look.others():
        theirs = next((time.at for time in claims.since if time.at), None)
        if theirs is not None and abs(theirs - said) > _SAME_START:
            message = f"it says since {said:%H:%M} UTC, and {_place(other)} says since {theirs:%H:%M} UTC"
            yield Finding("contradiction-start", message, "say the same start, or that the earlier one is corrected")
            return
    declared = look.incident.moments.get("declared")
    if declared is not None and said > declared.at + _SAME_START:
        message = f"it says since {said:%H:%M} UTC, and the incident was declared at {declared.at:%H:%M} UTC"
        yield Finding("contradiction-start", message, "say when it began for those who are hit")


def state(look: Look) -> Iterator[Finding]:
    """It is over where it is over, and nowhere else."""
    moments = look.incident.moments
    if look.claims.state == "ongoing" and not look.is_follow_up:
        if "resolved" in moments:
            message = f"it says that it goes on; it is resolved since {moments['resolved'].at:%H:%M} UTC"
            yield Finding("contradiction-state", message, "say that it is over, since when, and what follows")
            return
        over = next((message for message, claims in look.others() if claims.state == "resolved"), None)
        if over is not None and not _RELAPSE.search(look.text):
            message = f"it says that it goes on, and {_place(over)} says that it is over"
            yield Finding("contradiction-state", message, "correct the one that is wrong")
    elif look.claims.state == "resolved" and moments and not {"mitigated", "resolved"} & moments.keys():
        message = "it says that it is over, and the incident is neither mitigated nor resolved"
        yield Finding("contradiction-state", message, "wait until that is seen, or mark it first")


def next_elsewhere(look: Look) -> Iterator[Finding]:
    """Channels on which an audience hears at the same time promise the same next time."""
    said = look.claims.next_at or moment_of(look.next_at)
    if said is None:
        return
    for other, claims in look.others():
        theirs = claims.next_at or moment_of(other.next_at)
        if other.audience != look.audience or other.channel == look.channel or theirs is None:
            continue
        if look.now - time_of(other) <= _TOGETHER and abs(said - theirs) > SAME_MINUTE:
            message = f"it promises the next message for {said:%H:%M} UTC, and {_place(other)} for {theirs:%H:%M} UTC"
            yield Finding("contradiction-next", message, "promise the same time on all channels")
            return


def harm(look: Look) -> Iterator[Finding]:
    """Nobody reads that nothing was charged or lost while others read that something was."""
    if wording.CORRECTS.search(look.text):
        return
    for other, claims in look.others():
        for what, here, there in (("charged", look.claims.charged, claims.charged), ("lost", look.claims.lost, claims.lost)):
            if here is not None and there is not None and here != there:
                words = {True: f"something was {what}", False: f"nothing was {what}"}
                message = f"it says that {words[here]}, and {_place(other)} that {words[there]}"
                yield Finding("contradiction-harm", message, "find out which is true, and correct the other")
                return


def _place(message: MessageSent) -> str:
    return f"the message to {message.audience[:60]} by {message.channel[:60]} of {time_of(message):%H:%M} UTC"
