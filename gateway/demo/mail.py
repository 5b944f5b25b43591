"""The family's mailbox: folders, messages, threads of replies, attachments."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from litestar import Response, delete, get, patch, post
from litestar.datastructures import UploadFile
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.demo.service import AnyRequest, Refused, answer, change, find, number, read

FOLDERS = ("inbox", "sent", "archive", "trash")
ATTACHMENT_BYTES_MAX = 1 << 20
OWNER = "family@home.example"
Address = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class Message(Struct, frozen=True, rename={"sender": "from"}):
    id: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    sent_at: datetime
    folder: str = "inbox"
    read: bool = False
    in_reply_to: str | None = None
    attachments: tuple[str, ...] = ()


class NewMessage(Struct, frozen=True, forbid_unknown_fields=True):
    to: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=20)]
    subject: Annotated[str, Meta(max_length=200)]
    text: str
    attachments: tuple[str, ...] = ()


class Reply(Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class MessageChange(Struct, frozen=True, forbid_unknown_fields=True):
    read: bool | UnsetType = UNSET
    folder: Annotated[str, Meta(pattern="^(inbox|archive|trash)$")] | UnsetType = UNSET


class Attachment(Struct, frozen=True):
    id: str
    filename: str
    media_type: str
    size: int


SEED = (
    ("mira@example.org", "Saturday", "Shall I bring dessert on Saturday?"),
    ("jonas@example.org", "Saturday", "We will be there at seven. Is red wine fine?"),
    ("school@example.org", "School trip on Thursday", "Please send a packed lunch and rain clothes."),
    ("energy@example.org", "Your meter reading is due", "Send us the reading of your meter by the end of the month."),
    ("library@example.org", "A book is due", "'The Left Hand of Darkness' is due on Friday."),
    ("shop@example.org", "Offer of the week", "Parmesan is 20 % off until Sunday."),
    ("neighbour@example.org", "Parcel", "I took a parcel for you. Ring any time after five."),
    ("club@example.org", "Training moves", "Training is on Wednesday at six from next week on."),
    ("insurance@example.org", "Your policy", "Your new policy is in the attachment."),
)


class MailState:
    """The mailbox on a day."""

    def __init__(self, today: date) -> None:
        self.messages: dict[str, Message] = {}
        self.attachments: dict[str, Attachment] = {}
        self.contents: dict[str, bytes] = {}
        self.now = datetime.combine(today, time(12))
        for age, (sender, subject, text) in enumerate(reversed(SEED)):
            self.put(sender, (OWNER,), subject, text, self.now - timedelta(hours=5 * (len(SEED) - age)), read=age < 3)

    def put(self, sender: str, to: tuple[str, ...], subject: str, text: str, at: datetime, **more: Any) -> Message:
        message = Message(f"msg-{len(self.messages) + 1}", sender, to, subject, text, at, **more)
        self.messages[message.id] = message
        return message

    def send(self, new: NewMessage, in_reply_to: str | None = None) -> Message:
        for one in new.attachments:
            find(self.attachments, one, "attachment")
        more: dict[str, Any] = {
            "folder": "sent",
            "read": True,
            "in_reply_to": in_reply_to,
            "attachments": new.attachments,
        }
        return self.put(OWNER, new.to, new.subject, new.text, self.now, **more)

    def thread(self, message: Message) -> dict[str, Any]:
        replies = [one for one in self.messages.values() if one.in_reply_to == message.id]
        return {"message": message, "replies": [self.thread(one) for one in replies]}


def _count(name: str, messages: list[Message]) -> dict[str, Any]:
    return {"name": name, "total": len(messages), "unread": sum(not one.read for one in messages)}


def routes(state: MailState) -> list[BaseRouteHandler]:
    @get("/folders")
    async def list_folders() -> Response[bytes]:
        held = list(state.messages.values())
        by_folder = {name: [message for message in held if message.folder == name] for name in FOLDERS}
        return answer([_count(name, messages) for name, messages in by_folder.items()])

    @get("/messages")
    async def list_messages(request: AnyRequest) -> Response[bytes]:
        folder, unread = request.query_params.get("folder", "inbox"), request.query_params.get("unread", "false")
        if folder not in FOLDERS or unread not in ("true", "false"):
            raise Refused(422, f"folder must be one of {', '.join(FOLDERS)}, unread true or false.")
        query = request.query_params.get("q", "").lower()
        found = [
            one
            for one in sorted(state.messages.values(), key=lambda one: one.sent_at, reverse=True)
            if one.folder == folder
            and not (unread == "true" and one.read)
            and query in f"{one.subject} {one.text} {one.sender}".lower()
        ]
        page, size = number(request, "page", 1, 1, 1000), number(request, "per_page", 10, 1, 50)
        return answer({"messages": found[(page - 1) * size : page * size], "page": page, "total": len(found)})

    @post("/messages", status_code=201)
    async def send_message(request: AnyRequest) -> Response[bytes]:
        return answer(state.send(await read(request, NewMessage)), 201)

    @get("/messages/{message_id:str}")
    async def get_message(message_id: FromPath[str]) -> Response[bytes]:
        return answer(find(state.messages, message_id, "message"))

    @patch("/messages/{message_id:str}")
    async def update_message(request: AnyRequest, message_id: FromPath[str]) -> Response[bytes]:
        message = find(state.messages, message_id, "message")
        state.messages[message_id] = change(message, await read(request, MessageChange))
        return answer(state.messages[message_id])

    @delete("/messages/{message_id:str}")
    async def delete_message(message_id: FromPath[str]) -> None:
        find(state.messages, message_id, "message")
        del state.messages[message_id]

    @post("/messages/{message_id:str}/reply", status_code=201)
    async def reply(request: AnyRequest, message_id: FromPath[str]) -> Response[bytes]:
        message, asked = find(state.messages, message_id, "message"), await read(request, Reply)
        return answer(state.send(NewMessage((message.sender,), f"Re: {message.subject}", asked.text), message_id), 201)

    @get("/messages/{message_id:str}/thread")
    async def get_thread(message_id: FromPath[str]) -> Response[bytes]:
        return answer(state.thread(find(state.messages, message_id, "message")))

    @post("/attachments", status_code=201)
    async def upload(request: AnyRequest) -> Response[bytes]:
        file = (await request.form()).get("file")
        if not isinstance(file, UploadFile):
            raise Refused(422, "Send the file as the form field `file`.")
        data = await file.read()
        if len(data) > ATTACHMENT_BYTES_MAX:
            raise Refused(413, f"An attachment is at most {ATTACHMENT_BYTES_MAX} bytes.")
        one = Attachment(f"att-{len(state.attachments) + 1}", file.filename, file.content_type, len(data))
        state.attachments[one.id], state.contents[one.id] = one, data
        return answer(one, 201)

    @get("/attachments/{attachment_id:str}")
    async def download(attachment_id: FromPath[str]) -> Response[bytes]:
        find(state.attachments, attachment_id, "attachment")
        return Response(state.contents[attachment_id], media_type="application/octet-stream")

    return [
        list_folders, list_messages, send_message, get_message, update_message, delete_message, reply, get_thread, upload,
        download,
    ]  # fmt: skip
