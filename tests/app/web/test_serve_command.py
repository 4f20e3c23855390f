"""`fused-encoder serve`: what may be typed, and that it starts, answers and ends without a trace."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from app.cli.main import build_parser
from app.cli.serve import address_of, listen, settings_of
from app.web.settings import ServeSettings

TOKEN = "a-token-of-enough-letters"


def settings(*arguments) -> ServeSettings:
    return settings_of(build_parser().parse_args(["serve", *map(str, arguments)]))


def test_what_is_typed_becomes_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSED_ENCODER_TOKEN", TOKEN)
    (tmp_path / "thresholds.json").write_text("{}")
    typed = ["--index", "http://milvus:19530/birds", "--sound-classifier", tmp_path]
    made = settings(*typed, "--host", "0.0.0.0", "--max-upload-mb", 5, "--keep-minutes", 2)
    assert (made.index, made.host, made.token) == ("http://milvus:19530/birds", "0.0.0.0", TOKEN)
    assert made.sound_thresholds == tmp_path / "thresholds.json"
    assert (made.limits.upload_bytes, made.limits.upload_lifetime_seconds) == (5_000_000, 120)


def test_what_cannot_be_served_is_refused_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.delenv("FUSED_ENCODER_TOKEN", raising=False)
    with pytest.raises(ValueError, match="Nothing to serve"):
        settings()
    with pytest.raises(FileNotFoundError, match=r"--catalogue .*none"):
        settings("--catalogue", tmp_path / "none")
    with pytest.raises(ValueError, match="FUSED_ENCODER_TOKEN"):
        settings("--index", "birds.index", "--host", "0.0.0.0")


def test_a_port_that_is_taken_is_told():
    taken = listen(ServeSettings(port=0))
    port = taken.getsockname()[1]
    assert address_of(ServeSettings(), taken) == f"http://127.0.0.1:{port}"
    with taken, pytest.raises(OSError, match="another --port"):
        listen(ServeSettings(port=port))


def test_it_starts_answers_and_ends_without_a_trace(exported, tmp_path):
    command = [sys.executable, "-m", "app.cli.main", "serve", "--encoder", exported, "--port", "0"]
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=root
    ) as process:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        with urllib.request.urlopen(f"{address}/api/v1/health") as answer:
            assert b'"encoder":true' in answer.read()
        assert list(tmp_path.glob("fused-encoder-uploads-*"))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not list(tmp_path.glob("fused-encoder-uploads-*"))
