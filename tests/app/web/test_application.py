"""The application starts, and says what it was given."""


def test_it_starts_with_nothing_and_says_so(serve):
    answer = serve().get("/api/v1/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert not any(answer.json()["served"].values())
