//! A report before it is HTML or Markdown: blocks in reading order.

use std::path::PathBuf;

/// One piece of a report.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// A heading of level 1 to 6.
    Heading(u8, String),
    /// A paragraph of plain text.
    Paragraph(String),
    /// A short warning that must not be missed.
    Stamp(String),
    /// Something the reader should know or do.
    Notice(String),
    Table(Table),
    Pictures(Vec<Picture>),
    Charts(Vec<Chart>),
    /// The few numbers that say most.
    Keys(Vec<Key>),
    /// A section with its heading, closed until a reader asks for it.
    Fold {
        level: u8,
        title: String,
        blocks: Vec<Block>,
    },
    /// A file as it is.
    Verbatim {
        title: String,
        text: String,
    },
}

/// A number for people.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// What it is.
    pub(super) title: String,
    /// In its unit.
    pub(super) value: String,
    /// Its 95 % interval; empty without.
    pub(super) interval: String,
    /// What it stands beside: chance, a control, real images.
    pub(super) references: Vec<(String, String)>,
    /// What is measured, in plain words.
    pub(super) meaning: String,
    /// The metric, its instrument, the number of observations and the better direction.
    pub(super) basis: String,
    pub(super) scale: Option<Scale>,
}

/// Places between 0 and 1 (best), for a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) value: f64,
    pub(super) chance: Option<f64>,
    pub(super) real: Option<f64>,
}

/// A table with one header row.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) head: Vec<Cell>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// Small print under the text.
    pub(super) note: String,
    pub(super) kind: Kind,
}

/// How a cell is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    Text,
    Number,
    /// A published figure, set apart from ours.
    Paper,
}

/// A PNG file.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) title: String,
    pub(super) path: PathBuf,
    pub(super) png: Vec<u8>,
}

/// A line chart with its legend.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) svg: String,
    /// Colour (`#rrggbb`) and label of every line.
    pub(super) legend: Vec<(String, String)>,
    /// Where it also lies as a file of its own.
    pub(super) file: Option<PathBuf>,
}

/// Most columns that a narrow page sets below each other; wider tables compare rows and scroll.
const STACKED: usize = 6;

impl Table {
    /// Whether a narrow page sets the cells of a row below each other.
    pub(super) fn is_stacked(&self) -> bool {
        (1..=STACKED).contains(&self.head.len())
    }

    /// What to call it where its caption is not seen.
    pub(super) fn name(&self) -> String {
        if !self.caption.is_empty() {
            return self.caption.clone();
        }
        let heads: Vec<&str> = self.head.iter().map(|cell| cell.text.as_str()).collect();
        heads.join(", ")
    }
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    pub(super) fn number(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            note: String::new(),
            kind: Kind::Number,
        }
    }

    pub(super) fn paper(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            note: String::new(),
            kind: Kind::Paper,
        }
    }

    pub(super) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// Two-column table of named facts; empty values are left out.
pub(super) fn facts<'a>(
    caption: &str,
    entries: impl IntoIterator<Item = (&'a str, String)>,
) -> Option<Block> {
    let rows: Vec<Vec<Cell>> = entries
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![Cell::text(name), Cell::text(value)])
        .collect();
    let table = Table {
        caption: caption.into(),
        head: Vec::new(),
        rows,
    };
    (!table.rows.is_empty()).then_some(Block::Table(table))
}
