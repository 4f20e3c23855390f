"""The pages, one file each; they call the same functions as the API does."""

from fastapi import APIRouter

router = APIRouter()
