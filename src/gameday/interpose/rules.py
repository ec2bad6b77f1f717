"""The rules of a settings document made ready: asked once a request, with the first that matches winning."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.interpose.counting import RuleTally, Tally
from gameday.interpose.faults import Fault, Refuse
from gameday.interpose.heads import Request
from gameday.interpose.matching import Matches, Names, cohort, matcher, namer
from gameday.interpose.settings import Rule, Settings

_EVERYBODY = 100.0


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """One rule, and what it came to."""

    fault: Fault
    tally: RuleTally
    percent: float
    seed: str
    matches: Matches | None
    name_of: Names | None

    @staticmethod
    def of(rule: Rule, tally: RuleTally) -> ReadyRule:
        """Make a rule ready."""
        match = rule.match
        return ReadyRule(rule.fault, tally, match.percent, match.seed, matcher(match), namer(match.customer))

    def takes(self, request: Request | None, connection: bytes) -> bool:
        """Say whether a request meets the fault; `connection` is what a connection is drawn by. Counts who is spared."""
        if self.matches is not None and (request is None or not self.matches(request)):
            return False
        customer = connection
        if self.name_of is not None:
            name = self.name_of(request) if request is not None else None
            if name is None:
                return False
            customer = name
        if self.percent < _EVERYBODY and cohort(self.seed, customer) >= self.percent:
            self.tally.spared += 1
            return False
        return True


@dataclass(frozen=True, slots=True)
class InForce:
    """A settings document while it is in force."""

    settings: Settings
    """As they were when they came into force; their deadline may have been moved since."""
    rules: tuple[ReadyRule, ...]
    tally: Tally

    @staticmethod
    def of(settings: Settings, last: Tally | None) -> InForce:
        """Make a document ready; one with the same id and the same rules as the last goes on counting."""
        tallies = [RuleTally(rule.name, _kind(rule)) for rule in settings.rules]
        tally = Tally(settings.id, tallies)
        if last is not None and last.id == settings.id and _names(last) == _names(tally):
            tally = last
        rules = tuple(ReadyRule.of(rule, counted) for rule, counted in zip(settings.rules, tally.rules, strict=True))
        return InForce(settings, rules, tally)

    def is_of(self, settings: Settings) -> bool:
        """Say whether these are the same faults, so that nothing is let go if only the deadline is another."""
        return (self.settings.id, self.settings.rules) == (settings.id, settings.rules)

    @property
    def refuses_all(self) -> bool:
        """Whether no connection is to be accepted at all."""
        first = self.rules[0]
        return isinstance(first.fault, Refuse) and first.percent == _EVERYBODY

    def choose(self, request: Request | None, connection: bytes) -> ReadyRule | None:
        """Return the first rule that takes a request, or a connection with protocol tcp."""
        self.tally.seen += 1
        for rule in self.rules:
            if rule.takes(request, connection):
                return rule
        return None

    def refuses(self, connection: bytes) -> bool:
        """Say whether a new connection is refused: by the rules that come before any that waits for a request."""
        for rule in self.rules:
            if not isinstance(rule.fault, Refuse):
                return False
            if cohort(rule.seed, connection) < rule.percent:
                self.tally.seen += 1
                rule.tally.hit += 1
                return True
        return False


def _kind(rule: Rule) -> str:
    return type(rule.fault).__name__.lower()


def _names(tally: Tally) -> list[tuple[str, str]]:
    return [(rule.name, rule.kind) for rule in tally.rules]
