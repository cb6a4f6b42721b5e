//! Does zero-copy send pay here? Sends the same bytes with io_uring's SEND and SEND_ZC over loopback, in turns, and prints
//! what each cost and how many of the zero-copy sends the kernel copied all the same.
//!
//! `docs/architecture.md` has the outcome. Without a network card, or with one that cannot gather, the kernel copies.
//!
//!     cargo run --release -p turbo-shard-runtime --example zero_copy_send

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use io_uring::types::Fd;
use io_uring::{IoUring, cqueue, opcode, squeue};

const SIZES: [usize; 4] = [1024, 16 * 1024, 64 * 1024, 512 * 1024];
const ROUNDS: usize = 7;
const BYTES_PER_ROUND: usize = 32 * 1024 * 1024;
/// `IORING_SEND_ZC_REPORT_USAGE`, and what the notification then says of a copy (`IORING_NOTIF_USAGE_ZC_COPIED`).
const REPORT_USAGE: u16 = 1 << 3;
const COPIED: i32 = i32::MIN;

/// The cost of a round.
struct Cost {
    cpu_us_per_mib: f64,
    mib_per_second: f64,
    copied: usize,
    sends: usize,
}

fn main() -> io::Result<()> {
    // The sender has the first core, the receiver the last, like a server and its load.
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    let (receiver, _) = listener.accept()?;
    let last = cores.last().copied();
    let draining = std::thread::spawn(move || drain(receiver, last));
    if let Some(first) = cores.first() {
        core_affinity::set_for_current(*first);
    }
    let mut ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(64)?;
    println!(
        "bytes each | copying: CPU µs/MiB, MiB/s | zero copy: CPU µs/MiB, MiB/s | copied all the same"
    );
    for size in SIZES {
        let bytes = vec![b'z'; size];
        let mut costs = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (is_zero_copy, costs) in [false, true].into_iter().zip(&mut costs) {
                costs.push(round(&mut ring, &sender, &bytes, is_zero_copy)?);
            }
        }
        let [copying, zero_copy] = costs;
        let sends: usize = zero_copy.iter().map(|cost| cost.sends).sum();
        let copied: usize = zero_copy.iter().map(|cost| cost.copied).sum();
        println!(
            "{size:>10} | {} | {} | {copied} of {sends}",
            medians(&copying),
            medians(&zero_copy)
        );
    }
    sender.shutdown(std::net::Shutdown::Both)?;
    draining.join().expect("the receiver only reads")
}

/// Sends one round's bytes; each send has ended when the next begins.
fn round(
    ring: &mut IoUring,
    socket: &TcpStream,
    bytes: &[u8],
    is_zero_copy: bool,
) -> io::Result<Cost> {
    let (mut sent, mut sends, mut copied) = (0, 0, 0);
    let (started, cpu) = (Instant::now(), thread_cpu_time());
    while sent < BYTES_PER_ROUND {
        let entry = operation(socket, bytes, is_zero_copy);
        // SAFETY: `bytes` outlives the loop below, which waits for the last completion of the send.
        unsafe { ring.submission().push(&entry) }.expect("the queue is empty");
        let mut awaited = 1;
        while awaited > 0 {
            ring.submit_and_wait(1)?;
            for completion in ring.completion() {
                if cqueue::notif(completion.flags()) {
                    copied += usize::from(completion.result() & COPIED != 0);
                } else if completion.result() < 0 {
                    return Err(io::Error::from_raw_os_error(-completion.result()));
                } else {
                    sent += completion.result() as usize;
                    sends += 1;
                }
                if !cqueue::more(completion.flags()) {
                    awaited -= 1;
                }
            }
        }
    }
    let mib = sent as f64 / f64::from(1 << 20);
    Ok(Cost {
        cpu_us_per_mib: (thread_cpu_time() - cpu).as_secs_f64() * 1e6 / mib,
        mib_per_second: mib / started.elapsed().as_secs_f64(),
        copied,
        sends,
    })
}

fn operation(socket: &TcpStream, bytes: &[u8], is_zero_copy: bool) -> squeue::Entry {
    let (socket, len) = (Fd(socket.as_raw_fd()), bytes.len() as u32);
    match is_zero_copy {
        false => opcode::Send::new(socket, bytes.as_ptr(), len).build(),
        true => opcode::SendZc::new(socket, bytes.as_ptr(), len)
            .zc_flags(REPORT_USAGE)
            .build(),
    }
}

fn drain(mut receiver: TcpStream, core: Option<CoreId>) -> io::Result<()> {
    if let Some(core) = core {
        core_affinity::set_for_current(core);
    }
    let mut scratch = vec![0; 1 << 20];
    while receiver.read(&mut scratch)? > 0 {}
    Ok(())
}

fn medians(costs: &[Cost]) -> String {
    let median = |of: fn(&Cost) -> f64| {
        let mut sorted: Vec<f64> = costs.iter().map(of).collect();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    format!(
        "{:7.0}, {:6.0}",
        median(|cost| cost.cpu_us_per_mib),
        median(|cost| cost.mib_per_second)
    )
}

fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec, which is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
