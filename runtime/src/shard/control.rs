//! What a shard does about what it is told, whatever moves its bytes. Knows no engine.

use crate::shard::host::Stage;
use crate::shard::mailbox::Control;

/// What to do, in the order of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Accept no more, and take nothing from other shards any more.
    pub(crate) stops_accepting: bool,
    /// Take the connections that wait in the queue of the listener, which is about to close, and take it out of its group.
    pub(crate) accepts_rest: bool,
    /// The host enters this stage.
    pub(crate) enters: Option<Stage>,
}

impl Order {
    /// What `control` means for a shard that has come to `stage`. A drain that is told again changes nothing; a cut comes
    /// at any time.
    pub(crate) fn new(control: Control, stage: Stage) -> Order {
        let is_first = stage == Stage::Serving && control != Control::Pulse;
        Order {
            stops_accepting: is_first,
            accepts_rest: is_first && control == Control::Drain,
            enters: match control {
                Control::Drain | Control::Retire => is_first.then_some(Stage::Draining),
                Control::Stop => Some(Stage::Cutting),
                Control::Pulse => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Control::{Drain, Retire, Stop};
    use Stage::{Cutting, Draining, Serving};

    #[test]
    fn what_is_told_first_ends_the_accepting() {
        let first = |control| {
            let order = Order::new(control, Serving);
            assert!(order.stops_accepting);
            (order.accepts_rest, order.enters)
        };
        assert_eq!(first(Drain), (true, Some(Draining)));
        assert_eq!(
            first(Retire),
            (false, Some(Draining)),
            "what waits is the successor's"
        );
        assert_eq!(first(Stop), (false, Some(Cutting)));
    }

    #[test]
    fn later_only_a_cut_changes_anything() {
        for stage in [Draining, Cutting] {
            for control in [Drain, Retire, Stop] {
                let order = Order::new(control, stage);
                assert!(!order.stops_accepting && !order.accepts_rest);
                assert_eq!(order.enters, (control == Stop).then_some(Cutting));
            }
        }
    }
}
