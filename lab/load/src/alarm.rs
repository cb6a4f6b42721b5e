//! Wakes an epoll at a point in time that milliseconds are too coarse for: a timer of the kernel as a file. Knows nothing
//! of what is due then.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::failure::Failure;

/// An alarm clock that one epoll listens to.
#[derive(Debug)]
pub struct Alarm {
    file: OwnedFd,
    set_for: Option<Instant>,
}

impl Alarm {
    /// An alarm whose events have this token.
    pub fn new(poll: &Poll, token: Token) -> Result<Alarm, Failure> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let file = timerfd_create(TimerfdClockId::Monotonic, flags)
            .map_err(|error| Failure::io("a timer is not available", &error.into()))?;
        poll.registry()
            .register(&mut SourceFd(&file.as_raw_fd()), token, Interest::READABLE)
            .map_err(|error| Failure::io("a timer cannot be watched", &error))?;
        Ok(Alarm {
            file,
            set_for: None,
        })
    }

    /// Wakes at `at`, which comes after `now`, and no longer at the time set before.
    pub fn set(&mut self, at: Instant, now: Instant) -> Result<(), Failure> {
        if self.set_for == Some(at) {
            return Ok(());
        }
        // Zero would be no alarm at all.
        let left = at
            .saturating_duration_since(now)
            .max(Duration::from_nanos(1));
        let setting = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: left.as_secs().cast_signed(),
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        // Each setting starts a new count of expirations, so nothing must be read to be woken again.
        timerfd_settime(&self.file, TimerfdTimerFlags::empty(), &setting)
            .map_err(|error| Failure::io("a timer cannot be set", &error.into()))?;
        self.set_for = Some(at);
        Ok(())
    }
}
