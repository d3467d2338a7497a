"""Jinja in an operator's template fields, rendered right before the task runs.

An undefined name is an error. A str that ends in one of the operator's ``template_ext`` is the path
of a template file, found from the DAG file's directory or ``template_searchpath``.
"""

from __future__ import annotations

import copy
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jinja2
import jinja2.meta
import jinja2.nativetypes
import jinja2.sandbox

from millstream.core.errors import MillstreamError
from millstream.sdk.context import Context, dates
from millstream.sdk.errors import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BrokenTemplate,
    TemplateError,
)
from millstream.sdk.removed_keys import TemplateContext
from millstream.sdk.xcom import Reference

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG
    from millstream.sdk.operator import BaseOperator

LONGEST_SOURCE = 200


class Literal(Reference):
    """A value that is passed on as it is, although it lies in a template field."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, context: Context) -> Any:
        return self.value

    def __repr__(self) -> str:
        return f"literal({self.value!r})"


def literal(value: Any) -> Any:
    """``value``, which is not rendered: ``BashOperator(bash_command=literal("echo {{ x }}"))``."""
    return Literal(value)


class _Sandbox(jinja2.sandbox.SandboxedEnvironment):
    """Airflow's: names with one underscore may be used, those with two may not."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not jinja2.sandbox.is_internal_attribute(obj, attr)


def environment(dag: DAG | None) -> jinja2.Environment:
    """The environment for one DAG's templates; without a DAG no template files are found."""
    options: dict[str, Any] = {
        "undefined": jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
    }
    kind: type[jinja2.Environment] = _Sandbox
    if dag:
        options["undefined"] = dag.template_undefined
        options["loader"] = jinja2.FileSystemLoader([dag.folder, *dag.template_searchpath])
        options |= dag.jinja_environment_kwargs
        if dag.render_template_as_native_obj:
            kind = jinja2.nativetypes.NativeEnvironment
    made = kind(**options)
    made.context_class = TemplateContext
    for name in ("ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz"):
        made.filters[name] = _date_filter(name)
    if dag:
        made.globals.update(dag.user_defined_macros)
        made.filters.update(dag.user_defined_filters)
    return made


def _date_filter(name: str) -> Any:
    return lambda value: None if value is None else dates(value)[name]


class Renderer:
    """Renders what a task's template fields hold. The environment is made when the first template
    is met."""

    def __init__(
        self,
        dag: DAG | None,
        extensions: Any,
        context: Context,
        jinja: jinja2.Environment | None = None,
        as_they_are: Sequence[Any] = (),
    ) -> None:
        self._dag = dag
        self._as_they_are = {id(part): part for value in as_they_are for part in _parts(value)}
        self._extensions = tuple(extensions)
        self._context = context
        self._jinja = jinja
        # Whether anything came out otherwise than it went in.
        self.has_rendered = bool(self._as_they_are)
        # Other delimiters than Jinja's own may be anything.
        self._is_plain = not (dag and dag.jinja_environment_kwargs) and jinja is None

    @property
    def jinja(self) -> jinja2.Environment:
        """The environment."""
        if self._jinja is None:
            self._jinja = environment(self._dag)
        return self._jinja

    def render(self, value: Any, field: str) -> Any:
        """``value`` with the templates in it replaced, at any depth of lists, tuples, sets, dicts
        and objects that have ``template_fields`` themselves."""
        if id(value) in self._as_they_are:
            return value
        if isinstance(value, str):
            return self._text(value, field)
        if isinstance(value, Reference):
            self.has_rendered = self.has_rendered or not isinstance(value, Literal)
            return value.resolve(self._context)
        if type(value) in (list, tuple, set):
            return type(value)(self.render(item, field) for item in value)
        if isinstance(value, tuple) and hasattr(value, "_make"):
            return value._make(self.render(item, field) for item in value)
        if isinstance(value, dict):
            return {key: self.render(item, f"{field}[{key!r}]") for key, item in value.items()}
        if getattr(value, "template_fields", None) and not isinstance(value, type):
            return self._fields_of(value, field)
        return value

    def _fields_of(self, value: Any, field: str) -> Any:
        rendered = copy.copy(value)
        for inner in value.template_fields:
            setattr(rendered, inner, self.render(getattr(value, inner), f"{field}.{inner}"))
        return rendered

    def _text(self, text: str, field: str) -> Any:
        is_file = bool(self._extensions) and text.endswith(self._extensions)
        if not is_file and self._is_plain and "{" not in text:
            return text
        try:
            template = self.jinja.get_template(text) if is_file else self.jinja.from_string(text)
            rendered = template.render(self._context)
            self.has_rendered = self.has_rendered or is_file or rendered != text
            return rendered
        except jinja2.TemplateNotFound as error:
            raise _not_found(field, error) from None
        except jinja2.TemplateSyntaxError as error:
            raise _of_syntax(field, error, text) from None
        except (AirflowSkipException, AirflowFailException):
            raise  # a macro of the author's says so
        except Exception as error:
            is_sentence = (jinja2.UndefinedError, MillstreamError, AirflowException)
            message = str(error) if isinstance(error, is_sentence) else repr(error)
            line = _template_line(error)
            source = text if is_file else _line_of(text, line)
            raise TemplateError(field, line, message, source=source) from error


def render_fields(
    task: BaseOperator, dag: DAG | None, context: Context, as_they_are: Sequence[Any] = ()
) -> bool:
    """Replaces the task's template fields by their values, and says whether these are others. Pass
    a copy: the DAG serves many attempts. In the values ``as_they_are``, which came from other
    tasks, no template is looked for. Raises :class:`TemplateError`."""
    renderer = Renderer(dag, task.template_ext, context, as_they_are=as_they_are)
    try:
        if type(task).prepares_template:
            _read_files(task, renderer.jinja)
            task.prepare_template()
            renderer.has_rendered = True
        for field in task.template_fields:
            value = _field(task, field)
            if callable(value) and not isinstance(value, Reference):
                setattr(task, field, value(context=context, jinja_env=renderer.jinja))
                renderer.has_rendered = True
            elif _is_worth_it(value):
                setattr(task, field, renderer.render(value, field))
    except TemplateError as error:
        raise _of_task(error, task.task_id) from error.__cause__
    return renderer.has_rendered


def render_value(
    task: BaseOperator, value: Any, context: Context, jinja: jinja2.Environment | None
) -> Any:
    """One value, as if it were in a template field of the task."""
    return Renderer(task.dag, task.template_ext, context, jinja).render(value, "content")


def _field(task: BaseOperator, field: str) -> Any:
    try:
        return getattr(task, field)
    except AttributeError:
        kind = type(task).__name__
        message = f"{kind} names it in template_fields and has no such attribute"
        raise BrokenTemplate(field, 0, message) from None


def _is_worth_it(value: Any) -> bool:
    try:
        return bool(value)
    except Exception:  # a data frame has no truth value
        return True


def _of_task(error: TemplateError, task_id: str) -> TemplateError:
    return type(error)(error.field, error.line, error.message, source=error.source, task_id=task_id)


def _read_files(task: BaseOperator, jinja: jinja2.Environment) -> None:
    """For operators that look at a template before it is rendered: file names are replaced by what
    the files hold, as Airflow does for all."""
    extensions = tuple(task.template_ext)
    for field in task.template_fields:
        value = getattr(task, field, None)
        if isinstance(value, str):
            setattr(task, field, _file_text(value, field, extensions, jinja))
        elif isinstance(value, list):
            texts = [_file_text(item, field, extensions, jinja) for item in value]
            setattr(task, field, texts)


def _file_text(value: Any, field: str, extensions: Any, jinja: jinja2.Environment) -> Any:
    if not isinstance(value, str) or not extensions or not value.endswith(extensions):
        return value
    try:
        assert jinja.loader is not None
        return jinja.loader.get_source(jinja, value)[0]
    except jinja2.TemplateNotFound as error:
        raise _not_found(field, error) from None


def check_templates(task: BaseOperator) -> None:
    """Parses the texts of the task's template fields, so that a mistake is found where the DAG
    file is read. Raises :class:`TemplateError` without the task."""
    dag = task.dag
    jinja = None
    for field in task.template_fields:
        for text in _texts(getattr(task, field, None)):
            is_file = bool(task.template_ext) and text.endswith(tuple(task.template_ext))
            if is_file or ("{" not in text and not (dag and dag.jinja_environment_kwargs)):
                continue
            jinja = jinja or environment(dag)
            try:
                jinja.parse(text)
            except jinja2.TemplateSyntaxError as error:
                raise _of_syntax(field, error, text) from None


def _parts(value: Any) -> Iterator[Any]:
    """A value, and what is in it at any depth of lists, tuples and dicts. Short texts are left out:
    they are no templates, and one object may stand for all that are equal."""
    if not isinstance(value, str) or len(value) > 3:
        yield value
    if isinstance(value, dict):
        for item in value.values():
            yield from _parts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def names_in(text: str, field: str) -> set[str]:
    """The names that a template needs from its context. Raises :class:`TemplateError`."""
    try:
        return jinja2.meta.find_undeclared_variables(environment(None).parse(text))
    except jinja2.TemplateSyntaxError as error:
        raise _of_syntax(field, error, text) from None


def _of_syntax(field: str, error: jinja2.TemplateSyntaxError, text: str = "") -> TemplateError:
    message = str(error.message)
    if "comment tag" in message:
        message += "; '{#' begins a comment of Jinja: write {% raw %}...{% endraw %} around it"
    source = error.name or _line_of(text, error.lineno)
    return BrokenTemplate(field, error.lineno, message, source=source)


def _not_found(field: str, error: jinja2.TemplateNotFound) -> TemplateError:
    return BrokenTemplate(
        field,
        0,
        f"there is no template file {error.name!r} beside the DAG file or in template_searchpath; "
        f"a text that ends like a file name and is none needs a blank at its end, or literal()",
    )


def _template_line(error: Exception) -> int:
    """The line in the outermost template that was at work when ``error`` was raised."""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == "<template>" or frame.name in ("root", "top-level template code"):
            return frame.lineno or 0
    return 0


def _line_of(text: str, line: int) -> str:
    """That line of a template, as far as it can be shown."""
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return ""
    shown = lines[line - 1].strip()
    return shown if len(shown) <= LONGEST_SOURCE else f"{shown[:LONGEST_SOURCE]}..."
