"""Flower's configuration: behind a login, nothing kept on disk, a bounded history.

It is named on the command line: ``celery -A worker.app flower --conf=worker/flowerconfig.py``. Any login may revoke
tasks and stop workers, so it is for operators only. The history is in memory alone: Flower's state file corrupts when
it is stopped hard (flower#1398).
"""

from db import settings
from db.errors import SettingsError
from worker.settings import FlowerSettings

try:
    basic_auth = [settings.load(FlowerSettings).flower_login.get_secret_value()]
except SettingsError as error:
    raise SystemExit(f"carpus: {error}") from error
persistent = False
max_tasks = 10_000
natural_time = True
