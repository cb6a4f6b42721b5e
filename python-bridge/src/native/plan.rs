//! The plan of a route, as one thread serves it: everything that can be known before a request, read from Python once.
//! Whatever front end made the plan, this is all that it says.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use turbo_shard_runtime::RouteTemplate;
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
    /// What a WebSocket's handler talks through.
    Socket,
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
            Source::Socket => "socket",
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

pub(super) struct ArgumentPlan {
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

pub(super) struct RoutePlan {
    /// None: the route takes WebSockets.
    pub(super) methods: Vec<String>,
    pub(super) path: String,
    pub(super) handler: Py<PyAny>,
    /// The handler's name, for logs.
    pub(super) label: String,
    pub(super) call: CallKind,
    /// The answer's status where the handler names none.
    pub(super) status: Option<u16>,
    /// Sorted by source.
    pub(super) arguments: Vec<ArgumentPlan>,
    /// The names of the arguments that must be passed by name; their slots come last.
    pub(super) keywords: Option<Py<PyTuple>>,
    pub(super) keyword_count: usize,
    binds_body: bool,
    takes_request: bool,
    /// Whether anything but the body may be wrong.
    pub(super) may_refuse_early: bool,
}

impl RoutePlan {
    /// Reads one `turbo_shard.native.plan.RoutePlan`.
    pub(super) fn read(found: &Bound<'_, PyAny>) -> PyResult<RoutePlan> {
        let py = found.py();
        let path: String = found.getattr(names::path(py))?.extract()?;
        let template = RouteTemplate::parse(&path).map_err(PyValueError::new_err)?;
        let declared = found.getattr(names::arguments(py))?;
        let keywords = PyList::empty(py);
        let mut arguments = Vec::new();
        for (slot, one) in declared.try_iter()?.enumerate() {
            let one = one?;
            arguments.push(ArgumentPlan::read(&one, slot, &template)?);
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
        Ok(RoutePlan {
            methods: found.getattr(names::methods(py))?.extract()?,
            path,
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

    /// Whether it takes WebSockets, not requests.
    pub(super) fn takes_websockets(&self) -> bool {
        self.methods.is_empty()
    }

    /// Whether the handler gets the body, which has not been read yet.
    pub(super) fn wants_body(&self, framing: BodyFraming) -> bool {
        (self.binds_body || self.takes_request)
            && !matches!(framing, BodyFraming::None | BodyFraming::Length(0))
    }
}

impl ArgumentPlan {
    fn read(
        found: &Bound<'_, PyAny>,
        slot: usize,
        template: &RouteTemplate,
    ) -> PyResult<ArgumentPlan> {
        let py = found.py();
        let alias: String = found.getattr(names::alias(py))?.extract()?;
        let source = found.getattr(names::source(py))?;
        let source = match source.extract::<&str>()? {
            "path" => {
                let index = template.names().position(|name| name == alias);
                Source::Path(index.expect("turbo_shard.native.params compares with the path"))
            }
            "query" => Source::Query,
            "header" => Source::Header,
            "cookie" => Source::Cookie,
            "body" => Source::Body,
            "socket" => Source::Socket,
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
        Ok(ArgumentPlan {
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
