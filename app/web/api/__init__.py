"""The JSON API, one file for each kind of question."""

from fastapi import APIRouter

from app.web.api import add, catalogue, classify, embed, health, jobs, search

router = APIRouter()
for part in (health, embed, search, add, classify, jobs, catalogue):
    router.include_router(part.router)
