"""The JSON API, one file for each kind of question."""

from fastapi import APIRouter

from app.web.api import health

router = APIRouter()
router.include_router(health.router)
