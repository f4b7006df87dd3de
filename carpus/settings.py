"""Settings of the one-machine stack, and the list of every setting of every process."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo
from rich.table import Column, Table
from rich.text import Text

from carpus import listing
from db.settings import PREFIX, EntitySettings, RoleSettings, Settings, SharedSettings, texts_in_files
from dicom_listener.settings import ListenerSettings
from training.settings import TrainingSettings
from worker.settings import FlowerSettings, WorkerSettings

Port = Annotated[int, Field(ge=1, le=65535)]
# Up to the last @, for a password that was not percent-encoded may hold any character.
_PASSWORD_IN_URL = re.compile(r"(://[^:]*:).*(?=@)|(password=)[^&]*")
_HIDDEN = "…"
NARROWEST_TABLE = 80  # characters: the longest name takes half of it


class StackSettings(Settings):
    """What `carpus up`, `carpus demo` and `carpus sql` need beside the settings of the processes they start."""

    home: Path = Field(Path(".carpus"), description="folder of the one-machine stack: servers' data, store, logs")
    postgres_port: Port = Field(5433, description="port of the embedded PostgreSQL under `carpus up`")
    redis_port: Port = Field(6380, description="port of the embedded Redis under `carpus up`")
    flower_port: Port = Field(5555, description="port of Flower under `carpus up`")


CLASSES: tuple[type[Settings], ...] = (
    SharedSettings,
    EntitySettings,
    RoleSettings,
    ListenerSettings,
    WorkerSettings,
    FlowerSettings,
    TrainingSettings,
    StackSettings,
)


@dataclass(frozen=True)
class Setting:
    """One environment variable; its default as the environment would spell it."""

    variable: str
    default: str
    meaning: str
    is_secret: bool

    @property
    def in_force(self) -> str | None:
        """What the environment or a file sets it to, passwords hidden, or None where neither does."""
        value = texts().get(self.variable)
        if not value:
            return None
        return _HIDDEN if self.is_secret else _PASSWORD_IN_URL.sub(rf"\1\2{_HIDDEN}", value)


def known_settings() -> Iterator[Setting]:
    """Yield every setting, by process; one that several share, once."""
    yield Setting(f"{PREFIX}SECRETS", "/run/secrets", "folder of files that hold settings, such as passwords", False)
    told: set[str] = set()
    for kind in CLASSES:
        for name, field in kind.model_fields.items():
            if name in told:
                continue
            told.add(name)
            is_secret = "SecretStr" in str(field.annotation)
            yield Setting(f"{PREFIX}{name.upper()}", _default(field), field.description or "", is_secret)


def texts() -> dict[str, str]:
    """Return the settings that are set, by variable: as the environment spells them, else a file of CARPUS_SECRETS.

    Raises
    ------
    db.errors.SettingsError
        When the files cannot be read.
    """
    known = {setting.variable for setting in known_settings()}
    in_files = {variable: text for kind in CLASSES for variable, text in texts_in_files(kind).items()}
    return in_files | {variable: text for variable, text in os.environ.items() if variable in known and text}


def absolute(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose settings mean the same folders to a process that runs in another one.

    Parameters
    ----------
    environment
        Variables and their values. Not changed.
    """
    fields = [item for kind in CLASSES for item in kind.model_fields.items()]
    folders = {f"{PREFIX}{name.upper()}" for name, field in fields if field.annotation in (Path, Path | None)}
    return {
        name: str(Path(value).absolute()) if name in folders and value else value for name, value in environment.items()
    }


def table(width: int) -> Table:
    """Lay the settings out, with the values in force.

    Parameters
    ----------
    width
        Of the terminal, in characters.
    """
    columns = (Column("variable", no_wrap=True), Column("value", overflow="fold"), Column("meaning", overflow="fold"))
    rows = [(Text(one.variable), _value(one), Text(one.meaning)) for one in known_settings()]
    laid_out = listing.table(columns, rows, width, NARROWEST_TABLE)
    laid_out.caption = "`carpus up` and `carpus demo` set by themselves what is required"
    return laid_out


def _value(setting: Setting) -> Text:
    return Text(setting.default) if setting.in_force is None else Text(f"{setting.in_force} (set)", style="bold")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "the one shipped"  # of the bundle, the only default that is computed
    if field.default in (None, ()):
        return "none"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
