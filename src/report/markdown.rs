//! Blocks as Markdown; pictures are links relative to the report.

use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use super::document::{Block, Cell, Key, Table};

/// The whole text; `folder` is where it will be written.
pub(super) fn text(blocks: &[Block], folder: &Path) -> String {
    let mut out = String::new();
    for block in blocks {
        write(&mut out, block, folder);
    }
    out
}

fn write(out: &mut String, block: &Block, folder: &Path) {
    match block {
        Block::Heading(level, text) => heading(out, *level, text),
        Block::Paragraph(text) => {
            let _ = writeln!(out, "{}\n", escape(text));
        }
        Block::Stamp(text) => {
            let _ = writeln!(out, "**{}**\n", escape(text));
        }
        Block::Notice(text) => {
            let _ = writeln!(out, "> {}\n", escape(text));
        }
        Block::Table(content) => table(out, content),
        Block::Keys(keys) => table(out, &of_keys(keys)),
        Block::Pictures(pictures) => {
            for picture in pictures {
                let (title, link) = (escape(&picture.title), link(&picture.path, folder));
                let _ = writeln!(out, "{title}:\n\n![{title}](<{link}>)\n");
            }
        }
        Block::Charts(charts) => {
            let (alone, inside): (Vec<_>, Vec<_>) =
                charts.iter().partition(|chart| chart.file.is_some());
            for chart in alone {
                let file = chart.file.as_deref().unwrap_or(folder);
                let (title, link) = (escape(&chart.title), link(file, folder));
                let _ = writeln!(out, "![{title}](<{link}>)\n");
            }
            let titles: Vec<String> = inside.iter().map(|c| escape(&c.title)).collect();
            if !titles.is_empty() {
                let _ = writeln!(out, "Curves in report.html: {}.\n", titles.join("; "));
            }
        }
        Block::Fold {
            level,
            title,
            blocks,
        } => {
            heading(out, *level, title);
            for block in blocks {
                write(out, block, folder);
            }
        }
        Block::Verbatim { title, text } => {
            let fence = fence(text);
            let (title, text) = (escape(title), text.trim_end());
            let _ = writeln!(out, "{title}:\n\n{fence}\n{text}\n{fence}\n");
        }
    }
}

fn heading(out: &mut String, level: u8, text: &str) {
    let marks = "#".repeat(usize::from(level));
    let _ = writeln!(out, "{marks} {}\n", escape(text));
}

/// Numbers as a table.
fn of_keys(keys: &[Key]) -> Table {
    let row = |key: &Key| {
        let value = format!("{} {}", key.value, key.interval);
        let beside = key.references.iter();
        let beside: Vec<String> = beside.map(|(name, v)| format!("{name} {v}")).collect();
        vec![
            Cell::text(&key.title),
            Cell::number(value.trim()),
            Cell::text(beside.join("; ")),
            Cell::text(&key.meaning).with_note(&key.basis),
        ]
    };
    Table {
        caption: "The numbers that say most, with 95 % interval.".into(),
        head: ["", "Value", "Beside", "Meaning"].map(Cell::text).into(),
        rows: keys.iter().map(row).collect(),
    }
}

fn table(out: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        let _ = writeln!(out, "{}\n", escape(&table.caption));
    }
    let columns = table
        .rows
        .iter()
        .map(Vec::len)
        .chain([table.head.len()])
        .max()
        .unwrap_or(0);
    let line = |cells: &[Cell]| {
        let empty = Cell::default();
        let cells: Vec<String> = (0..columns)
            .map(|i| cell(cells.get(i).unwrap_or(&empty)))
            .collect();
        format!("| {} |", cells.join(" | "))
    };
    let _ = writeln!(out, "{}\n|{}", line(&table.head), "---|".repeat(columns));
    for row in &table.rows {
        let _ = writeln!(out, "{}", line(row));
    }
    out.push('\n');
}

fn cell(cell: &Cell) -> String {
    let text = escape(&cell.text);
    if cell.note.is_empty() {
        text
    } else {
        format!("{text} ({})", escape(&cell.note))
    }
}

/// Makes text of one line in which Markdown and HTML mean nothing.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// A code fence longer than any run of backticks in `text`.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

/// `path` as seen from `folder`.
fn link(path: &Path, folder: &Path) -> String {
    let full = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let (path, folder) = (full(path), full(folder));
    let common = path
        .components()
        .zip(folder.components())
        .take_while(|(a, b)| a == b)
        .count();
    let mut relative = PathBuf::new();
    for _ in folder.components().skip(common) {
        relative.push(Component::ParentDir);
    }
    relative.extend(path.components().skip(common));
    let parts: Vec<_> = relative
        .components()
        .map(|c| c.as_os_str().to_string_lossy())
        .collect();
    parts.join("/").replace('<', "%3C").replace('>', "%3E")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_cannot_break_tables_or_code() {
        let cell = Cell::text("a | b\nc <b>").with_note("*x*");
        let blocks = [
            Block::Table(Table {
                caption: String::new(),
                head: vec![],
                rows: vec![vec![cell]],
            }),
            Block::Fold {
                level: 3,
                title: "more".into(),
                blocks: vec![Block::Verbatim {
                    title: "s".into(),
                    text: "```\nevil".into(),
                }],
            },
        ];
        let text = text(&blocks, Path::new("."));
        assert!(text.contains("| a \\| b c &lt;b> (\\*x\\*) |"), "{text}");
        assert!(
            text.contains("### more\n\ns:\n\n````\n```\nevil\n````"),
            "{text}"
        );
    }

    #[test]
    fn links_lead_from_the_report_to_the_picture() {
        assert_eq!(
            link(Path::new("/r/a/samples/x.png"), Path::new("/r/a")),
            "samples/x.png"
        );
        assert_eq!(
            link(Path::new("/r/a/x.png"), Path::new("/r/out/b")),
            "../../a/x.png"
        );
    }
}
