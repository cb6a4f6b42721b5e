//! How counters are declared: what is said of each one, and the macro that makes cells, readings and rows of a table of
//! them. Knows no counter.

/// How a counter changes; Prometheus has the same two types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, so that the difference of two readings says what happened between them.
    Counter,
    /// It is the present value.
    Gauge,
}

/// What the table of counters says of one that is shown.
#[derive(Debug)]
pub struct Shown {
    /// What 1 means.
    pub unit: Unit,
    /// Whether the worker threads of the work-stealing runtime have it each for itself. What belongs to none of them
    /// is only in the row of all together.
    pub per_thread: bool,
    /// Its columns in the table of `turbo-shard stats`.
    pub columns: &'static [Column],
    /// Where it belongs among the metrics, if not alone under its own name.
    pub family: Option<Family>,
}

impl Shown {
    /// Something that is counted one by one.
    pub(crate) const fn count(columns: &'static [Column]) -> Shown {
        Shown {
            unit: Unit::Count,
            per_thread: false,
            columns,
            family: None,
        }
    }

    pub(crate) const fn of_unit(mut self, unit: Unit) -> Shown {
        self.unit = unit;
        self
    }

    pub(crate) const fn per_thread(mut self) -> Shown {
        self.per_thread = true;
        self
    }

    /// It is the part of `family` that `label` names.
    pub(crate) const fn part_of(mut self, family: &'static Family, value: &'static str) -> Shown {
        self.family = Some(Family { value, ..*family });
        self
    }
}

/// Counters that are one metric, told apart by a label.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The metric's name, without prefix and unit.
    pub name: &'static str,
    /// What they count together.
    pub help: &'static str,
    /// The label's name.
    pub label: &'static str,
    /// The label's value of this counter.
    pub value: &'static str,
}

impl Family {
    pub(crate) const fn new(name: &'static str, label: &'static str, help: &'static str) -> Family {
        Family {
            name,
            help,
            label,
            value: "",
        }
    }
}

/// What 1 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// One of what the counter is named after.
    Count,
    /// A millionth of a second.
    Microseconds,
    /// A byte.
    Bytes,
}

/// A column of the table of `turbo-shard stats`.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The word above it.
    pub heading: &'static str,
    /// What of the counter is in it.
    pub figure: Figure,
    /// Whether the line beneath says how evenly the rows have it.
    pub is_compared: bool,
}

/// What a column shows of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// The value.
    Total,
    /// By how much it grew in a second.
    PerSecond,
    /// The part of the time that it grew by.
    ShareOfTime,
}

impl Column {
    pub(crate) const fn new(heading: &'static str, figure: Figure) -> Column {
        Column {
            heading,
            figure,
            is_compared: false,
        }
    }

    pub(crate) const fn compared(heading: &'static str, figure: Figure) -> Column {
        Column {
            heading,
            figure,
            is_compared: true,
        }
    }
}

/// Makes of a table of counters: `Cells` with the cell of each that has its own, `Counts` with a reading of each, and
/// `TABLE` with a `CounterRow` for each that is shown.
///
/// An entry is `/// help`, then `name: Cell`, or `name = more - less`, or `name [place]` for a reading that is taken
/// elsewhere, then, if it is shown, `, Shown`.
macro_rules! counters {
    ($(
        #[doc = $help:literal]
        $name:ident $(: $cell:ty)? $(= $more:ident - $less:ident)? $([$place:ident])? $(, $shown:expr)?;
    )+) => {
        /// The cells of one thread.
        #[derive(Debug, Default)]
        pub(crate) struct Cells {
            $($(pub(crate) $name: $cell,)?)+
        }

        /// A reading of the counters, of one thread or the sums of several.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $(#[doc = $help] pub $name: u64,)+
        }

        impl Counts {
            pub(crate) fn add(&mut self, cells: &Cells) {
                // In the order of the table, which matters.
                $($(self.$name += <$cell>::value(&cells.$name);)?)+
                // Only of the sums: with work stealing, what one thread begins may end on another.
                $($(self.$name = self.$more.saturating_sub(self.$less);)?)+
            }
        }

        const TABLE: &[Option<CounterRow>] =
            &[$(counters!(@row $help $name [$($more)? $($place)?] $($shown)?)),+];
    };
    (@row $help:literal $name:ident $source:tt) => { None };
    (@row $help:literal $name:ident $source:tt $shown:expr) => {
        Some(CounterRow {
            name: stringify!($name),
            kind: counters!(@kind $source),
            help: $help.trim_ascii(),
            shown: $shown,
            read: |counts| counts.$name,
            place: |counts| &mut counts.$name,
        })
    };
    // A cell only grows; a difference of two does not.
    (@kind []) => { Kind::Counter };
    (@kind $source:tt) => { Kind::Gauge };
}
pub(crate) use counters;
