import errno

import pytest

from dicom_listener.statuses import InvalidUIDError, Status, WrongSOPClassError, response, response_for


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(errno.ENOSPC, "full"), 0xA700),
        (OSError(errno.EDQUOT, "quota"), 0xA700),
        (OSError(errno.EFBIG, "limit"), 0xA700),
        (OSError(errno.EIO, "broken"), 0xA700),
        (WrongSOPClassError("other class"), 0xA900),
        (InvalidUIDError("no UID"), 0xC000),
        (KeyError("unforeseen"), 0x0110),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    assert response_for(error).Status == status


def test_only_a_full_disk_is_called_full() -> None:
    assert "full" in response_for(OSError(errno.ENOSPC, "")).ErrorComment
    assert "full" not in response_for(OSError(errno.EIO, "")).ErrorComment


def test_what_was_not_foreseen_is_not_told_to_the_sender() -> None:
    assert "secret" not in response_for(ValueError("secret")).ErrorComment


def test_an_error_comment_fits_its_element() -> None:
    assert len(response(Status.CANNOT_UNDERSTAND, "x" * 65).ErrorComment) == 64
    assert "ErrorComment" not in response(Status.SUCCESS)
