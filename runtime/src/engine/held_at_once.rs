//! Lets several threads each make something and keep it until all have tried, to learn what a limit of the machine
//! allows. Knows nothing of what is made.

use std::convert::Infallible;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::thread::Builder;

/// The results of `make` on so many threads, each kept until all have tried; or why a thread could not be started: then
/// those that were do not wait for it.
pub(crate) fn held_at_once<T>(
    threads: usize,
    make: impl Fn() -> Result<T, String> + RefUnwindSafe + Sync,
    builder: impl Fn(usize) -> Builder,
) -> Result<Vec<Result<(), String>>, String> {
    let (tell, told) = crossbeam_channel::bounded(threads);
    let (all_tried, until_all_tried) = crossbeam_channel::bounded::<Infallible>(0);
    let attempt = || {
        let made = catch_unwind(&make).unwrap_or_else(|_panic| Err(String::from("it panicked")));
        let _ = tell.send(made.as_ref().map(drop).map_err(String::clone));
        let _ = until_all_tried.recv();
    };
    std::thread::scope(|scope| {
        // Dropped before the scope joins its threads, on any way out.
        let _all_tried = all_tried;
        for number in 0..threads {
            let started = builder(number).spawn_scoped(scope, attempt);
            started.map_err(|error| {
                format!("only {number} of {threads} threads could be started: {error}")
            })?;
        }
        Ok(told.iter().take(threads).collect())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_is_made_is_kept_until_all_have_tried() {
        let left = AtomicUsize::new(2);
        let take = || {
            let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
            taken.map(|_| ()).map_err(|_| String::from("none left"))
        };
        let mut tried = held_at_once(3, take, |_| Builder::new()).unwrap();
        tried.sort();
        assert_eq!(tried, [Ok(()), Ok(()), Err(String::from("none left"))]);
    }

    #[test]
    fn a_thread_that_is_refused_amid_the_probe_is_its_answer() {
        // No machine has room for such a stack.
        let builder = |number| match number {
            1 => Builder::new().stack_size(1 << 60),
            _ => Builder::new(),
        };
        let error = held_at_once(3, || Ok(()), builder).unwrap_err();
        assert!(
            error.starts_with("only 1 of 3 threads could be started: "),
            "{error}"
        );
    }

    #[test]
    fn a_panic_is_what_came_of_it() {
        let tried = held_at_once(
            2,
            || -> Result<(), String> { panic!("on purpose") },
            |_| Builder::new(),
        );
        assert_eq!(tried.unwrap(), vec![Err(String::from("it panicked")); 2]);
    }
}
