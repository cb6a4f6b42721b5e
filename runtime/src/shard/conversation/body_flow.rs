//! The state of a request's body that the app reads while it comes. A plain value.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyFlow {
    /// No body is streamed.
    #[default]
    None,
    /// The app has not asked for it: no `100 Continue`, and nothing is decoded.
    Unasked,
    Flowing,
    /// No more comes than what has arrived.
    Ending,
}
