"""The trainer's own settings: when it refreshes the model, and what it must not forget meanwhile."""

from functools import cache
from typing import Any

from celery.schedules import ParseException, crontab
from pydantic import Field, field_validator

from db import settings
from db.settings import Settings


class TrainingSettings(Settings):
    """What `training.tasks` needs beside the shared settings and the worker's."""

    refresh_schedule: str | None = Field(
        None, description="when the model is refreshed, as crontab says it, in UTC: `0 3 * * 0` for Sundays at three"
    )
    refresh_base: str = Field(
        "phantoms",
        description="learned from beside the site's reads: `phantoms`, `rsna:FOLDER`, `dicom:FOLDER`, `none`",
    )

    @field_validator("refresh_schedule")
    @classmethod
    def _parses(cls, schedule: str | None) -> str | None:
        if schedule is not None:
            try:
                crontab.from_string(schedule)
            except (ParseException, ValueError) as error:
                raise ValueError(f"expected five fields as in crontab, such as 0 3 * * 0: {error}") from error
        return schedule

    def beat(self) -> dict[str, Any]:
        """Return what Celery beat is to publish and when; nothing without a schedule."""
        if self.refresh_schedule is None:
            return {}
        return {"refresh": {"task": "refresh", "schedule": crontab.from_string(self.refresh_schedule)}}


@cache
def training() -> TrainingSettings:
    """Return this process's training settings, read once."""
    return settings.load(TrainingSettings)
