"""The rules of Jobs and CronJobs: counts that can be meant, pods that end, a schedule that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday.staging.errors import Cause
from gameday.staging.pod_rules import pod_spec_causes
from gameday.staging.schedules import is_time_zone, schedule_error

Object = dict[str, Any]
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_CRON_COUNTS = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_FIXED = ("completions", "selector", "template", "completionMode", "backoffLimitPerIndex", "managedBy")
_MAX_NAME = 52


def job_causes(obj: Object) -> Iterator[Cause]:
    """Return what is wrong with a Job."""
    return _spec_causes(obj.get("spec") or {}, "spec")


def cron_job_causes(obj: Object) -> Iterator[Cause]:
    """Return what is wrong with a CronJob."""
    spec, name = obj.get("spec") or {}, str(obj["metadata"].get("name", ""))
    if len(name) > _MAX_NAME:
        yield Cause("metadata.name", f'Invalid value: "{name}": must be no more than {_MAX_NAME} characters')
    schedule, zone, policy = spec.get("schedule", ""), spec.get("timeZone"), spec.get("concurrencyPolicy")
    if not schedule:
        yield Cause("spec.schedule", "Required value", "FieldValueRequired")
    elif "TZ" in schedule:
        why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield Cause("spec.schedule", f'Invalid value: "{schedule}": {why}')
    elif error := schedule_error(schedule):
        yield Cause("spec.schedule", f'Invalid value: "{schedule}": {error}')
    if zone is not None and not is_time_zone(zone):
        yield Cause("spec.timeZone", f'Invalid value: "{zone}": unknown time zone {zone}')
    if policy not in _CONCURRENCY:
        listed = ", ".join(f'"{item}"' for item in _CONCURRENCY)
        message = f'Unsupported value: "{policy}": supported values: {listed}'
        yield Cause("spec.concurrencyPolicy", message, "FieldValueNotSupported")
    yield from _count_causes(spec, _CRON_COUNTS, "spec")
    yield from _spec_causes((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")


def job_update_causes(old: Object, new: Object) -> Iterator[Cause]:
    """Return a cause for each field that is fixed for the life of a Job; a suspended one's template may still change."""
    for field in _FIXED:
        if old.get(field) != new.get(field) and not (field == "template" and old.get("suspend")):
            yield Cause(f"spec.{field}", "Invalid value: field is immutable")


def _spec_causes(spec: Object, field: str) -> Iterator[Cause]:
    yield from _count_causes(spec, _COUNTS, field)
    template = (spec.get("template") or {}).get("spec") or {}
    at = f"{field}.template.spec"
    if template.get("restartPolicy") == "Always":
        yield Cause(f"{at}.restartPolicy", 'Required value: valid values: "OnFailure", "Never"', "FieldValueRequired")
    yield from pod_spec_causes(template, at)


def _count_causes(spec: Object, names: tuple[str, ...], field: str) -> Iterator[Cause]:
    for name in names:
        if spec.get(name) is not None and spec[name] < 0:
            yield Cause(f"{field}.{name}", f"Invalid value: {spec[name]}: must be greater than or equal to 0")
