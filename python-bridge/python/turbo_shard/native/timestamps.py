"""Reads datetime and date, from ISO 8601 and Unix time, with pydantic's error types and messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

from .errors import InputError, fault

MILLISECONDS_FROM = 20_000_000_000
"""Unix times beyond this (in the year 2603) are taken as milliseconds."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_TIME = re.compile(
    r"[Tt _]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.,]([0-9]+))?)?"
    r"(?:([Zz])|([+\u2212-])([01][0-9]|2[0-3]):?([0-5][0-9]))?",
    re.ASCII,
)
_TEXT_AFTER_DATE = "unexpected extra characters at the end of the input"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Refused(Exception):
    """Why a text is not a date or time."""


def read_datetime(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return _datetime_of_text(value)
        except _Refused as refused:
            reason = str(refused)
        if reason.startswith("year 0"):
            raise _parsing("datetime_parsing", "a valid datetime", value, reason)
        raise _parsing("datetime_from_date_parsing", "a valid datetime or date", value, reason)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _datetime_of_number(value)
        except _Refused as refused:
            raise _parsing("datetime_parsing", "a valid datetime", value, str(refused)) from None
    raise fault("datetime_type", "Input should be a valid datetime", value)


def read_date(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float | datetime):
        raise fault("date_type", "Input should be a valid date", value)
    try:
        if isinstance(value, str) and len(value) == 10 and not _NUMBER.fullmatch(value):
            return _date_of_text(value)
        moment = _moment_of(value)
    except _Refused as refused:
        reason = str(refused)
        if reason.startswith("year 0"):
            what = "a valid date in the format YYYY-MM-DD"
            raise _parsing("date_parsing", what, value, reason) from None
        what = "a valid date or datetime"
        raise _parsing("date_from_datetime_parsing", what, value, reason) from None
    if moment.time().replace(tzinfo=None) != datetime.min.time():
        message = "Datetimes provided to dates should have zero time - e.g. be exact dates"
        raise fault("date_from_datetime_inexact", message, value)
    return moment.date()


def _moment_of(value: str | float | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    return _datetime_of_text(value) if isinstance(value, str) else _datetime_of_number(value)


def _parsing(kind: str, what: str, value: object, reason: str) -> InputError:
    return fault(kind, f"Input should be {what}, {reason}", value, {"error": reason})


def _datetime_of_number(value: float) -> datetime:
    if value != value:
        raise _Refused("NaN values not permitted")
    factor = 1_000 if abs(value) > MILLISECONDS_FROM else 1_000_000
    try:
        return _EPOCH + timedelta(microseconds=round(value * factor))
    except (OverflowError, ValueError):
        side = "after 9999" if value > 0 else "before 0000"
        raise _Refused(f"dates {side} are not supported as unix timestamps") from None


def _datetime_of_text(text: str) -> datetime:
    if _NUMBER.fullmatch(text):
        try:
            return _datetime_of_number(float(text) if "." in text or len(text) > 19 else int(text))
        except _Refused:
            # A value that is no moment of this calendar, in any unit, is taken for a date.
            pass
    day = _date_of_text(text)
    if len(text) == 10:
        return datetime(day.year, day.month, day.day)
    found = _TIME.fullmatch(text, 10)
    if found is None:
        raise _Refused(_TEXT_AFTER_DATE)
    hour, minute, second, fraction, utc, sign, zone_hours, zone_minutes = found.groups()
    zone = None
    if utc:
        zone = UTC
    elif sign:
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        zone = timezone(offset if sign == "+" else -offset)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    return datetime(
        *(day.year, day.month, day.day, int(hour), int(minute), int(second or 0), microsecond),
        tzinfo=zone,
    )


def _date_of_text(text: str) -> date:
    if len(text) < 10:
        raise _Refused("input is too short")
    year = _digits(text[:4], "year")
    _dash(text[4])
    month = _digits(text[5:7], "month")
    _dash(text[7])
    day = _digits(text[8:10], "day")
    if not 1 <= month <= 12:
        raise _Refused("month value is outside expected range of 1-12")
    if year == 0:
        raise _Refused("year 0 is out of range")
    try:
        return date(year, month, day)
    except ValueError:
        raise _Refused("day value is outside expected range") from None


def _digits(text: str, what: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise _Refused(f"invalid character in {what}")


def _dash(character: str) -> None:
    if character != "-":
        raise _Refused("invalid date separator, expected `-`")


READERS: dict[type, Callable[[object], date]] = {datetime: read_datetime, date: read_date}
