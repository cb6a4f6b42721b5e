//! Hand-offs without an engine: where connections go, and that none is lost, whatever its target does next.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::net::bind::Bind;
use crate::net::bound_address::bind_all;
use crate::net::listener::Listener;

struct Sockets {
    listener: Listener,
    address: SocketAddr,
}

impl Sockets {
    fn new() -> Sockets {
        let bound = bind_all(&[Bind::tcp("127.0.0.1", 0)], 1, 16).unwrap();
        let listener = bound[0].of_shard(0).try_clone().unwrap();
        let address = listener.address().unwrap().tcp().unwrap();
        Sockets { listener, address }
    }

    /// One end of a connection; the other end is dropped.
    fn fresh(&self) -> Fresh {
        let _client = TcpStream::connect(self.address).unwrap();
        loop {
            // It may not have come yet.
            if let Ok(Some(fresh)) = self.listener.accept() {
                return fresh;
            }
        }
    }
}

fn queues(shards: usize, balance: Balance) -> (Vec<Intake>, Arc<ArrivalQueues>) {
    let counters = (0..shards).map(|_| Arc::<Counters>::default());
    let queues = Arc::new(ArrivalQueues::new(counters, balance));
    let intakes = (0..shards).map(|shard| Intake::new(shard, Some(Arc::clone(&queues))));
    (intakes.collect(), queues)
}

fn waiting(queues: &ArrivalQueues, shard: usize) -> usize {
    queues.of_shards[shard].waiting.len()
}

#[test]
fn a_burst_is_spread_before_any_of_it_is_taken_in() {
    let (intakes, queues) = queues(2, Balance::Least);
    intakes.iter().for_each(Intake::open);
    let sockets = Sockets::new();
    let mut own = 0;
    for _ in 0..8 {
        let fresh = sockets.fresh();
        if intakes[0].place(fresh).is_some() {
            queues.of_shards[0].counters.connections_accepted.add(1);
            own += 1;
        }
    }
    assert_eq!((own, waiting(&queues, 1)), (4, 4));
}

#[test]
fn with_hash_connections_stay_unless_their_shard_is_overloaded() {
    let (intakes, queues) = queues(2, Balance::Hash);
    intakes.iter().for_each(Intake::open);
    queues.of_shards[0].counters.connections_accepted.add(5);
    assert_eq!(intakes[0].other_target(), None);
    queues.set_overloaded(0, true);
    assert_eq!(intakes[0].other_target(), Some(1));
    queues.set_overloaded(0, false);
    assert_eq!(intakes[0].other_target(), None);
}

#[test]
fn a_closed_or_full_queue_gives_the_connection_back() {
    let (intakes, queues) = queues(2, Balance::Least);
    let sockets = Sockets::new();
    queues.of_shards[0].counters.connections_accepted.add(5);
    assert_eq!(intakes[0].other_target(), None, "closed");
    assert!(intakes[0].hand_over(1, sockets.fresh()).is_err());
    intakes[1].open();
    assert_eq!(intakes[0].other_target(), Some(1));
    for _ in 0..WAITING_MAX {
        intakes[0].hand_over(1, sockets.fresh()).unwrap();
    }
    assert!(intakes[0].hand_over(1, sockets.fresh()).is_err(), "full");
    assert_eq!(intakes[0].other_target(), None, "full");
    assert_eq!(
        queues.of_shards[1].on_the_way.load(SeqCst),
        WAITING_MAX as u64
    );
}

#[test]
fn what_waits_for_a_dead_shard_goes_to_the_others_or_to_its_successor() {
    let (intakes, queues) = queues(3, Balance::Least);
    intakes.iter().for_each(Intake::open);
    let sockets = Sockets::new();
    for _ in 0..4 {
        intakes[0].hand_over(1, sockets.fresh()).unwrap();
    }
    queues.abandon(1);
    assert_eq!([0, 1, 2].map(|shard| waiting(&queues, shard)), [2, 0, 2]);
    queues.abandon(2);
    assert_eq!([0, 1, 2].map(|shard| waiting(&queues, shard)), [4, 0, 0]);
    queues.abandon(0);
    assert_eq!(waiting(&queues, 0), 4, "nobody else is there");
    intakes[0].open();
    let mut served = 0;
    intakes[0].close(|_| served += 1);
    assert_eq!(served, 4);
    let on_the_way = queues
        .of_shards
        .iter()
        .map(|queue| queue.on_the_way.load(SeqCst));
    assert_eq!(on_the_way.sum::<u64>(), 0);
}

#[test]
fn clients_are_sent_away_as_told_last() {
    let (intakes, queues) = queues(1, Balance::Hash);
    queues.send_away(0, 3);
    queues.send_away(0, 2);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let told = runtime.block_on(intakes[0].next());
    assert!(matches!(told, Arrival::SendAway(2)));
}

#[test]
fn a_shard_that_is_not_overloaded_any_more_keeps_the_rest_of_its_clients() {
    let (intakes, queues) = queues(1, Balance::Hash);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let told = || runtime.block_on(intakes[0].next());
    queues.set_overloaded(0, true);
    queues.send_away(0, 3);
    assert!(matches!(told(), Arrival::SendAway(3)));
    // What was said holds until a later look sends clients away again.
    queues.set_overloaded(0, true);
    queues.send_away(0, 0);
    queues.set_overloaded(0, false);
    assert!(matches!(told(), Arrival::SendAway(0)));
    queues.set_overloaded(0, false);
    queues.send_away(0, 4);
    assert!(matches!(told(), Arrival::SendAway(4)), "said once");
}

#[test]
fn no_connection_is_lost_however_queues_open_and_close() {
    const CONNECTIONS: usize = 2000;
    let (intakes, queues) = queues(3, Balance::Least);
    let sockets = Sockets::new();
    // A socket each would waste descriptors: copies of one will do.
    let fresh = sockets.fresh();
    let (served, placed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Shards 1 and 2 come and go; 0 and 1 and 2 hand over to each other.
        for intake in &intakes[1..] {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    intake.open();
                    std::thread::yield_now();
                    intake.close(|_| _ = served.fetch_add(1, SeqCst));
                    std::thread::yield_now();
                }
            });
        }
        let givers: Vec<_> = (0..2)
            .map(|giver| {
                let (intake, fresh, served, placed) = (&intakes[0], &fresh, &served, &placed);
                scope.spawn(move || {
                    for number in 0..CONNECTIONS {
                        let fresh = Fresh {
                            socket: fresh.socket.try_clone().unwrap(),
                            info: fresh.info.clone(),
                        };
                        placed.fetch_add(1, SeqCst);
                        if intake.hand_over(1 + (number + giver) % 2, fresh).is_err() {
                            served.fetch_add(1, SeqCst);
                        }
                    }
                })
            })
            .collect();
        for giver in givers {
            giver.join().unwrap();
        }
        over.store(true, SeqCst);
    });
    for intake in &intakes[1..] {
        intake.close(|_| _ = served.fetch_add(1, SeqCst));
    }
    assert_eq!(placed.load(SeqCst), 2 * CONNECTIONS);
    assert_eq!(served.load(SeqCst), 2 * CONNECTIONS);
    assert!(
        queues
            .of_shards
            .iter()
            .all(|queue| queue.on_the_way.load(SeqCst) == 0)
    );
}

#[test]
fn what_comes_by_a_shared_listener_goes_to_the_least_loaded_and_among_equals_in_turn() {
    let (intakes, queues) = queues(3, Balance::Hash);
    assert!(!queues.has_room());
    let sockets = Sockets::new();
    assert!(
        queues.share_out(sockets.fresh(), 0).is_some(),
        "none is open"
    );
    intakes.iter().for_each(Intake::open);
    queues.of_shards[1].counters.connections_accepted.add(4);
    for turn in 0..6 {
        assert!(queues.share_out(sockets.fresh(), turn).is_none());
    }
    assert_eq!([0, 1, 2].map(|shard| waiting(&queues, shard)), [3, 0, 3]);
    // Connections that end at once: all shards are equal again and again.
    let mut served = [0; 3];
    for turn in 0..9 {
        for (intake, count) in intakes.iter().zip(&mut served) {
            intake.close(|_| *count += 1);
            intake.open();
        }
        queues.of_shards[1]
            .counters
            .connections_closed
            .add(if turn == 0 { 4 } else { 0 });
        assert!(queues.share_out(sockets.fresh(), turn).is_none());
    }
    assert_eq!(served[1], 3, "{served:?}");
}

#[test]
fn a_shard_that_is_held_up_leaves_shared_connections_to_other_processes() {
    let (intakes, queues) = queues(1, Balance::Hash);
    intakes[0].open();
    let sockets = Sockets::new();
    for turn in 0.. {
        if !queues.has_room() {
            assert_eq!(turn, SHARED_ON_THE_WAY_MAX as usize);
            break;
        }
        assert!(queues.share_out(sockets.fresh(), turn).is_none());
    }
    intakes[0].close(|_| {});
    intakes[0].open();
    assert!(queues.has_room());
}
