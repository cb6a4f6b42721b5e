//! The command turbo-load: does what the options say, prints JSON, and has a status that scripts can read. Knows nothing of
//! where its arguments come from: it is a program of its own, and a command of the Python package.

use std::ffi::OsString;
use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use crate::failure::Failure;
use crate::help::HELP;
use crate::idle::HeldConnections;
use crate::idle_plan::IdlePlan;
use crate::load_run;
use crate::options::{self, Job};
use crate::plan::LoadPlan;
use crate::process;
use crate::report::{FailureReport, HeldReport, LoadReport, json_line};

/// Runs the command with the arguments that follow its name; returns the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match options::parse(arguments).and_then(perform) {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("turbo-load: {failure}");
            if !matches!(failure, Failure::Usage(_)) {
                // The reader of the JSON has gone; the exit status still tells.
                let _ = print(&json_line(&FailureReport::new(&failure)));
            }
            failure.exit_status()
        }
    }
}

fn perform(job: Job) -> Result<(), Failure> {
    match job {
        Job::Help => print(HELP),
        Job::Load(plan) => run_load(&plan),
        Job::Idle { plan, cores, hold } => hold_idle(plan, &cores, hold),
    }
}

fn run_load(plan: &LoadPlan) -> Result<(), Failure> {
    pin(&plan.cores)?;
    let tally = load_run::run(plan)?;
    print(&json_line(&LoadReport::new(plan, &tally)))
}

fn hold_idle(plan: IdlePlan, cores: &[usize], hold: Duration) -> Result<(), Failure> {
    pin(cores)?;
    process::allow_files(plan.connections)?;
    let held = HeldConnections::open(plan)?;
    print(&held_line("held", &held))?;
    wait_for_the_end_of_input(hold);
    print(&held_line("released", &held))
}

fn pin(cores: &[usize]) -> Result<(), Failure> {
    if cores.is_empty() {
        return Ok(());
    }
    process::pin(cores)
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
