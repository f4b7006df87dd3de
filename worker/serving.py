"""The model versions that a worker assesses by: loaded at its start, and others when the registry says so.

Before it: `db.model_versions` says which are active and shadow, `worker.model_store` keeps their bundles. After it:
`worker.assess` takes what is loaded at the moment; a radiograph in hand is finished by the version that began it. A
thread asks the registry every few seconds and loads beside the work, so that a change stops nobody. Until anybody
promotes a version, the active one is the bundle of the settings.
"""

import threading
import time
from dataclasses import dataclass, replace
from functools import cache

from db import log, model_decisions, model_versions
from db.errors import CarpusError, TransientError
from db.model_versions import Served
from db.session import transaction
from db.vocabulary import ModelStatus
from worker import bundle, correction, settings
from worker.active import Active, facts_of, novelty_check
from worker.batch import Batching
from worker.bundle import Bundle, starter_folder
from worker.engines import Engine, EngineName, choice
from worker.engines.tensorflow import BATCH_SIZES_ON_GPU
from worker.model_store import model_store
from worker.views import with_views

_RETRY_SECONDS = 5.0

logger = log.get(__name__)


@dataclass(frozen=True)
class Serving:
    """What radiographs are assessed by; of the shadow nothing is shown."""

    active: Active
    shadow: Active | None = None

    def by_status(self) -> dict[ModelStatus, Active]:
        """Return the versions by what they are for."""
        shadow = {} if self.shadow is None else {ModelStatus.SHADOW: self.shadow}
        return {ModelStatus.ACTIVE: self.active, **shadow}

    def digests(self) -> dict[str, str]:
        """Return their digests by what they are for."""
        return {status.value: one.bundle.digest for status, one in self.by_status().items()}


class Following:
    """What the registry says, loaded.

    Parameters
    ----------
    wanted
        From `db.model_versions.serving`, with an active version.

    Attributes
    ----------
    serving
        The versions that are loaded; another object where they change.

    Raises
    ------
    CarpusError
        When the active version cannot be loaded.
    """

    def __init__(self, wanted: dict[ModelStatus, Served]) -> None:
        self._wanted = wanted
        self._complaint = self._shadow_complaint = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="model versions", daemon=True)
        self.serving = Serving(_loaded(wanted[ModelStatus.ACTIVE], ()))
        self._take_shadow()

    def look(self) -> None:
        """Load what the registry says now, where that is another; what cannot be loaded leaves all as it is.

        Raises
        ------
        CarpusError
            When the database is away, or the active version cannot be loaded.
        """
        with transaction() as session:
            wanted = model_versions.serving(session)
        if wanted == self._wanted or ModelStatus.ACTIVE not in wanted:
            return
        before = self.serving.digests()
        active = _loaded(wanted[ModelStatus.ACTIVE], self._known())
        self.serving, self._wanted = replace(self.serving, active=active), wanted
        self._take_shadow()
        self._complaint = ""
        if (taken_up := self.serving.digests()) != before:
            logger.info("model_versions_taken_up", **taken_up)

    def begin(self) -> None:
        """Look again and again from now on, in a thread that ends with the process, or with :meth:`end`."""
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep_up(self) -> None:
        while not self._ended.wait(settings.worker().model_seconds):
            try:
                self.look()
            except Exception as error:  # the border of a thread: one that ended would leave the old version for ever
                complaint = str(error) if isinstance(error, CarpusError) else f"unexpected {type(error).__name__}"
                if complaint != self._complaint:  # once, and again when it is another
                    logger.exception("model_versions_not_taken_up", reason=complaint)
                self._complaint = complaint

    def _take_shadow(self) -> None:
        """Load the shadow; where that cannot be, the active version works alone."""
        wanted, shadow = self._wanted.get(ModelStatus.SHADOW), None
        try:
            if wanted is not None:
                shadow = _loaded(wanted, self._known())
        except CarpusError as error:
            if str(error) != self._shadow_complaint:
                logger.error("shadow_not_loaded", reason=str(error))
            self._shadow_complaint = str(error)
            del self._wanted[ModelStatus.SHADOW]  # so that it is tried again
        self.serving = replace(self.serving, shadow=shadow)

    def _known(self) -> tuple[Active, ...]:
        return tuple(self.serving.by_status().values())


@cache
def _following() -> Following:
    while True:
        try:
            _begin_with_the_settings()
            with transaction() as session:
                wanted = model_versions.serving(session)
            return Following(wanted)
        except TransientError as error:  # a server that is away at the start: nothing can be assessed before it is back
            logger.warning("model_versions_not_known", reason=str(error))
            time.sleep(_RETRY_SECONDS)


def serving() -> Serving:
    """Return what is loaded at the moment, loaded first where nothing is.

    Raises
    ------
    BundleError
        When the active version cannot be loaded.
    """
    return _following().serving


def begin() -> None:
    """Load what the registry says and keep up with it from now on.

    Raises
    ------
    BundleError
        When the active version cannot be loaded.
    """
    _following().begin()


def _begin_with_the_settings() -> None:
    """Let the bundle of the settings be active, unless anybody ever chose another."""
    with transaction() as session:
        is_chosen = model_versions.is_chosen(session)
    folder = settings.worker().bundle
    if is_chosen:
        if folder != starter_folder():
            logger.warning("bundle_of_the_settings_not_used", reason="another version was promoted")
        return
    checked = model_store().put(bundle.load(folder))
    with transaction() as session:
        if model_decisions.begin_with(session, facts_of(checked)):
            logger.info("model_version_active", name=checked.card.name, version=checked.card.version)


def _loaded(wanted: Served, known: tuple[Active, ...]) -> Active:
    """Return a version with its engine, warm, and with what the site corrects; what is loaded keeps its engine."""
    with transaction() as session:
        site = correction.of_version(session, wanted.id)
    loaded = next((one for one in known if one.bundle.digest == wanted.sha256), None)
    if loaded is None:
        loaded = load(model_store().fetch(wanted.sha256))
        card, digest = loaded.bundle.card, loaded.bundle.digest
        logger.info(
            "model_loaded",
            name=card.name,
            version=card.version,
            sha256=digest,
            views=loaded.views,
            engine=loaded.engine_name,
        )
    return replace(loaded, site=site)


def load(checked: Bundle) -> Active:
    """Load a bundle on this machine's engine, as the settings want it, and warm it up.

    Parameters
    ----------
    checked
        From `worker.bundle.load`.

    Raises
    ------
    BundleError
        When it lacks what its card promises, or its network cannot be loaded.
    SettingsError
        When the engine that the settings want is not installed.
    """
    chosen = settings.worker()
    views = chosen.views or checked.card.views
    engine, name = choice.load(checked, chosen.engine, chosen.engine_threads)
    viewing = with_views(_batched(engine, name), views)
    viewing.warm_up()
    return Active(checked, viewing, name.value, views, novelty_check(checked, views))


def _batched(engine: Engine, name: EngineName) -> Engine:
    """Return an engine that answers threads together, which pays on a GPU; a processor is as fast one by one."""
    chosen = settings.worker()
    size = chosen.batch_size or (BATCH_SIZES_ON_GPU[-1] if choice.is_on_gpu(name) else 1)
    return engine if size == 1 else Batching(engine, size, chosen.batch_ms / 1000)
