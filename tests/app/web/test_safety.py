"""What keeps a request from doing harm: docs/security.md names these tests."""

import asyncio
import re

import pytest
from fastapi import Request
from starlette.responses import HTMLResponse

from app.web.safety.csrf import CSRF_COOKIE
from app.web.safety.pressure import BackPressure
from app.web.safety.token import SESSION_COOKIE
from app.web.settings import Limits, ServeSettings
from app.web.views import render

API = "/api/v1"
TOKEN = "a-token-of-enough-letters"
ELSEWHERE = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}


@pytest.fixture
def guarded(serve):
    """A service that others can reach; one of its pages shows what it is given."""
    client = serve(host="0.0.0.0", token=TOKEN, num_decoders=1)

    @client.app.get("/shown")
    def shown(request: Request) -> HTMLResponse:
        return render(request, "sign_in.html", next=request.query_params["text"], is_wrong=True)

    return client


def test_a_host_that_others_reach_demands_a_token_and_the_default_is_this_machine():
    assert ServeSettings().host == "127.0.0.1"
    for host in ("0.0.0.0", "::", "192.168.1.7", "birds.example"):
        with pytest.raises(ValueError, match="token"):
            ServeSettings(host=host)
        assert ServeSettings(host=host, token=TOKEN).token == TOKEN
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        assert ServeSettings(host=host).is_local
    with pytest.raises(ValueError, match="16 characters"):
        ServeSettings(token="short")
    assert TOKEN not in repr(ServeSettings(token=TOKEN))


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"]
)
def test_without_the_token_nothing_is_answered_but_health(guarded, given):
    headers = {} if given is None else {"authorization": given.encode()}
    for path in ("metrics", "openapi.json", "jobs"):
        answer = guarded.get(f"{API}/{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.post(f"{API}/search", headers=headers).status_code == 401
    assert guarded.get(f"{API}/health").status_code == 200
    assert guarded.get("/know").headers["location"] == "/sign-in?next=%2Fknow"


def test_the_token_as_a_bearer_or_by_signing_in_opens_the_door(guarded):
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert guarded.get(f"{API}/metrics", headers=bearer).status_code == 200
    wrong = guarded.post("/sign-in", data={"token": "wrong", "next": "/know"})
    assert wrong.status_code == 403
    assert SESSION_COOKIE not in guarded.cookies
    right = guarded.post("/sign-in", data={"token": TOKEN, "next": "/know"})
    assert (right.status_code, right.headers["location"]) == (303, "/know")
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert guarded.get(f"{API}/metrics").status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_signing_in_never_leads_to_another_site(guarded, elsewhere):
    answer = guarded.post("/sign-in", data={"token": TOKEN, "next": elsewhere})
    assert answer.headers["location"] == "/"


def test_what_a_user_wrote_is_text_and_never_markup(guarded):
    guarded.post("/sign-in", data={"token": TOKEN})
    page = guarded.get("/shown", params={"text": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_no_page_holds_script_or_style_and_every_answer_says_what_it_may_do(guarded):
    for path in ("/sign-in", f"{API}/health", "/nothing", f"{API}/jobs"):
        headers = guarded.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    page = guarded.get("/sign-in").text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


@pytest.mark.parametrize(
    "headers", [ELSEWHERE, {"origin": "null"}, {"sec-fetch-site": "same-site"}]
)
def test_another_site_cannot_make_a_browser_change_anything(serve, headers):
    client = serve(num_decoders=1)
    for path in (f"{API}/add/embeddings", "/sign-in", "/decide"):
        assert client.post(path, headers=headers).status_code == 403


def test_a_page_needs_its_own_csrf_token_and_a_program_none(serve):
    client = serve(num_decoders=1)
    page = client.get("/sign-in")
    cookie = page.headers["set-cookie"]
    assert "SameSite=Strict" in cookie
    assert "HttpOnly" in cookie
    token = re.search(r'name="csrf-token" content="([^"]+)"', page.text)[1]
    assert client.cookies[CSRF_COOKIE] == token
    browser = {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}
    path = f"{API}/add/embeddings"
    for told in ({}, {"x-csrf-token": "guess"}):
        assert client.post(path, headers=browser | told, json={}).status_code == 403
    assert client.post(path, headers=browser | {"x-csrf-token": token}, json={}).status_code == 422
    assert client.post("/decide", headers={"x-csrf-token": token}).status_code in (
        404,
        405,
        409,
        422,
    )
    client.cookies.clear()
    assert client.post(path, json={}).status_code == 422  # a program on this machine


def test_a_name_that_is_not_this_machine_is_refused(serve):
    """A site whose name is made to point here (DNS rebinding) gets nothing."""
    client = serve(num_decoders=1)
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""):
        assert client.get(f"{API}/health", headers={"host": host}).status_code == 400
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080"):
        assert client.get(f"{API}/health", headers={"host": host}).status_code == 200


def test_a_body_that_is_too_large_is_refused_with_and_without_its_length(serve):
    client = serve(limits=Limits(upload_bytes=1000), num_decoders=1)
    large = b"x" * 1_100_000
    assert client.post(f"{API}/search", files={"photo": large}).status_code == 413
    kind = {"content-type": "multipart/form-data; boundary=b"}
    pieces = (large[:100_000] for _ in range(20))
    assert client.post(f"{API}/search", content=pieces, headers=kind).status_code == 413


def test_too_many_files_are_refused(serve, exported):
    client = serve(encoder=exported, limits=Limits(files=2), num_decoders=1)
    files = [("photos", b"x")] * 3
    assert client.post(f"{API}/embed", files=files).status_code == 413
    assert len(client.app.state.uploads) == 0


HOSTILE = {
    "empty": b"",
    "text": b"<script>alert(1)</script>",
    "a torn JPEG": b"\xff\xd8\xff\xe0" + b"\0" * 100,
    "a PNG of 4 gigapixels": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\2\0\0\0\xc4\xb4\xdd\x1a"
    ),
    "a WAV without sound": b"RIFF\x24\0\0\0WAVEfmt ",
    "a PDF": b"%PDF-1.7",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_upload_is_refused_with_a_sentence_and_leaves_nothing(asking, kind):
    for field in ("photo", "recording"):
        answer = asking.post(f"{API}/search", files={field: ("x", HOSTILE[kind])})
        assert answer.status_code == 422
        assert "cannot be used" in answer.json()["detail"]
        assert "/tmp" not in answer.json()["detail"]
    uploads = asking.app.state.uploads
    assert [path.name for path in uploads.folder.iterdir()] == [".lock"]


def _requests(app, num, receive):
    """The statuses and Retry-After of requests that come at once."""

    async def one():
        told = {}

        async def send(message):
            told.update(message if message["type"] == "http.response.start" else {})

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "app": None}
        await app(scope, receive, send)
        return told["status"], dict(told["headers"]).get(b"retry-after")

    async def all_of_them():
        return await asyncio.gather(*(one() for _ in range(num)), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_more_than_the_limit_is_told_to_come_again_before_it_is_read():
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def slow(scope, receive, send):
        await receive()
        await asyncio.sleep(0.05)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    answers = _requests(BackPressure(slow, most=2, receive_seconds=5), 5, receive)
    assert sorted(answers) == [(200, None)] * 2 + [(429, b"1")] * 3


def test_a_request_that_is_sent_too_slowly_gives_its_place_back():
    async def receive():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def read_all(scope, receive, send):
        while (await receive())["more_body"]:
            pass

    pressure = BackPressure(read_all, most=1, receive_seconds=0.1)
    (error,) = _requests(pressure, 1, receive)
    assert error.status_code == 408
    (again,) = _requests(pressure, 1, receive)
    assert again.status_code == 408  # and not 429


def test_a_busy_service_answers_429(serve, exported, photos, monkeypatch):
    client = serve(encoder=exported, limits=Limits(kept_bytes=10), num_decoders=1)
    answer = client.post(f"{API}/embed", files={"photos": photos[0].read_bytes()})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 120


def test_no_path_leads_out_of_the_static_files(serve):
    client = serve(num_decoders=1)
    for path in ("../application.py", "..%2Fapplication.py", "%2e%2e/house.py", "/etc/passwd"):
        assert client.get(f"/static/{path}").status_code == 404
