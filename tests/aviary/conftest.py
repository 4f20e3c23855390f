import pytest

from aviary import write_aviary


@pytest.fixture(scope="session")
def aviary(tmp_path_factory):
    return write_aviary(tmp_path_factory.mktemp("aviary") / "birds", size="tiny")
