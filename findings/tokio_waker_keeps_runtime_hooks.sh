#!/usr/bin/env bash
# tokio 1.54.1: a runtime that has been dropped, with its threads joined and its tasks' futures dropped, still holds its
# `on_thread_park` hook, and all that the hook has captured, for as long as anybody has a `Waker` of one of its tasks,
# be it a task that ended long ago. A guess would be that `drop(runtime)` lets go of everything, since it is what waits
# for the threads. What a hook captures is therefore not free after the drop: `Arc::into_inner` of it may fail.
#
# Seen: after drop(runtime): 2 owners
#       after drop(waker): 1 owner
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"

[dependencies]
tokio = { version = "=1.54.1", features = ["rt-multi-thread"] }
TOML
cat >"$work/src/main.rs" <<'RUST'
use std::future::poll_fn;
use std::sync::{mpsc, Arc};
use std::task::Poll;

fn main() {
    let shared = Arc::new("captured");
    let hook = Arc::clone(&shared);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_park(move || drop(Arc::clone(&hook)))
        .build()
        .expect("a runtime");
    let (send, receive) = mpsc::channel();
    let of_task = Arc::clone(&shared);
    let task = runtime.spawn(async move {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        send.send(waker).expect("main listens");
        drop(of_task);
    });
    let waker = receive.recv().expect("the task's waker");
    runtime.block_on(task).expect("the task has ended");
    drop(runtime);
    println!("after drop(runtime): {} owners", Arc::strong_count(&shared));
    drop(waker);
    println!("after drop(waker): {} owner", Arc::strong_count(&shared));
}
RUST
found=$(CARGO_TARGET_DIR=$work/target cargo run --quiet --manifest-path "$work/Cargo.toml")
echo "tokio 1.54.1"
echo "$found"
[ "$found" = "after drop(runtime): 2 owners
after drop(waker): 1 owner" ]
