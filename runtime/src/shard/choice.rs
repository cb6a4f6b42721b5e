//! Chooses the shard that serves a fresh connection. Pure: knows neither sockets nor threads.

/// Up to this many shards, all are looked at: a cache line or two of each, at accept time only. Beyond it the power of
/// two choices is enough: of the own shard and two random ones, the least loaded. Two are enough to keep the most
/// loaded shard close to the mean, and connections that arrive at the same moment do not all choose the same one.
const LOOKED_AT_ALL_MAX: usize = 16;
const RANDOM_CHOICES: usize = 2;

/// How much a shard has to do. An overloaded shard comes after all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    pub(crate) is_overloaded: bool,
    /// Connections that are open, or on their way.
    pub(crate) connections: u64,
}

/// The least loaded of the shards that are looked at; `own` unless another one is strictly less loaded. `load` says
/// nothing of a shard that takes no connections now. `random(n)` is a number below n.
pub(crate) fn choose(
    own: usize,
    own_load: Load,
    shards: usize,
    load: impl Fn(usize) -> Option<Load>,
    mut random: impl FnMut(usize) -> usize,
) -> usize {
    if shards < 2 {
        return own;
    }
    let looks = if shards <= LOOKED_AT_ALL_MAX {
        shards
    } else {
        RANDOM_CHOICES
    };
    // Starts at a random one, so that equals are chosen equally often.
    let mut candidate = random(shards);
    let mut best = (own_load, own);
    for _ in 0..looks {
        if candidate != own
            && let Some(load) = load(candidate)
            && load < best.0
        {
            best = (load, candidate);
        }
        candidate = if looks == shards {
            (candidate + 1) % shards
        } else {
            random(shards)
        };
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(connections: u64) -> Load {
        Load {
            is_overloaded: false,
            connections,
        }
    }

    fn chosen(own: usize, connections: &[u64], first: usize) -> usize {
        choose(
            own,
            load(connections[own]),
            connections.len(),
            |shard| Some(load(connections[shard])),
            |_| first,
        )
    }

    #[test]
    fn the_least_loaded_is_chosen_wherever_the_look_begins() {
        for first in 0..4 {
            assert_eq!(chosen(0, &[5, 4, 2, 3], first), 2);
            assert_eq!(chosen(2, &[5, 4, 2, 3], first), 2);
        }
    }

    #[test]
    fn among_equals_a_connection_stays_where_it_is() {
        for own in 0..3 {
            assert_eq!(chosen(own, &[2, 2, 2], 0), own);
        }
        assert_eq!(chosen(0, &[0], 0), 0);
    }

    #[test]
    fn equals_elsewhere_are_chosen_alike() {
        let firsts = [1, 2, 3].map(|first| chosen(0, &[9, 1, 1, 1], first));
        assert_eq!(firsts, [1, 2, 3]);
    }

    #[test]
    fn a_shard_that_takes_none_is_passed_over() {
        let takes = |shard| (shard != 1).then(|| load(0));
        assert_eq!(choose(0, load(3), 2, takes, |_| 1), 0);
        assert_eq!(choose(0, load(3), 3, takes, |_| 1), 2);
    }

    #[test]
    fn what_is_overloaded_is_the_last_resort() {
        let overloaded = |connections| Load {
            is_overloaded: true,
            connections,
        };
        assert_eq!(choose(0, overloaded(1), 2, |_| Some(load(9)), |_| 1), 1);
        assert_eq!(choose(0, load(9), 2, |_| Some(overloaded(1)), |_| 1), 0);
        assert_eq!(
            choose(0, overloaded(9), 2, |_| Some(overloaded(1)), |_| 1),
            1
        );
    }

    #[test]
    fn of_many_shards_only_two_random_ones_are_looked_at() {
        let looked_at = std::cell::RefCell::new(Vec::new());
        let looks = |shard| {
            looked_at.borrow_mut().push(shard);
            Some(load(if shard == 70 { 1 } else { 0 }))
        };
        let mut draws = [70, 80, 90].into_iter();
        assert_eq!(
            choose(3, load(5), 100, looks, |_| draws.next().unwrap()),
            80
        );
        assert_eq!(*looked_at.borrow(), [70, 80]);
    }

    #[test]
    fn connections_placed_one_after_another_are_even() {
        for shards in [2, 3, 7, 16] {
            let mut connections = vec![0_u64; shards];
            let mut draw = fastrand::Rng::with_seed(7);
            for _ in 0..shards * 4 {
                // The kernel's hash: any shard accepts it.
                let own = draw.usize(..shards);
                let target = choose(
                    own,
                    load(connections[own]),
                    shards,
                    |shard| Some(load(connections[shard])),
                    |n| draw.usize(..n),
                );
                connections[target] += 1;
            }
            assert!(
                connections.iter().all(|count| *count == 4),
                "{connections:?}"
            );
        }
    }

    #[test]
    fn two_choices_keep_many_shards_close_to_the_mean() {
        let (shards, each) = (128, 32);
        let mut connections = vec![0_u64; shards];
        let mut draw = fastrand::Rng::with_seed(11);
        for _ in 0..shards * each {
            let own = draw.usize(..shards);
            let target = choose(
                own,
                load(connections[own]),
                shards,
                |shard| Some(load(connections[shard])),
                |n| draw.usize(..n),
            );
            connections[target] += 1;
        }
        // A hash alone leaves over 50 on the fullest.
        assert!(
            connections.iter().all(|count| *count <= each as u64 + 4),
            "{connections:?}"
        );
    }
}
