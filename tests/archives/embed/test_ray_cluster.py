"""What is asked of a cluster, and what is said when there is none."""

import os
import socket

import pytest

from archives.embed.ray_cluster import connected, quiet, share_cores


@pytest.mark.parametrize(
    ("machines", "wanted", "expected"),
    [
        ([4], None, (1, 4)),
        ([4, 4], None, (2, 4)),
        ([32, 32], None, (8, 8)),
        ([4, 16], None, (5, 4)),
        ([1, 1], None, (2, 1)),
        ([8], 2, (2, 4)),
        ([8, 4], 3, (3, 4)),
        ([64], 2, (2, 8)),
        ([2], 5, (5, 1)),
        ([], None, (1, 1)),
        ([], 3, (3, 1)),
    ],
)
def test_actors_share_the_cores_of_the_machines(machines, wanted, expected):
    assert share_cores(machines, wanted) == expected


def test_no_more_cores_are_used_than_there_are():
    for machines in ([1], [3, 5], [7, 8, 9], [64, 1]):
        for wanted in (None, *range(1, len(machines) + 1)):
            actors, cores = share_cores(machines, wanted)
            assert actors * cores <= sum(machines)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.ray
@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_an_address_where_nobody_answers_is_refused_at_once(form):
    pytest.importorskip("ray")
    address = form.format(free_port())
    before = dict(os.environ)
    expected = f"No Ray cluster can be reached at '{address}' .*refused.*`ray status`"
    with pytest.raises(ConnectionError, match=expected), connected(address):
        pass
    assert dict(os.environ) == before


@pytest.mark.ray
def test_what_ray_says_of_the_dead_is_left_out_and_nothing_else(capsys):
    pytest.importorskip("ray")
    with quiet():
        for line in ("ours", "\033[33m(raylet)\033[0m A worker died", "", "of a (raylet)"):
            print(line)  # noqa: T201 - as Ray does
    assert capsys.readouterr().out == "ours\n\nof a (raylet)\n"


@pytest.mark.ray
def test_an_address_without_a_port_is_refused():
    pytest.importorskip("ray")
    with pytest.raises(ConnectionError, match="names no host and port"), connected("somewhere"):
        pass
