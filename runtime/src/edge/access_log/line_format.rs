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
    pub(crate) needs_tls: bool,
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
    /// The number of `traceparent` among the request's fields.
    TraceId(u8),
    TlsVersion,
    CipherSuite,
    ServerName,
    ClientCertificate,
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
    /// `uvicorn`, `combined`, `json`, `logfmt`, or a format string of gunicorn's atoms. The ids of requests are in the field
    /// `request_id` of theirs. With `tells_all` every layout notes what JSON tells.
    pub fn parse(text: &str, request_id: &str, tells_all: bool) -> Result<LineFormat, FormatError> {
        let request_id = request_id.to_ascii_lowercase();
        let (layout, is_told) = match text {
            "json" => (Layout::Json, true),
            "logfmt" => (Layout::Logfmt, true),
            _ => (Layout::Uvicorn, tells_all),
        };
        let mut format = LineFormat {
            layout,
            of_request: Vec::new(),
            of_answer: Vec::new(),
            needs_user: false,
            needs_tls: is_told,
        };
        if is_told {
            let told = TOLD_FIELDS.iter().map(|&name| name.into());
            format.of_request = std::iter::once(request_id.clone()).chain(told).collect();
        }
        match text {
            "uvicorn" | "json" | "logfmt" => {}
            "combined" => format.read_pieces(COMBINED, &request_id)?,
            _ if text.contains("%(") => format.read_pieces(text, &request_id)?,
            _ => {
                return Err(FormatError(format!(
                    "{text:?} is neither uvicorn, combined, json or logfmt nor a format string such as '%(h)s \"%(r)s\" %(s)s'"
                )));
            }
        }
        Ok(format)
    }
}

/// What JSON and logfmt tell of a request's fields after its id.
const TOLD_FIELDS: &[&str] = &["user-agent", "referer", "traceparent"];
/// The keys of all.
pub(crate) const TOLD_NAMES: [&str; 4] = ["request_id", "user_agent", "referer", "traceparent"];
/// The number of the last.
pub(crate) const TRACEPARENT: u8 = 3;
const _: () = assert!(1 + TOLD_FIELDS.len() == TOLD_NAMES.len());

impl LineFormat {
    /// Reads `%(NAME)s` and `%({FIELD}i)s`; `%%` is a percent sign.
    fn read_pieces(&mut self, text: &str, request_id: &str) -> Result<(), FormatError> {
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
            pieces.push(Piece::Atom(self.atom(name, request_id)?));
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
        self.layout = Layout::Pieces(pieces);
        Ok(())
    }

    fn atom(&mut self, name: &str, request_id: &str) -> Result<Atom, FormatError> {
        let named = name.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        if let Some((field, kind)) = named {
            return match kind {
                "i" => number_of(&mut self.of_request, field).map(Atom::RequestField),
                "o" => number_of(&mut self.of_answer, field).map(Atom::AnswerField),
                "x" => self.own_atom(field, request_id),
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

    fn own_atom(&mut self, name: &str, request_id: &str) -> Result<Atom, FormatError> {
        let of_tls = TLS_ATOMS.iter().find(|(known, _)| *known == name);
        if let Some((_, atom)) = of_tls {
            self.needs_tls = true;
            return Ok(*atom);
        }
        let fields = &mut self.of_request;
        Ok(match name {
            "client-port" => Atom::ClientPort,
            "shard" => Atom::Shard,
            "route" => Atom::Route,
            "request-id" => Atom::RequestField(number_of(fields, request_id)?),
            "trace-id" => Atom::TraceId(number_of(fields, "traceparent")?),
            _ => return Err(unknown(&format!("{{{name}}}x"))),
        })
    }
}

/// As Apache names them for `%{NAME}x`.
const TLS_ATOMS: [(&str, Atom); 4] = [
    ("SSL_PROTOCOL", Atom::TlsVersion),
    ("SSL_CIPHER", Atom::CipherSuite),
    ("SSL_TLS_SNI", Atom::ServerName),
    ("SSL_CLIENT_S_DN", Atom::ClientCertificate),
];

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

fn unknown(name: &str) -> FormatError {
    FormatError(format!(
        "there is no atom %({name})s; there are h l u t r m U q H s B b f a T D M L p, {{FIELD}}i, {{FIELD}}o, \
         and {{client-port}}x {{shard}}x {{route}}x {{request-id}}x {{trace-id}}x \
         {{SSL_PROTOCOL}}x {{SSL_CIPHER}}x {{SSL_TLS_SNI}}x {{SSL_CLIENT_S_DN}}x"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<Piece> {
        match LineFormat::parse(text, "X-Id", false).unwrap().layout {
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
        let parse = |text| LineFormat::parse(text, "X-Id", false).unwrap();
        let format = parse("%(a)s %({User-Agent}i)s %({X-A}i)s %({etag}o)s");
        assert_eq!(format.of_request, ["user-agent", "x-a"]);
        assert_eq!(format.of_answer, ["etag"]);
        assert!(!format.needs_user);
        assert!(parse("combined").needs_user);
        let format = parse("%({request-id}x)s %({x-id}i)s %({trace-id}x)s");
        assert_eq!(format.of_request, ["x-id", "traceparent"]);
        let all = LineFormat::parse("%(a)s %({x-b}i)s", "X-Id", true).unwrap();
        assert_eq!(all.of_request[..4], parse("json").of_request);
        assert_eq!(all.of_request[4..], ["x-b"]);
        assert_eq!(parse("json").of_request[0], "x-id");
        assert_eq!(
            parse("json").of_request[usize::from(TRACEPARENT)],
            "traceparent"
        );
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
            let error = LineFormat::parse(wrong, "X-Id", false)
                .unwrap_err()
                .to_string();
            assert!(!error.contains('\n') && !error.is_empty(), "{wrong}");
        }
        let many: String = (0..17).map(|n| format!("%({{x-{n}}}i)s")).collect();
        assert!(LineFormat::parse(&many, "X-Id", false).is_err());
    }
}
