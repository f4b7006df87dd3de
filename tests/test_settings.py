"""Settings: named when missing or malformed, secrets from files, the environment first."""

from pathlib import Path

import pytest
from kombu import Connection

from db import settings
from db.errors import SettingsError
from db.settings import SharedSettings
from dicom_listener.settings import ListenerSettings
from worker.settings import WorkerSettings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARPUS_SECRETS", str(tmp_path))
    monkeypatch.setenv("CARPUS_DATABASE_URL", "postgresql+psycopg://carpus@127.0.0.1:5432/carpus")
    monkeypatch.setenv("CARPUS_BROKER_URL", "redis://127.0.0.1:6379/0")
    monkeypatch.setenv("CARPUS_STORE", str(tmp_path / "store"))


def test_a_missing_setting_is_named_with_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARPUS_STORE")
    with pytest.raises(SettingsError, match=r"CARPUS_STORE: Field required \(folder of the stored objects"):
        settings.load(SharedSettings)


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_ATTEMPTS", "0")
    monkeypatch.setenv("CARPUS_REPUBLISH_SECONDS", "soon")
    with pytest.raises(SettingsError, match=r"CARPUS_ATTEMPTS: .*; CARPUS_REPUBLISH_SECONDS: "):
        settings.load(SharedSettings)


def test_a_worker_setting_cannot_stop_the_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_READ_SECONDS", "never")
    settings.load(SharedSettings)
    with pytest.raises(SettingsError, match="CARPUS_READ_SECONDS"):
        settings.load(WorkerSettings)


def test_a_password_comes_from_a_file_and_goes_into_the_address(tmp_path: Path) -> None:
    (tmp_path / "carpus_database_password").write_text("s3cret/@\n")
    (tmp_path / "carpus_broker_password").write_text("redispass\n")
    shared = settings.load(SharedSettings)
    assert shared.sqlalchemy_url().password == "s3cret/@"
    assert shared.broker_url_with_password() == "redis://:redispass@127.0.0.1:6379/0"
    assert "s3cret" not in repr(shared)


def test_a_password_of_any_characters_reaches_redis_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", "redis://carpus@127.0.0.1:6379/0")
    monkeypatch.setenv("CARPUS_BROKER_PASSWORD", "p/a#%41@:?")
    connection = Connection(settings.load(SharedSettings).broker_url_with_password())
    assert (connection.userid, connection.password) == ("carpus", "p/a#%41@:?")
    assert (connection.hostname, connection.port, connection.virtual_host) == ("127.0.0.1", 6379, "0")


def test_each_of_several_addresses_of_redis_gets_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", "rediss://a.example/0;redis+socket:///run/redis?virtual_host=1")
    monkeypatch.setenv("CARPUS_BROKER_PASSWORD", "p;w")
    expected = "rediss://:p%3Bw@a.example/0;redis+socket://:p%3Bw@/run/redis?virtual_host=1"
    assert settings.load(SharedSettings).broker_url_with_password() == expected


def test_the_environment_is_read_before_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "carpus_attempts").write_text("5")
    assert settings.load(SharedSettings).attempts == 5
    monkeypatch.setenv("CARPUS_ATTEMPTS", "7")
    assert settings.load(SharedSettings).attempts == 7


def test_another_database_than_postgresql_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_DATABASE_URL", "sqlite:///carpus.db")
    with pytest.raises(SettingsError, match="must begin with postgresql\\+psycopg://"):
        settings.load(SharedSettings).sqlalchemy_url()


def test_an_empty_address_does_not_open_the_listener_to_the_world(tmp_path: Path) -> None:
    (tmp_path / "carpus_listener_host").touch()
    with pytest.raises(SettingsError, match="CARPUS_LISTENER_HOST"):
        settings.load(ListenerSettings)


@pytest.mark.parametrize(
    ("url", "master"),
    [("sentinel://127.0.0.1:26379/0", None), ("redis://127.0.0.1/0", "carpus")],
    ids=["sentinels without it", "Redis itself with it"],
)
def test_the_masters_name_belongs_to_sentinels(monkeypatch: pytest.MonkeyPatch, url: str, master: str | None) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", url)
    if master:
        monkeypatch.setenv("CARPUS_BROKER_MASTER", master)
    with pytest.raises(SettingsError, match=r"CARPUS_BROKER_MASTER: .* begins with sentinel://, and only there"):
        settings.load(SharedSettings)


def test_sentinels_and_redis_itself_are_not_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", "sentinel://127.0.0.1:26379/0;redis://127.0.0.1/0")
    with pytest.raises(SettingsError, match="expected Sentinels only, or none"):
        settings.load(SharedSettings)


def test_sentinels_on_another_machine_need_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", "sentinel://127.0.0.1:26379/0;sentinel://a.example:26379/0")
    monkeypatch.setenv("CARPUS_BROKER_MASTER", "carpus")
    with pytest.raises(SettingsError, match=r"CARPUS_BROKER_PASSWORD: .*Redis at a\.example"):
        settings.load(SharedSettings)
