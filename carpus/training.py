"""``carpus training``: ``python -m training`` beside the one-machine stack, with its database and its store.

What the settings configure instead is used as it is, as by every other command.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from carpus import database
from carpus.embedded import Redis
from carpus.settings import StackSettings, absolute, texts
from db import settings
from db.roles import Role


def run(arguments: Sequence[str]) -> int:
    """Run a command of ``python -m training`` and return its exit status.

    Parameters
    ----------
    arguments
        Of that command, its name first.

    Raises
    ------
    ServerError
        When there is no database yet.
    """
    with database.available(Role.WRITER) as url:
        command = [sys.executable, "-m", "training", *arguments]
        return subprocess.call(command, env=_environment(url))


def _environment(url: str) -> Mapping[str, str]:
    chosen = absolute(os.environ | texts())
    if database.configured_url() is not None:
        return chosen
    home = settings.load(StackSettings).home.resolve()
    redis = Redis(home / "redis", Redis(home / "redis", port=0).port_in_use() or 0)
    return chosen | {
        "CARPUS_DATABASE_URL": url.replace("postgresql://", "postgresql+psycopg://", 1),
        "CARPUS_BROKER_URL": redis.url,
        "CARPUS_BROKER_MASTER": "",
        "CARPUS_STORE": str(home / "store"),
    }
