"""The text of a WhatsApp chat export: messages, and the files that they name.

WhatsApp documents none of this. What is known is what parsers of others (whatsapp-chat-parser,
chat-miner) read, and what their users reported:

- iOS: `[15.03.24, 14:05:09] Name: text`, Android: `15/03/2024, 2:05 pm - Name: text`, in the order,
  with the separators and words of the telephone's language and region, and with several kinds of
  space. System lines have no name. A message goes on until the next line of that form.
- iOS: `caption <attached: 00000012-PHOTO-2024-03-15-14-05-09.jpg>`; Android:
  `IMG-20240315-WA0001.jpg (file attached)` and the caption in the lines below.
- Media that were left out: `image omitted` (iOS), `<Media omitted>` (Android), in that language.

Nothing tells a message from a line within one that somebody typed to look like another's.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

#: WhatsApp ends a message at 65,536 characters; text beyond these bytes is not read on.
MAX_TEXT = 1 << 20
_LINE = 1 << 16
_MARKS = dict.fromkeys(
    map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)

_DAY = r"(?P<a>\d{1,4})(?P<s>[./-])\s?(?P<b>\d{1,2})(?P=s)\s?(?P<c>\d{1,4})\.?"
_WORD = r"[^\W\d_][^\d\[\]\n]{0,11}?"  # at, klo; am, pm in any language
_TIME = rf"(?:{_WORD}\s?)?\d{{1,2}}[:.]\d\d(?:[:.]\d\d)?(?:\s?{_WORD})?"
_HEAD = re.compile(
    rf"(?P<open>\[)?(?P<when>{_DAY},?\s{{1,2}}{_TIME})"
    r"(?(open)\]\s?|(?:\s[-\u2013]\s|:\s(?=[^:\n]{1,80}:\s)))(?P<rest>.*)",
    re.DOTALL,
)
_SENDER = re.compile(r"(?P<name>[^\n]{1,100}?):(?:\s(?P<body>.*)|$)", re.DOTALL)

_FILE = r"(?!//)[^<>\n]{1,200}?\.\w{1,10}"  # an address is no file
#: `<attached: NAME>` with any word.
_IN_ANGLES = re.compile(rf"<[^<>\n:：]{{1,40}}[:：]\s?({_FILE})\s?>")
#: `NAME (file attached)`, `NAME <attached>` with any words.
_BEFORE = re.compile(r"([^\n]{1,255}\.\w{1,10})\s+[(<\uff08]([^()<>\n]{2,60})[)>\uff09]")
#: Names that WhatsApp gives: of Android, of iOS now, of iOS before 2018.
_OWN = re.compile(
    r"(?<![\w-])((?:[A-Z]{3}-\d{8}-WA\d{4,8}"
    r"|\d{8}-[A-Z]{3,10}-\d{4}(?:-\d\d){5}"
    r"|\d{4}-\d\d-\d\d-[A-Z]{3,10}-\d{8})(?:\s?\(\d{1,3}\))?\.\w{1,10})(?!\w)"
)
_ATTACHED = frozenset(
    """file attached|attached|datei angehängt|anhang|archivo adjunto|adjunto|fichier joint
    |pièce jointe|file allegato|allegato|arquivo anexado|ficheiro anexado|anexado|файл добавлен
    |файл прикреплен|файл прикреплён|в приложении|файл додано|файл прикріплено|dosya ekli|ekli
    |plik załączony|bestand bijgevoegd|bifogad fil|vedhæftet fil|soubor připojen|fișier atașat
    |ملف مرفق|الملف مرفق|קובץ מצורף|fayl əlavə olunub|file terlampir
    |附件|文件附件|ファイル添付|파일 첨부됨"""
    .replace("\n", "").replace("    |", "|").split("|")
)  # fmt: skip
_LEFT_OUT = re.compile(
    r"(?:image|photo|video(?: note)?|audio|sticker|gif|document|media|contact card)s? omitted"
    r"|(?:bild|foto|video|audio|sticker|gif|dokument|kontaktkarte|medien) (?:weg|aus)gelassen"
    r"|(?:imagen|foto|video|audio|sticker|gif|documento|tarjeta de contacto) omitid[oa]"
    r"|(?:image|photo|vidéo|audio|sticker|gif|document|médias?) (?:absente?|omise?s?)"
    r"|(?:immagine|foto|video|audio|sticker|gif|documento|media) (?:omess[oaie]|esclus[oaie])"
    r"|(?:imagem|imagens|foto|vídeo|áudio|figurinha|gif|documento|mídia)"
    r" (?:omitid[oa]|ocult[oa]|não revelad[oa])"
    r"|(?:изображение|фото|видео|аудиофайл|аудио|стикер|gif|документ|медиа|карточка контакта)"
    r" (?:отсутствует|пропущен[оы]?|не включен[оы]?|скрыт[оы]?)"
    r"|(?:зображення|фото|відео|аудіо|аудіофайл|стікер|gif|документ) (?:відсутн[єій]+|пропущено)"
    r"|(?:görüntü|resim|fotoğraf|video|ses|çıkartma|gif|belge|medya)"
    r" (?:dahil edilmedi|atlanmış|atlandı)",
    re.IGNORECASE,
)
#: All of a line in angle brackets is Android's word for media that were left out, in any language.
_ANGLES = re.compile(r"<[^<>:：\n]{3,60}>")

_KINDS = {
    "IMG": "photo", "PHOTO": "photo", "VID": "video", "VIDEO": "video", "AUD": "audio",
    "AUDIO": "audio", "PTT": "voice_message", "STK": "sticker", "STICKER": "sticker",
    "GIF": "animation", "DOC": "document",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A message or a system line.

    Attributes:
        when: date and time as they stand there; "" for what comes before the first.
        day: the three numbers of the date.
        sender: "" for a system line.
        body: text, without marks of direction.
        raw: all of it, as it stands there.
        marked: whether WhatsApp's own mark stands before it, as before media and notices of iOS.
        cut: whether text beyond `MAX_TEXT` was left out.
    """

    when: str
    day: tuple[int, ...]
    sender: str
    body: str
    raw: str
    marked: bool = False
    cut: bool = False


def begins_message(line: bytes) -> bool:
    """Whether a line has the date and time of a message before it."""
    return _HEAD.match(_text(line).translate(_MARKS)) is not None


def read_messages(file: BinaryIO) -> Iterator[Message]:
    """The messages in a chat's text, in its order. Bytes that are no UTF-8 become U+FFFD."""
    lines: list[bytes] = []
    size = 0
    fresh = True  # whether the next bytes begin a line
    while line := file.readline(_LINE):
        if fresh and lines and begins_message(line):
            yield _message(lines, size)
            lines, size = [], 0
        if size < MAX_TEXT:
            lines.append(line)
        size += len(line)
        fresh = line.endswith(b"\n")
    if lines:
        yield _message(lines, size)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _message(lines: list[bytes], size: int) -> Message:
    raw = _text(b"".join(lines)).replace("\r\n", "\n").rstrip("\n")
    cut = size > sum(map(len, lines))
    head = _HEAD.match(raw.translate(_MARKS))
    if head is None:
        return Message("", (), "", raw.translate(_MARKS), raw, cut=cut)
    said = _SENDER.fullmatch(head["rest"])
    marked = raw.startswith("\u200e") or f"{said['name'] if said else ''}: \u200e" in raw[:300]
    return Message(
        when=head["when"],
        day=(int(head["a"]), int(head["b"]), int(head["c"])),
        sender=said["name"].strip() if said else "",
        body=(said["body"] or "") if said else head["rest"],
        raw=raw,
        marked=marked,
        cut=cut,
    )


def order_known(days: Iterable[tuple[int, ...]]) -> bool:
    """Whether the dates of a chat tell which number is the day: one is above 12, or years lead."""
    return any(day and (day[0] > 12 or day[1] > 12) for day in days)


def named(message: Message, exists: Callable[[str], bool]) -> tuple[list[str], str]:
    """The files that a message names, and the text that stands with them.

    Args:
        message: a message; system lines name none.
        exists: whether the export holds a file of this name.
    """
    if not message.sender:
        return [], message.body
    body = message.body
    first, _, below = body.partition("\n")
    names = [match[1].strip() for match in _IN_ANGLES.finditer(body)]
    if names:
        return names, _IN_ANGLES.sub("", body).strip()
    before = _BEFORE.fullmatch(first.strip())
    if before and (
        exists(before[1]) or _OWN.fullmatch(before[1]) or before[2].lower() in _ATTACHED
    ):
        return [before[1]], below.strip()
    if exists(first.strip()):
        return [first.strip()], below.strip()
    return [match[1] for match in _OWN.finditer(body)], _OWN.sub("", body).strip()


def left_out(message: Message) -> str | None:
    """The text that stands with a medium that was left out of the export; None without one."""
    first, _, below = message.body.partition("\n")
    first = first.strip()
    if not message.sender or not (_ANGLES.fullmatch(first) or _LEFT_OUT.fullmatch(first)):
        return None
    return below.strip()


def kind_of(name: str) -> str:
    """What WhatsApp's name for a file says that it is; `file` for other names."""
    own = _OWN.fullmatch(name)
    words = re.findall(r"[A-Z]{3,10}", name) if own else []
    return _KINDS.get(words[0], "file") if words else "file"


def key(name: str) -> str:
    """A name as it is looked up: some systems take letters with marks apart."""
    return unicodedata.normalize("NFC", name)
