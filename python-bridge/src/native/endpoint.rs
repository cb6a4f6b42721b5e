//! One route as one thread serves it: everything that can be known before a request, read from Python once.

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use turbo_shard_runtime::protocol::BodyFraming;

use super::argument_list::ARGUMENTS_MAX;
use crate::python::names;

/// How the handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    /// Here and now.
    Inline,
    /// Here; what it returns is awaited.
    Async,
    /// On the blocking pool.
    Blocking,
}

/// Where an argument comes from. Faults are listed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The path's parameter of this number.
    Path(usize),
    Query,
    Header,
    Cookie,
    Body,
    Request,
}

impl Source {
    /// The first step of a fault's `loc`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Source::Path(_) => "path",
            Source::Query => "query",
            Source::Header => "header",
            Source::Cookie => "cookie",
            Source::Body => "body",
            Source::Request => "request",
        }
    }
}

/// What the bytes become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Str,
    Int,
    Float,
    Bool,
    /// Whatever the reader makes of the text.
    Other,
    /// The body as it is.
    Bytes,
    /// The body as UTF-8.
    Text,
    /// What the reader makes of the body.
    Json,
}

pub(super) struct Argument {
    /// Its place among the handler's parameters.
    pub(super) slot: usize,
    pub(super) source: Source,
    pub(super) alias: String,
    pub(super) kind: Kind,
    /// Takes all values of its name.
    pub(super) many: bool,
    /// Stands in for what was not sent.
    pub(super) default: Option<Py<PyAny>>,
    /// Makes a fresh default for each call, where a handler could change it.
    pub(super) new_default: Option<Py<PyAny>>,
    /// The Python function that knows all the rules.
    pub(super) read: Option<Py<PyAny>>,
}

pub(super) struct Endpoint {
    pub(super) methods: Vec<String>,
    pub(super) path: String,
    pub(super) handler: Py<PyAny>,
    /// The handler's name, for logs.
    pub(super) label: String,
    pub(super) call: CallKind,
    /// The answer's status where the handler names none.
    pub(super) status: Option<u16>,
    /// Sorted by source.
    pub(super) arguments: Vec<Argument>,
    /// The names of the arguments that must be passed by name; their slots come last.
    pub(super) keywords: Option<Py<PyTuple>>,
    pub(super) keyword_count: usize,
    binds_body: bool,
    takes_request: bool,
    /// Whether anything but the body may be wrong.
    pub(super) may_refuse_early: bool,
}

impl Endpoint {
    /// Reads one `turbo_shard.native.app.Endpoint`.
    pub(super) fn read(found: &Bound<'_, PyAny>) -> PyResult<Endpoint> {
        let py = found.py();
        let path_names: Vec<String> = found.getattr(names::path_names(py))?.extract()?;
        let declared = found.getattr(names::arguments(py))?;
        let keywords = PyList::empty(py);
        let mut arguments = Vec::new();
        for (slot, one) in declared.try_iter()?.enumerate() {
            let one = one?;
            arguments.push(Argument::read(&one, slot, &path_names)?);
            if one.getattr(names::keyword_only(py))?.is_truthy()? {
                // Interned, like the names in the handler's code: they are compared by identity first.
                let name: String = one.getattr(names::name(py))?.extract()?;
                keywords.append(PyString::intern(py, &name))?;
            }
        }
        assert!(
            arguments.len() <= ARGUMENTS_MAX,
            "turbo_shard.native.params refuses more"
        );
        arguments.sort_by_key(|argument| argument.source);
        let has =
            |wanted: fn(Source) -> bool| arguments.iter().any(|argument| wanted(argument.source));
        let is_async = found.getattr(names::is_async(py))?.is_truthy()?;
        let is_blocking = found.getattr(names::blocking(py))?.is_truthy()?;
        Ok(Endpoint {
            methods: found.getattr(names::methods(py))?.extract()?,
            path: found.getattr(names::path(py))?.extract()?,
            handler: found.getattr(names::handler(py))?.unbind(),
            label: found.getattr(names::label(py))?.extract()?,
            call: match (is_async, is_blocking) {
                (true, _) => CallKind::Async,
                (false, true) => CallKind::Blocking,
                (false, false) => CallKind::Inline,
            },
            status: found.getattr(names::status_code(py))?.extract()?,
            keyword_count: keywords.len(),
            keywords: if keywords.is_empty() {
                None
            } else {
                Some(keywords.to_tuple().unbind())
            },
            binds_body: has(|source| source == Source::Body),
            takes_request: has(|source| source == Source::Request),
            may_refuse_early: has(|source| source < Source::Body),
            arguments,
        })
    }

    /// Whether the handler gets the body, which has not been read yet.
    pub(super) fn wants_body(&self, framing: BodyFraming) -> bool {
        (self.binds_body || self.takes_request)
            && !matches!(framing, BodyFraming::None | BodyFraming::Length(0))
    }
}

impl Argument {
    fn read(found: &Bound<'_, PyAny>, slot: usize, path_names: &[String]) -> PyResult<Argument> {
        let py = found.py();
        let alias: String = found.getattr(names::alias(py))?.extract()?;
        let source = found.getattr(names::source(py))?;
        let source = match source.extract::<&str>()? {
            "path" => {
                let index = path_names.iter().position(|name| *name == alias);
                Source::Path(index.expect("turbo_shard.native.params compares with the path"))
            }
            "query" => Source::Query,
            "header" => Source::Header,
            "cookie" => Source::Cookie,
            "body" => Source::Body,
            _ => Source::Request,
        };
        let kind = found.getattr(names::kind(py))?;
        let kind = match kind.extract::<&str>()? {
            "str" => Kind::Str,
            "int" => Kind::Int,
            "float" => Kind::Float,
            "bool" => Kind::Bool,
            "bytes" => Kind::Bytes,
            "text" => Kind::Text,
            "json" => Kind::Json,
            _ => Kind::Other,
        };
        let is_required = found.getattr(names::required(py))?.is_truthy()?;
        let read = found.getattr(names::read(py))?;
        let new_default = found.getattr(names::new_default(py))?;
        Ok(Argument {
            slot,
            source,
            alias,
            kind,
            many: found.getattr(names::many(py))?.is_truthy()?,
            default: if is_required {
                None
            } else {
                Some(found.getattr(names::default(py))?.unbind())
            },
            new_default: if new_default.is_none() {
                None
            } else {
                Some(new_default.unbind())
            },
            read: if read.is_none() {
                None
            } else {
                Some(read.unbind())
            },
        })
    }
}
