"""Jobs of attachments: their ends, a fallback after an error, and a cancel that shuts the connection down."""

from __future__ import annotations

import threading

import pytest

from lib.chat.attachments.job import AttachmentJob
from lib.core.attachment_errors import PageUnreachable
from lib.core.attachments import Attachment
from lib.core.errors import UnexpectedError
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.web_page import Network, fetch_page
from tests.support.replay import Canned, Replay

AUDIO = Attachment("audio", "audio/wav", "talk.wav", b"RIFF")


def finish(job: AttachmentJob) -> AttachmentJob:
    assert job.wait(60)
    return job


def fail(_: CancelToken) -> Attachment:
    raise PageUnreachable("tides.example")


def test_a_job_ends_with_its_attachment() -> None:
    job = finish(AttachmentJob("page", lambda _: AUDIO))
    assert (job.state, job.attachment, job.error) == ("done", AUDIO, None)
    job.cancel()
    assert (job.state, job.attachment) == ("done", AUDIO)


def test_an_error_ends_it_and_a_fallback_takes_the_place_of_the_attachment() -> None:
    failed = finish(AttachmentJob("page", fail))
    assert (failed.state, failed.attachment) == ("failed", None)
    assert isinstance(failed.error, PageUnreachable)
    kept = finish(AttachmentJob("transcript", fail, AUDIO))
    assert (kept.state, kept.attachment) == ("done", AUDIO)
    assert isinstance(kept.error, PageUnreachable)
    broken = finish(AttachmentJob("page", lambda _: 1 // 0))  # type: ignore[arg-type, return-value]
    assert isinstance(broken.error, UnexpectedError)


def test_a_cancelled_job_has_nothing_whatever_it_returns() -> None:
    begun = threading.Event()

    def make(cancel: CancelToken) -> Attachment:
        begun.set()
        assert cancel.wait(60)
        return AUDIO

    job = AttachmentJob("page", make, AUDIO)
    assert begun.wait(60)
    assert job.is_running
    job.cancel()
    assert (finish(job).state, job.attachment, job.error) == ("cancelled", None, None)


@pytest.mark.parametrize(
    "page", [Canned(mute=True), Canned(b"a" * 100, headers={"Content-Type": "text/plain"}, silence=9)]
)
def test_a_cancel_ends_the_request_for_a_page(page: Canned) -> None:
    with Replay() as server:
        server.serve("/", page)
        port = int(server.url.rpartition(":")[2])
        network = Network(lambda *_: ["127.0.0.1"], lambda _: True, frozenset((port,)))
        cancel, ended = CancelToken(), threading.Event()

        def fetch() -> None:
            with pytest.raises(PageUnreachable):
                fetch_page(f"http://tides.example:{port}/", network=network, cancel=cancel)
            ended.set()

        thread = threading.Thread(target=fetch)
        thread.start()
        assert server.wait_for_requests(1)
        cancel.cancel()
        assert ended.wait(60)
        thread.join()
        assert server.wait_for_no_connection()
