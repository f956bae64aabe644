//! Blocks as one self-contained HTML page.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::document::{Block, Cell, Chart, Kind, Picture, Table};

const STYLE: &str = include_str!("style.css");

/// Replaces the characters that mean something in HTML text and attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The whole page.
pub(super) fn page(title: &str, blocks: &[Block]) -> String {
    let title = escape(title);
    let body: String = blocks.iter().map(block).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\
         </main>\n</body>\n</html>\n"
    )
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(level, text) => format!("<h{level}>{}</h{level}>\n", escape(text)),
        Block::Paragraph(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Stamp(text) => format!("<p class=\"stamp\">{}</p>\n", escape(text)),
        Block::Notice(text) => format!("<p class=\"notice\">{}</p>\n", escape(text)),
        Block::Table(content) => table(content),
        Block::Pictures(pictures) => {
            let figures: String = pictures.iter().map(picture).collect();
            format!("<div class=\"pictures\">\n{figures}</div>\n")
        }
        Block::Charts(charts) => {
            let figures: String = charts.iter().map(chart).collect();
            format!("<div class=\"charts\">\n{figures}</div>\n")
        }
        Block::Details { summary, text } => format!(
            "<details><summary>{}</summary><pre>{}</pre></details>\n",
            escape(summary),
            escape(text)
        ),
        Block::Fold { summary, blocks } => {
            let inside: String = blocks.iter().map(self::block).collect();
            format!(
                "<details><summary>{}</summary>\n{inside}</details>\n",
                escape(summary)
            )
        }
    }
}

fn table(table: &Table) -> String {
    let mut out = String::new();
    // Outside of the table, so that it wraps where a wide table scrolls.
    if !table.caption.is_empty() {
        let _ = writeln!(out, "<p class=\"caption\">{}</p>", escape(&table.caption));
    }
    out.push_str("<div class=\"table\"><table>\n");
    if !table.head.is_empty() {
        let cells: String = table
            .head
            .iter()
            .map(|c| cell(c, "th scope=\"col\""))
            .collect();
        let _ = writeln!(out, "<thead><tr>{cells}</tr></thead>");
    }
    out.push_str("<tbody>\n");
    for row in &table.rows {
        let (first, rest) = row.split_at(row.len().min(1));
        let head: String = first.iter().map(|c| cell(c, "th scope=\"row\"")).collect();
        let cells: String = rest.iter().map(|c| cell(c, "td")).collect();
        let _ = writeln!(out, "<tr>{head}{cells}</tr>");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn cell(cell: &Cell, tag: &str) -> String {
    let class = match cell.kind {
        Kind::Text => "",
        Kind::Number => " class=\"number\"",
        Kind::Paper => " class=\"paper\"",
    };
    let name = tag.split(' ').next().unwrap_or(tag);
    let note = if cell.note.is_empty() {
        String::new()
    } else {
        format!(
            "<small>{}</small>",
            escape(&cell.note).replace(" %", "&nbsp;%")
        )
    };
    let text = escape(&cell.text);
    let text = if cell.kind == Kind::Text {
        text
    } else {
        text.replace(' ', "&nbsp;")
    };
    format!("<{tag}{class}>{text}{note}</{name}>")
}

fn picture(picture: &Picture) -> String {
    let title = escape(&picture.title);
    format!(
        "<figure><figcaption>{title}</figcaption>\
         <img alt=\"{title}\" src=\"data:image/png;base64,{}\"></figure>\n",
        STANDARD.encode(&picture.png)
    )
}

fn chart(chart: &Chart) -> String {
    let mut legend = String::new();
    for (colour, name) in &chart.legend {
        let name = escape(name);
        let _ = write!(
            legend,
            "<li><i style=\"background:{colour}\"></i>{name}</li>"
        );
    }
    format!(
        "<figure><figcaption>{}</figcaption>{}<ul class=\"legend\">{legend}</ul></figure>\n",
        escape(&chart.title),
        chart.svg
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_any_text_stays_text() {
        let evil = "<script>alert('x')</script> & \"quotes\"";
        let blocks = [
            Block::Heading(1, evil.into()),
            Block::Stamp(evil.into()),
            Block::Details {
                summary: evil.into(),
                text: evil.into(),
            },
            Block::Pictures(vec![Picture {
                title: evil.into(),
                path: "x".into(),
                png: vec![1, 2, 3],
            }]),
            Block::Table(Table {
                caption: evil.into(),
                head: vec![Cell::text(evil)],
                rows: vec![vec![Cell::text(evil).with_note(evil)]],
            }),
        ];
        let html = page(evil, &blocks);
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("alert('x')"));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    }
}
