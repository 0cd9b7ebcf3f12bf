"""The one settings: a file (``dvina.toml``, or the one ``DVINA_CONFIG`` names) and ``DVINA_*``.

A variable of the environment beats the file. Secrets never stand in the file.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PROJECT = Path(__file__).resolve().parent.parent


class AlertRoute(BaseModel):
    """Where incidents of some kind go; its address is the secret ``DVINA_ALERT_URL_<NAME>``."""

    name: str
    datasets: tuple[str, ...] = ("*",)
    sectors: tuple[str, ...] = ("*",)
    owners: tuple[str, ...] = ("*",)
    severity: Literal["stop", "warn", "inform"] = "warn"  # and what is graver
    digest: bool = True


class Settings(BaseSettings):
    """What an installation decides; every field has a working default."""

    model_config = SettingsConfigDict(env_prefix="DVINA_", extra="ignore")

    home: Path = Field(Path("var"), description="Directory that holds all state.")
    inbox: Path = Field(Path("inbox"), description="Files to load lie in <inbox>/<dataset>/.")
    pairs: Annotated[tuple[str, ...], NoDecode] = Field(
        ("BLR-RUS", "BLR-DEU"), description="Pairs of countries that the marts compare."
    )
    union_members: Annotated[tuple[str, ...], NoDecode] = ("BLR", "RUS")
    cif_fob_factor: float = Field(1.10, description="CIF value over FOB value in mirror data.")
    lock_wait_s: float = Field(600, description="How long to wait for the writer's lock.")
    memory_limit: str = Field("1GB", description="DuckDB's memory bound while it builds.")
    contact: str = Field("", description="An address of the operator, told to publishers.")
    brokers: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port by comma.")
    stream_group: str = Field("dvina", description="Consumer group of the stream service.")
    stream_port: int = Field(9109, description="Loopback port of /metrics and /health; 0: any.")
    stream_session_ms: int = Field(6000, description="After so long a silent consumer is dead.")
    stream_most_waiting: int = Field(200, description="Landed micro-batches that may wait.")
    alert_routes: tuple[AlertRoute, ...] = Field((), description="Who hears of which incidents.")
    alert_repeat_hours: float = Field(24, gt=0, description="When an open incident is told again.")
    alert_quiet: tuple[str, ...] = Field(
        (), description="Windows of silence: '* 22:00-06:00', 'customs_* 2026-01-01/2026-01-08'."
    )
    stream_compact_every_s: float = Field(300, description="How often hours are merged.")
    build_quiet_s: float = Field(15, ge=0, description="Airflow builds when no load came so long.")
    build_wait_most_s: float = Field(120, ge=0, description="After so long it builds all the same.")
    backups: Path | None = Field(None, description="Airflow copies the installation there, daily.")
    keep_backups: int = Field(7, ge=1, description="Copies that are kept there.")
    keep_versions: int = Field(5, ge=2, description="Published versions that are kept.")

    @property
    def postgres_uri(self) -> str | None:
        """Where a published version is brought beside the DuckDB file; holds a password."""
        return os.environ.get("DVINA_POSTGRES_URI") or None

    @property
    def routes(self) -> tuple[AlertRoute, ...]:
        """The routes of alerts; without any the route ``default``, if it has an address."""
        if self.alert_routes or "DVINA_ALERT_URL_DEFAULT" not in os.environ:
            return self.alert_routes
        return (AlertRoute(name="default"),)

    @field_validator("alert_quiet")
    @classmethod
    def _are_windows(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for window in value:
            if not re.fullmatch(r"\S+ (\d\d:\d\d-\d\d:\d\d|[-\dT:]+/[-\dT:]+)", window):
                raise ValueError(f"{window!r} is no window such as '* 22:00-06:00'")
        return value

    @field_validator("pairs", "union_members", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(v.strip() for v in value.split(",")) if isinstance(value, str) else value

    @field_validator("pairs")
    @classmethod
    def _are_pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pair in value:
            codes = pair.split("-")
            if len(codes) != 2 or not all(len(c) == 3 and c.isupper() for c in codes):
                raise ValueError(f"{pair!r} is no pair of ISO alpha-3 codes such as BLR-RUS")
        return value

    @field_validator("home", "inbox", "backups")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        if "?" in str(value):
            raise ValueError(f"{value} holds a '?', which DuckDB takes for parameters")
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        file = Path(os.environ.get("DVINA_CONFIG", "dvina.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()  # type: ignore[call-arg]
