"""The tasks of a radiograph's way, as states, queues and sweeps know them."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import Radiograph
from db.vocabulary import State


@dataclass(frozen=True)
class Step:
    """One task of the way: the queue it comes by and the states it moves a radiograph through."""

    queue: str
    waiting: State
    working: State
    done: State


READ = Step("read", State.RECEIVED, State.READING, State.READ)
ASSESS = Step("assess", State.READ, State.ASSESSING, State.COMPLETED)
STEPS = (READ, ASSESS)
STEP_OF_QUEUE = {step.queue: step for step in STEPS}  # a task has its queue's name, too


def is_at_work(session: Session, step: Step) -> bool:
    """Return whether anybody holds a claim for a step that has not lapsed."""
    held = select(Radiograph.id).where(Radiograph.state == step.working, Radiograph.due_at > func.clock_timestamp())
    return session.scalar(held.limit(1)) is not None
