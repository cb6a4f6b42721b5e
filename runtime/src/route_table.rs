//! Finds what serves a method and a path. Knows nothing of handlers, connections or Python.
//!
//! It compares the path as the peer meant it: percent-decoded once, and cut into segments *before* decoding, so that
//! `%2F` is a slash within a segment and never one between two. Broken escapes (`%`, `%zz`) stand for themselves.
//! Otherwise a path stays as it is: no dot segments are resolved, no slashes are added, removed or merged.
//!
//! There is one tree per method, so `PUT /users/me` reaches `PUT /users/{id}` even where `GET /users/me` exists.

mod found;
mod template;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use percent_encoding::percent_decode;

use template::{Parameter, Template, UNMATCHABLE};

pub use found::{Found, Params};
pub use template::PARAMETERS_MAX;

/// Most methods that a table can tell apart: as many as there are bits in the set that becomes an `Allow` field.
pub const METHODS_MAX: usize = u64::BITS as usize;

/// Routes by method and path.
#[derive(Debug)]
pub struct RouteTable<T> {
    /// Sorted by name, as `Allow` lists them. `HEAD` is there as soon as `GET` is.
    methods: Vec<MethodTable<T>>,
}

#[derive(Debug)]
struct MethodTable<T> {
    method: String,
    tree: matchit::Router<usize>,
    routes: Vec<Route<T>>,
    /// Which of the routes a key of the tree leads to.
    keys: HashMap<String, usize>,
}

#[derive(Debug)]
struct Route<T> {
    template: String,
    parameters: Box<[Parameter]>,
    value: T,
    /// Made by us: it stands for an empty catch-all, and gives way to a route of that very path.
    implied: bool,
}

/// Why a route cannot be added: a fault in the route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteError {
    /// The method is no token.
    Method(String),
    /// There are more than [`METHODS_MAX`] methods.
    Methods,
    /// The template makes no sense.
    Template {
        /// What was written.
        template: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The two match the same paths, or cannot be told apart.
    Conflict {
        /// The method of both.
        method: String,
        /// The template that was refused.
        template: String,
        /// The template that is there already.
        with: String,
    },
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::Method(method) => write!(f, "{method:?} is not an HTTP method"),
            RouteError::Methods => write!(f, "more than {METHODS_MAX} methods"),
            RouteError::Template { template, reason } => write!(f, "path {template:?}: {reason}"),
            RouteError::Conflict {
                method,
                template,
                with,
            } => {
                write!(
                    f,
                    "{method} {template:?} cannot be told apart from {method} {with:?}, which is there already"
                )
            }
        }
    }
}

impl std::error::Error for RouteError {}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        RouteTable {
            methods: Vec::new(),
        }
    }
}

impl<T: Copy> RouteTable<T> {
    /// A table without routes.
    #[must_use]
    pub fn new() -> RouteTable<T> {
        RouteTable::default()
    }

    /// Adds a route. `{name}` in a template stands for one segment, or for what is left of it between the text written
    /// before and after; a last segment `{*name}` or `{name:path}` stands for the rest of the path, be it empty.
    pub fn add(&mut self, method: &str, template: &str, value: T) -> Result<(), RouteError> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if method.is_empty() || !method.bytes().all(is_token) {
            return Err(RouteError::Method(method.to_owned()));
        }
        let parsed = Template::parse(template).map_err(|reason| RouteError::Template {
            template: template.to_owned(),
            reason,
        })?;
        if method == "GET" {
            self.method_table("HEAD")?;
        }
        self.method_table(method)?.add(template, parsed, value)
    }

    /// Finds the route of a request. `path` is percent-encoded and without query; `scratch` holds decoded text and the
    /// `Allow` value, and stops growing once it is large enough. `GET` serves `HEAD` where nothing else does.
    ///
    /// ```
    /// use turbo_shard_runtime::{Found, RouteTable};
    ///
    /// let mut routes = RouteTable::new();
    /// routes.add("GET", "/users/{id}", 7)?;
    /// let mut scratch = Vec::new();
    /// let Found::Route { value, params } = routes.find(b"GET", b"/users/a%2Fb", &mut scratch) else { panic!() };
    /// assert_eq!((value, params.value(0)), (7, &b"a/b"[..]));
    /// # Ok::<(), turbo_shard_runtime::RouteError>(())
    /// ```
    pub fn find<'a>(
        &'a self,
        method: &[u8],
        path: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Found<'a, T> {
        scratch.clear();
        let plain = if path.contains(&b'%') {
            None
        } else {
            std::str::from_utf8(path).ok()
        };
        if plain.is_none() {
            write_key(path, scratch);
        }
        let key = plain.unwrap_or_else(|| std::str::from_utf8(scratch).unwrap_or_default());

        let Some(route) = self.route(method, key) else {
            let methods = self.methods_of(key);
            if methods == 0 {
                return Found::NotFound;
            }
            return Found::MethodNotAllowed {
                allow: self.write_allow(methods, scratch),
            };
        };
        let mut params = Params {
            parameters: &route.parameters,
            spans: [(0, 0); PARAMETERS_MAX],
            text: path,
        };
        if plain.is_some() {
            locate(&route.parameters, path, |index, segment| {
                params.spans[index] = route.parameters[index].span(segment.start, segment.end);
            });
        } else {
            locate(&route.parameters, path, |index, segment| {
                let start = scratch.len();
                scratch.extend(percent_decode(&path[segment]));
                params.spans[index] = route.parameters[index].span(start, scratch.len());
            });
            params.text = scratch;
        }
        Found::Route {
            value: route.value,
            params,
        }
    }

    fn method_table(&mut self, method: &str) -> Result<&mut MethodTable<T>, RouteError> {
        let index = match self
            .methods
            .binary_search_by(|table| table.method.as_str().cmp(method))
        {
            Ok(index) => index,
            Err(_) if self.methods.len() == METHODS_MAX => return Err(RouteError::Methods),
            Err(index) => {
                self.methods.insert(index, MethodTable::new(method));
                index
            }
        };
        Ok(&mut self.methods[index])
    }

    fn route(&self, method: &[u8], key: &str) -> Option<&Route<T>> {
        let of = |name: &[u8]| {
            self.methods
                .iter()
                .find(|table| table.method.as_bytes() == name)?
                .route(key)
        };
        of(method).or_else(|| if method == b"HEAD" { of(b"GET") } else { None })
    }

    /// The methods that have such a path, a bit for each by its place in the table.
    fn methods_of(&self, key: &str) -> u64 {
        let serves = |table: &MethodTable<T>| self.route(table.method.as_bytes(), key).is_some();
        let bits = self
            .methods
            .iter()
            .enumerate()
            .filter(|(_, table)| serves(table))
            .map(|(index, _)| 1 << index);
        bits.fold(0, |set, bit: u64| set | bit)
    }

    fn write_allow<'a>(&self, methods: u64, scratch: &'a mut Vec<u8>) -> &'a str {
        scratch.clear();
        for (index, table) in self.methods.iter().enumerate() {
            if methods & (1 << index) != 0 {
                if !scratch.is_empty() {
                    scratch.extend_from_slice(b", ");
                }
                scratch.extend_from_slice(table.method.as_bytes());
            }
        }
        std::str::from_utf8(scratch).unwrap_or_default()
    }
}

impl<T: Copy> MethodTable<T> {
    fn new(method: &str) -> MethodTable<T> {
        MethodTable {
            method: method.to_owned(),
            tree: matchit::Router::new(),
            routes: Vec::new(),
            keys: HashMap::new(),
        }
    }

    fn route(&self, key: &str) -> Option<&Route<T>> {
        let index = *self.tree.at(key).ok()?.value;
        self.routes.get(index)
    }

    fn add(&mut self, template: &str, parsed: Template, value: T) -> Result<(), RouteError> {
        let Template {
            key,
            key_of_empty_rest,
            parameters,
        } = parsed;
        let route = |implied| Route {
            template: template.to_owned(),
            parameters: parameters.clone().into(),
            value,
            implied,
        };
        match self.keys.get(&key) {
            Some(&index) if self.routes[index].implied => self.routes[index] = route(false),
            Some(&index) => {
                return Err(self.conflict(template, self.routes[index].template.clone()));
            }
            None => self.insert(key, route(false))?,
        }
        if let Some(key) = key_of_empty_rest
            && !self.keys.contains_key(&key)
        {
            self.insert(key, route(true))?;
        }
        Ok(())
    }

    fn insert(&mut self, key: String, route: Route<T>) -> Result<(), RouteError> {
        let index = self.routes.len();
        match self.tree.insert(&key, index) {
            Ok(()) => {
                self.keys.insert(key, index);
                self.routes.push(route);
                Ok(())
            }
            Err(matchit::InsertError::Conflict { with }) => {
                let with = self
                    .keys
                    .get(&with)
                    .map_or(with, |&index| self.routes[index].template.clone());
                Err(self.conflict(&route.template, with))
            }
            Err(_) => Err(RouteError::Template {
                template: route.template,
                reason: "its parameters cannot be routed by",
            }),
        }
    }

    fn conflict(&self, template: &str, with: String) -> RouteError {
        RouteError::Conflict {
            method: self.method.clone(),
            template: template.to_owned(),
            with,
        }
    }
}

/// Writes what the tree looks up: the path, decoded, with [`UNMATCHABLE`] for what no template can contain.
fn write_key(path: &[u8], key: &mut Vec<u8>) {
    let mut unmatchable = [0; 4];
    let unmatchable = UNMATCHABLE.encode_utf8(&mut unmatchable).as_bytes();
    // Cut into the pieces between escaped slashes, which stay within their segment.
    let mut rest = path;
    while let Some(at) = rest
        .windows(3)
        .position(|three| three.eq_ignore_ascii_case(b"%2F"))
    {
        key.extend(percent_decode(&rest[..at]));
        key.extend_from_slice(unmatchable);
        rest = &rest[at + 3..];
    }
    key.extend(percent_decode(rest));
    if std::str::from_utf8(key).is_err() {
        *key = String::from_utf8_lossy(key).into_owned().into_bytes();
    }
}

/// Says in which part of the raw path each parameter lies: its segment, or all from there on.
fn locate(parameters: &[Parameter], path: &[u8], mut say: impl FnMut(usize, Range<usize>)) {
    let (mut segment, mut start) = (0, 1);
    for (index, parameter) in parameters.iter().enumerate() {
        while segment < parameter.segment {
            (segment, start) = (segment + 1, segment_end(path, start) + 1);
        }
        let end = if parameter.is_rest {
            path.len()
        } else {
            segment_end(path, start)
        };
        say(index, start..end);
    }
}

fn segment_end(path: &[u8], start: usize) -> usize {
    path[start..]
        .iter()
        .position(|byte| *byte == b'/')
        .map_or(path.len(), |length| start + length)
}

#[cfg(test)]
mod tests;
