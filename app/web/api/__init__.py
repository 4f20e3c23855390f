"""The JSON API, one file for each kind of question."""

from fastapi import APIRouter

from app.web.api import add, embed, health, search

router = APIRouter()
for part in (health, embed, search, add):
    router.include_router(part.router)
