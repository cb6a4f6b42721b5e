//! Which requests are sent, and how often each: routes with weights, chosen by seeded chance. Knows nothing of sockets.

use fastrand::Rng;

use crate::exchange::Exchange;

/// Most routes of a mix; each has its own histogram.
pub const ROUTES_MAX: usize = 256;

/// One kind of request in a mix.
#[derive(Clone, Debug)]
pub struct Route {
    /// The path as it was given, for the report.
    pub path: String,
    /// How often it is chosen, in relation to the others; above 0.
    pub weight: f64,
    /// What is asked, and the right answer.
    pub exchange: Exchange,
}

/// Routes by weight; one at least.
#[derive(Clone, Debug)]
pub struct Mix {
    routes: Vec<Route>,
}

impl Mix {
    /// `None` if there is no route, or an invalid weight.
    pub fn new(routes: Vec<Route>) -> Option<Mix> {
        let good = routes
            .iter()
            .all(|route| route.weight > 0.0 && route.weight.is_finite());
        (good && !routes.is_empty() && routes.len() <= ROUTES_MAX).then_some(Mix { routes })
    }

    /// The routes; there is a first one.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The first route's exchange, which stands for the mix where only one can.
    pub fn first(&self) -> &Exchange {
        &self.routes[0].exchange
    }

    /// Their exchanges, in the same order.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.routes.iter().map(|route| &route.exchange)
    }

    /// A source of choices.
    pub fn chooser(&self, rng: Rng) -> Chooser {
        let mut sum = 0.0;
        let bounds = self.routes.iter().map(|route| {
            sum += route.weight;
            sum
        });
        Chooser {
            bounds: bounds.collect(),
            rng,
        }
    }
}

/// Chooses routes, one after another.
#[derive(Clone, Debug)]
pub struct Chooser {
    /// The sum of the weights up to and with each route.
    bounds: Vec<f64>,
    rng: Rng,
}

impl Chooser {
    /// The place of the next route.
    pub fn choose(&mut self) -> usize {
        let last = self.bounds.len() - 1;
        if last == 0 {
            return 0;
        }
        let point = self.rng.f64() * self.bounds[last];
        // Rounding may bring the point up to the last bound.
        self.bounds
            .partition_point(|bound| *bound <= point)
            .min(last)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::request::{ExpectedBody, RequestParts, RequestPlan};
    use crate::template::Template;
    use std::net::SocketAddr;

    pub(crate) fn route(path: &str, weight: f64) -> Route {
        let parts = RequestParts {
            method: String::from("GET"),
            path: Template::new(path),
            headers: Vec::new(),
            body: None,
            expected_status: 200,
            expected_body: ExpectedBody::Text(Template::new("n={n}")),
        };
        let target = SocketAddr::from(([127, 0, 0, 1], 1));
        Route {
            path: String::from(path),
            weight,
            exchange: Exchange::Http(RequestPlan::new(target, parts)),
        }
    }

    fn choices(weights: &[f64], seed: u64) -> Vec<usize> {
        let routes = weights.iter().map(|weight| route("/", *weight)).collect();
        let mut chooser = Mix::new(routes).unwrap().chooser(Rng::with_seed(seed));
        (0..100_000).map(|_| chooser.choose()).collect()
    }

    #[test]
    fn routes_are_chosen_by_their_weights() {
        let choices = choices(&[1.0, 7.0, 2.0], 5);
        for (route, share) in [(0, 0.1), (1, 0.7), (2, 0.2)] {
            let count = choices.iter().filter(|choice| **choice == route).count();
            assert!(
                (count as f64 / 1e5 - share).abs() < 0.01,
                "{route}: {count}"
            );
        }
    }

    #[test]
    fn a_seed_gives_its_choices_again() {
        assert_eq!(choices(&[1.0, 1.0], 5), choices(&[1.0, 1.0], 5));
        assert_ne!(choices(&[1.0, 1.0], 5), choices(&[1.0, 1.0], 6));
    }

    #[test]
    fn what_cannot_be_chosen_from_is_no_mix() {
        assert!(Mix::new(Vec::new()).is_none());
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Mix::new(vec![route("/", 1.0), route("/", weight)]).is_none());
        }
        let many = |count| Mix::new(vec![route("/", 1.0); count]);
        assert!(many(ROUTES_MAX).is_some() && many(ROUTES_MAX + 1).is_none());
    }
}
