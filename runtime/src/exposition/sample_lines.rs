//! Writes metrics in the text formats of Prometheus (0.0.4) and OpenMetrics (1.0). Knows no metric.

use std::fmt::Write as _;

/// A text format that scrapers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text, version 0.0.4.
    Prometheus,
    /// OpenMetrics text, version 1.0.
    OpenMetrics,
}

impl Format {
    /// What a client likes best, by its `Accept`. One that does not say is given Prometheus text.
    pub(crate) fn preferred(accept: &str) -> Format {
        let mut best = (Format::Prometheus, 0.0);
        for wanted in accept.split(',') {
            let mut parts = wanted.split(';').map(str::trim);
            let format = match parts.next() {
                Some("application/openmetrics-text") => Format::OpenMetrics,
                Some("text/plain" | "text/*" | "*/*") => Format::Prometheus,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            let quality: f32 = quality.map_or(1.0, |text| text.parse().unwrap_or(0.0));
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// How a metric changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
    /// A gauge of 1 whose labels say something; OpenMetrics has a word for it.
    Info,
}

/// A metric as its lines of metadata tell of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// Without what says its kind (`_total`, `_info`), with its unit.
    pub(crate) name: &'a str,
    pub(crate) kind: MetricKind,
    /// `seconds`, `bytes` or nothing.
    pub(crate) unit: &'a str,
    pub(crate) help: &'a str,
}

/// A page that grows line by line.
pub(crate) struct SampleLines {
    format: Format,
    text: String,
}

impl SampleLines {
    pub(crate) fn new(format: Format) -> SampleLines {
        SampleLines {
            format,
            text: String::with_capacity(16 * 1024),
        }
    }

    /// The metadata of a metric, before its samples.
    pub(crate) fn head(&mut self, head: Head<'_>) {
        let Head {
            name,
            kind,
            unit,
            help,
        } = head;
        let (suffix, word) = match (self.format, kind) {
            (Format::Prometheus, MetricKind::Counter) => ("_total", "counter"),
            (Format::Prometheus, MetricKind::Info) => ("_info", "gauge"),
            (Format::OpenMetrics, MetricKind::Counter) => ("", "counter"),
            (Format::OpenMetrics, MetricKind::Info) => ("", "info"),
            (_, MetricKind::Gauge) => ("", "gauge"),
            (_, MetricKind::Histogram) => ("", "histogram"),
        };
        let _ = write!(self.text, "# HELP {name}{suffix} ");
        self.escaped(help, self.format == Format::OpenMetrics);
        let _ = write!(self.text, "\n# TYPE {name}{suffix} {word}\n");
        if self.format == Format::OpenMetrics && !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    /// One sample: the full name, labels and value.
    pub(crate) fn sample(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        self.text.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"");
            self.escaped(text, true);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// The whole page.
    pub(crate) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn escaped(&mut self, text: &str, with_quotes: bool) {
        for next in text.chars() {
            match next {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '"' if with_quotes => self.text.push_str("\\\""),
                other => self.text.push(other),
            }
        }
    }
}

/// Microseconds as seconds, without the detour over floating point.
pub(crate) fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_what_it_likes_best() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::preferred(prometheus), Format::OpenMetrics);
        for plain in [
            "",
            "*/*",
            "text/plain",
            "text/html,*/*;q=0.1",
            "application/openmetrics-text;q=0.2, text/plain;q=0.5",
            "application/openmetrics-text;q=0",
        ] {
            assert_eq!(Format::preferred(plain), Format::Prometheus, "{plain}");
        }
    }

    #[test]
    fn labels_and_help_are_escaped() {
        let mut lines = SampleLines::new(Format::OpenMetrics);
        lines.head(Head {
            name: "a_seconds",
            kind: MetricKind::Counter,
            unit: "seconds",
            help: "says \"a\\b\"",
        });
        lines.sample(
            "a_seconds_total",
            &[("x", "1\n\"\\"), ("y", "")],
            seconds(1_000_002),
        );
        assert_eq!(
            lines.end(),
            "# HELP a_seconds says \\\"a\\\\b\\\"\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
             a_seconds_total{x=\"1\\n\\\"\\\\\",y=\"\"} 1.000002\n# EOF\n"
        );
    }
}
