//! Paths whose requests are not logged. Knows no log.

/// A path as it was sent, or what it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkippedPath {
    /// This path alone.
    Exactly(Vec<u8>),
    /// Every path that begins like this.
    Below(Vec<u8>),
}

impl SkippedPath {
    /// `/health`, or `/static/*` for all that begins with `/static/`.
    pub fn parse(text: &str) -> SkippedPath {
        match text.strip_suffix('*') {
            Some(start) => SkippedPath::Below(start.into()),
            None => SkippedPath::Exactly(text.into()),
        }
    }

    pub(crate) fn is_for(&self, path: &[u8]) -> bool {
        match self {
            SkippedPath::Exactly(skipped) => path == skipped,
            SkippedPath::Below(start) => path.starts_with(start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_skipped_alone_or_with_all_below_it() {
        let health = SkippedPath::parse("/health");
        assert!(health.is_for(b"/health"));
        assert!(!health.is_for(b"/health/") && !health.is_for(b"/healthy"));
        let files = SkippedPath::parse("/static/*");
        assert!(files.is_for(b"/static/") && files.is_for(b"/static/a.css"));
        assert!(!files.is_for(b"/static"));
        assert!(SkippedPath::parse("*").is_for(b"/"));
    }
}
