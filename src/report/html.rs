//! Blocks as one self-contained HTML page.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::document::{Block, Cell, Chart, Key, Kind, Picture, Scale, Table};

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
        Block::Keys(keys) => {
            let items: String = keys.iter().map(key).collect();
            let legend = if keys.iter().any(|key| key.scale.is_some()) {
                "<p class=\"caption\">Bars end at the best that is possible; a dotted mark is \
                 chance, a solid one what real images give.</p>\n"
            } else {
                ""
            };
            format!("<ul class=\"keys\">\n{items}</ul>\n{legend}")
        }
        Block::Fold {
            level,
            title,
            blocks,
        } => format!(
            "<details><summary><h{level}>{}</h{level}></summary>\n{}</details>\n",
            escape(title),
            blocks.iter().map(self::block).collect::<String>()
        ),
        Block::Verbatim { title, text } => format!(
            "<p class=\"caption\">{}</p>\n<pre tabindex=\"0\">{}</pre>\n",
            escape(title),
            escape(text)
        ),
    }
}

/// A number with the bar, what it stands beside and what it means.
fn key(key: &Key) -> String {
    let beside = [("95\u{a0}% interval", &key.interval)]
        .into_iter()
        .chain(
            key.references
                .iter()
                .map(|(name, value)| (name.as_str(), value)),
        )
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("<li>{} <b>{}</b></li>", escape(name), unbroken(value)));
    let beside: String = beside.collect();
    format!(
        "<li><p class=\"title\">{}</p><p class=\"value\">{}</p>{}<ul class=\"beside\">{beside}</ul>\
         <p>{}</p><small>{}</small></li>\n",
        escape(&key.title),
        unbroken(&key.value),
        key.scale.as_ref().map(scale).unwrap_or_default(),
        escape(&key.meaning),
        escape(&key.basis).replace(" = ", "&nbsp;=&nbsp;")
    )
}

/// A bar from nothing to the best with marks; the text beside it says the same.
fn scale(scale: &Scale) -> String {
    let percent = |value: f64| format!("{:.1}%", 100.0 * value);
    let mark = |class: &str, at: Option<f64>| {
        let at = at.map(percent);
        at.map_or_else(String::new, |at| {
            format!("<i class=\"{class}\" style=\"left:{at}\"></i>")
        })
    };
    format!(
        "<div class=\"scale\" aria-hidden=\"true\"><span style=\"width:{}\"></span>{}{}</div>",
        percent(scale.value),
        mark("chance", scale.chance),
        mark("real", scale.real)
    )
}

/// Text in one line.
fn unbroken(text: &str) -> String {
    escape(text).replace(' ', "&nbsp;")
}

fn table(table: &Table) -> String {
    let stacked = if table.is_stacked() { " stacked" } else { "" };
    // What scrolls must be reachable by keys and have a name.
    let mut out = format!(
        "<div class=\"table{stacked}\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\
         <table>\n",
        escape(&table.name())
    );
    if !table.caption.is_empty() {
        let caption = escape(&table.caption);
        let _ = writeln!(out, "<caption><span>{caption}</span></caption>");
    }
    if !table.head.is_empty() {
        let cells: String = table
            .head
            .iter()
            .map(|c| cell(c, "th", " scope=\"col\""))
            .collect();
        let _ = writeln!(out, "<thead><tr>{cells}</tr></thead>");
    }
    out.push_str("<tbody>\n");
    for row in &table.rows {
        let cells = row.iter().enumerate().map(|(i, c)| {
            if i == 0 {
                return cell(c, "th", " scope=\"row\"");
            }
            // Where a narrow page sets cells below each other, each says what it is.
            let head = table.head.get(i).map(|head| escape(&head.text));
            let head = head.map_or_else(String::new, |head| format!(" data-head=\"{head}\""));
            cell(c, "td", &head)
        });
        let cells: String = cells.collect();
        // A short row has nothing to say in the last columns.
        let empty = "<td></td>".repeat(table.head.len().saturating_sub(row.len()));
        let _ = writeln!(out, "<tr>{cells}{empty}</tr>");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn cell(cell: &Cell, tag: &str, attributes: &str) -> String {
    let class = match cell.kind {
        Kind::Text => "",
        Kind::Number => " class=\"number\"",
        Kind::Paper => " class=\"paper\"",
    };
    let note = if cell.note.is_empty() {
        String::new()
    } else {
        format!(
            "<small>{}</small>",
            escape(&cell.note).replace(" %", "&nbsp;%")
        )
    };
    let text = match cell.kind {
        Kind::Text => escape(&cell.text),
        Kind::Number | Kind::Paper => unbroken(&cell.text),
    };
    format!("<{tag}{attributes}{class}>{text}{note}</{tag}>")
}

fn picture(picture: &Picture) -> String {
    let title = escape(&picture.title);
    format!(
        "<figure><figcaption>{title}</figcaption>\
         <div class=\"picture\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\
         <img alt=\"{title}; captions are written under the images\" \
         src=\"data:image/png;base64,{}\"></div></figure>\n",
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
            Block::Fold {
                level: 2,
                title: evil.into(),
                blocks: vec![Block::Verbatim {
                    title: evil.into(),
                    text: evil.into(),
                }],
            },
            Block::Keys(vec![Key {
                title: evil.into(),
                value: evil.into(),
                interval: evil.into(),
                references: vec![(evil.into(), evil.into())],
                meaning: evil.into(),
                basis: evil.into(),
                scale: None,
            }]),
            Block::Pictures(vec![Picture {
                title: evil.into(),
                path: "x".into(),
                png: vec![1, 2, 3],
            }]),
            Block::Table(Table {
                caption: evil.into(),
                head: vec![Cell::text(evil), Cell::text(evil)],
                rows: vec![vec![Cell::text(evil).with_note(evil), Cell::text(evil)]],
            }),
        ];
        let html = page(evil, &blocks);
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("alert('x')"));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    }
}
