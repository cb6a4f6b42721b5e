//! Makes an answer from what a call returned or raised. Never fails: the app's faults are logged and answered 500
//! without details.

use std::fmt::Display;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};
use turbo_shard_runtime::INTERNAL_ERROR_BODY;
use turbo_shard_runtime::protocol::HeaderLines;

use super::binder::Verdicts;
use super::faults::Faults;
use super::plan::RoutePlan;
use crate::answers::lines::{Lines, lines_of, push_media_type};
use crate::answers::reply_reader::{
    Answer, Body, Buffers, Vocabulary, push_headers, read, read_status,
};
use crate::hosted_loop::Coroutines;
use crate::json;
use crate::python::errors::log_exception;
use crate::python::names;

/// What all answers of one thread need. Calls that end later share it, so it holds nothing that changes.
pub(super) struct Settling {
    pub(super) vocabulary: Vocabulary,
    pub(super) coroutines: Coroutines,
    http_exception: Py<PyType>,
    pub(super) verdicts: Verdicts,
    without_inputs: Py<PyAny>,
    no_lines: HeaderLines,
    json_lines: HeaderLines,
    text_lines: HeaderLines,
    octets_lines: HeaderLines,
}

impl Settling {
    pub(super) fn import(py: Python<'_>, coroutines: Coroutines) -> PyResult<Settling> {
        Ok(Settling {
            vocabulary: Vocabulary::import(py)?,
            coroutines,
            http_exception: names::HTTP_EXCEPTION.find(py)?.cast_into()?.unbind(),
            verdicts: Verdicts::import(py)?,
            without_inputs: names::WITHOUT_INPUTS.find(py)?.unbind(),
            no_lines: HeaderLines::new(),
            json_lines: lines_of(Lines::Json),
            text_lines: lines_of(Lines::Text),
            octets_lines: lines_of(Lines::Octets),
        })
    }

    /// The answer to what a handler returned or raised. `what` names the request, for the log.
    #[inline]
    pub(super) fn settle<'py>(
        &self,
        result: PyResult<Bound<'py, PyAny>>,
        plan: &RoutePlan,
        what: &dyn Display,
        py: Python<'py>,
        buffers: &mut Buffers,
    ) -> Answer<'py> {
        let read = match result {
            Ok(value) => self.read(value, plan, buffers),
            Err(error) => self.read_error(py, error, plan, buffers),
        };
        read.unwrap_or_else(|error| self.answer_to_error(py, error, what, buffers))
    }

    #[inline]
    fn read<'py>(
        &self,
        value: Bound<'py, PyAny>,
        plan: &RoutePlan,
        buffers: &mut Buffers,
    ) -> PyResult<Answer<'py>> {
        let Some(to_answer) = &plan.to_answer else {
            return read(value, plan.status, &self.vocabulary, buffers);
        };
        let py = value.py();
        if self.vocabulary.is_coroutine(&value) {
            // A function that is no `async def` returned it; what comes of it is made an answer then.
            return Ok(Answer::Await(value));
        }
        let value = to_answer.bind(py).call1((value,))?;
        read(value, plan.status, &self.vocabulary, buffers)
    }

    /// What the plan makes of an exception; the exception itself if it makes nothing of it.
    #[cold]
    fn read_error<'py>(
        &self,
        py: Python<'py>,
        error: PyErr,
        plan: &RoutePlan,
        buffers: &mut Buffers,
    ) -> PyResult<Answer<'py>> {
        let Some(answer_to_error) = &plan.answer_to_error else {
            return Err(error);
        };
        if !error.is_instance_of::<PyException>(py) {
            return Err(error);
        }
        let answer = answer_to_error.bind(py).call1((error.value(py),))?;
        if answer.is_none() {
            return Err(error);
        }
        read(answer, None, &self.vocabulary, buffers)
    }

    #[cold]
    fn answer_to_error<'py>(
        &self,
        py: Python<'py>,
        error: PyErr,
        what: &dyn Display,
        buffers: &mut Buffers,
    ) -> Answer<'py> {
        buffers.clear();
        let answer = if error.is_instance(py, self.http_exception.bind(py)) {
            self.answer_to_http_exception(error.value(py).as_any(), buffers)
        } else if error.is_instance(py, self.verdicts.input_error.bind(py)) {
            self.answer_to_input_error(error.value(py).as_any(), buffers)
        } else {
            Err(error)
        };
        answer.unwrap_or_else(|error| {
            log_exception(py, &error, &what.to_string());
            internal_error(buffers)
        })
    }

    fn answer_to_http_exception<'py>(
        &self,
        raised: &Bound<'py, PyAny>,
        buffers: &mut Buffers,
    ) -> PyResult<Answer<'py>> {
        let py = raised.py();
        let status = read_status(&raised.getattr(names::status_code(py))?)?;
        self.write_detail(&raised.getattr(names::detail(py))?, buffers)?;
        push_headers(&raised.getattr(names::headers(py))?, &mut buffers.lines)?;
        // A status without a body (RFC 9110 sections 15.3.5 and 15.4.5) has no type of one either.
        let has_body = !matches!(status, 204 | 304);
        if buffers.lines.is_empty() {
            return Ok(Answer::Whole {
                status,
                lines: if has_body { Lines::Json } else { Lines::None },
                body: Body::Buffer,
            });
        }
        if has_body && !buffers.lines.has_content_type() {
            push_media_type(&mut buffers.lines, Lines::Json)?;
        }
        Ok(Answer::Whole {
            status,
            lines: Lines::Own,
            body: Body::Buffer,
        })
    }

    fn answer_to_input_error<'py>(
        &self,
        raised: &Bound<'py, PyAny>,
        buffers: &mut Buffers,
    ) -> PyResult<Answer<'py>> {
        let mut faults = Faults::new(raised.py());
        faults.add_input_error(raised, &[""; 0])?;
        let list = faults
            .into_list()
            .unwrap_or_else(|| PyList::empty(raised.py()));
        self.write_faults(&list, buffers)?;
        Ok(Answer::Whole {
            status: 422,
            lines: Lines::Json,
            body: Body::Buffer,
        })
    }

    /// 422 with all the faults, or what the plan makes of an InputError that has them.
    #[cold]
    pub(super) fn answer_to_faults<'py>(
        &self,
        list: &Bound<'py, PyList>,
        plan: &RoutePlan,
        what: &dyn Display,
        buffers: &mut Buffers,
    ) -> Answer<'py> {
        let py = list.py();
        if plan.answer_to_error.is_some() {
            let error = self.verdicts.error_of(list);
            return self.settle(Err(error), plan, what, py, buffers);
        }
        buffers.clear();
        match self.write_faults(list, buffers) {
            Ok(()) => Answer::Whole {
                status: 422,
                lines: Lines::Json,
                body: Body::Buffer,
            },
            Err(error) => {
                log_exception(list.py(), &error, &what.to_string());
                internal_error(buffers)
            }
        }
    }

    /// The faults without what the peer sent.
    pub(super) fn without_inputs<'py>(
        &self,
        list: &Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyList>> {
        let clean = self.without_inputs.bind(list.py()).call1((list,))?;
        Ok(clean.cast_into()?)
    }

    fn write_faults(&self, list: &Bound<'_, PyList>, buffers: &mut Buffers) -> PyResult<()> {
        if self.write_detail(list.as_any(), buffers).is_ok() {
            return Ok(());
        }
        // The peer sent what JSON cannot say back: a lone surrogate, or too many levels.
        let clean = self.without_inputs(list)?;
        self.write_detail(clean.as_any(), buffers)
    }

    fn write_detail(&self, detail: &Bound<'_, PyAny>, buffers: &mut Buffers) -> PyResult<()> {
        let py = detail.py();
        let body = PyDict::new(py);
        body.set_item(intern!(py, "detail"), detail)?;
        let fallback = self.vocabulary.json_fallback.bind_borrowed(py);
        buffers.body.clear();
        json::encode(
            py,
            body.as_any().as_borrowed(),
            &mut buffers.body,
            Some(fallback),
        )
    }

    /// The header lines that an answer goes out with.
    #[inline]
    pub(super) fn lines<'a>(&'a self, lines: Lines, buffers: &'a Buffers) -> &'a HeaderLines {
        match lines {
            Lines::Json => &self.json_lines,
            Lines::Text => &self.text_lines,
            Lines::Octets => &self.octets_lines,
            Lines::None => &self.no_lines,
            Lines::Own => &buffers.lines,
        }
    }
}

/// 500, without the reason.
pub(super) fn internal_error<'py>(buffers: &mut Buffers) -> Answer<'py> {
    buffers.clear();
    buffers.body.extend_from_slice(INTERNAL_ERROR_BODY);
    Answer::Whole {
        status: 500,
        lines: Lines::Json,
        body: Body::Buffer,
    }
}
