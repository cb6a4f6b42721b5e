//! The same tests over both ways to move bytes.

use std::cell::Cell;

use serde_json::Value;

thread_local! {
    static WAY: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Makes two tests of each function.
macro_rules! both_ways {
    ($($name:ident,)*) => {
        mod over_epoll {
            $(#[test] fn $name() { crate::ways::over("epoll", super::$name); })*
        }
        mod over_uring {
            $(#[test] fn $name() { crate::ways::over("uring", super::$name); })*
        }
    };
}
pub(crate) use both_ways;

pub(crate) fn over(way: &'static str, test: fn()) {
    WAY.set(Some(way));
    test();
}

/// The options that choose the way of the running test.
pub(crate) fn options() -> Vec<&'static str> {
    WAY.get().map_or_else(Vec::new, |way| vec!["--io", way])
}

/// A report says which way was taken.
pub(crate) fn assert_taken(report: &Value) {
    if let (Some(way), Some(taken)) = (WAY.get(), report.get("io")) {
        assert_eq!(taken, way, "{report}");
    }
}
