//! The command turbo-load: does what the options say, prints JSON, ends with a status that scripts can read.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use turbo_load::closed_loop::{self, LoopPlan};
use turbo_load::failure::Failure;
use turbo_load::idle::{HeldConnections, IdlePlan};
use turbo_load::options::{self, HELP, Job};
use turbo_load::process;
use turbo_load::report::{FailureReport, HeldReport, LoopReport, json_line};

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)).and_then(perform) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("turbo-load: {failure}");
            if !matches!(failure, Failure::Usage(_)) {
                // Whoever reads the JSON has gone; the exit status still tells.
                let _ = print(&json_line(&FailureReport::new(&failure)));
            }
            failure.exit_code()
        }
    }
}

fn perform(job: Job) -> Result<(), Failure> {
    match job {
        Job::Help => print(HELP),
        Job::Loop { plan, cpu } => run_loop(&plan, cpu),
        Job::Idle { plan, cpu, hold } => hold_idle(&plan, cpu, hold),
    }
}

fn run_loop(plan: &LoopPlan, cpu: Option<usize>) -> Result<(), Failure> {
    cpu.map_or(Ok(()), process::pin)?;
    process::allow_files(plan.connections)?;
    let tally = closed_loop::run(plan)?;
    print(&json_line(&LoopReport::new(plan, &tally)))
}

fn hold_idle(plan: &IdlePlan, cpu: Option<usize>, hold: Duration) -> Result<(), Failure> {
    cpu.map_or(Ok(()), process::pin)?;
    let held = HeldConnections::open(plan)?;
    print(&held_line("held", &held))?;
    wait_for_the_end_of_input(hold);
    print(&held_line("released", &held))
}

fn held_line(kind: &'static str, held: &HeldConnections) -> String {
    json_line(&HeldReport {
        kind,
        connections: held.count(),
        open: held.still_open(),
    })
}

/// Returns when standard input ends, and after `longest` at the latest.
fn wait_for_the_end_of_input(longest: Duration) {
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = end.recv_timeout(longest);
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::io("standard output", &error))
}
