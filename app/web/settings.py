"""What `serve` was told: what is shown, where it listens, and how much a request may ask for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

LEAST_TOKEN_LENGTH = 16


@dataclass(frozen=True)
class Limits:
    """How much a request may ask for, and how long its files are kept.

    Args:
        upload_bytes: int, of one request.
        files: int, of one request, those inside a zip counted too.
        unpacked_bytes: int, of all files of a zip together.
        kept_bytes: int, of all uploads that are kept at a time.
        pixels: int, of one photo, decoded.
        seconds: float, of one recording that is searched with or embedded.
        decode_seconds: float, after which a decoder that gives nothing is ended.
        receive_seconds: float, in which something must come of a request that is being sent.
        waiting: int, requests that may be in work at once; more are told to come again (429).
        jobs: int, jobs that may wait.
        upload_lifetime_seconds: float, after which an upload is deleted.
    """

    upload_bytes: int = 200_000_000
    files: int = 200
    unpacked_bytes: int = 500_000_000
    kept_bytes: int = 5_000_000_000
    pixels: int = 100_000_000
    seconds: float = 600.0
    decode_seconds: float = 20.0
    receive_seconds: float = 30.0
    waiting: int = 64
    jobs: int = 8
    upload_lifetime_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"Expected {name} > 0, received {value}.")


@dataclass(frozen=True)
class ServeSettings:
    """What is served, and to whom. Each folder may be left out; what needs it then says so.

    Args:
        encoder: folder that `export --out` wrote.
        index: path or address, as `EmbeddingIndex.open` takes it.
        catalogue: file of a catalogue.
        review: folder that `count --out` wrote.
        sound_classifier: folder that `classify train --out` wrote.
        sound_thresholds: file that `classify evaluate` wrote.
        heard: folder that `classify predict --out` wrote.
        student: folder that `student export --out` wrote.
        archive: folder that `embed --out` writes, of any size.
        survey: folder that `check --out` wrote.
        runs: folder of training runs.
        project: JSON file of the study, for a Camtrap DP of the catalogue.
        deployments: CSV file of its cameras.
        media: CSV file that says when and where each of its files was taken.
        host: address to listen at. One that other machines reach needs a token.
        port: int; 0 takes a free one.
        token: str of at least 16 characters; None for none.
        num_decoders: int >= 1, worker processes that decode uploads.
        batch_size: int >= 1, requests that go through the network together at most.
        limits: of requests.
    Raises:
        ValueError: a host that other machines reach without a token; a token that is too short.
    """

    encoder: Path | None = None
    index: str | None = None
    catalogue: Path | None = None
    review: Path | None = None
    sound_classifier: Path | None = None
    sound_thresholds: Path | None = None
    heard: Path | None = None
    student: Path | None = None
    archive: Path | None = None
    survey: Path | None = None
    runs: Path | None = None
    project: Path | None = None
    deployments: Path | None = None
    media: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    num_decoders: int = 2
    batch_size: int = 16
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < LEAST_TOKEN_LENGTH:
            raise ValueError(
                f"Expected a token of at least {LEAST_TOKEN_LENGTH} characters, received "
                f"{len(self.token)}. `openssl rand -hex 16` makes one."
            )
        if self.token is None and not self.is_local:
            raise ValueError(
                f"'{self.host}' can be reached from other machines: a token is needed. Set the environment "
                "variable FUSED_ENCODER_TOKEN (`openssl rand -hex 16` makes one), or leave --host out."
            )

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
