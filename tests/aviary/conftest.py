import pytest

from aviary import Aviary, write_aviary


@pytest.fixture(scope="session")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Aviary:
    return write_aviary(tmp_path_factory.mktemp("aviary") / "birds", size="tiny")
