"""What AWS Lambda calls: `upload` gives a form to send a recording by, `classify` says what is in it.

Both answer signed-in people alone: the gateway checks their token (`template.yaml`), and an event without
its claims is refused here too. The recording goes from the browser to the bucket, never through a function's
payload, and is deleted as soon as it was heard.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

CONTENT_TYPES = frozenset(
    f"audio/{kind}"
    for kind in ("wav", "x-wav", "flac", "x-flac", "ogg", "mpeg", "mp4", "x-m4a", "aac", "webm")
)
FORM_SECONDS = 300
_USER = re.compile(r"[A-Za-z0-9-]{1,64}")
_UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class Limits:
    """How much may be asked for.

    Args:
        upload_bytes: int, of one recording; the bucket itself refuses more.
        seconds: float, of a recording that is heard.
    """

    upload_bytes: int = 20_000_000
    seconds: float = 60.0


class RefusedError(Exception):
    """A request that is answered with a status of its own and a sentence."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Bucket(Protocol):
    """Where recordings wait to be heard."""

    def form(self, key: str, content_type: str, most_bytes: int) -> dict[str, Any]:
        """`url` and `fields` of a form that may send one object of this key, type and size at most."""

    def fetch(self, key: str, path: Path) -> None:
        """Writes an object into a file; FileNotFoundError where there is none."""

    def delete(self, key: str) -> None:
        """Deletes an object; nothing happens where there is none."""


class Student(Protocol):
    """See `small_student.SmallStudent`."""

    def answer(self, path: str | Path, *, most_seconds: float) -> dict[str, object]:
        """What is heard in a recording."""


def upload(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """POST /api/uploads with {"content_type": "audio/wav"}."""
    return respond(lambda: upload_form(caller(event), body_of(event), _bucket(), _limits()))


def classify(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """POST /api/uploads/{id}/answer, once the form was sent."""
    upload_id = (event.get("pathParameters") or {}).get("id", "")
    return respond(lambda: heard_in(caller(event), upload_id, _bucket(), _student(), _limits()))


def upload_form(
    user: str, request: Mapping[str, Any], bucket: Bucket, limits: Limits
) -> dict[str, Any]:
    """A form for one recording of this user, under a random key, valid for five minutes.

    Raises:
        RefusedError: the type is none of `CONTENT_TYPES`.
    """
    given = request.get("content_type")
    content_type = given.partition(";")[0].strip().lower() if isinstance(given, str) else ""
    if content_type not in CONTENT_TYPES:
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Expected a content_type of {', '.join(sorted(CONTENT_TYPES))}, received {given!r:.60}.",
        )
    upload_id = secrets.token_urlsafe(24)
    form = bucket.form(key_of(user, upload_id), content_type, limits.upload_bytes)
    return {"id": upload_id, "form": form, "most_bytes": limits.upload_bytes}


def heard_in(
    user: str, upload_id: str, bucket: Bucket, student: Student, limits: Limits
) -> dict[str, object]:
    """What is heard in a recording that this user has uploaded; the upload is deleted, whatever comes.

    Raises:
        RefusedError: there is none of this name, or it is no recording.
    """
    from media.errors import UnreadableMediaError

    key = key_of(user, upload_id)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        try:
            bucket.fetch(key, path)
            return student.answer(path, most_seconds=limits.seconds)
        except FileNotFoundError as error:
            told = "This upload is gone: each is heard once, and kept for a day at most."
            raise RefusedError(HTTPStatus.NOT_FOUND, told) from error
        except UnreadableMediaError as error:
            told = f"The recording cannot be heard: {error.reason}"
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, told) from error
        finally:
            bucket.delete(key)


def key_of(user: str, upload_id: str) -> str:
    """Where an upload is: under its user, so that nobody else's can be asked for.

    Raises:
        RefusedError: not an id that `upload_form` gave.
    """
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise RefusedError(HTTPStatus.NOT_FOUND, "There is no such upload.")
    return f"uploads/{user}/{upload_id}"


def caller(event: Mapping[str, Any]) -> str:
    """Who asks, by the claims that the gateway has checked.

    Raises:
        RefusedError: the event has none: the gateway lets through whom it should not.
    """
    found: Any = event
    for name in ("requestContext", "authorizer", "jwt", "claims", "sub"):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not _USER.fullmatch(found):
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "Sign in first.")
    return found


def body_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON object that was sent.

    Raises:
        RefusedError: it is none.
    """
    try:
        body = json.loads(event.get("body") or "")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, 'Expected {"content_type": "audio/wav"}.')
    return body


def respond(work: Callable[[], Mapping[str, object]]) -> dict[str, Any]:
    """An answer as the gateway takes it. What breaks is raised: it is logged, and answered with 500."""
    try:
        status, body = HTTPStatus.OK, work()
    except RefusedError as error:
        status, body = error.status, {"detail": error.detail}
    return {
        "statusCode": int(status),
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
        "body": json.dumps(body, ensure_ascii=False),
    }


@cache
def _limits() -> Limits:
    return Limits(int(os.environ["MOST_UPLOAD_BYTES"]), float(os.environ["MOST_SECONDS"]))


@cache
def _bucket() -> Bucket:
    from upload_bucket import UploadBucket

    return UploadBucket(os.environ["UPLOAD_BUCKET"], os.environ["AWS_REGION"], FORM_SECONDS)


@cache
def _student() -> Student:
    from small_student import SmallStudent

    return SmallStudent(os.environ["STUDENT_FILE"])
