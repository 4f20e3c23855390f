"""The pages, one file each; they call the same functions as the API does."""

from fastapi import APIRouter

from app.web.pages import listen

router = APIRouter()
for page in (listen,):
    router.include_router(page.router)
