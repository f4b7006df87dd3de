"""Patient IDs as pseudonyms: the same for the same patient, another for any other, and never the ID itself."""

import hashlib
import hmac
from pathlib import Path

import pytest

from db import settings
from db.errors import SettingsError
from dicom_listener.describe import describe
from dicom_listener.pseudonym import as_stored, pseudonym
from dicom_listener.settings import ListenerSettings
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.conftest import Running, registered
from tests.objects import hand_radiograph

KEY = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _hmac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "carpus_patient_id_key").write_text(KEY + "\n")
    monkeypatch.setenv("CARPUS_SECRETS", str(tmp_path))
    monkeypatch.setenv("CARPUS_PATIENT_ID", "hmac")


def test_a_pseudonym_is_hmac_sha256_over_issuer_nul_and_id() -> None:
    expected = hmac.new(KEY.encode(), b"Clinic\x00P1", hashlib.sha256).hexdigest()
    assert pseudonym(KEY, "Clinic", "P1") == expected
    others = {pseudonym(KEY, "Clini", "cP1"), pseudonym(KEY, "local", "P1"), pseudonym(KEY[::-1], "Clinic", "P1")}
    assert len(others | {expected}) == 4


def test_a_patient_without_an_id_has_no_pseudonym() -> None:
    chosen = settings.load(ListenerSettings)
    assert as_stored(describe(hand_radiograph(PatientID=""), "local"), chosen).patient_id is None


def test_the_row_holds_the_pseudonym_and_the_accession_number_as_it_came(
    carpus_env: CarpusEnvironment, listener: Running
) -> None:
    for sent in (hand_radiograph(), hand_radiograph(), hand_radiograph(IssuerOfPatientID="Clinic")):
        assert listener.send(sent) == 0x0000
    found = [row.patient_id for row in registered(3)]
    assert found == [pseudonym(KEY, issuer, "P1") for issuer in ("local", "local", "Clinic")]
    assert {row.accession_number for row in registered(3)} == {"A1"}


@pytest.mark.parametrize("key", [None, "", KEY[1:]])
def test_a_missing_or_short_key_stops_the_start_and_is_not_told(
    key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "carpus_patient_id_key").unlink()
    if key is not None:
        monkeypatch.setenv("CARPUS_PATIENT_ID_KEY", key)
    with pytest.raises(SettingsError, match=r"CARPUS_PATIENT_ID_KEY: .* at least 32 characters") as raised:
        settings.load(ListenerSettings)
    assert KEY[1:] not in str(raised.value)


def test_a_key_is_neither_needed_nor_used_for_plain_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_PATIENT_ID", "plain")
    description = describe(hand_radiograph(), "local")
    assert as_stored(description, settings.load(ListenerSettings)) == description
    monkeypatch.setenv("CARPUS_SECRETS", "/nowhere")
    assert settings.load(ListenerSettings).patient_id_key is None


def test_another_word_for_the_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_PATIENT_ID", "sha")
    with pytest.raises(SettingsError, match="CARPUS_PATIENT_ID: "):
        settings.load(ListenerSettings)
