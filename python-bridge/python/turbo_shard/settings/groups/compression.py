"""Which answers are compressed. Rows of the table of settings."""

from collections.abc import Sequence
from typing import Literal

from ..option import Group, Kind, row


class Compression(Group, heading="compression"):
    compress: bool = row(
        Kind.SWITCH,
        default=False,
        help="compress answers for clients that take zstd, br or gzip; streams are flushed as they come",
        daily=True,
    )
    # Below that a head is larger than what is saved.
    compress_min_bytes: int = row(
        Kind.BYTES,
        default=1024,
        help="smallest body that is compressed; one whose length is not known beforehand always is",
        unit="bytes",
        maximum=2**40,
    )
    compress_types: Sequence[str] = row(
        Kind.MEDIA_TYPES,
        default=(
            "text/*",
            "application/json",
            "*+json",
            "application/xml",
            "*+xml",
            "application/javascript",
            "application/x-ndjson",
            "application/wasm",
        ),
        help="type whose bodies are compressed, such as text/* or *+json, in the place of the usual ones; "
        "may be given several times, or several with commas",
        default_text="text/*, JSON, XML, JavaScript, SVG, wasm",
    )
    compress_level: Literal["fast", "balanced", "small"] = row(
        Kind.CHOICE,
        default="balanced",
        help="time against size; small takes several times as long as fast",
    )
