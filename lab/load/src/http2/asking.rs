//! What streams ask, one request after another, and what came back. Knows no sockets.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use h2::Reason;
use h2::client::SendRequest;

use crate::arrivals::thread_rng;
use crate::checker::Checker;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::mix::Chooser;
use crate::phases::Phases;
use crate::plan::LoadPlan;
use crate::request::{Numbers, RequestPlan};
use crate::tally::Tally;
use crate::worker::CHOICE_SEED;

/// Why a request can be made.
pub(super) const TRIED: &str = "the options have tried it";

/// One thread's questions and figures.
pub(super) struct Asking {
    plan: LoadPlan,
    phases: Phases,
    tally: Tally,
    chooser: Chooser,
    numbers: Numbers,
    number: u64,
    requests_left: u64,
}

/// A request on its way.
struct Question {
    route: usize,
    number: u64,
    since: Instant,
}

impl Asking {
    pub(super) fn new(plan: &LoadPlan, index: usize, start: Instant) -> Asking {
        let requests = plan.part(index, plan.requests_max);
        Asking {
            plan: plan.clone(),
            phases: Phases::new(start, plan.warm_up, plan.measured),
            tally: Tally::new(plan.mix.routes().len()),
            chooser: plan.mix.chooser(thread_rng(plan.seed ^ CHOICE_SEED, index)),
            numbers: plan.numbers,
            number: plan.numbers.part(index, plan.threads),
            requests_left: requests.end - requests.start,
        }
    }

    /// When nothing more is asked.
    pub(super) fn until(&self) -> Instant {
        self.phases.until
    }

    fn next(&mut self) -> Option<Question> {
        let since = Instant::now();
        if since >= self.phases.until || self.requests_left == 0 {
            return None;
        }
        self.requests_left -= 1;
        let (route, number) = (self.chooser.choose(), self.number);
        self.number = self.numbers.after(number);
        Some(Question {
            route,
            number,
            since,
        })
    }

    fn message(&self, asked: &Question) -> (http::Request<()>, Option<Bytes>) {
        let plan = http_of(&self.plan.mix.routes()[asked.route].exchange);
        plan.as_message(asked.number).expect(TRIED)
    }

    fn take(&mut self, asked: &Question, status: u16, body: &[u8]) -> Result<(), Failure> {
        let route = &self.plan.mix.routes()[asked.route];
        if !http_of(&route.exchange).accepts(asked.number, status, body) {
            let checker = Checker::new(self.plan.mix.exchanges());
            return Err(checker.refuse(asked.route, asked.number, status, body));
        }
        let now = Instant::now();
        self.phases.pass(now, Duration::ZERO);
        self.tally.answers_checked += 1;
        let seen = &mut self.tally.routes[asked.route];
        if self.phases.counts(now) {
            seen.requests += 1;
            self.tally.bytes_received += body.len() as u64;
            self.tally.last_answer = Some(now);
        }
        if now >= self.phases.from {
            let latency = now.saturating_duration_since(asked.since);
            seen.latency_ns.saturating_record(latency.as_nanos() as u64);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Tally {
        let end = Instant::now().max(self.phases.until);
        self.phases.pass(end, Duration::ZERO);
        let cpu = self.phases.cpu_use();
        self.tally.cpu_time = cpu.time;
        self.tally.cpu_share = cpu.worked_share;
        self.tally.wanted_share = cpu.worked_share + cpu.waited_share;
        self.tally
    }
}

/// One stream after another, until the run is over.
pub(super) async fn ask_again_and_again(
    mut sender: SendRequest<Bytes>,
    asking: Rc<RefCell<Asking>>,
) -> Result<(), Failure> {
    loop {
        let Some(question) = asking.borrow_mut().next() else {
            return Ok(());
        };
        let (status, body) = loop {
            sender = sender.ready().await.map_err(broken)?;
            let (head, body) = asking.borrow().message(&question);
            match answer_to(&mut sender, head, body).await {
                // It was not heard: a client asks again (RFC 9113 section 8.7), and its latency goes on.
                Err(error)
                    if error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM) =>
                {
                    asking.borrow_mut().tally.streams_refused += 1;
                }
                answer => break answer.map_err(broken)?,
            }
        };
        asking.borrow_mut().take(&question, status, &body)?;
    }
}

/// Status and body of the answer.
pub(super) async fn answer_to(
    sender: &mut SendRequest<Bytes>,
    head: http::Request<()>,
    body: Option<Bytes>,
) -> Result<(u16, Bytes), h2::Error> {
    let (answer, mut rest) = sender.send_request(head, body.is_none())?;
    if let Some(body) = body {
        rest.send_data(body, true)?;
    }
    let answer = answer.await?;
    let status = answer.status().as_u16();
    let mut receiving = answer.into_body();
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    while let Some(chunk) = receiving.data().await {
        let chunk = chunk?;
        receiving.flow_control().release_capacity(chunk.len())?;
        match first.is_empty() && more.is_empty() {
            // Most bodies come in one piece and are not copied.
            true => first = chunk,
            false => {
                if more.is_empty() {
                    more.extend_from_slice(&first);
                }
                more.extend_from_slice(&chunk);
            }
        }
    }
    Ok((
        status,
        if more.is_empty() {
            first
        } else {
            more.freeze()
        },
    ))
}

/// Only HTTP goes over HTTP/2; the options see to that.
pub(super) fn http_of(exchange: &Exchange) -> &RequestPlan {
    match exchange {
        Exchange::Http(plan) => plan,
        Exchange::WebSocket(_) => unreachable!("the options refuse WebSockets over HTTP/2"),
    }
}

#[cold]
pub(super) fn broken(error: h2::Error) -> Failure {
    Failure::Broken(format!("HTTP/2: {error}"))
}
