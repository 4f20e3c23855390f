"""The functions of the serverless page, in a process in which TensorFlow cannot be imported."""

import base64
import json
import os
import subprocess
import sys

import pytest

from tests.deploy.dockerfiles import ROOT

FOLDER = ROOT / "deploy" / "serverless"
# Stands in for S3; what a test asks of the handler is printed as JSON.
PRELUDE = """
import json, sys
class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "librosa", "numba", "sklearn"):
            raise ImportError(f"{name} is not in the image")
sys.meta_path.insert(0, NoTensorFlow())
import handler

class FakeBucket:
    def __init__(self):
        self.objects, self.allowed = {}, {}
    def form(self, key, content_type, most_bytes):
        self.allowed[key] = (content_type, most_bytes)
        return {"url": "https://bucket", "fields": {"key": key, "Content-Type": content_type}}
    def fetch(self, key, path):
        if key not in self.objects:
            raise FileNotFoundError(key)
        path.write_bytes(self.objects[key])
    def delete(self, key):
        self.objects.pop(key, None)

bucket = FakeBucket()
handler._bucket = lambda: bucket
def ask(function, user="a-b-1", **event):
    claims = {"claims": {"sub": user}} if user else {}
    answer = function(event | {"requestContext": {"authorizer": {"jwt": claims}}}, None)
    return answer["statusCode"], json.loads(answer["body"])
def send(content, user="a-b-1", content_type="audio/wav"):
    status, told = ask(handler.upload, user, body=json.dumps({"content_type": content_type}))
    assert status == 200, told
    bucket.objects[told["form"]["fields"]["key"]] = content
    return told
def answer(upload_id, user="a-b-1"):
    return ask(handler.classify, user, pathParameters={"id": upload_id})
say = lambda *told: print(json.dumps(told))
"""


@pytest.fixture
def told_by(small_file):
    """Runs a program after `PRELUDE`, and gives what it says."""

    def run(program, *arguments):
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(FOLDER), str(ROOT)]),
            "STUDENT_FILE": str(small_file),
            "MOST_UPLOAD_BYTES": "1000000",
            "MOST_SECONDS": "2.25",
        }
        command = [sys.executable, "-c", PRELUDE + program, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_recording_is_named_with_times_and_its_upload_is_gone(told_by, whistle, small_file):
    told, (status, heard), left, again = told_by(
        "content = open(sys.argv[1], 'rb').read()\n"
        "told = send(content)\n"
        "say(told, answer(told['id']), len(bucket.objects), answer(told['id']))",
        whistle,
    )
    assert told["most_bytes"] == 1_000_000
    assert status == 200
    assert heard["heard_seconds"] == 2.25  # of 2.5, as the limit says
    times = [(clip["start_seconds"], clip["end_seconds"]) for clip in heard["clips"]]
    assert times == [(0, 1), (1, 2), (1.25, 2.25)]
    for named in (heard["recording"], *heard["clips"]):
        assert sum(named["scores"].values()) == pytest.approx(1, abs=1e-3)
        assert max(named["scores"].values()) == named["score"]
        likeliest = max(named["scores"], key=named["scores"].get)
        assert named["species"] == (likeliest if named["score"] >= 0.7 else "unknown")
    assert left == 0
    assert (again[0], again[1]["detail"].split(":")[0]) == (404, "This upload is gone")


def test_what_is_no_recording_is_refused_in_words_and_deleted(told_by):
    answers, left = told_by(
        "bad = [b'', b'<html>', b'#EXTM3U\\nhttp://127.0.0.1/a.ts', b'RIFF' + bytes(60)]\n"
        "say([answer(send(content)['id']) for content in bad], len(bucket.objects))"
    )
    assert [status for status, _ in answers] == [422] * 4
    assert all("The recording cannot be heard" in told["detail"] for _, told in answers)
    assert not [told for _, told in answers if "/tmp" in told["detail"]]
    assert left == 0


def test_nobody_is_answered_without_claims_or_for_the_upload_of_another(told_by):
    unknown, other, strange, kept = told_by(
        "upload_id = send(b'RIFF', user='a-b-1')['id']\n"
        "unknown = [ask(handler.upload, None, body='{}')]\n"
        "unknown += [answer(upload_id, None), answer(upload_id, '../a')]\n"
        "strange = [answer(name)[0] for name in ('', '../x', upload_id + '/..', 'a' * 31)]\n"
        "say(unknown, answer(upload_id, 'a-b-2'), strange, len(bucket.objects))"
    )
    assert [status for status, _ in unknown] == [401] * 3
    assert other[0] == 404
    assert strange == [404] * 4
    assert kept == 1  # nobody deletes the upload of another either


def test_a_form_is_for_sound_of_one_type_and_size_under_a_random_key(told_by):
    keys, allowed, refused = told_by(
        "keys = [send(b'', content_type='audio/webm;codecs=opus')['form']['fields']['key'] for _ in 'ab']\n"
        "bodies = [{'content_type': 'text/html'}, {'content_type': 7}, {}, [], None]\n"
        "refused = [ask(handler.upload, body=json.dumps(body))[0] for body in bodies]\n"
        "say(keys, list(bucket.allowed.values()), refused + [ask(handler.upload, body='{')[0]])"
    )
    assert len({*keys}) == 2
    assert all(key.startswith("uploads/a-b-1/") and len(key) == 14 + 32 for key in keys)
    assert allowed == [["audio/webm", 1_000_000]] * 2
    assert refused == [415, 415, 415, 400, 400, 400]


def test_s3_itself_holds_the_form_to_its_key_type_and_size(told_by, monkeypatch):
    pytest.importorskip("boto3", reason="boto3 signs the form")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "not-a-real-one")
    (form,) = told_by(
        "from upload_bucket import UploadBucket\n"
        "say(UploadBucket('birds', 'eu-central-1', 300).form('uploads/a/b', 'audio/wav', 1000))"
    )
    assert form["url"] == "https://birds.s3.eu-central-1.amazonaws.com/"
    conditions = json.loads(base64.b64decode(form["fields"]["policy"]))["conditions"]
    for one in ({"bucket": "birds"}, {"key": "uploads/a/b"}, {"Content-Type": "audio/wav"}):
        assert one in conditions
    assert ["content-length-range", 1, 1000] in conditions
