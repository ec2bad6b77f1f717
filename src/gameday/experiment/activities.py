"""The activities of an experiment: each one checked, and made into a value the engine can plan with.

Checked are the keys, the provider, the function and its arguments, `${x}`, and tolerances: where one must be, where one means
nothing, and whether it can hold a measurement. No provider is called, and no module but ours imported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gameday.experiment.configuration import Configuration, substitute, texts_in
from gameday.experiment.findings import Findings
from gameday.experiment.model import Activity
from gameday.fields import did_you_mean
from gameday.providers import Role, faults, is_ours
from gameday.yamlfile import YamlPath

_ACTIVITY_KEYS: Final = ("type", "name", "provider", "tolerance", "pauses", "background", "controls", "dry", "timeout", "tags")
_PROVIDER_KEYS: Final = {
    "python": ("type", "module", "func", "arguments", "secrets", "timeout"),
    "process": ("type", "path", "arguments", "timeout", "secrets", "env"),
    "http": (
        "type",
        "url",
        "method",
        "headers",
        "arguments",
        "timeout",
        "verify_tls",
        "max_retries",
        "expected_status",
        "secrets",
    ),
}
_REQUIRED: Final = {"python": ("module", "func"), "process": ("path",), "http": ("url",)}
_TOLERANCE_KEYS: Final = {
    "range": ("type", "range", "target"),
    "regex": ("type", "pattern", "target"),
    "jsonpath": ("type", "path", "target", "count", "expect"),
}
_PAIR: Final = 2


@dataclass(slots=True)
class ActivityReader:
    """Reads the lists of activities of one document."""

    findings: Findings
    configuration: Configuration
    named: Mapping[str, YamlPath]
    """Where the activities are that a `ref` may name."""

    def read_list(self, data: Any, path: YamlPath, *, hypothesis: bool = False) -> tuple[Activity, ...]:
        """Read a list of activities; whatever is wrong is noted, and left out."""
        if data is None:
            return ()
        if not isinstance(data, list):
            self.findings.error(path, f"expected a list of activities under {path[-1]}")
            return ()
        found = [self._entry(item, (*path, index), hypothesis=hypothesis) for index, item in enumerate(data)]
        return tuple(activity for activity in found if activity is not None)

    def _entry(self, data: Any, path: YamlPath, *, hypothesis: bool) -> Activity | None:
        if isinstance(data, dict) and "ref" in data:
            return self._reference(data, path)
        return self.read(data, path, hypothesis=hypothesis)

    def _reference(self, data: Mapping[str, Any], path: YamlPath) -> Activity | None:
        name = data["ref"]
        self.findings.keys(path, data, ("ref",), "a reference")
        place = self.named.get(name) if isinstance(name, str) else None
        if place is None:
            self.findings.error(path, f"no activity is called {name!r}{did_you_mean(str(name), self.named)}")
            return None
        target = self.findings.document.data
        for step in place:
            target = target[step]
        # Its own place reports what is wrong with it.
        silent = ActivityReader(Findings(self.findings.document, strict=False), self.configuration, self.named)
        return silent.read(target, place, hypothesis=True)

    def read(self, data: Any, path: YamlPath, *, hypothesis: bool = False, injected: tuple[str, ...] = ()) -> Activity | None:
        """Read one activity; `injected` are arguments that Chaos Toolkit adds by itself."""
        findings = self.findings
        if not isinstance(data, dict):
            findings.error(path, "expected an activity (a mapping with type, name and provider)")
            return None
        findings.keys(path, data, _ACTIVITY_KEYS, "an activity")
        kind, name, provider = data.get("type"), data.get("name"), data.get("provider")
        if not isinstance(name, str) or not name.strip():
            findings.error(path, "an activity needs a name")
        if kind not in ("action", "probe"):
            findings.error((*path, "type"), f"expected type to be action or probe, but got {kind!r}")
            return None
        if hypothesis and kind != "probe":
            findings.doubt((*path, "type"), "a hypothesis only observes: expected a probe, but got an action")
        if not isinstance(provider, dict):
            findings.error((*path, "provider"), "an activity needs a provider (a mapping with its type)")
            return None
        self._unresolved(data, path)
        arguments = self._provider(provider, (*path, "provider"), kind, injected)
        self._tolerance(data, path, provider, hypothesis=hypothesis)
        module, func = str(provider.get("module", "")), str(provider.get("func", ""))
        return Activity(
            name=str(name),
            type=kind,
            provider_type=str(provider.get("type", "")),
            module=module,
            func=func,
            arguments=arguments,
            line=findings.document.line_of(path),
            ours=is_ours(module),
            tolerance=data.get("tolerance"),
            background=data.get("background") is True,
        )

    def _provider(self, provider: Mapping[str, Any], path: YamlPath, role: Role, injected: tuple[str, ...]) -> Mapping[str, Any]:
        findings = self.findings
        kind = provider.get("type")
        if kind not in _PROVIDER_KEYS:
            known = ", ".join(_PROVIDER_KEYS)
            findings.error((*path, "type"), f"expected the provider's type to be one of {known}, but got {kind!r}")
            return {}
        findings.keys(path, provider, _PROVIDER_KEYS[kind], f"a {kind} provider")
        absent = [key for key in _REQUIRED[kind] if not isinstance(provider.get(key), str) or not provider[key].strip()]
        for key in absent:
            findings.error(path, f"a {kind} provider needs {key!r}")
        given = provider.get("arguments") or {}
        arguments = substitute(given, self.configuration) if isinstance(given, dict) else {}
        if kind == "python" and not absent:
            if not isinstance(given, dict):
                findings.error((*path, "arguments"), "expected a mapping of arguments")
            self._function(provider, arguments, path, role, injected)
        return arguments

    def _function(
        self, provider: Mapping[str, Any], arguments: Mapping[str, Any], path: YamlPath, role: Role, injected: tuple[str, ...]
    ) -> None:
        with_injected = {**arguments, **dict.fromkeys(injected)}
        for message in faults(provider["module"], provider["func"], with_injected, role=role):
            self.findings.doubt((*path, "func"), message)
        if is_ours(provider["module"]):
            for place, text in texts_in(provider.get("arguments"), (*path, "arguments")):
                for name in sorted(self.configuration.dynamic):
                    if f"${{{name}}}" in text:
                        why = (
                            f"${{{name}}} is computed by a probe at run time, so that no plan can be made; give it a fixed value"
                        )
                        self.findings.error(place, why)

    def _unresolved(self, data: Mapping[str, Any], path: YamlPath) -> None:
        for place, text in texts_in(data, path):
            for name in self.configuration.unresolved(text):
                known = [*self.configuration.values, *self.configuration.secrets]
                message = f"nothing gives ${{{name}}} a value{did_you_mean(name, known)}; define it under configuration"
                self.findings.doubt(place, message)

    def _tolerance(self, data: Mapping[str, Any], path: YamlPath, provider: Mapping[str, Any], *, hypothesis: bool) -> None:
        findings = self.findings
        if not hypothesis:
            if "tolerance" in data and not (data["type"] == "probe" and path[0] == "method"):
                why = "a tolerance means nothing here: only probes of the hypothesis and of the method are held against theirs"
                findings.doubt((*path, "tolerance"), why)
            return
        if "tolerance" not in data:
            findings.error(path, "a probe of the hypothesis needs a tolerance")
            return
        tolerance = data["tolerance"]
        if tolerance is None or (isinstance(tolerance, dict | list | str) and not tolerance):
            findings.error((*path, "tolerance"), "the tolerance is empty: nothing would ever be judged")
        elif isinstance(tolerance, dict):
            self._typed_tolerance(tolerance, (*path, "tolerance"))
        elif isinstance(tolerance, float):
            findings.error(
                (*path, "tolerance"), f"expected a range such as [{tolerance}, {tolerance}]; Chaos Toolkit takes no fraction"
            )
        if is_ours(str(provider.get("module", ""))) and not _holds_numbers(tolerance):
            expected = "expected a pair of numbers such as [97, 100], since the probe measures a number"
            findings.error((*path, "tolerance"), expected)

    def _typed_tolerance(self, tolerance: Mapping[str, Any], path: YamlPath) -> None:
        findings = self.findings
        kind = tolerance.get("type")
        if kind == "probe":
            self.read(tolerance, path, injected=("value",))
            return
        if kind not in _TOLERANCE_KEYS:
            findings.error(path, f"expected the tolerance's type to be range, regex, jsonpath or probe, but got {kind!r}")
            return
        findings.keys(path, tolerance, _TOLERANCE_KEYS[kind], f"a {kind} tolerance")
        if kind == "range" and not _is_range(tolerance.get("range")):
            findings.error(path, "expected range: [low, high], two numbers, the lower one first")
        if kind == "regex":
            self._pattern(tolerance.get("pattern"), path)
        if kind == "jsonpath" and not tolerance.get("path"):
            findings.error(path, "a jsonpath tolerance needs a path")

    def _pattern(self, pattern: Any, path: YamlPath) -> None:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            self.findings.error((*path, "pattern"), f"{pattern!r} is no regular expression: {error}")


def _is_range(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == _PAIR and all(_is_number(item) for item in value)
    return numbers and value[0] <= value[1]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holds_numbers(tolerance: Any) -> bool:
    if isinstance(tolerance, dict):
        return tolerance.get("type") in ("range", "probe")
    return _is_range(tolerance)
