#!/usr/bin/env bash
# matchit 0.9.2 (the router of axum): `/{page}/edit` cannot stand beside `/{*rest}`. The second of them is refused with
# a conflict. Yet the only priority needed to tell them apart is one that matchit has anyway, of the more specific route
# over the rest: `/about` beside `/{*rest}` is taken.
#
# Seen: /about beside /{*rest}: taken
#       /{page}/edit beside /{*rest}: conflict with /{*rest}
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
matchit = "=0.9.2"
TOML
cat >"$work/src/main.rs" <<'RUST'
fn main() {
    for second in ["/about", "/{page}/edit"] {
        let mut router = matchit::Router::new();
        router.insert("/{*rest}", 1).expect("the first route");
        match router.insert(second, 2) {
            Ok(()) => println!("{second} beside /{{*rest}}: taken"),
            Err(matchit::InsertError::Conflict { with }) => {
                println!("{second} beside /{{*rest}}: conflict with {with}")
            }
            Err(other) => println!("{second} beside /{{*rest}}: {other}"),
        }
    }
}
RUST
found=$(CARGO_TARGET_DIR=$work/target cargo run --quiet --manifest-path "$work/Cargo.toml")
echo "matchit 0.9.2"
echo "$found"
[ "$found" = "/about beside /{*rest}: taken
/{page}/edit beside /{*rest}: conflict with /{*rest}" ]
