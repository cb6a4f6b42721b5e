//! Steers fresh connections to the shard on the CPU that took their first packet, or always to the same shard for one
//! client address: a classic BPF program on the port's SO_REUSEPORT group. Of shards it knows only their cores.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::start_error::StartError;

/// Where the kernel's own values begin in the packet's address space (`SKF_AD_OFF`), and the CPU's number among them.
const LOAD_CPU: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_CPU) as u32;

/// Has the kernel choose the shard on the CPU that takes a connection's first packet; `cores` has the core of each.
pub(crate) fn steer_to_shards(
    listeners: &[impl AsFd],
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

/// Has the kernel choose the same shard for all connections of one client address. A shard that is started again has the
/// listener of the one that died, and so its place in the group.
pub(crate) fn steer_by_address(listeners: &[impl AsFd]) -> Result<(), StartError> {
    let refused =
        |reason: &dyn std::fmt::Display| StartError::new(format!("steer address: {reason}"));
    let Some(listener) = listeners.first() else {
        return Err(refused(&"no listener was bound"));
    };
    by_address(listeners.len())
        .and_then(|program| attach(listener, program))
        .map_err(|error| refused(&format_args!("the kernel refuses the program ({error})")))
}

/// Attaches the program to the group that `listener` belongs to. `cores` has the core of each listener, in the order in
/// which they began to listen: that is how the kernel numbers them.
fn steer_to_cpus(listener: &impl AsFd, cores: &[usize]) -> io::Result<()> {
    attach(listener, program(cores)?)
}

fn attach(listener: &impl AsFd, mut program: Vec<libc::sock_filter>) -> io::Result<()> {
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

/// Where the packet's IP header begins in its address space (`SKF_NET_OFF`).
const IP_HEADER: i32 = libc::SKF_NET_OFF;
/// Where the client's address is in the header: one word of IPv4, four of IPv6.
const V4_SOURCE: [i32; 1] = [12];
const V6_SOURCE: [i32; 4] = [8, 12, 16, 20];
/// Odd, and far from regular: neighbouring addresses must come to lie far apart.
const SPREAD: u32 = 0x9E37_79B1;

/// `a = 0; for each word of the source address: a = (a ^ word) * SPREAD, its halves folded; return a mod shards`.
///
/// The version is read from the packet, since a socket for `::` is given packets of both.
fn by_address(shards: usize) -> io::Result<Vec<libc::sock_filter>> {
    let shards = u32::try_from(shards.max(1)).map_err(|_| io::ErrorKind::InvalidInput)?;
    let step = |code: u32, k: u32| libc::sock_filter {
        // The codes of classic BPF have one byte.
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let load = |size: u32, offset: i32| {
        let place = (IP_HEADER + offset) as u32;
        step(libc::BPF_LD | size | libc::BPF_ABS, place)
    };
    let calculate = |operation: u32, k: u32| step(libc::BPF_ALU | operation | libc::BPF_K, k);
    let keep = step(libc::BPF_MISC | libc::BPF_TAX, 0);
    let mix = step(libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X, 0);
    let hash = |words: &[i32]| {
        // What was hashed so far is in X.
        let mut steps = vec![step(libc::BPF_LDX | libc::BPF_W | libc::BPF_IMM, 0)];
        for word in words {
            let spread = calculate(libc::BPF_MUL, SPREAD);
            let fold = [keep, calculate(libc::BPF_RSH, 15), mix];
            steps.extend([load(libc::BPF_W, *word), mix, spread]);
            steps.extend(fold);
            steps.extend([spread, keep, calculate(libc::BPF_RSH, 16), mix, keep]);
        }
        let choose = calculate(libc::BPF_MOD, shards);
        steps.extend([choose, step(libc::BPF_RET | libc::BPF_A, 0)]);
        steps
    };
    let (v4, v6) = (hash(&V4_SOURCE), hash(&V6_SOURCE));
    let is_v4 = libc::sock_filter {
        // Over the steps of IPv4 if it is not.
        jf: u8::try_from(v4.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        ..step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 4)
    };
    let mut program = vec![load(libc::BPF_B, 0), calculate(libc::BPF_RSH, 4), is_v4];
    program.extend(v4);
    program.extend(v6);
    Ok(program)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::net::tcp_group::{self, GroupSize};

    fn bind_group(host: &str, count: usize) -> Vec<TcpListener> {
        let size = GroupSize { count, backlog: 16 };
        let group = tcp_group::bind_group(host, 0, size, false).unwrap();
        group.into_iter().map(TcpListener::from).collect()
    }

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
        let group = bind_group("127.0.0.1", 2);
        let most: Vec<usize> = (0..crate::config::SHARDS_MAX).collect();
        steer_to_cpus(&group[0], &most).unwrap();
        steer_to_cpus(&group[1], &[0, 1]).unwrap();
    }

    /// The number of the listener that has the latest connection in its queue.
    fn place_of_next(group: &[TcpListener]) -> usize {
        loop {
            match group.iter().position(|listener| listener.accept().is_ok()) {
                Some(place) => return place,
                None => std::thread::yield_now(),
            }
        }
    }

    /// Which listeners accept connections from `sources` to a group on `host`, by number.
    fn accepted_by(host: &str, sources: &[&str], shards: usize) -> Vec<usize> {
        let group = bind_group(host, shards);
        steer_by_address(&group).unwrap();
        let port = group[0].local_addr().unwrap().port();
        let connect = |source: &str| {
            let source: std::net::IpAddr = source.parse().unwrap();
            let domain = socket2::Domain::for_address((source, 0).into());
            let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
            socket
                .bind(&std::net::SocketAddr::new(source, 0).into())
                .unwrap();
            let target = match source {
                std::net::IpAddr::V4(_) => "127.0.0.1",
                std::net::IpAddr::V6(_) => "::1",
            };
            let target = std::net::SocketAddr::new(target.parse().unwrap(), port);
            socket.connect(&target.into()).unwrap();
            place_of_next(&group)
        };
        sources.iter().map(|source| connect(source)).collect()
    }

    #[test]
    fn one_address_has_one_shard_and_many_have_all() {
        let sources: Vec<String> = (1..=60).map(|n| format!("127.0.0.{n}")).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let chosen = accepted_by("127.0.0.1", &sources, 3);
        for shard in 0..3 {
            let count = chosen.iter().filter(|one| **one == shard).count();
            assert!((8..=36).contains(&count), "{count} of 60 on shard {shard}");
        }
        for (source, shard) in sources.iter().zip(chosen).take(8) {
            assert_eq!(accepted_by("127.0.0.1", &[*source; 6], 3), [shard; 6]);
        }
    }

    #[test]
    fn a_shard_that_is_started_again_has_the_place_of_the_dead_one() {
        let group = bind_group("127.0.0.1", 3);
        steer_by_address(&group).unwrap();
        let address = group[0].local_addr().unwrap();
        // As shards do: each accepts on a copy, and the supervisor keeps the group.
        let mut places = (0..3).map(|_| {
            let copies: Vec<_> = group.iter().map(|one| one.try_clone().unwrap()).collect();
            let _client = std::net::TcpStream::connect(address).unwrap();
            place_of_next(&copies)
        });
        let first = places.next().unwrap();
        assert!(places.all(|place| place == first));
    }

    #[test]
    fn ipv6_has_one_shard_too_and_a_socket_for_both_agrees_with_ipv4() {
        let chosen = accepted_by("::1", &["::1"; 8], 3);
        assert!(chosen.iter().all(|shard| *shard == chosen[0]), "{chosen:?}");
        let sources = ["127.0.0.7", "127.0.0.8", "127.0.0.9", "127.0.0.10"];
        assert_eq!(
            accepted_by("::", &sources, 3),
            accepted_by("127.0.0.1", &sources, 3)
        );
    }

    #[test]
    fn what_is_no_listener_of_a_group_is_refused() {
        let alone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(steer_to_cpus(&alone, &[0]).is_err());
    }
}
