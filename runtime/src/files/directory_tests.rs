//! Tests of directories: what is found in them, and that nothing leads out.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

use super::*;

/// A directory `inside`, beside it `outside`, removed at the end.
struct Ground {
    path: PathBuf,
}

impl Ground {
    fn new(name: &str) -> Ground {
        let path = std::env::temp_dir().join(format!("turbo-shard-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("inside/deep")).unwrap();
        fs::create_dir_all(path.join("outside")).unwrap();
        fs::write(path.join("inside/a.txt"), "inside").unwrap();
        fs::write(path.join("inside/deep/b.txt"), "deep").unwrap();
        fs::write(path.join("outside/secret.txt"), "secret").unwrap();
        Ground { path }
    }

    fn link(&self, target: &str, name: &str) {
        symlink(target, self.path.join("inside").join(name)).unwrap();
    }

    fn open(&self, way: Way) -> Directory {
        let links_may_leave = way == Way::Anywhere;
        let mut directory = Directory::open(&self.path.join("inside"), links_may_leave).unwrap();
        directory.way = way;
        directory
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn is_file(directory: &Directory, name: &str) -> bool {
    match directory.look(name.as_bytes()).unwrap() {
        Entry::File(state) => directory
            .open_file(name.as_bytes(), &state)
            .unwrap()
            .is_some(),
        Entry::Directory | Entry::Nothing => false,
    }
}

#[test]
fn files_and_directories_are_found_in_every_way() {
    let ground = Ground::new("found");
    for way in [Way::Beneath, Way::Walk, Way::Anywhere] {
        let directory = ground.open(way);
        assert!(is_file(&directory, "a.txt") && is_file(&directory, "deep/b.txt"));
        for name in ["", "deep"] {
            let entry = directory.look(name.as_bytes()).unwrap();
            assert_eq!(entry, Entry::Directory, "{name}");
        }
        for name in ["missing", "missing/a", "a.txt/b", "deep/missing"] {
            let entry = directory.look(name.as_bytes()).unwrap();
            assert_eq!(entry, Entry::Nothing, "{name}");
        }
    }
}

#[test]
fn links_are_followed_inside_and_never_out() {
    let ground = Ground::new("links");
    ground.link("deep/b.txt", "within");
    ground.link("../outside/secret.txt", "out");
    ground.link("../outside", "out_directory");
    ground.link("/etc/passwd", "absolute");
    ground.link("deep/../../outside/secret.txt", "round");
    ground.link("loop", "loop");
    ground.link("/proc/self/cwd", "magic");
    let out = [
        "out",
        "out_directory/secret.txt",
        "absolute",
        "round",
        "loop",
        "magic/Cargo.toml",
    ];
    let directory = ground.open(Way::Beneath);
    assert!(is_file(&directory, "within"));
    for name in out {
        assert_eq!(
            directory.look(name.as_bytes()).unwrap(),
            Entry::Nothing,
            "{name}"
        );
    }
    let directory = ground.open(Way::Walk);
    for name in out.into_iter().chain(["within"]) {
        assert_eq!(
            directory.look(name.as_bytes()).unwrap(),
            Entry::Nothing,
            "{name}"
        );
    }
    let directory = ground.open(Way::Anywhere);
    assert!(is_file(&directory, "out") && is_file(&directory, "out_directory/secret.txt"));
}

#[test]
fn dots_lead_nowhere_even_where_names_are_not_checked_before() {
    let ground = Ground::new("dots");
    let directory = ground.open(Way::Beneath);
    for name in [
        "..",
        "../outside/secret.txt",
        "deep/../../outside/secret.txt",
        "/etc/passwd",
    ] {
        assert_eq!(
            directory.look(name.as_bytes()).unwrap(),
            Entry::Nothing,
            "{name}"
        );
    }
}

#[test]
fn pipes_sockets_and_devices_are_nothing() {
    let ground = Ground::new("special");
    let inside = ground.path.join("inside");
    let made = Command::new("mkfifo").arg(inside.join("pipe")).status();
    assert!(made.unwrap().success());
    let _listener = UnixListener::bind(inside.join("socket")).unwrap();
    ground.link("/dev/zero", "device");
    for way in [Way::Beneath, Way::Walk, Way::Anywhere] {
        let directory = ground.open(way);
        for name in ["pipe", "socket", "device"] {
            assert_eq!(
                directory.look(name.as_bytes()).unwrap(),
                Entry::Nothing,
                "{name}"
            );
        }
    }
}

#[test]
fn a_file_that_has_changed_since_is_not_opened() {
    let ground = Ground::new("changed");
    let directory = ground.open(Way::Beneath);
    let Entry::File(state) = directory.look(b"a.txt").unwrap() else {
        panic!("a.txt is a file")
    };
    fs::write(ground.path.join("inside/a.txt"), "longer than before").unwrap();
    assert!(directory.open_file(b"a.txt", &state).unwrap().is_none());
    fs::remove_file(ground.path.join("inside/a.txt")).unwrap();
    assert!(directory.open_file(b"a.txt", &state).unwrap().is_none());
}

#[test]
fn a_root_that_is_no_directory_is_an_error() {
    let ground = Ground::new("no_root");
    for name in ["missing", "inside/a.txt"] {
        assert!(Directory::open(&ground.path.join(name), false).is_err());
    }
}
