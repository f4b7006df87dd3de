"""The check of ``carpus doctor`` on the registry: whether the active model version can be loaded."""

import psycopg

from carpus import database, machine_checks
from carpus.finding import Finding
from carpus.settings import StackSettings
from db import settings
from db.errors import CarpusError
from worker.model_store import FOLDER, ModelStore
from worker.settings import WorkerSettings

_TIMEOUT_SECONDS = 5
_ACTIVE = "SELECT model_name, model_version, model_sha256 FROM model_versions WHERE status = 'active'"


def registry() -> Finding:
    """Check that the active version's bundle is kept, complete and unchanged."""
    chosen = database.embedded_postgres(settings.load(StackSettings).home)
    if database.configured_url() is None and not chosen.is_initialised:
        return Finding("active model", "none yet; the first worker registers the one above")
    try:
        with database.available() as url, psycopg.connect(url, connect_timeout=_TIMEOUT_SECONDS) as connection:
            row = connection.execute(_ACTIVE).fetchone()
        if row is None:
            return Finding("active model", "none yet; the first worker registers the one above")
        name, version, sha256 = row
        ModelStore(machine_checks.store_folder() / FOLDER, settings.load(WorkerSettings).models).fetch(sha256)
    except (CarpusError, psycopg.Error) as error:
        reason = str(error).partition("\n")[0]
        return Finding("active model", reason, "register its bundle again, or `python -m training rollback`")
    return Finding("active model", f"{name} {version} ({sha256[:12]}), kept and unchanged")
