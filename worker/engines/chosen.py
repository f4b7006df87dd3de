"""The model of the settings on this machine's engine, loaded once in a process, before its first task."""

from functools import cache

from db import log
from worker import bundle as bundles
from worker import settings
from worker.active import Active, novelty_check
from worker.views import with_views

logger = log.get(__name__)


@cache
def active() -> Active:
    """Load the bundle of the settings and warm its engine up, once in a process.

    Raises
    ------
    BundleError
        When the bundle is not what its card says.
    """
    from worker.engines import tensorflow

    chosen = settings.worker()
    loaded = bundles.load(chosen.bundle)
    views = chosen.views or loaded.card.views
    engine = with_views(tensorflow.load(loaded, cpu_threads=chosen.engine_threads), views)
    engine.warm_up()
    logger.info("model_loaded", name=loaded.card.name, version=loaded.card.version, sha256=loaded.digest, views=views)
    return Active(loaded, engine, "tensorflow", views, novelty_check(loaded, views))
