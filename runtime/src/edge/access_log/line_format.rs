//! The forms that a line can have, and what each needs of requests and answers. Writes no line.

use std::fmt;

/// Fields of requests and answers that one format may name: each costs room in every record.
const FIELDS_MAX: usize = 16;

const COMBINED: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;

/// How lines are written, and which fields they need.
#[derive(Clone, Debug)]
pub struct LineFormat {
    pub(crate) layout: Layout,
    /// Names of the request's fields that are needed, in lower case.
    pub(crate) of_request: Vec<String>,
    /// Names of the answer's fields.
    pub(crate) of_answer: Vec<String>,
    pub(crate) needs_user: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Layout {
    Uvicorn,
    Json,
    Logfmt,
    Pieces(Vec<Piece>),
}

/// A part of a line that a format string lays out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Vec<u8>),
    Atom(Atom),
}

/// What gunicorn calls an atom, and what we have beyond those (`%({route}x)s`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Atom {
    Client,
    Dash,
    User,
    Time,
    RequestLine,
    Method,
    Path,
    Query,
    Protocol,
    Status,
    Bytes,
    BytesOrDash,
    Seconds,
    Microseconds,
    Milliseconds,
    DecimalSeconds,
    Process,
    /// The number of the name among those of the request.
    RequestField(u8),
    /// The number of the name among those of the answer.
    AnswerField(u8),
    ClientPort,
    Shard,
    Route,
}

/// Why a format cannot be used; its text is one line.
#[derive(Debug, PartialEq, Eq)]
pub struct FormatError(String);

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl LineFormat {
    /// `uvicorn`, `combined`, `json`, `logfmt`, or a format string of gunicorn's atoms.
    pub fn parse(text: &str) -> Result<LineFormat, FormatError> {
        let named = |layout, of_request: &[&str]| LineFormat {
            layout,
            of_request: of_request.iter().map(|&name| name.into()).collect(),
            of_answer: Vec::new(),
            needs_user: false,
        };
        Ok(match text {
            "uvicorn" => named(Layout::Uvicorn, &[]),
            "json" => named(Layout::Json, TOLD_FIELDS),
            "logfmt" => named(Layout::Logfmt, TOLD_FIELDS),
            "combined" => read_pieces(COMBINED)?,
            _ if text.contains("%(") => read_pieces(text)?,
            _ => {
                return Err(FormatError(format!(
                    "{text:?} is neither uvicorn, combined, json or logfmt nor a format string such as '%(h)s \"%(r)s\" %(s)s'"
                )));
            }
        })
    }
}

/// What JSON and logfmt tell of a request's fields, in the order of [`TOLD_NAMES`].
pub(crate) const TOLD_FIELDS: &[&str] = &["x-request-id", "user-agent", "referer", "traceparent"];
/// Their keys.
pub(crate) const TOLD_NAMES: [&str; 4] = ["request_id", "user_agent", "referer", "traceparent"];
const _: () = assert!(TOLD_FIELDS.len() == TOLD_NAMES.len());

/// Reads `%(NAME)s` and `%({FIELD}i)s`; `%%` is a percent sign.
fn read_pieces(text: &str) -> Result<LineFormat, FormatError> {
    let mut format = LineFormat {
        layout: Layout::Json,
        of_request: Vec::new(),
        of_answer: Vec::new(),
        needs_user: false,
    };
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut left = text;
    while let Some(at) = left.find('%') {
        literal.extend_from_slice(&left.as_bytes()[..at]);
        left = &left[at..];
        if let Some(after) = left.strip_prefix("%%") {
            literal.push(b'%');
            left = after;
            continue;
        }
        let inside = left.strip_prefix("%(").and_then(|rest| {
            let end = rest.find(")s")?;
            Some((&rest[..end], &rest[end + 2..]))
        });
        let Some((name, after)) = inside else {
            let shown: String = left.chars().take(12).collect();
            return Err(FormatError(format!(
                "{shown:?} is no atom: those are written %(NAME)s, and a percent sign %%"
            )));
        };
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Atom(format.atom(name)?));
        left = after;
    }
    literal.extend_from_slice(left.as_bytes());
    if let Some(control) = text.chars().find(|character| character.is_control()) {
        return Err(FormatError(format!(
            "{control:?} would break a line in two"
        )));
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    format.layout = Layout::Pieces(pieces);
    Ok(format)
}

impl LineFormat {
    fn atom(&mut self, name: &str) -> Result<Atom, FormatError> {
        let named = name.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        if let Some((field, kind)) = named {
            return match kind {
                "i" => number_of(&mut self.of_request, field).map(Atom::RequestField),
                "o" => number_of(&mut self.of_answer, field).map(Atom::AnswerField),
                "x" => own_atom(field),
                _ => Err(unknown(name)),
            };
        }
        Ok(match name {
            "h" => Atom::Client,
            "l" => Atom::Dash,
            "u" => {
                self.needs_user = true;
                Atom::User
            }
            "t" => Atom::Time,
            "r" => Atom::RequestLine,
            "m" => Atom::Method,
            "U" => Atom::Path,
            "q" => Atom::Query,
            "H" => Atom::Protocol,
            "s" => Atom::Status,
            "B" => Atom::Bytes,
            "b" => Atom::BytesOrDash,
            "f" => Atom::RequestField(number_of(&mut self.of_request, "referer")?),
            "a" => Atom::RequestField(number_of(&mut self.of_request, "user-agent")?),
            "T" => Atom::Seconds,
            "D" => Atom::Microseconds,
            "M" => Atom::Milliseconds,
            "L" => Atom::DecimalSeconds,
            "p" => Atom::Process,
            _ => return Err(unknown(name)),
        })
    }
}

/// The number of a field's name among those that are needed.
fn number_of(names: &mut Vec<String>, field: &str) -> Result<u8, FormatError> {
    let field = field.to_ascii_lowercase();
    let known = names.iter().position(|name| *name == field);
    let number = known.unwrap_or(names.len());
    if number >= FIELDS_MAX {
        return Err(FormatError(format!(
            "it names more than {FIELDS_MAX} fields of requests or answers"
        )));
    }
    if known.is_none() {
        names.push(field);
    }
    Ok(number as u8)
}

fn own_atom(name: &str) -> Result<Atom, FormatError> {
    Ok(match name {
        "client-port" => Atom::ClientPort,
        "shard" => Atom::Shard,
        "route" => Atom::Route,
        _ => return Err(unknown(&format!("{{{name}}}x"))),
    })
}

fn unknown(name: &str) -> FormatError {
    FormatError(format!(
        "there is no atom %({name})s; there are h l u t r m U q H s B b f a T D M L p, {{FIELD}}i, {{FIELD}}o, \
         and {{client-port}}x {{shard}}x {{route}}x"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<Piece> {
        match LineFormat::parse(text).unwrap().layout {
            Layout::Pieces(pieces) => pieces,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_format_string_is_read_into_texts_and_atoms() {
        assert_eq!(
            pieces("%(h)s 100%% %(s)s!"),
            [
                Piece::Atom(Atom::Client),
                Piece::Text(b" 100% ".to_vec()),
                Piece::Atom(Atom::Status),
                Piece::Text(b"!".to_vec()),
            ]
        );
    }

    #[test]
    fn fields_are_noted_once_whatever_their_case() {
        let format = LineFormat::parse("%(a)s %({User-Agent}i)s %({X-A}i)s %({etag}o)s").unwrap();
        assert_eq!(format.of_request, ["user-agent", "x-a"]);
        assert_eq!(format.of_answer, ["etag"]);
        assert!(!format.needs_user);
        assert!(LineFormat::parse("combined").unwrap().needs_user);
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_one_line() {
        for wrong in [
            "",
            "apache",
            "%(z)s",
            "%(h)s %",
            "%(h)d",
            "%({a}e)s",
            "%({nothing}x)s",
            "%(h)s\n",
        ] {
            let error = LineFormat::parse(wrong).unwrap_err().to_string();
            assert!(!error.contains('\n') && !error.is_empty(), "{wrong}");
        }
        let many: String = (0..17).map(|n| format!("%({{x-{n}}}i)s")).collect();
        assert!(LineFormat::parse(&many).is_err());
    }
}
