//! A report before it is HTML or Markdown: blocks in reading order.

use std::path::PathBuf;

/// One piece of a report.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// A heading of level 1 to 3.
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
    /// Verbatim text behind a fold.
    Details {
        summary: String,
        text: String,
    },
    /// Blocks behind a fold.
    Fold {
        summary: String,
        blocks: Vec<Block>,
    },
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
