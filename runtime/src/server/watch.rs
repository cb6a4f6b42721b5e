//! The one wait of a server that runs: for what its shards report, for what is asked of it, and for the time. Knows
//! neither the shards nor the app.

use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, after, never};

use crate::server::beat::Beat;
use crate::server::stop::{Stop, StopRequest};
use crate::shard::mailbox::Control;

/// What a wait has ended with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News<R> {
    /// A shard has reported something.
    Reported(R),
    /// Nothing is left that could report.
    Silent,
    /// The stop has come to a step of which the shards must be told.
    Tell(Control),
    /// Even cutting took too long: the server ends without what still holds it.
    GiveUp,
    /// The moment has come that was asked for.
    Time,
}

/// Hears reports, in the order in which they were sent, before requests, and these before the time.
pub(crate) struct Watch<R> {
    pub(crate) stop: Stop,
    requests: Receiver<StopRequest>,
    reports: Receiver<R>,
}

impl<R> Watch<R> {
    /// A requester that is gone counts as one that wants everything cut.
    pub(crate) fn new(
        stop: Stop,
        requests: Receiver<StopRequest>,
        reports: Receiver<R>,
    ) -> Watch<R> {
        Watch {
            stop,
            requests,
            reports,
        }
    }

    /// Waits for what comes next, until `wake_at` at the longest.
    pub(crate) fn next(&mut self, wake_at: Option<Instant>) -> News<R> {
        let wake_at = [self.stop.deadline, wake_at].into_iter().flatten().min();
        let timer = wake_at.map_or_else(never, |at| {
            after(at.saturating_duration_since(Instant::now()))
        });
        loop {
            crossbeam_channel::select_biased! {
                // Before stops: a shard that said it is ready may have answered a client before the stop came.
                recv(self.reports) -> report => return report.map_or(News::Silent, News::Reported),
                recv(self.requests) -> request => {
                    if let Some(control) = self.stop.request(request.unwrap_or(StopRequest::Now)) {
                        return News::Tell(control);
                    }
                }
                recv(timer) -> _ => {
                    return match self.stop.deadline {
                        Some(at) if at <= Instant::now() => {
                            self.stop.deadline_passed().map_or(News::GiveUp, News::Tell)
                        }
                        _ => News::Time,
                    };
                }
            }
        }
    }
}

/// What a server reports of the one thing that it runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report<T> {
    /// It serves.
    Ready,
    /// It will never serve, and is about to say why.
    StartFailed,
    /// It has ended, with this result.
    Ended(T),
}

impl<T> Watch<Report<T>> {
    /// Takes the one thing through its start and its stop. Returns what it ended with (`News::Reported`), that it ended
    /// without a word (`News::Silent`), or that it does not end (`News::GiveUp`). It is told of a pulse at every `beat`.
    pub(crate) fn until_ended(
        &mut self,
        mut beat: Beat,
        on_ready: impl FnOnce(),
        mut tell: impl FnMut(Control, &Stop),
    ) -> News<T> {
        let mut on_ready = Some(on_ready);
        loop {
            match self.next(beat.next()) {
                News::Reported(Report::Ready) => {
                    if let Some(on_ready) = on_ready.take_if(|_| self.stop.ready()) {
                        on_ready();
                    }
                }
                News::Reported(Report::StartFailed) => self.stop.start_failed(),
                News::Reported(Report::Ended(result)) => return News::Reported(result),
                News::Silent => return News::Silent,
                News::GiveUp => return News::GiveUp,
                News::Tell(control) => tell(control, &self.stop),
                News::Time if beat.is_due() => tell(Control::Pulse, &self.stop),
                News::Time => {}
            }
        }
    }
}

/// Reports how a start has ended: with a call that says so, or without one, by being dropped.
pub(crate) struct StartReport<T>(Option<Sender<Report<T>>>);

impl<T> StartReport<T> {
    pub(crate) fn to(reports: &Sender<Report<T>>) -> StartReport<T> {
        StartReport(Some(reports.clone()))
    }

    /// It serves.
    pub(crate) fn ready(mut self) {
        if let Some(reports) = self.0.take() {
            let _ = reports.send(Report::Ready);
        }
    }
}

impl<T> Drop for StartReport<T> {
    fn drop(&mut self) {
        if let Some(reports) = self.0.take() {
            let _ = reports.send(Report::StartFailed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    struct Scene {
        reports: Sender<Report<u32>>,
        requests: Sender<StopRequest>,
        watch: Watch<Report<u32>>,
    }

    fn scene(graceful_timeout_ms: u64) -> Scene {
        let (reports, reported) = unbounded();
        let (requests, requested) = unbounded();
        let stop = Stop::new(graceful_timeout_ms, || 0);
        Scene {
            reports,
            requests,
            watch: Watch::new(stop, requested, reported),
        }
    }

    #[test]
    fn readiness_is_announced_once_and_the_end_is_the_result() {
        let mut scene = scene(1000);
        StartReport::to(&scene.reports).ready();
        scene.reports.send(Report::Ended(7)).unwrap();
        let mut announced = 0;
        let ended = scene.watch.until_ended(
            Beat::new(false),
            || announced += 1,
            |control, _| panic!("{control:?}"),
        );
        assert_eq!((ended, announced), (News::Reported(7), 1));
    }

    #[test]
    fn a_stop_while_it_starts_cuts_and_readiness_is_announced_no_more() {
        let mut scene = scene(1000);
        scene.requests.send(StopRequest::Gracefully).unwrap();
        let mut told = Vec::new();
        let reports = scene.reports.clone();
        let tell = |control, _: &Stop| {
            told.push(control);
            StartReport::to(&reports).ready();
            reports.send(Report::Ended(7)).unwrap();
        };
        let ended = scene
            .watch
            .until_ended(Beat::new(false), || panic!("announced"), tell);
        assert_eq!((ended, told), (News::Reported(7), vec![Control::Stop]));
        assert!(scene.watch.stop.interrupted_start());
    }

    #[test]
    fn a_start_that_failed_by_itself_is_not_the_work_of_a_later_stop() {
        let mut scene = scene(1000);
        drop(StartReport::to(&scene.reports));
        scene.requests.send(StopRequest::Gracefully).unwrap();
        let mut told = Vec::new();
        let reports = scene.reports.clone();
        let tell = |control, _: &Stop| {
            told.push(control);
            reports.send(Report::Ended(7)).unwrap();
        };
        let ended = scene
            .watch
            .until_ended(Beat::new(false), || panic!("announced"), tell);
        // Its app's shutdown has the graceful time.
        assert_eq!((ended, told), (News::Reported(7), vec![Control::Drain]));
        assert!(!scene.watch.stop.interrupted_start());
    }

    #[test]
    fn what_does_not_end_is_cut_and_then_given_up() {
        let mut scene = scene(0);
        scene.watch.stop.ready();
        scene.requests.send(StopRequest::Gracefully).unwrap();
        assert_eq!(scene.watch.next(None), News::Tell(Control::Drain));
        assert_eq!(scene.watch.next(None), News::Tell(Control::Stop));
        scene.watch.stop.deadline = Some(Instant::now());
        assert_eq!(scene.watch.next(None), News::GiveUp);
    }

    #[test]
    fn requests_that_change_nothing_do_not_end_a_wait() {
        let mut scene = scene(1000);
        for _ in 0..3 {
            scene.requests.send(StopRequest::Now).unwrap();
        }
        assert_eq!(scene.watch.next(None), News::Tell(Control::Stop));
        assert_eq!(scene.watch.next(Some(Instant::now())), News::Time);
    }

    #[test]
    fn without_anything_that_could_report_it_is_silent() {
        let Scene {
            reports, mut watch, ..
        } = scene(1000);
        drop(reports);
        assert_eq!(watch.next(None), News::Silent);
    }
}
