"""Decoding of texts in any common encoding."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from charset_normalizer import from_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 32 * 1024
# Control characters that no text has; tab, line ends, form feed and the escape of colored logs are none of them.
_CONTROL = re.compile(r"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_MAX_CONTROL_SHARE = 0.01
_LEGACY_ENCODINGS = ["gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "cp1252", "cp1250", "cp1251", "koi8_r"] + [
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1258",
    "cp874",
]
# The 3,755 characters of everyday Chinese in GB 2312; hangul in EUC-KR has these bytes too.
_COMMON_CHINESE = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1\xa3][\xa1-\xfe]")
_TWO_BYTES = re.compile(rb"[\x81-\xfe][\x40-\xfe]")
_MIN_COMMON_SHARE = 0.75


class DecodedText(NamedTuple):
    """A text and its encoding; `is_lossy` where some bytes were replaced."""

    text: str
    encoding: str
    is_lossy: bool = False


def decode(data: bytes) -> DecodedText | None:
    """Return the text of a file with line ends as in Unix; None if it is not a text."""
    decoded = _decode_unicode(data) or (None if b"\x00" in data[:_SAMPLE] else _decode_legacy(data))
    if decoded is None or _is_binary(decoded.text):
        return None
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return decoded._replace(text=text)


def _decode_unicode(data: bytes) -> DecodedText | None:
    """Decode UTF-8, UTF-16 and UTF-32; None for bytes in none of them."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return DecodedText(data.decode(encoding, "replace"), encoding.removesuffix("-sig"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A text that was cut inside of its last character is one nevertheless.
        if error.start < len(data) - 3 or error.reason != "unexpected end of data" or not error.start:
            return _decode_utf16(data)
        return DecodedText(data.decode("utf-8", "replace"), "utf-8", is_lossy=True)
    return _decode_utf16(data) or DecodedText(text, "utf-8") if "\x00" in text[:_SAMPLE] else DecodedText(text, "utf-8")


def _decode_utf16(data: bytes) -> DecodedText | None:
    """Decode UTF-16 without a mark, in which every other byte of Latin text is zero."""
    sample = data[: _SAMPLE // 2 * 2]
    if len(data) % 2 or len(sample) < 4:
        return None
    first, second = sample[::2], sample[1::2]
    for zeros, others, encoding in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if zeros.count(0) > len(zeros) * 0.3 and others.count(0) < len(others) * 0.05:
            text = data.decode(encoding, "replace")
            if not _is_binary(text) and "\ufffd" not in text:
                return DecodedText(text, encoding)
    return None


def _decode_legacy(data: bytes) -> DecodedText | None:
    sample = data[:_SAMPLE]
    encoding = "gb18030" if _is_chinese(sample) else ""
    if not encoding:
        matches = from_bytes(sample, cp_isolation=_LEGACY_ENCODINGS)
        best = matches.best()
        if best is None:
            return None
        # Western European texts without rare letters fit others as well.
        western = [match for match in matches if match.encoding == "cp1252" and match.chaos <= best.chaos + 0.02]
        best = western[0] if western and best.encoding.startswith("cp125") else best
        encoding = best.encoding
    try:
        return DecodedText(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
    # Many bytes without a meaning are no text at all.
    return DecodedText(text, encoding, is_lossy=True) if text.count("\ufffd") < len(text) / 200 + 1 else None


def _is_chinese(sample: bytes) -> bool:
    """Return True for GB 18030 with everyday Chinese, which a statistical detector takes for others in short texts."""
    try:
        # The sample can end inside of a character.
        text = codecs.getincrementaldecoder("gb18030")().decode(sample)
    except UnicodeDecodeError:
        return False
    pairs = len(_TWO_BYTES.findall(sample))
    if not pairs or len(_COMMON_CHINESE.findall(sample)) < pairs * _MIN_COMMON_SHARE:
        return False
    # Korean text in EUC-KR decodes too: as Chinese that never uses the most frequent characters.
    chinese = [char for char in text if "\u4e00" <= char <= "\u9fff"]
    frequent = sum(char in _FREQUENT for char in chinese)
    return bool(chinese) and frequent >= len(chinese) * 0.12


_FREQUENT = frozenset(
    "的一是不了人我在有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市数测试据表字件"
)


def _is_binary(text: str) -> bool:
    sample = text[:_SAMPLE]
    return len(_CONTROL.findall(sample)) > len(sample) * _MAX_CONTROL_SHARE
