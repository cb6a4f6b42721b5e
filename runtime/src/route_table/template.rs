//! Reads a route's template: which segments are fixed text, which are parameters. Knows nothing of other routes.

/// Most parameters of one template.
pub const PARAMETERS_MAX: usize = 16;

/// What stands between two slashes of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Fixed(Box<str>),
    /// A parameter, with the text that its segment has before and after the value.
    Parameter {
        before: Box<str>,
        after: Box<str>,
    },
    /// The last segment: a parameter that stands for all the path from here on, be it empty.
    Rest,
}

/// A route's path, read.
#[derive(Debug, PartialEq, Eq)]
pub struct RouteTemplate {
    pub(super) segments: Vec<Segment>,
    /// Of the parameters, in their order.
    pub(super) names: Vec<Box<str>>,
}

impl RouteTemplate {
    /// Reads a path as [`RouteTable::add`](super::RouteTable::add) does; the error says what is wrong with it.
    pub fn parse(template: &str) -> Result<RouteTemplate, &'static str> {
        let path = template
            .strip_prefix('/')
            .ok_or("must begin with a slash")?;
        if template.contains(['?', '#']) {
            return Err("holds a path only, no query (?) and no fragment (#)");
        }
        let mut read = RouteTemplate {
            segments: Vec::new(),
            names: Vec::new(),
        };
        for text in path.split('/') {
            if read.segments.last() == Some(&Segment::Rest) {
                return Err(
                    "has segments after the parameter that stands for the rest of the path",
                );
            }
            let segment = read.segment(text)?;
            read.segments.push(segment);
        }
        if read.names.len() > PARAMETERS_MAX {
            return Err("has more than 16 parameters");
        }
        Ok(read)
    }

    /// The names of the parameters, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The template without those names: templates of one shape match the same paths.
    #[must_use]
    pub fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            match segment {
                Segment::Fixed(text) => push_literal(&mut shape, text),
                Segment::Parameter { before, after } => {
                    push_literal(&mut shape, before);
                    shape.push_str("{}");
                    push_literal(&mut shape, after);
                }
                Segment::Rest => shape.push_str("{*}"),
            }
        }
        shape
    }

    fn segment(&mut self, segment: &str) -> Result<Segment, &'static str> {
        let mut literal = String::new();
        // The text before the parameter, and whether the parameter stands for the rest.
        let mut parameter: Option<(Box<str>, bool)> = None;
        let mut left = segment;
        while let Some(next) = left.chars().next() {
            left = &left[next.len_utf8()..];
            if matches!(next, '{' | '}') && left.starts_with(next) {
                // A doubled brace is a literal one.
                left = &left[1..];
                literal.push(next);
            } else if next == '{' {
                let (inner, after) = left.split_once('}').ok_or("a { has no }")?;
                if parameter.is_some() {
                    return Err("has two parameters in one segment");
                }
                left = after;
                parameter = Some((std::mem::take(&mut literal).into(), self.parameter(inner)?));
            } else if next == '}' {
                return Err("a } has no {");
            } else {
                literal.push(next);
            }
        }
        let after = literal.into();
        match parameter {
            None => Ok(Segment::Fixed(after)),
            Some((before, false)) => Ok(Segment::Parameter { before, after }),
            Some((before, true)) if before.is_empty() && after.is_empty() => Ok(Segment::Rest),
            Some(_) => Err("has text beside the parameter that stands for the rest of the path"),
        }
    }

    /// Reads what stands between braces: a name, and whether it stands for the rest of the path.
    fn parameter(&mut self, inner: &str) -> Result<bool, &'static str> {
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
        if self.names.iter().any(|other| **other == *name) {
            return Err("has two parameters of one name");
        }
        self.names.push(name.into());
        Ok(is_rest)
    }
}

/// Doubles braces, as a template writes them.
fn push_literal(shape: &mut String, text: &str) {
    for character in text.chars() {
        if matches!(character, '{' | '}') {
            shape.push(character);
        }
        shape.push(character);
    }
}
