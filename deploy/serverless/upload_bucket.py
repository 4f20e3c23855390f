"""The bucket on S3 that recordings are uploaded to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

_GONE = {"NoSuchKey", "404", "AccessDenied", "403"}
"""S3 says "AccessDenied" of what is not there to whom may not list the bucket."""


class UploadBucket:
    """Forms to upload by, and what was uploaded.

    Args:
        name: of the bucket.
        region: where it is; forms name its own address, which no browser is sent on from.
        form_seconds: int, how long a form is valid.
    """

    def __init__(self, name: str, region: str, form_seconds: int) -> None:
        self._name, self._form_seconds = name, form_seconds
        self._client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=f"https://s3.{region}.amazonaws.com",
            config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
        )

    def form(self, key: str, content_type: str, most_bytes: int) -> dict[str, Any]:
        """`url` and `fields`; S3 itself refuses another key, another type, and more bytes."""
        return self._client.generate_presigned_post(
            self._name,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[
                {"Content-Type": content_type},
                ["content-length-range", 1, most_bytes],
            ],
            ExpiresIn=self._form_seconds,
        )

    def fetch(self, key: str, path: Path) -> None:
        """Writes an object into a file.

        Raises:
            FileNotFoundError: there is none.
        """
        try:
            found = self._client.get_object(Bucket=self._name, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _GONE:
                raise
            raise FileNotFoundError(f"'{key}' is not in the bucket '{self._name}'.") from error
        with found["Body"] as body, path.open("wb") as file:
            shutil.copyfileobj(body, file)

    def delete(self, key: str) -> None:
        """Deletes an object; nothing happens where there is none."""
        self._client.delete_object(Bucket=self._name, Key=key)
