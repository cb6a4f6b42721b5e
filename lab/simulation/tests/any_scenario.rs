//! What must hold in every simulation: every request is answered, nothing is faster than its own time, and the same
//! scenario has the same outcome.

use proptest::prelude::*;
use turbo_shard_simulation::{
    Arrivals, Costs, Dispatch, Distribution, Handler, Policy, Scenario, simulate, simulate_json,
};

fn policies() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Hash),
        Just(Policy::Least),
        Just(Policy::Process),
        Just(Policy::Steal),
        Just(Policy::StealHandoff),
        Just(Policy::Ideal),
    ]
}

fn arrivals() -> impl Strategy<Value = Arrivals> {
    prop_oneof![
        (1e2..1e6_f64, any::<bool>()).prop_map(|(per_second, is_bound)| Arrivals::Open {
            per_second,
            dispatch: if is_bound {
                Dispatch::Bound
            } else {
                Dispatch::Idle
            },
        }),
        (0.0..1e4_f64).prop_map(|think_us| Arrivals::Closed { think_us }),
    ]
}

fn handlers() -> impl Strategy<Value = Handler> {
    let wait = || {
        (0.0..3000.0_f64).prop_map(|us| Distribution::Uniform {
            low_us: 0.0,
            high_us: us,
        })
    };
    prop_oneof![
        Just(Handler::Inline),
        wait().prop_map(|wait| Handler::Async { wait }),
        (wait(), 1..5_usize).prop_map(|(wait, threads)| Handler::Blocking { wait, threads }),
    ]
}

fn costs() -> impl Strategy<Value = Costs> {
    (0.0..20.0_f64, 0.0..20.0_f64, 0.0..5.0_f64).prop_map(|(wake_us, request_us, other)| Costs {
        request_us,
        wake_us,
        turn_us: other,
        driver_event_us: other / 4.0,
        sleep_us: other,
        round_trip_us: other * 2.0,
        resume_us: other,
        steal_request_us: other,
        notify_us: other,
        steal_probe_us: other / 8.0,
        steal_us: other,
        scheduler_lock_us: other / 8.0,
        line_transfer_us: 0.1,
        moved_task_lines: 10.0 * other,
        shared_us: other / 4.0,
        process_service_factor: 1.0,
    })
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let numbers = (
        1..20_usize,
        1..300_usize,
        1..100_usize,
        1..2000_usize,
        any::<u64>(),
    );
    (
        policies(),
        numbers,
        arrivals(),
        handlers(),
        costs(),
        1.0..300.0_f64,
    )
        .prop_map(
            |(
                policy,
                (cores, connections, pipeline, requests, seed),
                arrivals,
                handler,
                costs,
                us,
            )| {
                Scenario {
                    policy,
                    cores,
                    connections,
                    pipeline,
                    arrivals,
                    service: Distribution::Uniform {
                        low_us: us,
                        high_us: 3.0 * us,
                    },
                    handler,
                    requests,
                    seed,
                    costs,
                }
            },
        )
}

proptest! {
    #[test]
    fn every_request_is_answered_once_and_none_too_soon(scenario in scenarios()) {
        let outcome = simulate(&scenario).unwrap();
        prop_assert_eq!(outcome.requests, scenario.requests as u64);
        let Distribution::Uniform { low_us, .. } = scenario.service else { unreachable!() };
        let least = low_us + scenario.costs.request_us + scenario.costs.round_trip_us;
        // Times are whole nanoseconds.
        prop_assert!(outcome.latency_us.p50 >= least - 0.01, "{} {least}", outcome.latency_us.p50);
        prop_assert!((0.0..=1.0).contains(&outcome.idle_while_waiting_share));
        prop_assert!(outcome.busy_share <= 1.0 + 1e-9);
        prop_assert!(outcome.balance_max_over_mean >= 1.0 - 1e-9);
    }

    #[test]
    fn the_same_scenario_has_the_same_outcome(scenario in scenarios()) {
        prop_assert_eq!(simulate(&scenario).unwrap(), simulate(&scenario).unwrap());
    }

    #[test]
    fn any_text_is_refused_or_simulated(text in ".{0,200}") {
        prop_assert!(simulate_json(&text).is_err());
    }
}

#[test]
fn wrong_scenarios_are_refused_in_one_line() {
    let good = Scenario {
        policy: Policy::Hash,
        cores: 2,
        connections: 8,
        pipeline: 1,
        arrivals: Arrivals::Open {
            per_second: 1000.0,
            dispatch: Dispatch::Bound,
        },
        service: Distribution::Fixed { us: 8.0 },
        handler: Handler::Inline,
        requests: 100,
        seed: 1,
        costs: Costs::NONE,
    };
    assert!(simulate(&good).is_ok());
    let wrong = |change: fn(&mut Scenario)| {
        let mut scenario = good.clone();
        change(&mut scenario);
        let error = simulate(&scenario).unwrap_err();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    assert!(wrong(|s| s.cores = 0).contains("cores"));
    assert!(wrong(|s| s.connections = usize::MAX).contains("connections"));
    assert!(wrong(|s| s.pipeline = 0).contains("pipeline"));
    assert!(wrong(|s| s.requests = 0).contains("requests"));
    assert!(wrong(|s| s.costs.wake_us = f64::NAN).contains("wake_us"));
    assert!(wrong(|s| s.costs.process_service_factor = 0.0).contains("process_service_factor"));
    assert!(wrong(|s| s.service = Distribution::Fixed { us: -1.0 }).contains("service"));
    assert!(
        wrong(|s| s.service = Distribution::LogNormal {
            us: 1.0,
            sigma: 9.0
        })
        .contains("sigma")
    );
    assert!(
        wrong(|s| {
            s.service = Distribution::Mixture {
                us: vec![1.0],
                weights: vec![0.0],
            };
        })
        .contains("weights")
    );
    assert!(
        wrong(|s| {
            s.arrivals = Arrivals::Open {
                per_second: 0.0,
                dispatch: Dispatch::Bound,
            };
        })
        .contains("per_second")
    );
    assert!(
        wrong(|s| {
            s.handler = Handler::Blocking {
                wait: Distribution::NONE,
                threads: 0,
            };
        })
        .contains("threads")
    );
}
