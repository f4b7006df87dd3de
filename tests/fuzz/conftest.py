"""The running listener of its own tests."""

from tests.dicom_listener.conftest import listener, written

__all__ = ["listener", "written"]
