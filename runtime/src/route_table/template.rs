//! Reads a route's template: what is literal, where its parameters lie, and the key that finds it.

/// Most parameters of one template.
pub const PARAMETERS_MAX: usize = 16;

/// Stands in a key for what no template can contain: bytes that are no UTF-8, and escaped slashes.
pub(super) const UNMATCHABLE: char = char::REPLACEMENT_CHARACTER;

/// One parameter of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// In which segment it lies, counted from 0.
    pub(super) segment: usize,
    /// Bytes of literal text in its segment before it, and after it.
    pub(super) text_before: usize,
    pub(super) text_after: usize,
    /// Whether it stands for all segments from here on.
    pub(super) is_rest: bool,
}

impl Parameter {
    /// The value's place within a decoded segment that lies at `start..end`.
    pub(super) fn span(&self, start: usize, end: usize) -> (u32, u32) {
        let from = (start + self.text_before).min(end);
        (
            from as u32,
            end.saturating_sub(self.text_after).max(from) as u32,
        )
    }
}

/// A template, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// The key for the tree. Parameters are numbered: templates that differ only in names have one key.
    pub(super) key: String,
    /// The key of the path whose catch-all is empty.
    pub(super) key_of_empty_rest: Option<String>,
    pub(super) parameters: Vec<Parameter>,
}

impl Template {
    pub(super) fn parse(template: &str) -> Result<Template, &'static str> {
        let path = template
            .strip_prefix('/')
            .ok_or("must begin with a slash")?;
        if template.contains(['?', '#']) {
            return Err("holds a path only, no query (?) and no fragment (#)");
        }
        if template.contains(UNMATCHABLE) {
            return Err("holds U+FFFD, which stands for bytes that are no text");
        }
        let mut read = Template {
            key: String::new(),
            key_of_empty_rest: None,
            parameters: Vec::new(),
        };
        for (number, segment) in path.split('/').enumerate() {
            if read.key_of_empty_rest.is_some() {
                return Err(
                    "has segments after the parameter that stands for the rest of the path",
                );
            }
            read.key.push('/');
            read.segment(number, segment)?;
        }
        if read.parameters.len() > PARAMETERS_MAX {
            return Err("has more than 16 parameters");
        }
        Ok(read)
    }

    fn segment(&mut self, number: usize, segment: &str) -> Result<(), &'static str> {
        let before_segment = self.key.len();
        let mut literal_bytes = 0;
        let mut found: Option<Parameter> = None;
        let mut rest = segment;
        while let Some(next) = rest.chars().next() {
            rest = &rest[next.len_utf8()..];
            if matches!(next, '{' | '}') && rest.starts_with(next) {
                // A doubled brace is a literal one.
                rest = &rest[1..];
                self.key.extend([next, next]);
                literal_bytes += 1;
            } else if next == '{' {
                let (inner, after) = rest.split_once('}').ok_or("a { has no }")?;
                if found.is_some() {
                    return Err("has two parameters in one segment");
                }
                rest = after;
                let (name, is_rest) = parameter_name(inner)?;
                if self.parameters.iter().any(|other| other.name == name) {
                    return Err("has two parameters of one name");
                }
                self.key.push_str(if is_rest { "{*" } else { "{" });
                self.key.push_str(&self.parameters.len().to_string());
                self.key.push('}');
                let name = name.to_owned();
                found = Some(Parameter {
                    name,
                    segment: number,
                    text_before: literal_bytes,
                    text_after: 0,
                    is_rest,
                });
                literal_bytes = 0;
            } else if next == '}' {
                return Err("a } has no {");
            } else {
                self.key.push(next);
                literal_bytes += next.len_utf8();
            }
        }
        if let Some(mut parameter) = found {
            parameter.text_after = literal_bytes;
            if parameter.is_rest {
                if parameter.text_before + parameter.text_after > 0 {
                    return Err(
                        "has text beside the parameter that stands for the rest of the path",
                    );
                }
                self.key_of_empty_rest = Some(self.key[..before_segment].to_owned());
            }
            self.parameters.push(parameter);
        }
        Ok(())
    }
}

/// Reads what stands between braces: a name, and whether it stands for the rest of the path.
fn parameter_name(inner: &str) -> Result<(&str, bool), &'static str> {
    let (name, is_rest) = match (inner.strip_prefix('*'), inner.split_once(':')) {
        (Some(name), None) => (name, true),
        (None, Some((name, "path"))) => (name, true),
        (None, None) => (inner, false),
        _ => {
            return Err(
                "has a parameter of an unknown kind; there are {name}, {name:path} and {*name}",
            );
        }
    };
    let is_name = |character: char| character == '_' || character.is_alphanumeric();
    if name.is_empty() || name.starts_with(char::is_numeric) || !name.chars().all(is_name) {
        return Err("has a parameter whose name is not an identifier");
    }
    Ok((name, is_rest))
}
