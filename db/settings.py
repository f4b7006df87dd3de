"""Settings shared by every process: where the database, the broker and the store are, and how often a thing is tried.

Every setting is an environment variable with the prefix ``CARPUS_``, or a file of the same name in lower case in the
folder ``CARPUS_SECRETS`` (Docker secrets: ``/run/secrets``). It is read once per process into a frozen object. The
other packages add their own classes, so that the listener never fails for want of a worker's setting.
"""

import os
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError as UnreadableSourceError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from db import network
from db.addresses import Address, AETitle, parse_addresses
from db.bounded import Bounds
from db.errors import SettingsError

PREFIX = "CARPUS_"
SENTINEL_SCHEME = "sentinel://"
# Plain, by TLS, on this machine, and whichever of several Redis is the master.
BROKER_SCHEMES = ("redis://", "rediss://", "redis+socket://", SENTINEL_SCHEME)
Seconds = Annotated[float, Field(gt=0)]


def _named(value: object) -> object:
    """Refuse what would be told as a file's name in an error, though it must not be told at all."""
    if isinstance(value, str) and "-----BEGIN" in value:
        raise ValueError("holds the file's content, expected its path; in CARPUS_SECRETS give the file another name")
    return value


PEMFile = Annotated[Path | None, BeforeValidator(_named)]
# pydantic-settings would take it for JSON.
Destinations = Annotated[dict[str, Address] | None, NoDecode, BeforeValidator(parse_addresses)]


class Settings(BaseSettings):
    """Base of each package's settings: prefix, secrets from files, frozen."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment first, then the secrets folder where there is one."""
        return (init_settings, env_settings, *_files(settings_cls))


def _files(kind: type[BaseSettings]) -> tuple[SecretsSettingsSource, ...]:
    folder = Path(os.environ.get(f"{PREFIX}SECRETS", "/run/secrets"))
    return (SecretsSettingsSource(kind, secrets_dir=folder),) if folder.is_dir() else ()


class SharedSettings(Settings):
    """What every process of Carpus needs to know."""

    database_url: str = Field(description="PostgreSQL, as `postgresql+psycopg://user@host:port/database`")
    database_password: SecretStr | None = Field(None, description="its password, unless the URL holds it")
    broker_url: str = Field(description="Redis, as `redis://host:port/0`")
    broker_password: SecretStr | None = Field(None, description="its password, unless the URL holds it")
    broker_master: str | None = Field(
        None,
        description="with `sentinel://host:26379/0;…` as the URL: the name of the Redis that these Sentinels watch",
        validate_default=True,
    )
    store: Path = Field(description="folder of the stored objects and standard radiographs; one file system")
    max_object_bytes: int = Field(
        512 * 2**20, ge=2**16, description="longest object that is taken from a sender or opened by a worker"
    )
    attempts: int = Field(3, ge=1, le=20, description="times a step is tried before the radiograph is `FAILED`")
    republish_seconds: Seconds = Field(30, description="a waiting radiograph's message is presumed lost after this")
    max_elements: int = Field(
        Bounds().elements,
        ge=1_000,
        description="elements of a data set, those in sequences too, above which it is refused",
    )
    # Python's stack ends at about 180.
    max_nesting: int = Field(
        Bounds().nesting, ge=4, le=100, description="sequences within sequences; deeper ones are refused"
    )

    def bounds(self) -> Bounds:
        """Return how much of a data set is parsed."""
        return Bounds(self.max_elements, self.max_nesting)

    @field_validator("broker_url")
    @classmethod
    def _is_redis(cls, urls: str) -> str:
        # Empty only as the default of those who need no Redis.
        if urls and not all(url.startswith(BROKER_SCHEMES) for url in urls.split(";")):
            raise ValueError(f"expected an address that begins with one of {', '.join(BROKER_SCHEMES)}")
        if len({url.startswith(SENTINEL_SCHEME) for url in urls.split(";")}) > 1:
            raise ValueError("expected Sentinels only, or none")
        return urls

    @field_validator("broker_password")
    @classmethod
    def _needed_beyond_this_machine(cls, password: SecretStr | None, known: ValidationInfo) -> SecretStr | None:
        """Refuse a Redis that anybody on the network could give tasks to and stop workers by."""
        if not (password and password.get_secret_value()):
            open_hosts = network.without_password(known.data.get("broker_url", ""))
            if open_hosts:
                raise ValueError(f"Redis at {', '.join(open_hosts)} is not on this machine, so a password is needed")
        return password

    @field_validator("broker_master")
    @classmethod
    def _named_for_sentinels(cls, master: str | None, known: ValidationInfo) -> str | None:
        if "broker_url" not in known.data:  # which is told already
            return master
        if (master is not None) != known.data["broker_url"].startswith(SENTINEL_SCHEME):
            raise ValueError(f"expected where CARPUS_BROKER_URL begins with {SENTINEL_SCHEME}, and only there")
        return master

    def sqlalchemy_url(self) -> URL:
        """Return the database's address with its password.

        Raises
        ------
        SettingsError
            When the address is no PostgreSQL URL.
        """
        try:
            url = make_url(self.database_url)
        except ArgumentError as error:
            raise SettingsError(f"{PREFIX}DATABASE_URL is no database URL ({error})") from error
        if url.drivername != "postgresql+psycopg":
            raise SettingsError(
                f"{PREFIX}DATABASE_URL begins with {url.drivername}://, but must begin with postgresql+psycopg://"
            )
        return url.set(password=self.database_password.get_secret_value()) if self.database_password else url

    def broker_url_with_password(self) -> str:
        """Return Redis's address with its password, or each of several, as Celery takes it."""
        if self.broker_password is None:
            return self.broker_url
        password = self.broker_password.get_secret_value()
        return ";".join(_with_password(url, password) for url in self.broker_url.split(";"))


class EntitySettings(Settings):
    """Who we are to other application entities, whether they call us or we call them."""

    ae_title: AETitle = Field(
        "CARPUS", description="our application entity title, as listener and as sender of results"
    )
    tls_certificate: PEMFile = Field(
        None, description="PEM file of our certificate and its chain: the listener speaks TLS only"
    )
    tls_key: PEMFile = Field(None, description="PEM file of its private key, without a passphrase")
    destinations: Destinations = Field(
        None, description="where results go, by AE title: `PACS=10.0.0.5:104,ARCHIVE=pacs.example:2762+tls`"
    )


class RoleSettings(Settings):
    """The passwords that a migration gives the roles of the services and people; see ``db.roles``."""

    writer_password: SecretStr | None = Field(None, description="the migration lets `carpus_writer` log in by it")
    reader_password: SecretStr | None = Field(None, description="the migration lets `carpus_reader` log in by it")
    reads_password: SecretStr | None = Field(None, description="the migration lets `carpus_reads` log in by it")


def _with_password(url: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    login, _, address = rest.rpartition("@")
    user = login.partition(":")[0]
    return f"{scheme}://{user}:{quote(password, safe='')}@{address}"


T = TypeVar("T", bound=Settings)


def load(kind: type[T]) -> T:
    """Read one class of settings.

    Parameters
    ----------
    kind
        The class of settings.

    Raises
    ------
    SettingsError
        Naming each variable that is missing or malformed, and what it is for, or the file that cannot be read.
    """
    try:
        return kind()
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = str(problem["loc"][0])
            about = kind.model_fields[name].description if name in kind.model_fields else ""
            problems.append(f"{PREFIX}{name.upper()}: {problem['msg']} ({about})")
        raise SettingsError("; ".join(problems)) from error
    except (UnreadableSourceError, OSError) as error:  # such as a secret's file of another user
        raise SettingsError(f"the files in {PREFIX}SECRETS cannot be read: {error}") from error


def texts_in_files(kind: type[Settings]) -> dict[str, str]:
    """Return what the files of `CARPUS_SECRETS` hold of a class of settings, by variable, as it stands there.

    Parameters
    ----------
    kind
        The class of settings.

    Raises
    ------
    SettingsError
        When they cannot be read.
    """
    try:
        found = {name: text for files in _files(kind) for name, text in files().items()}
    except (UnreadableSourceError, OSError) as error:
        raise SettingsError(f"the files in {PREFIX}SECRETS cannot be read: {error}") from error
    return {f"{PREFIX}{name.upper()}": str(text) for name, text in found.items()}


@cache
def shared() -> SharedSettings:
    """Return this process's shared settings, read once."""
    return load(SharedSettings)
