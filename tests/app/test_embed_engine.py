"""Who is asked to embed: refused before anything is loaded where it makes no sense."""

import sys

import pytest

from app.cli.main import main

EMBED = ("embed", "cards", "--encoder", "encoder", "--out")


@pytest.mark.parametrize("option", [("--ray-address", "auto"), ("--ray-actors", "2")])
def test_a_cluster_is_named_with_the_engine_that_uses_it(option, tmp_path, capsys):
    assert main([*EMBED, str(tmp_path / "out"), *option]) == 2
    assert f"{option[0]} is of use with --engine ray only" in capsys.readouterr().err


@pytest.mark.ray
def test_a_cluster_writes_no_single_file(tmp_path, capsys):
    pytest.importorskip("ray")
    assert main([*EMBED, str(tmp_path / "out.npz"), "--engine", "ray"]) == 2
    assert "--engine ray writes a folder of shards" in capsys.readouterr().err


def test_without_ray_the_extra_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*EMBED, str(tmp_path / "out"), "--engine", "ray"]) == 2
    assert "pip install 'fused-encoder[ray]'" in capsys.readouterr().err
