"""The pages, one file each; they call the same functions as the API does."""

from fastapi import APIRouter

from app.web.pages import ask, batch, decide, know, listen, look_over

router = APIRouter()
for page in (batch, ask, listen, decide, know, look_over):
    router.include_router(page.router)
