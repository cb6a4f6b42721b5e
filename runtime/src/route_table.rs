//! Finds what serves a method and a path. Knows nothing of handlers, connections or Python.
//!
//! It compares the path as the peer meant it: percent-decoded once, and cut into segments *before* decoding, so that
//! `%2F` is a slash within a segment and never one between two. Broken escapes (`%`, `%zz`) stand for themselves.
//! Otherwise a path stays as it is: no dot segments are resolved, no slashes are added, removed or merged.
//!
//! Of the routes that match a path, the most specific one is found, in whatever order they were added: `path_tree.rs`
//! says which. There is one tree per method, so `PUT /users/me` reaches `PUT /users/{id}` even where `GET /users/me`
//! exists.

mod found;
mod path_text;
mod path_tree;
mod template;

use std::fmt;

use path_text::{SLASH_WITHIN, decode};
use path_tree::{PathTree, Spans};

pub use found::{Found, Params};
pub use template::{PARAMETERS_MAX, RouteTemplate};

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
    tree: PathTree,
    routes: Vec<Route<T>>,
}

#[derive(Debug)]
struct Route<T> {
    template: String,
    names: Box<[Box<str>]>,
    value: T,
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
    /// The two match the same paths.
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
        let parsed = RouteTemplate::parse(template).map_err(|reason| RouteError::Template {
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
        let is_escaped = path.contains(&b'%');
        if is_escaped {
            decode(path, SLASH_WITHIN, scratch);
        }
        let text = if is_escaped { &**scratch } else { path };
        let mut spans = [(0, 0); PARAMETERS_MAX];
        let Some(route) = self.route(method, text, &mut spans) else {
            let methods = self.methods_of(text);
            if methods == 0 {
                return Found::NotFound;
            }
            return Found::MethodNotAllowed {
                allow: self.write_allow(methods, scratch),
            };
        };
        if is_escaped && scratch.contains(&SLASH_WITHIN) {
            // Of the same length as before, so the values stay where they were found.
            decode(path, b'/', scratch);
        }
        Found::Route {
            value: route.value,
            params: Params {
                names: &route.names,
                spans,
                text: if is_escaped { scratch } else { path },
            },
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

    fn route(&self, method: &[u8], path: &[u8], spans: &mut Spans) -> Option<&Route<T>> {
        let mut of = |name: &[u8]| {
            let is_named = |table: &&MethodTable<T>| table.method.as_bytes() == name;
            self.methods.iter().find(is_named)?.route(path, spans)
        };
        match of(method) {
            None if method == b"HEAD" => of(b"GET"),
            found => found,
        }
    }

    /// The methods that have such a path, a bit for each by its place in the table.
    fn methods_of(&self, path: &[u8]) -> u64 {
        let mut spans = [(0, 0); PARAMETERS_MAX];
        let mut methods = 0;
        for (index, table) in self.methods.iter().enumerate() {
            let is_served = self
                .route(table.method.as_bytes(), path, &mut spans)
                .is_some();
            methods |= u64::from(is_served) << index;
        }
        methods
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
            tree: PathTree::default(),
            routes: Vec::new(),
        }
    }

    fn route(&self, path: &[u8], spans: &mut Spans) -> Option<&Route<T>> {
        let number = self.tree.find(path, spans)?;
        Some(&self.routes[number as usize])
    }

    fn add(&mut self, template: &str, parsed: RouteTemplate, value: T) -> Result<(), RouteError> {
        self.tree
            .add(&parsed.segments, self.routes.len() as u32)
            .map_err(|other| RouteError::Conflict {
                method: self.method.clone(),
                template: template.to_owned(),
                with: self.routes[other as usize].template.clone(),
            })?;
        self.routes.push(Route {
            template: template.to_owned(),
            names: parsed.names.into(),
            value,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree_tests;
