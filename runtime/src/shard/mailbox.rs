//! Messages to a thread that waits in its engine: a bounded crossbeam channel and a wake-up.

use std::cell::Cell;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use tokio::sync::Notify;

/// Control messages are few; a full mailbox means that its shard no longer looks.
const MESSAGES_MAX: usize = 64;

/// What the supervisor tells a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Accept what waits, close the listener, finish the exchanges in flight, then end.
    Drain,
    /// As [`Control::Drain`], but the listener and what waits in its queue are left to the shard's successor.
    Retire,
    /// End now; exchanges in flight are cut.
    Stop,
    /// Say that this was heard.
    Pulse,
}

/// Makes the two ends.
pub(crate) fn mailbox() -> (MailboxSender, Mailbox) {
    let (sender, receiver) = crossbeam_channel::bounded(MESSAGES_MAX);
    // The wake-up is executor-neutral: it works for tokio's and glommio's tasks alike.
    let wake = Arc::new(Notify::new());
    (
        MailboxSender {
            sender,
            wake: Arc::clone(&wake),
        },
        Mailbox {
            receiver,
            wake,
            stopped: Cell::new(false),
        },
    )
}

#[derive(Clone)]
pub(crate) struct MailboxSender {
    sender: Sender<Control>,
    wake: Arc<Notify>,
}

impl MailboxSender {
    /// Posts without waiting. Returns false when the shard is gone or does not look.
    pub(crate) fn post(&self, message: Control) -> bool {
        let posted = self.sender.try_send(message).is_ok();
        self.wake.notify_one();
        posted
    }
}

impl Drop for MailboxSender {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

pub(crate) struct Mailbox {
    receiver: Receiver<Control>,
    wake: Arc<Notify>,
    /// The loss of the supervisor has been reported.
    stopped: Cell<bool>,
}

impl Mailbox {
    /// The next message. A supervisor that is gone counts as one [`Control::Stop`].
    pub(crate) async fn next(&self) -> Control {
        loop {
            match self.receiver.try_recv() {
                Ok(message) => return message,
                Err(TryRecvError::Disconnected) if self.stopped.replace(true) => {
                    // Reported once: a shard that still waits for a handler must not hear it again and again.
                    std::future::pending().await
                }
                Err(TryRecvError::Disconnected) => return Control::Stop,
                Err(TryRecvError::Empty) => self.wake.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn messages_arrive_in_order_from_another_thread() {
        let (sender, mailbox) = mailbox();
        let poster = std::thread::spawn(move || {
            assert!(sender.post(Control::Drain));
            assert!(sender.post(Control::Stop));
            sender
        });
        let received = block_on(async { [mailbox.next().await, mailbox.next().await] });
        assert_eq!(received, [Control::Drain, Control::Stop]);
        drop(poster.join().unwrap());
    }

    #[test]
    fn a_lost_supervisor_stops_the_shard_once() {
        let (sender, mailbox) = mailbox();
        drop(sender);
        assert_eq!(block_on(mailbox.next()), Control::Stop);
        let again = block_on(async {
            tokio::select! {
                biased;
                control = mailbox.next() => Some(control),
                () = std::future::ready(()) => None,
            }
        });
        assert_eq!(
            again, None,
            "a shard that hears it again and again does nothing else"
        );
    }
}
