"""Files that the server answers itself. Rows of the table of settings."""

from collections.abc import Sequence

from ..option import Group, Kind, row


class Files(Group, heading="files"):
    static: Sequence[str] = row(
        Kind.MOUNTS,
        default=(),
        help="serve the files of DIR below PREFIX without the app; may be given several times. Options: spa, pass, "
        "max-age=SECONDS, immutable, hidden, follow",
        daily=True,
    )
