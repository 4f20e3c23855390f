"""Decide: one question at a time, answered by one key; who said what, and when, is in the log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import Response

from app.reports.match_picture import match_picture
from app.web.pages.listen import as_download
from app.web.reviews import EventReview, PairReview, latest
from app.web.views import render
from individuals.sighting_file import crop_file, read_picture
from soundscapes.event_review import event_key

router = APIRouter()
MARGIN_SECONDS = 2.0  # of sound around a detection
Words = Annotated[str, Form()]


@router.get("/decide")
def overview(request: Request) -> Response:
    """Which reviews there are."""
    workspace = request.app.state.workspace
    served = workspace.served
    return render(
        request,
        "decide.html",
        pairs=workspace.pair_review if served["review"] else None,
        events=workspace.event_review if served["heard"] else None,
    )


@router.get("/decide/pairs")
def pairs(request: Request) -> Response:
    """The most useful question about the count."""
    return _pairs(request, "decide_pairs.html")


@router.post("/decide/pairs")
def answer_pair(request: Request, question: Words, answer: Words, who: Words = "") -> Response:
    """Writes an answer down; gives the next question."""
    request.app.state.workspace.pair_review.answer(question, answer, person(who))
    return _pairs(request, "decide_pair.html", done=f"Written down: {answer}.")


@router.post("/decide/pairs/undo")
def undo_pair(request: Request, who: Words = "") -> Response:
    """Takes the last answer back."""
    entry = request.app.state.workspace.pair_review.log.undo(by=person(who))
    done = f"Taken back: {entry.answer}." if entry else "There is nothing to take back."
    return _pairs(request, "decide_pair.html", done=done)


@router.get("/decide/pairs/review.csv")
def sheet(request: Request) -> Response:
    """The answers, for `fused-encoder review apply`."""
    text = request.app.state.workspace.pair_review.sheet()
    content = text.encode("utf-8-sig", "backslashreplace")
    return Response(content, media_type="text/csv", headers=as_download("review.csv"))


@router.get("/decide/pairs/crop/{row}")
def crop(request: Request, row: int) -> Response:
    """The picture of a sighting."""
    review: PairReview = request.app.state.workspace.pair_review
    sightings = review.counted.table.sightings
    picture = read_picture(review.folder, sightings[row]) if 0 <= row < len(sightings) else None
    if picture is None:
        raise HTTPException(404, "There is no picture of this sighting.")
    kept = {"Cache-Control": "private, max-age=3600"}
    return Response(picture[1], media_type=f"image/{picture[0]}", headers=kept)


@router.get("/decide/pairs/match/{number}")
def match(request: Request, number: int) -> Response:
    """What both pictures of a question share, by lines."""
    review: PairReview = request.app.state.workspace.pair_review
    if not 0 <= number < len(review.questions):
        raise HTTPException(404, "There is no such question.")
    pair, table = review.questions[number].pair, review.counted.table
    files = [crop_file(review.folder, table.sightings[row]) for row in (pair.first, pair.second)]
    drawn = None if None in files else match_picture(*(file for file in files if file))
    if drawn is None:
        raise HTTPException(404, "There are no two pictures to compare.")
    headers = {"Cache-Control": "private, max-age=3600", "X-Shared-Points": str(drawn[1])}
    return Response(drawn[0], media_type="image/jpeg", headers=headers)


@router.get("/decide/detections")
def detections(request: Request) -> Response:
    """The most useful detection to look at."""
    return _detections(request, "decide_detections.html")


@router.post("/decide/detections")
def answer_detection(
    request: Request, question: Words, answer: Words, species: Words = "", who: Words = ""
) -> Response:
    """Writes an answer down; gives the next detection."""
    review: EventReview = request.app.state.workspace.event_review
    review.answer(question, answer, person(who), species)
    return _detections(request, "decide_detection.html", done=f"Written down: {answer}.")


@router.post("/decide/detections/undo")
def undo_detection(request: Request, who: Words = "") -> Response:
    """Takes the last answer back."""
    entry = request.app.state.workspace.event_review.log.undo(by=person(who))
    done = f"Taken back: {entry.answer}." if entry else "There is nothing to take back."
    return _detections(request, "decide_detection.html", done=done)


@router.get("/decide/detections/decisions.csv")
def decisions(request: Request) -> Response:
    """What was decided, as a table."""
    text = request.app.state.workspace.event_review.table()
    content = text.encode("utf-8", "backslashreplace")
    return Response(content, media_type="text/csv", headers=as_download("decisions.csv"))


def _pairs(request: Request, template: str, done: str = "") -> Response:
    review: PairReview = request.app.state.workspace.pair_review
    question = review.next()
    sides = []
    if question is not None:
        pair, sightings = question.pair, review.counted.table.sightings
        for first, beside in ((pair.first, pair.first_beside), (pair.second, pair.second_beside)):
            sides.append([(row, sightings[row]) for row in (first, *beside)])
    return render(
        request,
        template,
        review=review,
        question=question,
        sides=sides,
        num=len(review.questions),
        num_answered=review.num_answered(),
        latest=latest(review.log),
        done=done,
    )


def _detections(request: Request, template: str, done: str = "") -> Response:
    review: EventReview = request.app.state.workspace.event_review
    event = review.next()
    clip = None
    if event is not None:
        start = max(0.0, event.start_seconds - MARGIN_SECONDS)
        end = event.end_seconds + MARGIN_SECONDS
        clip = {"file": review.files[event.file], "start": start, "seconds": end - start}
    return render(
        request,
        template,
        review=review,
        event=event,
        clip=clip,
        key=event_key(event) if event else "",
        species=sorted(review.heard.thresholds),
        precision=review.precision(),
        num=len(review.events),
        num_answered=sum(key in review.events for key in review.answers()),
        latest=latest(review.log),
        done=done,
    )


def person(who: str) -> str:
    """Who decides, for the log."""
    name = " ".join(who.split())[:200]
    return name if name.isprintable() and name else "person"
