"""``macros`` in templates and contexts: small functions and modules, Airflow's set."""

from __future__ import annotations

import datetime as dates
import importlib
import json
import random
import time
import uuid
from typing import Any

import pendulum

from millstream.sdk.errors import NotSupportedYet


def ds_add(ds: str, days: int) -> str:
    """``ds_add("2015-01-01", 5)`` is ``"2015-01-06"``."""
    date = dates.datetime.strptime(str(ds), "%Y-%m-%d") + dates.timedelta(days=days)
    return date.strftime("%Y-%m-%d")


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """``ds_format("2015-01-01", "%Y-%m-%d", "%m-%d-%y")`` is ``"01-01-15"``."""
    return dates.datetime.strptime(str(ds), input_format).strftime(output_format)


def ds_format_locale(
    ds: str, input_format: str, output_format: str, locale: str | None = None
) -> str:
    """``ds_format_locale("12/07/2024", "%d/%m/%Y", "EEEE dd MMMM yyyy", "en_US")`` is ``"Friday 12
    July 2024"``. The output format is that of Unicode; without ``locale``, the worker's own."""
    babel = _module("babel.dates", "ds_format_locale", "Babel")
    moment = dates.datetime.strptime(str(ds), input_format)
    options = {} if locale is None else {"locale": locale}
    return str(babel.format_datetime(moment, format=output_format, **options))


def datetime_diff_for_humans(dt: dates.datetime, since: dates.datetime | None = None) -> str:
    """How far ``dt`` is from ``since``, or from now, in words: ``"3 hours ago"``."""
    other = None if since is None else pendulum.instance(since)
    return pendulum.instance(dt).diff_for_humans(other)


def _module(name: str, macro: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise NotSupportedYet(
            f"macros.{macro} needs the package {package}, which is not installed where this task "
            f"runs; install it there"
        ) from None


class Macros:
    """The namespace itself; modules that few templates need are imported when they are asked
    for."""

    datetime = dates.datetime
    timedelta = dates.timedelta
    ds_add = staticmethod(ds_add)
    ds_format = staticmethod(ds_format)
    ds_format_locale = staticmethod(ds_format_locale)
    datetime_diff_for_humans = staticmethod(datetime_diff_for_humans)
    json = json
    time = time
    uuid = uuid
    random = staticmethod(random.random)

    @property
    def dateutil(self) -> Any:
        """The package, with the parts that templates use."""
        for part in ("parser", "relativedelta", "rrule", "tz"):
            _module(f"dateutil.{part}", "dateutil", "python-dateutil")
        return importlib.import_module("dateutil")

    @property
    def yaml(self) -> Any:
        """PyYAML, if it is there."""
        return _module("yaml", "yaml", "PyYAML")


macros = Macros()
