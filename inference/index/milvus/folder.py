"""The folder of Milvus Lite, looked at before anything is opened: nothing is made where nothing should be."""

from __future__ import annotations

from inference.index.milvus.address import MilvusAddress

LOCK = "LOCK"  # Milvus Lite has this file in each of its folders
MADE_BEFORE_IT = {"collections", "databases"}


def check_folder(address: MilvusAddress, *, create: bool) -> None:
    """Refuse a path that is no folder of Milvus Lite; for a server there is nothing to look at.

    Raises:
        FileNotFoundError: there is none (without `create`), or the folder that it should be in is not there.
        ValueError: a file, or a folder of something else.
    """
    path = address.path
    if path is None:
        return
    if path.is_file():
        raise ValueError(
            f"{path} is a file; Milvus Lite keeps its rows in a folder. Give another path after 'milvus:'."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} for the index {address} does not exist. Create it first."
        )
    if path.is_dir():
        names = {entry.name for entry in path.iterdir()}
        if LOCK not in names and not names <= MADE_BEFORE_IT:
            raise ValueError(
                f"{path} is a folder of something else than Milvus Lite. It was left as it is. Give another "
                "path after 'milvus:'."
            )
    elif not create:
        raise FileNotFoundError(
            f"There is no index {address}. Check the path, or open it with create=True."
        )
