//! A shard as tasks of an executor, from its first connection to its last. Knows neither the executor nor HTTP.

use std::cell::Cell;
use std::future::Future;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use futures_lite::FutureExt as _;
use tokio::sync::Notify;

use crate::engine::plan::{EngineError, ShardPlan};
use crate::engine::tasks::connection_set::ConnectionSet;
use crate::engine::tasks::executor::Executor;
use crate::engine::tasks::own_tasks::{accept, drive_hosted_loop, keep_time, take_arrivals};
use crate::net::listener::Listener;
use crate::service::App;
use crate::shard::accepting::accept_rest;
use crate::shard::control::Order;
use crate::shard::host::{Host, LocalHost, Stage, until_empty};
use crate::shard::mailbox::Control;

/// The shard's own tasks, which it has besides its connections. None of them may end: if one panics the shard does.
pub(crate) struct OwnTasks<X> {
    pub(crate) executor: X,
    lost: Notify,
    lost_task: Cell<&'static str>,
}

impl<X: Executor> OwnTasks<X> {
    pub(crate) fn on(executor: X) -> Rc<OwnTasks<X>> {
        Rc::new(OwnTasks {
            executor,
            lost: Notify::new(),
            lost_task: Cell::new(""),
        })
    }

    /// Starts one of them. Its panic is caught here: an executor might end the process.
    pub(crate) fn spawn(
        self: &Rc<Self>,
        name: &'static str,
        task: impl Future<Output = ()> + 'static,
    ) {
        let tasks = Rc::clone(self);
        self.executor.spawn(async move {
            let _ = AssertUnwindSafe(task).catch_unwind().await;
            tasks.lost_task.set(name);
            tasks.lost.notify_one();
        });
    }

    /// Runs the shard until its drain is over.
    pub(crate) async fn live<A: App>(
        self: &Rc<Self>,
        plan: ShardPlan<A>,
        host: Rc<LocalHost<A>>,
    ) -> Result<(), EngineError> {
        let unwatched = EngineError::setup("the connections could not be watched");
        let connections = Rc::new(ConnectionSet::new(Rc::clone(&host)).map_err(&unwatched)?);
        let intake = Rc::new(plan.intake);
        let listeners: Vec<Rc<Listener>> = plan.listeners.into_iter().map(Rc::new).collect();
        let news = X::watch(Rc::clone(&connections) as Rc<dyn AsFd>).map_err(unwatched)?;
        self.spawn("connections", {
            let connections = Rc::clone(&connections);
            async move { connections.run(|| X::news(&news), X::pause).await }
        });
        for listener in &listeners {
            let queue = X::watch(Rc::clone(listener) as Rc<dyn AsFd>)
                .map_err(EngineError::setup("a listener could not be watched"))?;
            let (connections, intake) = (Rc::clone(&connections), Rc::clone(&intake));
            let listener = Rc::clone(listener);
            self.spawn("accept", async move {
                accept::<A, X>(&connections, &listener, &intake, queue).await;
            });
        }
        if intake.is_in_use() {
            let (connections, intake) = (Rc::clone(&connections), Rc::clone(&intake));
            self.spawn("arrivals", async move {
                take_arrivals(&connections, &intake).await;
            });
        }
        self.spawn("time", {
            let host = Rc::clone(&host);
            async move { keep_time(&*host, X::sleep_until).await }
        });
        if host.host_loop().is_some() {
            let watch = X::watch(Rc::new(LoopOf(Rc::clone(&host))))
                .map_err(EngineError::setup("the hosted loop could not be watched"))?;
            let host = Rc::clone(&host);
            self.spawn("hosted loop", async move {
                drive_hosted_loop::<A, X>(&host, &watch).await;
            });
        }
        plan.app.thread_parks();
        (plan.ready)();

        loop {
            tokio::select! {
                biased;
                () = self.lost.notified() => {
                    connections.clear();
                    return Err(EngineError::TaskLost(self.lost_task.get()));
                }
                control = plan.mailbox.next() => {
                    if control == Control::Pulse {
                        host.bench.counters.pulse.is_heard();
                        continue;
                    }
                    let order = Order::new(control, host.stage());
                    if order.stops_accepting {
                        // The task that accepts looks at the stage before it goes on.
                        intake.close(|fresh| connections.serve(fresh));
                    }
                    if order.accepts_rest {
                        for listener in &listeners {
                            accept_rest(listener, |fresh| connections.serve(fresh));
                        }
                    }
                    if let Some(stage) = order.enters {
                        host.enter(stage);
                    }
                }
                () = until_empty(&*host), if host.stage() != Stage::Serving => return Ok(()),
            }
        }
    }
}

/// The hosted loop's descriptor, owned as the host owns its loop.
struct LoopOf<A: App>(Rc<LocalHost<A>>);

impl<A: App> AsFd for LoopOf<A> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let hosted = self.0.hosted().expect("it is hosted before it is watched");
        // SAFETY: a hosted loop keeps its descriptor open and the same for as long as it is hosted, and the host owns it.
        unsafe { BorrowedFd::borrow_raw(hosted.fd()) }
    }
}
