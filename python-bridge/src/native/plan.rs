//! The plan of a route, as one thread serves it: everything that can be known before a request, read from Python once.
//! Whatever front end made the plan, this is all that it says.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use turbo_shard_runtime::protocol::BodyFraming;
use turbo_shard_runtime::{RouteId, RouteTemplate};

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

/// Where an argument comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The path's parameter of this number.
    Path(usize),
    Query,
    Header,
    Cookie,
    Body,
    /// The request, as the plan's view shows it.
    Request,
    /// What the reader makes of that.
    Computed,
    /// What a WebSocket's handler talks through.
    Socket,
}

impl Source {
    pub(super) fn needs_body(self) -> bool {
        matches!(self, Source::Body | Source::Request | Source::Computed)
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
    /// Where a fault says that it is.
    pub(super) place: Vec<String>,
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
    /// The number of that path, for metrics and logs.
    pub(super) route: RouteId,
    pub(super) handler: Py<PyAny>,
    /// The handler's name, for logs.
    pub(super) label: String,
    pub(super) call: CallKind,
    /// The answer's status where the handler names none.
    pub(super) status: Option<u16>,
    /// In the order in which they are made, and their faults listed.
    pub(super) arguments: Vec<ArgumentPlan>,
    /// The names of the arguments that must be passed by name; their slots come last.
    pub(super) keywords: Option<Py<PyTuple>>,
    pub(super) keyword_count: usize,
    needs_body: bool,
    /// Whether a mistake outside of the body is answered before that is read.
    pub(super) may_refuse_early: bool,
    /// Makes of the request what arguments are computed from.
    pub(super) view: Option<Py<PyAny>>,
    /// Makes of what the handler returned what the answer is made of.
    pub(super) to_answer: Option<Py<PyAny>>,
    /// The same of an exception, or None if it is not the plan's to answer.
    pub(super) answer_to_error: Option<Py<PyAny>>,
}

impl RoutePlan {
    /// Reads one `turbo_shard.native.plan.RoutePlan`.
    pub(super) fn read(found: &Bound<'_, PyAny>) -> PyResult<RoutePlan> {
        let py = found.py();
        let path: String = found.getattr(names::path(py))?.extract()?;
        let template = RouteTemplate::parse(&path).map_err(PyValueError::new_err)?;
        let declared = found.getattr(names::arguments(py))?;
        let arguments = ArgumentPlan::read_all(&declared, &template)?;
        let label: String = found.getattr(names::label(py))?.extract()?;
        if arguments.len() > ARGUMENTS_MAX {
            let count = arguments.len();
            let message = format!(
                "handler {label}: its plan has {count} arguments, more than {ARGUMENTS_MAX}"
            );
            return Err(refusal(py, message));
        }
        let keywords = keywords_of(&declared, arguments.len())?;
        let needs_body = arguments.iter().any(|one| one.source.needs_body());
        let refuses_early = found.getattr(names::refuses_early(py))?.is_truthy()?;
        let is_early =
            |one: &ArgumentPlan| !one.source.needs_body() && one.source != Source::Socket;
        let is_async = found.getattr(names::is_async(py))?.is_truthy()?;
        let is_blocking = found.getattr(names::blocking(py))?.is_truthy()?;
        Ok(RoutePlan {
            methods: found.getattr(names::methods(py))?.extract()?,
            route: RouteId::of(&path),
            path,
            handler: found.getattr(names::handler(py))?.unbind(),
            label,
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
            needs_body,
            may_refuse_early: refuses_early && arguments.iter().any(is_early),
            view: optional(found.getattr(names::view(py))?),
            to_answer: optional(found.getattr(names::to_answer(py))?),
            answer_to_error: optional(found.getattr(names::answer_to_error(py))?),
            arguments,
        })
    }

    /// Whether it takes WebSockets, not requests.
    pub(super) fn takes_websockets(&self) -> bool {
        self.methods.is_empty()
    }

    /// Whether the app's code, or its front end's, makes an answer of it: it does so in the context of the handler's task.
    #[inline]
    pub(super) fn settles_in_python<T>(&self, result: &PyResult<T>) -> bool {
        match result {
            Ok(_) => self.to_answer.is_some(),
            Err(_) => self.answer_to_error.is_some(),
        }
    }

    /// Whether the handler gets the body, which has not been read yet.
    pub(super) fn wants_body(&self, framing: BodyFraming) -> bool {
        self.needs_body && !matches!(framing, BodyFraming::None | BodyFraming::Length(0))
    }
}

impl ArgumentPlan {
    /// Reads them; each slot is taken once.
    pub(super) fn read_all(
        declared: &Bound<'_, PyAny>,
        template: &RouteTemplate,
    ) -> PyResult<Vec<ArgumentPlan>> {
        let arguments: Vec<_> = declared
            .try_iter()?
            .map(|one| ArgumentPlan::read(&one?, template))
            .collect::<PyResult<_>>()?;
        let mut slots: Vec<_> = arguments.iter().map(|one| one.slot).collect();
        slots.sort_unstable();
        if !slots.iter().copied().eq(0..slots.len()) {
            let message =
                format!("a plan's arguments have the slots {slots:?}, not each of 0.. once");
            return Err(refusal(declared.py(), message));
        }
        Ok(arguments)
    }

    fn read(found: &Bound<'_, PyAny>, template: &RouteTemplate) -> PyResult<ArgumentPlan> {
        let py = found.py();
        let alias: String = found.getattr(names::alias(py))?.extract()?;
        let source = found.getattr(names::source(py))?;
        let source = match source.extract::<&str>()? {
            "path" => {
                let index = template.names().position(|name| name == alias);
                let missing = || refusal(py, format!("the path has no parameter {alias:?}"));
                Source::Path(index.ok_or_else(missing)?)
            }
            "query" => Source::Query,
            "header" => Source::Header,
            "cookie" => Source::Cookie,
            "body" => Source::Body,
            "computed" => Source::Computed,
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
        Ok(ArgumentPlan {
            slot: found.getattr(names::slot(py))?.extract()?,
            source,
            alias,
            place: found.getattr(names::place(py))?.extract()?,
            kind,
            many: found.getattr(names::many(py))?.is_truthy()?,
            default: if is_required {
                None
            } else {
                Some(found.getattr(names::default(py))?.unbind())
            },
            new_default: optional(found.getattr(names::new_default(py))?),
            read: optional(found.getattr(names::read(py))?),
        })
    }
}

/// The names of the arguments that must be passed by name, by slot.
fn keywords_of<'py>(declared: &Bound<'py, PyAny>, count: usize) -> PyResult<Bound<'py, PyList>> {
    let py = declared.py();
    let mut named = vec![None; count];
    for one in declared.try_iter()? {
        let one = one?;
        if one.getattr(names::keyword_only(py))?.is_truthy()? {
            let name: String = one.getattr(names::name(py))?.extract()?;
            named[one.getattr(names::slot(py))?.extract::<usize>()?] = Some(name);
        }
    }
    // Interned, like the names in the handler's code: they are compared by identity first.
    let interned = named
        .iter()
        .flatten()
        .map(|name| PyString::intern(py, name));
    PyList::new(py, interned.collect::<Vec<_>>())
}

/// A RegistrationError.
pub(super) fn refusal(py: Python<'_>, message: String) -> PyErr {
    match names::REGISTRATION_ERROR.call1(py, (&message,)) {
        Ok(raised) => PyErr::from_value(raised),
        Err(_) => PyTypeError::new_err(message),
    }
}

fn optional(found: Bound<'_, PyAny>) -> Option<Py<PyAny>> {
    if found.is_none() {
        None
    } else {
        Some(found.unbind())
    }
}
