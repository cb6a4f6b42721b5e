//! What the owner of a connection does after a turn of its driver. A plain value.

/// What the connection's owner does after the driver has advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Wait for bytes, room, a reply or the deadline.
    Settled,
    /// Something is left to do: call `advance` again once the others had their turn.
    MoreToDo,
}
