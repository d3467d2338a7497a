"""Jinja in an operator's template fields, rendered right before the task runs.

An undefined name is an error. A str that ends in one of the operator's ``template_ext`` is the path
of a template file, found from the DAG file's directory or ``template_searchpath``.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import jinja2
import jinja2.meta
import jinja2.nativetypes

from millstream.core.errors import MillstreamError
from millstream.sdk.context import Context, dates
from millstream.sdk.errors import TemplateError
from millstream.sdk.removed_keys import TemplateContext
from millstream.sdk.xcom import Reference

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG
    from millstream.sdk.operator import BaseOperator


def environment(dag: DAG | None) -> jinja2.Environment:
    """The environment for one DAG's templates; without a DAG no template files are found."""
    kind = (
        jinja2.nativetypes.NativeEnvironment
        if dag and dag.render_template_as_native_obj
        else jinja2.Environment
    )
    made = kind(
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.do"],
        loader=jinja2.FileSystemLoader([dag.folder, *dag.template_searchpath]) if dag else None,
        cache_size=0,
    )
    made.context_class = TemplateContext
    for name in ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz"):
        made.filters[name] = _date_filter(name)
    if dag:
        made.globals.update(dag.user_defined_macros)
        made.filters.update(dag.user_defined_filters)
    return made


def _date_filter(name: str) -> Any:
    return lambda value: dates(value)[name]


def render_fields(task: BaseOperator, dag: DAG | None, context: Context) -> None:
    """Replaces the task's template fields by their values. Pass a copy: the DAG serves many
    attempts."""
    jinja = environment(dag)
    for field in task.template_fields:
        if not hasattr(task, field):
            raise TemplateError(
                field,
                0,
                f"{type(task).__name__} names it in template_fields and has no such attribute",
            )
        value = getattr(task, field)
        if value:
            setattr(task, field, _render(value, field, task.template_ext, jinja, context))


def names_in(text: str, field: str) -> set[str]:
    """The names that a template needs from its context. Raises :class:`TemplateError`."""
    try:
        return jinja2.meta.find_undeclared_variables(environment(None).parse(text))
    except jinja2.TemplateSyntaxError as error:
        raise _of_syntax(field, error) from None


def _of_syntax(field: str, error: jinja2.TemplateSyntaxError) -> TemplateError:
    message = str(error.message)
    if "comment tag" in message:
        message += "; '{#' begins a comment of Jinja: write {% raw %}...{% endraw %} around it"
    return TemplateError(field, error.lineno, message)


def _render(
    value: Any, field: str, extensions: Any, jinja: jinja2.Environment, context: Context
) -> Any:
    if isinstance(value, str):
        return _render_text(value, field, extensions, jinja, context)
    if isinstance(value, Reference):
        return value.resolve(context)
    if type(value) in (list, tuple, set):
        return type(value)(_render(item, field, extensions, jinja, context) for item in value)
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(_render(item, field, extensions, jinja, context) for item in value)
    if isinstance(value, dict):
        return {
            key: _render(item, f"{field}[{key!r}]", extensions, jinja, context)
            for key, item in value.items()
        }
    return value


def _render_text(
    text: str, field: str, extensions: Any, jinja: jinja2.Environment, context: Context
) -> Any:
    is_file = any(text.endswith(extension) for extension in extensions)
    if not is_file and "{" not in text:
        return text
    try:
        template = jinja.get_template(text) if is_file else jinja.from_string(text)
        return template.render(context)
    except jinja2.TemplateNotFound as error:
        raise TemplateError(
            field,
            0,
            f"there is no template file {error.name!r} beside the DAG file; a text that ends like "
            f"a "
            f"file name and is none needs a blank at its end",
        ) from None
    except jinja2.TemplateSyntaxError as error:
        raise _of_syntax(field, error) from None
    except Exception as error:
        is_sentence = (jinja2.UndefinedError, MillstreamError)
        message = str(error) if isinstance(error, is_sentence) else repr(error)
        raise TemplateError(field, _template_line(error), message) from error


def _template_line(error: Exception) -> int:
    """The line in the outermost template that was at work when ``error`` was raised."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == "<template>" or frame.name in ("root", "top-level template code"):
            return frame.lineno or 0
    return 0
