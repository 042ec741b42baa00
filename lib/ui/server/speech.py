"""Routes of answers that are read aloud: the number of passages, the audio of each as it arrives, and Stop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lib.chat.voice.speech import Chunk, Passage, Reading
from lib.core.errors import AntlerError
from lib.ui.auth.sign_in_html import base_path
from lib.ui.markdown.speakable import split_passages
from lib.ui.session.speech import SpeechSource, find_source

PREFIX = "/speech/"
_NO_STORE = {"Cache-Control": "no-store"}
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")


def address(source: SpeechSource) -> str:
    """Return the path below which the browser finds the readings of a session."""
    return f"{base_path().rstrip('/')}{PREFIX}{source.token}"


def session_of(path: str) -> str:
    """Return the id of the session that a path below PREFIX belongs to, "" for none."""
    source = find_source(path.removeprefix(PREFIX).partition("/")[0])
    return source.session_id if source else ""


async def describe(request: Request) -> Response:
    """Respond with the number of passages of an answer; `hasError` where the page has a reason to show."""
    source, reading = await _open(request, is_start=False)
    count = len(reading.passages) if reading else 0
    return JSONResponse({"count": count, "hasError": bool(source and source.reader.has_error)}, headers=_NO_STORE)


async def play(request: Request) -> Response:
    """Respond with the audio of a passage as it arrives, or with 502 if there is none: the page then asks why."""
    index = int(request.path_params["index"])
    source, reading = await _open(request, is_start=index == 0)
    if source is None or reading is None or index >= len(reading.passages):
        return Response(status_code=404, headers=_NO_STORE)
    passage = reading.want(index)
    chunks = _follow(passage)
    first = await anext(chunks)
    if first.error:
        source.reader.report(first.error)
    if not first.data:
        return Response(status_code=502, headers=_NO_STORE)
    requested = _RANGE.fullmatch(request.headers.get("range", ""))
    if requested and (int(requested[1]) or requested[2]):
        return await _respond_with_part(passage, first, chunks, int(requested[1]), requested[2])
    headers = {**_NO_STORE, "Content-Type": passage.media_type}
    if first.is_end:
        return Response(first.data, headers=headers)
    return StreamingResponse(_audio(source, first, chunks), headers=headers)


async def stop(request: Request) -> Response:
    """Stop what is read, also upstream."""
    if source := find_source(request.path_params["token"]):
        await run_in_threadpool(source.reader.stop)
    return Response(status_code=204, headers=_NO_STORE)


def routes() -> list[Route]:
    """Return the routes, also below the path at which the app is served."""
    paths = (("{node}", describe, "GET"), ("{node}/{index:int}", play, "GET"), ("", stop, "DELETE"))
    return [
        Route(f"{base}{PREFIX}{{token}}{'/' if path else ''}{path}", endpoint, methods=[method])
        for base in dict.fromkeys(("", base_path().rstrip("/")))
        for path, endpoint, method in paths
    ]


async def _open(request: Request, *, is_start: bool) -> tuple[SpeechSource | None, Reading | None]:
    """Return the session's source and the reading of a request; None for what does not exist."""
    source, node_id = find_source(request.path_params["token"]), request.path_params["node"]
    if source is None:
        return None, None
    try:
        return source, await run_in_threadpool(source.open, node_id, split_passages, is_start=is_start)
    except AntlerError as error:
        source.reader.report(error)
        return source, None


async def _follow(passage: Passage) -> AsyncIterator[Chunk]:
    """Yield the audio of a passage as it arrives, at least one chunk; the last one is its end."""
    loop, changed, size = asyncio.get_running_loop(), asyncio.Event(), 0

    def wake() -> None:
        loop.call_soon_threadsafe(changed.set)

    with passage.listening(wake):
        while True:
            changed.clear()
            chunk = passage.read(size)
            size += len(chunk.data)
            if chunk.data or chunk.is_end:
                yield chunk
            if chunk.is_end:
                return
            await changed.wait()


async def _audio(source: SpeechSource, first: Chunk, chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    yield first.data
    async for chunk in chunks:
        yield chunk.data
        if chunk.error:
            # What has arrived is played; then the page asks for the reason.
            source.reader.report(chunk.error)


async def _respond_with_part(
    passage: Passage, first: Chunk, chunks: AsyncIterator[Chunk], start: int, end: str
) -> Response:
    """Respond with some of the bytes, once all have arrived: Safari plays nothing from a server that has no parts."""
    data = first.data
    async for chunk in chunks:
        data += chunk.data
    last = min(int(end) if end else len(data) - 1, len(data) - 1)
    if start > last:
        return Response(status_code=416, headers={**_NO_STORE, "Content-Range": f"bytes */{len(data)}"})
    headers = {
        **_NO_STORE,
        "Content-Type": passage.media_type,
        "Accept-Ranges": "bytes",
        "Content-Range": f"bytes {start}-{last}/{len(data)}",
    }
    return Response(data[start : last + 1], 206, headers=headers)
