"""The JSON API, one file for each kind of question."""

from fastapi import APIRouter

from app.web.api import add, catalogue, embed, health, search

router = APIRouter()
for part in (health, embed, search, add, catalogue):
    router.include_router(part.router)
