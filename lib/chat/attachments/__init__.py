"""Attached files, as values that can be stored and sent.

    reader = AttachmentReader(settings.files.reader_limits, settings.files.processes)  # one for the whole process
    reader.check([(file.name, file.size) for file in files])  # before anything is read
    attachment = reader.read(file.name, data)  # blocks; from any thread
    attachment = reader.read(file.name, data, "1-3, 7")  # chosen pages of a PDF
    previews = reader.previews(file.name, data)  # pictures of its pages, to choose from

    plan = plan_files([part], store.attachments.facts(owner, [part.digest]), target, capabilities)  # what is sent

An `Attachment` (`lib.core.attachments`) has the bytes to keep and to send, the extracted text, a thumbnail and notes
for the user; `lib.core.attachment_tokens` estimates what it costs a model. Each refusal is an AttachmentError
(`lib.core.attachment_errors`), whose code is the key of a sentence that names the file.
"""

from lib.chat.attachments.job import AttachmentJob
from lib.chat.attachments.names import sanitize_name
from lib.chat.attachments.page_choice import format_pages, parse_page_choice
from lib.chat.attachments.plan import NO_FILES, FilePlan, PlannedFile, plan_files, takes_audio
from lib.chat.attachments.reader import AttachmentReader, ReaderStatus
from lib.chat.attachments.stored import to_file_part, to_stored_file
from lib.chat.attachments.web_page import read_page, start_page

__all__ = [
    "NO_FILES",
    "AttachmentJob",
    "AttachmentReader",
    "FilePlan",
    "PlannedFile",
    "ReaderStatus",
    "format_pages",
    "parse_page_choice",
    "plan_files",
    "read_page",
    "sanitize_name",
    "start_page",
    "takes_audio",
    "to_file_part",
    "to_stored_file",
]
