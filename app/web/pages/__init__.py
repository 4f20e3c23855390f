"""The pages, one file each; they call the same functions as the API does."""

from fastapi import APIRouter

from app.web.pages import decide, know, listen, look_over

router = APIRouter()
for page in (listen, decide, know, look_over):
    router.include_router(page.router)
