"""Settings of the one-machine stack, and the list of every setting of every process."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo
from rich.table import Table
from rich.text import Text

from db.settings import PREFIX, Settings, SharedSettings
from dicom_listener.settings import ListenerSettings
from worker.settings import FlowerSettings, WorkerSettings

Port = Annotated[int, Field(ge=1, le=65535)]
_PASSWORD_IN_URL = re.compile(r"(?<=:)[^:/@]*(?=@)")
_HIDDEN = "…"


class StackSettings(Settings):
    """What `carpus up`, `carpus demo` and `carpus sql` need beside the settings of the processes they start."""

    home: Path = Field(Path(".carpus"), description="folder of the one-machine stack: servers' data, store, logs")
    postgres_port: Port = Field(5433, description="port of the embedded PostgreSQL under `carpus up`")
    redis_port: Port = Field(6380, description="port of the embedded Redis under `carpus up`")
    flower_port: Port = Field(5555, description="port of Flower under `carpus up`")


CLASSES: tuple[type[Settings], ...] = (SharedSettings, ListenerSettings, WorkerSettings, FlowerSettings, StackSettings)


@dataclass(frozen=True)
class Setting:
    """One environment variable; its default as the environment would spell it."""

    variable: str
    default: str
    meaning: str
    is_secret: bool

    @property
    def in_force(self) -> str | None:
        """What the environment sets it to, passwords hidden, or None where it does not."""
        value = os.environ.get(self.variable)
        return _HIDDEN if value and self.is_secret else _PASSWORD_IN_URL.sub(_HIDDEN, value) if value else None


def known_settings() -> Iterator[Setting]:
    """Yield every setting, by process."""
    yield Setting(f"{PREFIX}SECRETS", "/run/secrets", "folder of files that hold settings, such as passwords", False)
    for kind in CLASSES:
        for name, field in kind.model_fields.items():
            is_secret = "SecretStr" in str(field.annotation)
            yield Setting(f"{PREFIX}{name.upper()}", _default(field), field.description or "", is_secret)


def table() -> Table:
    """Lay the settings out for a terminal, with the values in force."""
    laid_out = Table(caption="`carpus up` and `carpus demo` set by themselves what is required", caption_justify="left")
    laid_out.add_column("variable", no_wrap=True)
    laid_out.add_column("value", overflow="fold")
    laid_out.add_column("meaning", overflow="fold")
    for setting in known_settings():
        value = Text(setting.default) if setting.in_force is None else Text(f"{setting.in_force} (set)", style="bold")
        laid_out.add_row(setting.variable, value, Text(setting.meaning))
    return laid_out


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "the one shipped"  # of the bundle, the only default that is computed
    if field.default is None:
        return "none"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
