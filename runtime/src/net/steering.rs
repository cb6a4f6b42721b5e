//! Steers fresh connections to the shard on the CPU that took their first packet: a classic BPF program on the port's
//! SO_REUSEPORT group. Knows nothing of shards beyond the core of each.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd};

use crate::service::StartError;

/// Where the kernel's own values begin in the packet's address space (`SKF_AD_OFF`), and the CPU's number among them.
const LOAD_CPU: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_CPU) as u32;

/// Has the kernel choose the shard on the CPU that takes a connection's first packet; `cores` has the core of each.
pub(crate) fn steer_to_shards(
    listeners: &[TcpListener],
    cores: &[Option<usize>],
) -> Result<(), StartError> {
    let refused = |reason: &dyn std::fmt::Display| StartError::new(format!("steer cpu: {reason}"));
    let pinned: Option<Vec<usize>> = cores.iter().copied().collect();
    let pinned = pinned.ok_or_else(|| refused(&"the shards are not pinned to cores; pin them"))?;
    let mut distinct = pinned.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < pinned.len() {
        return Err(refused(&format_args!(
            "{} shards share {} cores; start no more shards than there are cores",
            pinned.len(),
            distinct.len()
        )));
    }
    let Some(listener) = listeners.first() else {
        return Err(refused(&"no listener was bound"));
    };
    steer_to_cpus(listener, &pinned)
        .map_err(|error| refused(&format_args!("the kernel refuses the program ({error})")))
}

/// Attaches the program to the group that `listener` belongs to. `cores` has the core of each listener, in the order in
/// which they began to listen: that is how the kernel numbers them.
fn steer_to_cpus(listener: &impl AsFd, cores: &[usize]) -> io::Result<()> {
    let mut program = program(cores)?;
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: `filter` and the program that it points to are readable and live through the call, which copies both.
    let result = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `if cpu == cores[0] return 0; if cpu == cores[1] return 1; …; return cpu mod shards`.
///
/// The last line is for CPUs that have no shard: packets are taken there too. Two instructions for each of at most 1024
/// shards stay below the kernel's 4096.
fn program(cores: &[usize]) -> io::Result<Vec<libc::sock_filter>> {
    let number =
        |n: usize| u32::try_from(n).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
    let step = |code: u32, k: u32, jf: u8| libc::sock_filter {
        // The codes of classic BPF have one byte.
        code: code as u16,
        jt: 0,
        jf,
        k,
    };
    let mut program = vec![step(
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        LOAD_CPU,
        0,
    )];
    for (index, core) in cores.iter().enumerate() {
        program.push(step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            number(*core)?,
            1,
        ));
        program.push(step(libc::BPF_RET | libc::BPF_K, number(index)?, 0));
    }
    program.push(step(
        libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K,
        number(cores.len().max(1))?,
        0,
    ));
    program.push(step(libc::BPF_RET | libc::BPF_A, 0, 0));
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::listener::bind_group;

    /// Runs a program as the kernel would on CPU `cpu`.
    fn run(program: &[libc::sock_filter], cpu: u32) -> u32 {
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            match u32::from(step.code) {
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    assert_eq!(step.k, LOAD_CPU);
                    accumulator = cpu;
                }
                code if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => {
                    let jump = if accumulator == step.k {
                        step.jt
                    } else {
                        step.jf
                    };
                    at += usize::from(jump);
                }
                code if code == libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K => {
                    accumulator %= step.k
                }
                code if code == libc::BPF_RET | libc::BPF_K => return step.k,
                code if code == libc::BPF_RET | libc::BPF_A => return accumulator,
                code => panic!("unknown code {code}"),
            }
        }
    }

    #[test]
    fn each_cpu_leads_to_its_shard_and_the_others_are_spread() {
        let program = program(&[4, 2, 7]).unwrap();
        let chosen = [4, 2, 7, 0, 1, 3, 5, 6].map(|cpu| run(&program, cpu));
        assert_eq!(chosen, [0, 1, 2, 0, 1, 0, 2, 0]);
    }

    #[test]
    fn the_kernel_takes_a_program_for_as_many_shards_as_there_may_be() {
        let group = bind_group("127.0.0.1", 0, 2, 16).unwrap();
        let most: Vec<usize> = (0..crate::config::SHARDS_MAX).collect();
        steer_to_cpus(&group[0], &most).unwrap();
        steer_to_cpus(&group[1], &[0, 1]).unwrap();
    }

    #[test]
    fn what_is_no_listener_of_a_group_is_refused() {
        let alone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(steer_to_cpus(&alone, &[0]).is_err());
    }
}
