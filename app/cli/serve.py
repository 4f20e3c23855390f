"""`fused-encoder serve`: the page and the API on this machine."""

from __future__ import annotations

import argparse
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command, value
from app.cli.outcome import DONE, import_tensorflow_quietly

if TYPE_CHECKING:
    from app.web.settings import ServeSettings

TOKEN_VARIABLE = "FUSED_ENCODER_TOKEN"
TOKEN_FILE_VARIABLE = f"{TOKEN_VARIABLE}_FILE"
FOLDERS = (
    ("--catalogue", "FILE", "of individuals, see `catalogue`"),
    ("--review", "DIR", "folder that `count --out` wrote, to decide its doubtful pairs"),
    ("--sound-classifier", "DIR", "folder that `classify train --out` wrote"),
    ("--sound-thresholds", "FILE.json", "certified for it (default: its own, where it has some)"),
    ("--heard", "DIR", "folder that `classify predict --out` wrote, to listen and decide"),
    ("--student", "DIR", "folder that `student export --out` wrote"),
    ("--survey", "DIR", "folder that `check --out` wrote, to look over"),
    ("--archive", "DIR", "folder that `embed --out` writes, to look over its progress"),
    ("--runs", "DIR", "folder of training runs, to look over their curves"),
    ("--project", "FILE.json", "of the study, for a Camtrap DP of the catalogue"),
    ("--deployments", "FILE.csv", "of its cameras"),
    ("--media", "FILE.csv", "when and where each of its files was taken"),
)


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "serve", "ask, listen and decide in a browser, or by a JSON API")
    value(parser, "--encoder", str, "DIR", "folder that `export --out` wrote")
    value(parser, "--index", str, "INDEX", "that `index build` wrote, or http://host of Milvus")
    for name, metavar, text in FOLDERS:
        value(parser, name, Path, metavar, text)
    host = (
        f"address to listen at; one that others can reach needs {TOKEN_VARIABLE} in the environment, or "
        f"{TOKEN_FILE_VARIABLE}, the name of a file that holds it"
    )
    value(parser, "--host", "127.0.0.1", None, host)
    value(parser, "--port", 8080, None, "0 takes a free one", least=0)
    value(parser, "--decoders", 2, "N", "worker processes that decode uploads", least=1)
    group = parser.add_argument_group("limits")
    value(group, "--max-upload-mb", 200.0, "MB", "of one request", above=0)
    value(group, "--keep-minutes", 60.0, "M", "after which an upload is deleted", above=0)


def run(options: argparse.Namespace) -> int:
    """Serves until it is interrupted."""
    try:
        import uvicorn

        from app.web.application import create_app
    except ImportError as error:
        raise ImportError(
            f"{error.name} is missing. Install it: pip install 'fused-encoder[serve]'."
        ) from error
    settings = settings_of(options)
    import_tensorflow_quietly()
    app = create_app(settings)
    app.state.workspace.open_all()
    listening = listen(settings)
    print(f"Open {address_of(settings, listening)} in a browser. Ctrl-C ends it.", flush=True)
    config = uvicorn.Config(app, log_level="warning", server_header=False)
    with suppress(KeyboardInterrupt):  # that is how it ends
        uvicorn.Server(config).run(sockets=[listening])
    return DONE


def settings_of(options: argparse.Namespace) -> ServeSettings:
    """The settings that were typed; files that are not there are refused.

    Raises:
        FileNotFoundError: all of them, in one message.
        ValueError: nothing to serve, or a host that needs a token.
    """
    from app.web.settings import Limits, ServeSettings
    from soundscapes.thresholds_file import THRESHOLDS_FILE

    paths = {name: getattr(options, name[2:].replace("-", "_")) for name, *_ in FOLDERS}
    if missing := [f"{name} {path}" for name, path in paths.items() if path and not path.exists()]:
        raise FileNotFoundError(f"There is nothing at {', '.join(missing)}. Correct the path.")
    given = {name[2:].replace("-", "_"): path for name, path in paths.items()}
    own = Path(given["sound_classifier"] or "", THRESHOLDS_FILE)
    if given["sound_classifier"] and not given["sound_thresholds"] and own.is_file():
        given["sound_thresholds"] = own
    if not any((options.encoder, options.index, *given.values())):
        raise ValueError("Nothing to serve. Name at least --encoder and --index, or --catalogue.")
    return ServeSettings(
        encoder=Path(options.encoder) if options.encoder else None,
        index=options.index,
        **given,
        host=options.host,
        port=options.port,
        token=token_from_environment(),
        num_decoders=options.decoders,
        limits=Limits(
            upload_bytes=int(options.max_upload_mb * 1e6),
            upload_lifetime_seconds=options.keep_minutes * 60,
        ),
    )


def token_from_environment() -> str | None:
    """What `FUSED_ENCODER_TOKEN` says, or the file that `FUSED_ENCODER_TOKEN_FILE` names; None for neither.

    Docker and Kubernetes hand out secrets as files, which stand in no process' environment.

    Raises:
        ValueError: both are set, or the file holds nothing.
        OSError: the file cannot be read.
    """
    said, file = os.environ.get(TOKEN_VARIABLE), os.environ.get(TOKEN_FILE_VARIABLE)
    if said and file:
        raise ValueError(f"Set {TOKEN_VARIABLE} or {TOKEN_FILE_VARIABLE}, not both.")
    if not file:
        return said or None
    token = Path(file).read_text("utf-8").strip()
    if not token:
        raise ValueError(f"'{file}', which {TOKEN_FILE_VARIABLE} names, holds no token.")
    return token


def listen(settings: ServeSettings) -> socket.socket:
    """The socket, open before anything is printed: the address that is told can be used at once.

    Raises:
        OSError: the address is not one of this machine, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(
            f"Cannot listen at {settings.host}, port {settings.port}: {error.strerror or error}. Choose "
            "another --port, or 0 for a free one."
        ) from error


def address_of(settings: ServeSettings, listening: socket.socket) -> str:
    """Where a browser finds it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"
