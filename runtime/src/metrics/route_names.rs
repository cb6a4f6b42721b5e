//! The routes of all apps by number, so that a thread can say for a request which one it is without touching a name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;

/// Most routes that are told apart. Beyond it a route is [`RouteId::UNKNOWN`]; each costs a histogram of a quarter KiB
/// on each thread that answers it.
pub const ROUTES_TOLD_APART_MAX: usize = 16 * 1024;

/// A route's number in this process: equal for equal templates, whichever shard's app has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(u32);

/// The templates that have a number, and the way back.
struct Names {
    of_id: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, RouteId>,
}

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(|| {
    RwLock::new(Names {
        of_id: vec![Arc::from("")],
        ids: HashMap::new(),
    })
});

impl RouteId {
    /// The app has not said which route it is.
    pub const UNKNOWN: RouteId = RouteId(0);

    /// The number of a template such as `/users/{id}`. For when routes are made, not for requests: it takes a lock.
    pub fn of(template: &str) -> RouteId {
        if let Some(id) = NAMES.read().ids.get(template) {
            return *id;
        }
        let mut names = NAMES.write();
        if let Some(id) = names.ids.get(template) {
            return *id;
        }
        if names.of_id.len() > ROUTES_TOLD_APART_MAX {
            return RouteId::UNKNOWN;
        }
        let id = RouteId(names.of_id.len() as u32);
        let name: Arc<str> = Arc::from(template);
        names.of_id.push(Arc::clone(&name));
        names.ids.insert(name, id);
        id
    }

    /// The template; empty if it is unknown. For reports and logs: it takes a lock that is nearly never held.
    pub fn template(self) -> Arc<str> {
        Arc::clone(&NAMES.read().of_id[self.0 as usize])
    }

    /// The way back from [`index`](RouteId::index); a number that no route has is [`RouteId::UNKNOWN`].
    pub(crate) fn from_index(index: u32) -> RouteId {
        match (index as usize) < NAMES.read().of_id.len() {
            true => RouteId(index),
            false => RouteId::UNKNOWN,
        }
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_one_number_and_leads_back() {
        let id = RouteId::of("/route_names/{a}");
        assert_eq!(RouteId::of("/route_names/{a}"), id);
        assert_ne!(RouteId::of("/route_names/{b}"), id);
        assert_eq!(&*id.template(), "/route_names/{a}");
        assert_ne!(id, RouteId::UNKNOWN);
        assert_eq!(&*RouteId::UNKNOWN.template(), "");
    }
}
