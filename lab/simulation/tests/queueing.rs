//! The simulation against what queueing theory knows exactly. Seeds are fixed, so nothing here can fail by chance.

use turbo_shard_simulation::{
    Arrivals, Costs, Dispatch, Distribution, Handler, Outcome, Policy, Scenario, simulate,
};

/// Requests of 100 µs on average, which share nothing and have no other cost; connections hold nothing back.
fn open_loop(policy: Policy, cores: usize, load: f64, service: Distribution) -> Scenario {
    Scenario {
        policy,
        cores,
        connections: cores * 1000,
        pipeline: 1 << 20,
        arrivals: Arrivals::Open {
            per_second: load * cores as f64 * 1e6 / service.mean_us(),
            dispatch: Dispatch::Bound,
        },
        service,
        handler: Handler::Inline,
        requests: 400_000,
        seed: 1,
        costs: Costs::NONE,
    }
}

fn run(scenario: &Scenario) -> Outcome {
    simulate(scenario).unwrap()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64) {
    let error = (found / expected - 1.0).abs();
    assert!(
        error < tolerance,
        "{found} is not {expected} within {tolerance}"
    );
}

/// Erlang's C: the probability that an arrival waits when `cores` serve one queue.
fn erlang_c(cores: usize, load: f64) -> f64 {
    let offered = load * cores as f64;
    // Erlang's B by its recursion, which does not overflow.
    let blocked = (1..=cores).fold(1.0, |b, n| offered * b / (n as f64 + offered * b));
    blocked / (1.0 - load * (1.0 - blocked))
}

const EXPONENTIAL: Distribution = Distribution::Exponential { us: 100.0 };
const FIXED: Distribution = Distribution::Fixed { us: 100.0 };

#[test]
fn one_core_with_exponential_service_is_m_m_1() {
    for policy in [Policy::Hash, Policy::Process, Policy::Steal, Policy::Ideal] {
        for load in [0.3, 0.7] {
            let outcome = run(&open_loop(policy, 1, load, EXPONENTIAL));
            assert_close(outcome.latency_us.mean, 100.0 / (1.0 - load), 0.03);
            // The time in the system is exponential, too, where the order is that of arrival: tokio's LIFO slot is not.
            let median = 100.0 / (1.0 - load) * std::f64::consts::LN_2;
            if policy != Policy::Steal {
                assert_close(outcome.latency_us.p50, median, 0.04);
            }
            assert_close(outcome.busy_share, load, 0.01);
        }
    }
}

#[test]
fn one_core_with_fixed_service_is_m_d_1() {
    let outcome = run(&open_loop(Policy::Hash, 1, 0.7, FIXED));
    // Pollaczek and Khinchine.
    assert_close(
        outcome.latency_us.mean,
        100.0 + 0.7 / (2.0 * 0.3) * 100.0,
        0.03,
    );
}

#[test]
fn one_queue_for_many_cores_is_m_m_c() {
    for (cores, load) in [(2, 0.5), (2, 0.8), (8, 0.8), (32, 0.9)] {
        let mut scenario = open_loop(Policy::Ideal, cores, load, EXPONENTIAL);
        scenario.requests = 2_000_000;
        let outcome = run(&scenario);
        let wait = erlang_c(cores, load) * 100.0 / (cores as f64 * (1.0 - load));
        assert_close(outcome.latency_us.mean, 100.0 + wait, 0.02);
    }
}

#[test]
fn many_connections_over_shards_are_as_many_m_m_1() {
    // A Poisson stream that is split at random stays one; a thousand connections per shard leave little imbalance.
    let outcome = run(&open_loop(Policy::Least, 8, 0.5, EXPONENTIAL));
    assert_close(outcome.latency_us.mean, 200.0, 0.03);
}

#[test]
fn the_law_of_little_holds() {
    for policy in ALL {
        let scenario = open_loop(policy, 4, 0.6, EXPONENTIAL);
        let outcome = run(&scenario);
        let rate = outcome.requests as f64 / outcome.seconds;
        // The mean leaves out the warm-up, so there is a tolerance.
        let expected = rate * outcome.latency_us.mean / 1e6;
        assert_close(outcome.in_system_mean, expected, 0.02);
    }
}

#[test]
fn stealing_that_costs_nothing_comes_near_one_queue() {
    let mean = |policy| run(&open_loop(policy, 8, 0.8, EXPONENTIAL)).latency_us.mean;
    let (ideal, steal, hash) = (
        mean(Policy::Ideal),
        mean(Policy::StealHandoff),
        mean(Policy::Hash),
    );
    assert!(
        ideal <= steal && steal < hash / 2.0,
        "{ideal} {steal} {hash}"
    );
}

#[test]
fn one_queue_never_lets_a_core_sleep_while_a_request_waits() {
    let outcome = run(&open_loop(Policy::Ideal, 8, 0.8, EXPONENTIAL));
    assert_eq!(outcome.idle_while_waiting_share, 0.0);
}

#[test]
fn one_shard_sleeps_beside_a_request_for_its_wake_up_alone() {
    let mut scenario = open_loop(Policy::Hash, 1, 0.5, EXPONENTIAL);
    scenario.costs.wake_us = 7.0;
    let outcome = run(&scenario);
    let wake_ups_s = outcome.wakes_per_request * outcome.requests as f64 * 7e-6;
    assert_close(
        outcome.idle_while_waiting_share * outcome.seconds,
        wake_ups_s,
        1e-6,
    );
}

#[test]
fn a_worker_that_runs_a_task_leaves_the_io_driver_alone() {
    // 1 % of 20 ms: others sleep while requests wait in the driver that a busy worker has left, unless it hands it on.
    let bimodal = Distribution::Mixture {
        us: vec![100.0, 20_000.0],
        weights: vec![99.0, 1.0],
    };
    let stranded = |policy| {
        let mut scenario = open_loop(policy, 4, 0.3, bimodal.clone());
        scenario.requests = 100_000;
        run(&scenario).idle_while_waiting_share
    };
    assert!(stranded(Policy::Steal) > 2.0 * stranded(Policy::StealHandoff));
}

#[test]
fn two_connections_share_a_shard_in_half_of_all_cases() {
    let mut together = 0;
    for seed in 0..400 {
        let mut scenario = open_loop(Policy::Hash, 2, 0.2, FIXED);
        (scenario.connections, scenario.requests, scenario.seed) = (2, 200, seed);
        together += u32::from(run(&scenario).balance_max_over_mean > 1.99);
        scenario.policy = Policy::Least;
        let least = run(&scenario).balance_max_over_mean;
        assert!(least < 1.99 || together > 0);
    }
    // 200 on average, with a standard deviation of 10.
    assert!((160..=240).contains(&together), "{together}");
}

#[test]
fn a_closed_loop_saturates_and_answers_at_the_rate_of_the_cores() {
    for policy in ALL {
        let mut scenario = open_loop(policy, 4, 0.5, FIXED);
        (scenario.connections, scenario.pipeline) = (400, 1);
        scenario.requests = 200_000;
        scenario.arrivals = Arrivals::Closed { think_us: 0.0 };
        let outcome = run(&scenario);
        assert!(outcome.requests_per_second <= 40_000.0 * 1.01, "{policy:?}");
        assert!(
            outcome.requests_per_second >= 40_000.0 * 0.9,
            "{policy:?} {outcome:?}"
        );
    }
}

#[test]
fn an_overloaded_server_answers_at_its_capacity() {
    let outcome = run(&open_loop(Policy::Ideal, 2, 1.5, FIXED));
    assert_close(outcome.requests_per_second, 20_000.0, 0.01);
    assert_close(outcome.offered_per_second, 30_000.0, 0.01);
}

#[test]
fn a_shared_line_bounds_the_throughput_of_one_process_alone() {
    let rate = |policy| {
        let mut scenario = open_loop(policy, 16, 0.9, FIXED);
        scenario.costs.shared_us = 20.0;
        run(&scenario).requests_per_second
    };
    assert!(rate(Policy::Process) > 140_000.0);
    // One request per 20 µs.
    assert!(rate(Policy::Hash) < 60_000.0);
    assert!(rate(Policy::Steal) < 60_000.0);
}

#[test]
fn a_wait_holds_no_core_and_a_full_pool_queues() {
    let wait = Distribution::Fixed { us: 2000.0 };
    for policy in ALL {
        let mut scenario = open_loop(policy, 2, 0.4, FIXED);
        scenario.requests = 20_000;
        scenario.handler = Handler::Async { wait: wait.clone() };
        // Connections serve one request at a time.
        (scenario.connections, scenario.pipeline) = (1000, 1);
        let free = run(&scenario).latency_us;
        assert!((2100.0..2600.0).contains(&free.mean), "{policy:?} {free:?}");
        scenario.handler = Handler::Blocking {
            wait: wait.clone(),
            threads: 4,
        };
        // 8000 requests/s, but the pools answer 2 x 4 per 2 ms.
        let pooled = run(&scenario);
        assert!(pooled.requests_per_second < 4100.0, "{policy:?} {pooled:?}");
    }
}

const ALL: [Policy; 6] = [
    Policy::Hash,
    Policy::Least,
    Policy::Process,
    Policy::Steal,
    Policy::StealHandoff,
    Policy::Ideal,
];
