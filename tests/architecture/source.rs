//! Rust files as the rules see them: tokens and paths, without comments, strings and tests.

use std::path::Path;
use std::str::FromStr;
use std::{fs, io};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A Rust file.
pub(crate) struct Source {
    /// Relative to the workspace root, with `/`.
    pub(crate) path: String,
    /// All tokens in order, groups opened up.
    pub(crate) tokens: Vec<String>,
    /// Every path in the file with `use` trees expanded; `super` and `self` are resolved, so that
    /// paths into the same package begin with `crate`.
    pub(crate) paths: Vec<Vec<String>>,
}

impl Source {
    /// Parses the text of the file at `path`; `package` is the folder of its crate root.
    pub(crate) fn parse(path: &str, package: &str, text: &str) -> Self {
        let stream = TokenStream::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let trees = without_tests(stream);
        let mut tokens = Vec::new();
        let mut paths = Vec::new();
        flatten(&trees, &mut tokens);
        collect_paths(&trees, &mut paths);
        let module = module_of(path, package);
        let paths = paths
            .into_iter()
            .map(|found| resolved(found, &module))
            .collect();
        Self {
            path: path.to_owned(),
            tokens,
            paths,
        }
    }

    /// Whether these tokens follow one another somewhere.
    pub(crate) fn has_tokens(&self, wanted: &[&str]) -> bool {
        self.tokens
            .windows(wanted.len())
            .any(|window| window == wanted)
    }

    /// Name of the folder or file directly below the package that this file belongs to.
    pub(crate) fn area(&self, package: &str) -> &str {
        let inside = self.path.strip_prefix(package).unwrap_or(&self.path);
        let first = inside
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }
}

/// All Rust files below a folder of the workspace.
pub(crate) fn read_package(root: &Path, package: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for (path, text) in text_files(&root.join(package)).expect("readable sources") {
        // `models/tests/` and the like name backends and read files, as tests do; so do modules of
        // tests in files of their own.
        let is_test = path.starts_with("tests/") || path.ends_with("tests.rs");
        if has_extension(&path, "rs") && !is_test {
            sources.push(Source::parse(&format!("{package}/{path}"), package, &text));
        }
    }
    sources
}

/// Whether a path ends in `.extension`.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

/// Relative paths and contents of the text files below a folder, except what tools and users make.
pub(crate) fn text_files(root: &Path) -> io::Result<Vec<(String, String)>> {
    const MADE: [&str; 7] = [
        "target",
        ".git",
        "runs",
        "cache",
        "data-cache",
        "cub",
        "oxford",
    ];
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if MADE.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let relative = path.strip_prefix(root).expect("below the root");
                files.push((relative.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Drops every item under `#[cfg(test)]` or `#[test]`, and doc comments with all other attributes.
fn without_tests(stream: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut trees = stream.into_iter().peekable();
    let mut is_test = false;
    while let Some(tree) = trees.next() {
        if is_punct(&tree, '#') {
            trees.next_if(|next| is_punct(next, '!'));
            if let Some(TokenTree::Group(group)) = trees.peek() {
                let attribute = group.stream().to_string().replace(' ', "");
                is_test |= attribute == "test" || attribute.starts_with("cfg(test");
                trees.next();
                continue;
            }
        }
        if is_test {
            let ends_item = match &tree {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                other => is_punct(other, ';'),
            };
            is_test = !ends_item;
            continue;
        }
        kept.push(match tree {
            TokenTree::Group(group) => {
                let inner = without_tests(group.stream()).into_iter().collect();
                proc_macro2::Group::new(group.delimiter(), inner).into()
            }
            other => other,
        });
    }
    kept
}

fn flatten(trees: &[TokenTree], tokens: &mut Vec<String>) {
    for tree in trees {
        match tree {
            TokenTree::Group(group) => {
                let [open, close] = match group.delimiter() {
                    Delimiter::Parenthesis => ["(", ")"],
                    Delimiter::Brace => ["{", "}"],
                    Delimiter::Bracket => ["[", "]"],
                    Delimiter::None => ["", ""],
                };
                tokens.push(open.to_owned());
                flatten(&group.stream().into_iter().collect::<Vec<_>>(), tokens);
                tokens.push(close.to_owned());
            }
            TokenTree::Literal(_) => tokens.push("literal".to_owned()),
            other => tokens.push(other.to_string()),
        }
    }
}

/// Paths that begin anywhere in `trees`.
fn collect_paths(trees: &[TokenTree], paths: &mut Vec<Vec<String>>) {
    let mut i = 0;
    while i < trees.len() {
        match &trees[i] {
            TokenTree::Ident(_) => i += path_at(&trees[i..], &[], paths),
            TokenTree::Group(group) => {
                collect_paths(&group.stream().into_iter().collect::<Vec<_>>(), paths);
                i += 1;
            }
            _ => i += 1,
        }
    }
}

/// Expands the path at the start of `trees`; returns how many trees it took.
fn path_at(trees: &[TokenTree], prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let mut i = 0;
    while let Some(TokenTree::Ident(name)) = trees.get(i) {
        path.push(name.to_string());
        i += 1;
        let is_continued = trees.get(i).is_some_and(|tree| is_punct(tree, ':'))
            && trees.get(i + 1).is_some_and(|tree| is_punct(tree, ':'));
        if !is_continued {
            break;
        }
        if let Some(TokenTree::Group(group)) = trees.get(i + 2) {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in inner.split(|tree| is_punct(tree, ',')) {
                path_at(branch, &path, paths);
            }
            return i + 3;
        }
        i += 2;
    }
    paths.push(path);
    i.max(1)
}

fn is_punct(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// Module path of a file below its package: `models/nn/conv.rs` is `nn::conv`.
fn module_of(path: &str, package: &str) -> Vec<String> {
    let inside = path.strip_prefix(package).unwrap_or(path).trim_matches('/');
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let parts = inside
        .split('/')
        .filter(|part| !matches!(*part, "mod" | "lib" | "main"));
    parts.map(str::to_owned).collect()
}

/// The path from the crate root, if it is relative to the module.
fn resolved(path: Vec<String>, module: &[String]) -> Vec<String> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let (base, rest) = match path.first().map(String::as_str) {
        Some("super") => (
            &module[..module.len().saturating_sub(supers)],
            &path[supers..],
        ),
        Some("self") => (module, &path[1..]),
        _ => return path,
    };
    let root = std::iter::once("crate".to_owned());
    root.chain(base.iter().cloned())
        .chain(rest.iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn paths(path: &str, text: &str) -> Vec<String> {
        let source = Source::parse(path, "models", text);
        source.paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn use_trees_are_expanded() {
        let found = paths("models/a.rs", "use crate::{nn::{conv, pool as p}, system};");

        assert!(found.contains(&"crate::nn::conv".to_owned()), "{found:?}");
        assert!(found.contains(&"crate::nn::pool".to_owned()), "{found:?}");
        assert!(found.contains(&"crate::system".to_owned()), "{found:?}");
    }

    #[test]
    fn relative_paths_are_resolved() {
        let found = paths(
            "models/nn/conv.rs",
            "use super::super::losses::gan; fn f() { self::g() }",
        );

        assert!(
            found.contains(&"crate::losses::gan".to_owned()),
            "{found:?}"
        );
        assert!(
            found.contains(&"crate::nn::conv::g".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let text = "/// x.repeat(2)\nfn f() { g(\".repeat(\") }\n\
                    #[cfg(test)] mod tests { fn g() { x.repeat(2) } }\nfn h() { x.topk(2) }";

        let source = Source::parse("models/a.rs", "models", text);

        assert!(!source.has_tokens(&["repeat"]), "{:?}", source.tokens);
        assert!(
            source.has_tokens(&[".", "topk", "("]),
            "{:?}",
            source.tokens
        );
    }
}
