//! Keys of session tickets: the same on all threads and in all processes of a server, so that a client resumes wherever the kernel
//! takes it. They follow from a secret that steps forward with the time, one way: who learns today's opens no older ticket.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::RwLock;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;

/// A key makes tickets for so long, and opens them for as long again.
const STEP_SECONDS: u64 = 6 * 60 * 60;
/// A clock that jumps further ahead, by a year, begins with a new secret.
const STEPS_MAX: u64 = 4 * 366;
const NAME_BYTES: usize = 16;
/// Largest ticket that is opened: a session, with a client's certificates.
const TICKET_BYTES_MAX: usize = 32 * 1024;

/// What the keys of a step follow from. Keys are made of the step before the present one, so that a process which is given a
/// seed opens the tickets that others have made in that step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TicketSeed {
    pub(crate) secret: [u8; 32],
    pub(crate) step: u64,
}

/// The keys, as time goes on.
pub(crate) struct Tickets {
    keys: RwLock<Keys>,
    /// What sessions depend on besides the keys: those of clients that were admitted by other rules are not resumed.
    rules: Vec<u8>,
}

struct Keys {
    /// Of the previous step.
    seed: TicketSeed,
    previous: TicketKey,
    current: TicketKey,
}

struct TicketKey {
    name: [u8; NAME_BYTES],
    key: LessSafeKey,
}

impl TicketSeed {
    /// A new one, for the step before the present one. None if this machine has no randomness.
    pub(crate) fn new() -> Option<TicketSeed> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).ok()?;
        let step = step_of(SystemTime::now()).saturating_sub(1);
        Some(TicketSeed { secret, step })
    }

    fn next(self) -> TicketSeed {
        TicketSeed {
            secret: derived(&self.secret, b"next"),
            step: self.step + 1,
        }
    }

    fn key(&self, rules: &[u8]) -> TicketKey {
        let secret = derived(&self.secret, &[b"key", rules].concat());
        let name = derived(&secret, b"name");
        let key = UnboundKey::new(&CHACHA20_POLY1305, &derived(&secret, b"ticket"));
        TicketKey {
            name: std::array::from_fn(|index| name[index]),
            key: LessSafeKey::new(key.expect("the key has the length of the algorithm")),
        }
    }
}

impl Keys {
    fn of(seed: TicketSeed, rules: &[u8]) -> Keys {
        Keys {
            seed,
            previous: seed.key(rules),
            current: seed.next().key(rules),
        }
    }
}

impl Tickets {
    pub(crate) fn new(seed: TicketSeed, rules: Vec<u8>) -> Tickets {
        Tickets {
            keys: RwLock::new(Keys::of(seed, &rules)),
            rules,
        }
    }

    /// As it is now, for a process that is to have the same keys.
    pub(crate) fn seed(&self) -> TicketSeed {
        self.step_to(step_of(SystemTime::now()));
        self.keys.read().seed
    }

    fn step_to(&self, step: u64) {
        if self.keys.read().seed.step + 1 >= step {
            return;
        }
        let mut keys = self.keys.write();
        let mut seed = keys.seed;
        if step - seed.step > STEPS_MAX
            && let Some(fresh) = TicketSeed::new()
        {
            seed = TicketSeed {
                step: step - 1,
                ..fresh
            };
        }
        while seed.step + 1 < step {
            seed = seed.next();
        }
        *keys = Keys::of(seed, &self.rules);
    }

    fn seal(&self, plain: &[u8], step: u64) -> Option<Vec<u8>> {
        self.step_to(step);
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let keys = self.keys.read();
        let TicketKey { name, key } = &keys.current;
        let begin = NAME_BYTES + NONCE_LEN;
        let mut ticket = Vec::with_capacity(begin + plain.len() + MAX_TAG_LEN);
        ticket.extend_from_slice(name);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(name), &mut ticket[begin..]);
        ticket.extend_from_slice(tag.ok()?.as_ref());
        (ticket.len() <= TICKET_BYTES_MAX).then_some(ticket)
    }

    fn open(&self, ticket: &[u8], step: u64) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES_MAX {
            return None;
        }
        self.step_to(step);
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let keys = self.keys.read();
        // A key's name is no secret.
        let known = [&keys.current, &keys.previous];
        let key = known.into_iter().find(|key| key.name == *name)?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = key.key.open_in_place(nonce, Aad::from(name), &mut plain);
        let length = opened.ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        // For as long as a key that was just replaced opens tickets.
        STEP_SECONDS as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, step_of(SystemTime::now()))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket, step_of(SystemTime::now()))
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

fn step_of(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / STEP_SECONDS
}

fn derived(secret: &[u8; 32], label: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), label);
    std::array::from_fn(|index| tag.as_ref()[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets() -> (Tickets, u64) {
        let seed = TicketSeed::new().unwrap();
        (Tickets::new(seed, b"rules".to_vec()), seed.step + 1)
    }

    #[test]
    fn who_has_the_seed_opens_tickets_of_others() {
        let (ours, step) = tickets();
        let ticket = ours.seal(b"session", step).unwrap();
        let theirs = Tickets::new(ours.seed(), b"rules".to_vec());
        assert_eq!(theirs.open(&ticket, step).unwrap(), b"session");
        let strict = Tickets::new(ours.seed(), b"other rules".to_vec());
        assert_eq!(strict.open(&ticket, step), None);
    }

    #[test]
    fn a_ticket_is_opened_for_one_step_more_and_no_longer() {
        let (ours, step) = tickets();
        let ticket = ours.seal(b"session", step).unwrap();
        assert!(ours.open(&ticket, step + 1).is_some());
        assert!(ours.open(&ticket, step + 2).is_none());
        // A process that has stepped on its own has come to the same keys.
        let later = ours.seal(b"later", step + 2).unwrap();
        let theirs = Tickets::new(ours.seed(), b"rules".to_vec());
        assert_eq!(theirs.open(&later, step + 2).unwrap(), b"later");
    }

    #[test]
    fn who_is_given_the_seed_later_opens_what_the_previous_key_has_made() {
        let (ours, step) = tickets();
        let ticket = ours.seal(b"session", step).unwrap();
        let newer = ours.seal(b"newer", step + 1).unwrap();
        let theirs = Tickets::new(ours.seed(), b"rules".to_vec());
        assert_eq!(theirs.open(&ticket, step + 1).unwrap(), b"session");
        assert_eq!(theirs.open(&newer, step + 1).unwrap(), b"newer");
        assert_eq!(theirs.open(&ticket, step + 2), None);
        // It opens nothing of before that, whatever the clock says.
        let later = Tickets::new(theirs.seed(), b"rules".to_vec());
        assert_eq!(later.open(&ticket, step), None);
    }

    #[test]
    fn a_ticket_that_was_changed_anywhere_is_not_opened() {
        let (ours, step) = tickets();
        let ticket = ours.seal(b"session", step).unwrap();
        for index in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[index] ^= 1;
            assert_eq!(ours.open(&changed, step), None);
            assert_eq!(ours.open(&ticket[..index], step), None);
        }
        assert_eq!(ours.open(&vec![0; TICKET_BYTES_MAX + 1], step), None);
    }

    #[test]
    fn a_clock_that_jumps_by_years_takes_no_time() {
        let (ours, step) = tickets();
        assert!(ours.seal(b"session", step + 1_000_000_000).is_some());
    }
}
