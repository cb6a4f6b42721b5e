"""What the server puts on every answer. Rows of the table of settings."""

from collections.abc import Sequence

from ..option import Group, Kind, row


class Answers(Group, heading="answers"):
    header: Sequence[str] = row(
        Kind.HEADERS,
        default=(),
        help="header line that every answer gets, the server's own refusals included, beside the app's lines "
        "of that name; may be given several times",
    )
    server_header: str | None = row(
        Kind.FIELD_VALUE,
        default=None,
        bare="turbo-shard",
        help="say in each answer that has no `server` of the app's which server it is from; alone: turbo-shard",
        default_text="off",
    )
    date_header: bool = row(
        Kind.SWITCH,
        default=True,
        help="leave out the `date` of answers, for a proxy in front that adds its own",
        negative=True,
        paired=True,
    )
