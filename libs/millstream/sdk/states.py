"""What a task that waits for another DAG makes of the states of its runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from millstream.core.run_states import RunStates, StatesAnswer, StatesQuestion

_question_encoder = msgspec.json.Encoder()
_question_decoder = msgspec.json.Decoder(StatesQuestion)
_answer_decoder = msgspec.json.Decoder(StatesAnswer)


def encode_question(question: StatesQuestion) -> bytes:
    return _question_encoder.encode(question)


def decode_question(data: bytes) -> StatesQuestion:
    """Raises ``msgspec.MsgspecError``."""
    return _question_decoder.decode(data)


def encode_answer(answer: StatesAnswer) -> bytes:
    return _question_encoder.encode(answer)


def decode_answer(data: bytes) -> StatesAnswer:
    """Raises ``msgspec.MsgspecError``."""
    return _answer_decoder.decode(data)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """In which states the other side is waited for, and which end the wait otherwise."""

    allowed: tuple[str, ...]
    failed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def judge(question: StatesQuestion, answer: StatesAnswer, wanted: Wanted) -> str:
    """ "failed", "skipped", "success" or, while there is nothing to say, "". As in Airflow one
    task in a failed or skipped state is enough, and all of them must be in allowed ones."""
    if wanted.failed and _any(question, answer, wanted.failed):
        return "failed"
    if wanted.skipped and _any(question, answer, wanted.skipped):
        return "skipped"
    dates = {date.timestamp() for date in question.logical_dates}
    done = [run for run in answer.runs if _is_all(question, answer, run, wanted.allowed)]
    done_dates = {run.logical_date.timestamp() for run in done if run.logical_date is not None}
    is_done = dates <= done_dates and set(question.run_ids) <= {run.run_id for run in done}
    return "success" if is_done else ""


def _any(question: StatesQuestion, answer: StatesAnswer, states: Collection[str]) -> bool:
    for run in answer.runs:
        if question.group_id:
            if _is_all(question, answer, run, states):
                return True
        elif question.task_ids:
            if any(state in states for counts in run.tasks.values() for state in counts):
                return True
        elif run.state in states:
            return True
    return False


def _is_all(
    question: StatesQuestion, answer: StatesAnswer, run: RunStates, states: Collection[str]
) -> bool:
    """Whether the run, or all the tasks of it that are asked for, are in these states."""
    if not (question.task_ids or question.group_id):
        return run.state in states
    wanted = answer.task_ids if question.group_id else question.task_ids
    return bool(wanted) and all(
        run.tasks.get(name) and all(state in states for state in run.tasks[name]) for name in wanted
    )


def dates_text(dates: Sequence[datetime]) -> str:
    return ", ".join(date.isoformat() for date in dates)
