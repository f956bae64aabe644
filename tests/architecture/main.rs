//! The rules of the source tree: who may import whom, and what has no place in the code.

mod floors;
mod page;
mod places;
mod source;
mod tables;
mod words;

use std::path::PathBuf;

use source::{Source, has_extension, read_package, text_files};
use wordpaint_models::registry::MODULES;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with one line for every complaint about every file of the package.
fn hold(package: &str, rule: impl Fn(&Source) -> Vec<String>) {
    let sources = read_package(&root(), package);
    assert!(!sources.is_empty(), "no source in {package}/");
    let complaints: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            rule(source)
                .into_iter()
                .map(|text| format!("{}: {text}", source.path))
        })
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Imports of the package's own areas other than the file's own and the allowed ones.
fn foreign_areas(source: &Source, package: &str, is_allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let own = source.area(package);
    let ours = source
        .paths
        .iter()
        .filter(|path| path[0] == "crate" && path.len() > 1);
    ours.filter(|path| path[1] != own && !is_allowed(&path[1]))
        .map(|path| path.join("::"))
        .collect()
}

fn layers_import_the_backend_only(source: &Source) -> Vec<String> {
    match source.area("models") {
        "nn" => foreign_areas(source, "models", |area| area == "backend"),
        _ => Vec::new(),
    }
}

fn families_stay_apart(source: &Source, families: &[&str]) -> Vec<String> {
    match source.area("models") {
        "registry" | "lib" => Vec::new(),
        _ => foreign_areas(source, "models", |area| !families.contains(&area)),
    }
}

fn is_in_the_registry(source: &Source) -> Vec<String> {
    let is_family = source.has_tokens(&["Family", "for", "Family"]);
    let is_missing = is_family && !MODULES.contains(&source.area("models"));
    let complaint = is_missing.then(|| "a family without a line in the registry".to_owned());
    complaint.into_iter().collect()
}

/// Whether a run is of a family is asked through the registry, in one place.
fn compares_no_name(source: &Source) -> Vec<String> {
    let is_compared = source.has_tokens(&["INFO", ".", "name"]);
    let complaint = is_compared.then(|| "the name of a family".to_owned());
    complaint.into_iter().collect()
}

fn names_no_family(source: &Source) -> Vec<String> {
    let is_family = |path: &&Vec<String>| {
        path.len() > 1 && path[0] == "wordpaint_models" && MODULES.contains(&path[1].as_str())
    };
    let found = source.paths.iter().filter(is_family);
    found.map(|path| path.join("::")).collect()
}

fn layers_of_the_program(source: &Source) -> Vec<String> {
    let forbidden: &[&str] = match source.area("src") {
        "config" | "data" => &["train", "evaluate", "report", "cli"],
        "evaluate" => &["train", "cli"],
        "train" | "report" | "backends" => &["cli"],
        _ => &[],
    };
    foreign_areas(source, "src", |area| !forbidden.contains(&area))
}

fn names_no_backend(source: &Source) -> Vec<String> {
    const CRATES: [&str; 5] = [
        "burn_flex",
        "burn_ndarray",
        "burn_cuda",
        "burn_wgpu",
        "burn_cubecl",
    ];
    const NAMES: [&str; 12] = [
        "Flex", "NdArray", "Cuda", "Wgpu", "Vulkan", "Metal", "flex", "ndarray", "cuda", "wgpu",
        "vulkan", "metal",
    ];
    let is_concrete = |path: &&Vec<String>| {
        CRATES.contains(&path[0].as_str())
            || matches!(&path[..], [burn, backend, name, ..]
                if burn == "burn" && backend == "backend" && NAMES.contains(&name.as_str()))
    };
    source
        .paths
        .iter()
        .filter(is_concrete)
        .map(|path| path.join("::"))
        .collect()
}

fn prints_nothing(source: &Source) -> Vec<String> {
    const MACROS: [&str; 4] = ["println", "print", "eprintln", "eprint"];
    let prints = MACROS.iter().filter(|name| source.has_tokens(&[name, "!"]));
    prints.map(|name| format!("{name}!")).collect()
}

fn is_pure(source: &Source) -> Vec<String> {
    const IMPURE: [&str; 6] = ["fs", "env", "time", "thread", "process", "net"];
    let is_impure = |path: &&Vec<String>| {
        path.len() > 1 && path[0] == "std" && IMPURE.contains(&path[1].as_str())
    };
    let mut found: Vec<String> = source
        .paths
        .iter()
        .filter(is_impure)
        .map(|path| path.join("::"))
        .collect();
    if source.has_tokens(&["static", "mut"]) || source.has_tokens(&["thread_local", "!"]) {
        found.push("global state".to_owned());
    }
    found
}

fn reads_no_environment(source: &Source) -> Vec<String> {
    let is_read = |path: &&Vec<String>| {
        let last = path.len() - 1;
        last > 0 && path[last - 1] == "env" && matches!(&*path[last], "var" | "var_os" | "vars")
    };
    source
        .paths
        .iter()
        .filter(is_read)
        .map(|path| path.join("::"))
        .collect()
}

/// Folders that hold something are removed in one place, which asks for a proof that they are ours.
fn removes_no_tree(source: &Source) -> Vec<String> {
    let is_removed = source.has_tokens(&["remove_dir_all"]);
    is_removed
        .then(|| "remove_dir_all".to_owned())
        .into_iter()
        .collect()
}

/// Files are written, renamed and removed by `wordpaint-files` alone.
fn changes_no_file(source: &Source) -> Vec<String> {
    const CHANGES: [&str; 9] = [
        "write",
        "rename",
        "copy",
        "hard_link",
        "create_dir",
        "create_dir_all",
        "remove_file",
        "remove_dir",
        "remove_dir_all",
    ];
    let is_change = |path: &&Vec<String>| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path[..] {
            [.., "fs", name] => CHANGES.contains(&name),
            [.., "File", name] => name.starts_with("create"),
            [.., "OpenOptions"] | ["tempfile", ..] => true,
            _ => false,
        }
    };
    let found = source.paths.iter().filter(is_change);
    found.map(|path| path.join("::")).collect()
}

/// A pipe waits for its writer and a device never ends; `input` refuses both.
fn opens_files_by_one_function(source: &Source) -> Vec<String> {
    let opens = |path: &&Vec<String>| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        matches!(
            path[..],
            [.., "fs", "read" | "read_to_string"] | [.., "File", "open"]
        )
    };
    let found = source.paths.iter().filter(opens);
    found.map(|path| path.join("::")).collect()
}

/// The backward pass of these is wrong or missing in Burn 0.21; `expand` and `cat` are right.
fn avoids_wrong_gradients(source: &Source) -> Vec<String> {
    const CALLS: [&str; 4] = ["repeat", "repeat_dim", "topk", "topk_with_indices"];
    let called = CALLS
        .iter()
        .filter(|name| source.has_tokens(&[".", name, "("]));
    called.map(|name| format!(".{name}(")).collect()
}

/// Burn's convolutions are slow on CPUs, and so are their second derivatives; the layers of `nn`
/// and the operations of the backend bound take their place.
fn convolves_with_our_operations(source: &Source) -> Vec<String> {
    let is_burns = |path: &&Vec<String>| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path[..] {
            ["burn", "nn", "conv", ..] => true,
            ["burn", "tensor", "module", name, ..] => name.starts_with("conv"),
            _ => false,
        }
    };
    let found = source.paths.iter().filter(is_burns);
    found.map(|path| path.join("::")).collect()
}

#[test]
fn layers_import_nothing_of_ours_but_the_backend() {
    hold("models", layers_import_the_backend_only);
}

#[test]
fn families_never_import_each_other_and_nothing_shared_imports_a_family() {
    hold("models", |source| families_stay_apart(source, MODULES));
}

#[test]
fn every_family_has_a_line_in_the_registry() {
    hold("models", is_in_the_registry);
}

#[test]
fn only_the_registry_compares_names_of_families() {
    hold("src", compares_no_name);
    hold("models", |source| match source.area("models") {
        "registry" => Vec::new(),
        _ => compares_no_name(source),
    });
}

#[test]
fn importing_names_no_family() {
    hold("src", |source| match source.area("src") {
        "import" => names_no_family(source),
        _ => Vec::new(),
    });
}

#[test]
fn the_program_is_layered_and_evaluation_does_not_know_training() {
    hold("src", layers_of_the_program);
}

#[test]
fn only_the_backend_bound_and_the_backends_file_name_concrete_backends() {
    hold("models", |source| match source.area("models") {
        "backend" => Vec::new(),
        _ => names_no_backend(source),
    });
    hold("src", |source| match source.area("src") {
        "backends" => Vec::new(),
        _ => names_no_backend(source),
    });
}

#[test]
fn no_model_names_a_convolution_of_burn() {
    hold("models", |source| match source.area("models") {
        "backend" | "tests" => Vec::new(),
        _ => convolves_with_our_operations(source),
    });
}

#[test]
fn only_the_command_line_prints() {
    for package in ["models", "data", "files", "kernels", "metrics", "rng"] {
        hold(package, prints_nothing);
    }
    hold("src", |source| match source.area("src") {
        "cli" | "main" => Vec::new(),
        _ => prints_nothing(source),
    });
}

#[test]
fn only_the_configuration_reads_the_environment() {
    for package in ["data", "files", "metrics", "rng"] {
        hold(package, reads_no_environment);
    }
    // Tests of any package choose the instructions before the first kernel runs.
    hold("kernels", |source| match source.area("kernels") {
        "isa" | "hide_isa" => Vec::new(),
        _ => reads_no_environment(source),
    });
    hold("src", |source| match source.area("src") {
        "config" => Vec::new(),
        _ => reads_no_environment(source),
    });
}

#[test]
fn only_the_files_package_changes_files() {
    for package in ["src", "data", "kernels", "metrics", "models", "rng"] {
        hold(package, |source| match source.path.as_str() {
            path if path.contains("/tests/") => Vec::new(),
            _ => changes_no_file(source),
        });
    }
}

#[test]
fn folders_are_removed_with_all_they_hold_in_one_file_alone() {
    for package in [
        "src", "data", "kernels", "metrics", "models", "rng", "xtask",
    ] {
        hold(package, removes_no_tree);
    }
    hold("files", |source| match source.path.as_str() {
        "files/scratch.rs" => Vec::new(),
        _ => removes_no_tree(source),
    });
}

#[test]
fn files_of_a_user_are_opened_by_one_function() {
    // What the program wrote itself, with a digest, is read where it was written.
    const OWN: [&str; 2] = ["src/evaluate/store.rs", "src/evaluate/reuse.rs"];
    hold("data", |source| match source.area("data") {
        "input" => Vec::new(),
        _ => opens_files_by_one_function(source),
    });
    hold("src", |source| match source.area("src") {
        "config" | "import" | "explore" | "evaluate" | "cli"
            if !OWN.contains(&source.path.as_str()) =>
        {
            opens_files_by_one_function(source)
        }
        _ => Vec::new(),
    });
}

#[test]
fn models_are_pure() {
    hold("models", is_pure);
}

#[test]
fn models_avoid_operations_with_wrong_gradients() {
    hold("models", avoids_wrong_gradients);
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    // Joined here, so that this file does not hold them itself.
    let places = ["work", "root", "home", "Users"].map(|name| format!("/{name}/"));
    let mut found = Vec::new();
    for (path, text) in text_files(&root()).expect("readable tree") {
        let starts_path = |line: &str, place: &str| {
            line.match_indices(place).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '}'))
            })
        };
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|place| starts_path(line, place)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_family_has_a_readme_with_the_fixed_headings() {
    const HEADINGS: [&str; 7] = [
        "Paper",
        "In one paragraph",
        "Tensor walk-through",
        "Where paper and code differ",
        "Parameters",
        "Experiments",
        "Limits",
    ];
    for family in MODULES {
        let path = root().join("models").join(family).join("README.md");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let headings: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .filter(|heading| HEADINGS.contains(heading))
            .collect();

        assert_eq!(headings, HEADINGS, "models/{family}/README.md");
    }
}

#[test]
fn every_experiment_begins_with_a_comment() {
    for (path, text) in text_files(&root()).expect("readable tree") {
        let is_table = path.starts_with("experiments/tables/");
        if path.starts_with("experiments/") && has_extension(&path, "toml") && !is_table {
            assert!(text.starts_with('#'), "{path}");
        }
    }
}

#[test]
fn every_promise_names_tests_that_exist() {
    let texts = text_files(&root()).expect("readable tree");
    let promises = std::fs::read_to_string(root().join("docs/reliability.md")).expect("there");
    let mut is_held = false;
    let mut before = "";
    let mut names = Vec::new();
    for line in promises.lines() {
        let last = line.rsplit('|').nth(1).unwrap_or_default().trim();
        if !before.starts_with('|') {
            // The head of a table says whether its last column names tests.
            is_held = matches!(last, "held by" | "test");
        } else if is_held {
            names.extend(last.split('`').skip(1).step_by(2));
        }
        before = line;
    }
    assert!(names.len() > 30, "{}", names.len());
    for name in names {
        let definition = format!("fn {name}()");
        let mut sources = texts.iter().filter(|(path, _)| has_extension(path, "rs"));
        assert!(
            sources.any(|(_, text)| text.contains(&definition)),
            "no test `{name}`"
        );
    }
}

mod rules_can_fail {
    use super::*;

    fn model(path: &str, text: &str) -> Source {
        Source::parse(path, "models", text)
    }

    #[test]
    fn a_layer_that_imports_a_loss_is_found() {
        let source = model(
            "models/nn/conv.rs",
            "use crate::{backend::Backend, losses::hinge_d};",
        );

        assert_eq!(
            layers_import_the_backend_only(&source),
            ["crate::losses::hinge_d"]
        );
    }

    #[test]
    fn a_family_that_imports_another_is_found() {
        let families = ["attngan", "dm_gan"];
        let source = model(
            "models/dm_gan/mod.rs",
            "use super::attngan::Generator; use super::nn;",
        );

        let found = families_stay_apart(&source, &families);

        assert_eq!(found, ["crate::attngan::Generator"]);
    }

    #[test]
    fn a_family_without_a_line_in_the_registry_is_found() {
        let source = model(
            "models/stack_gan/mod.rs",
            "pub struct Family; impl system::Family for Family {}",
        );

        assert_eq!(is_in_the_registry(&source).len(), 1);
    }

    #[test]
    fn an_import_that_names_a_family_is_found() {
        let text = "use wordpaint_models::{attngan, published::Part};";
        let source = Source::parse("src/import/mod.rs", "src", text);

        assert_eq!(names_no_family(&source), ["wordpaint_models::attngan"]);
    }

    #[test]
    fn a_compared_name_is_found() {
        let text = "fn f(name: &str) -> bool { name == Family::INFO.name }";
        let source = Source::parse("src/evaluate/mod.rs", "src", text);

        assert_eq!(compares_no_name(&source).len(), 1);
    }

    #[test]
    fn evaluation_that_imports_training_is_found() {
        let text = "fn f() { crate::train::run() }";
        let source = Source::parse("src/evaluate/mod.rs", "src", text);

        assert_eq!(layers_of_the_program(&source), ["crate::train::run"]);
    }

    #[test]
    fn a_concrete_backend_is_found_outside_of_tests_only() {
        let text = "use burn::{backend::{Autodiff, Flex}, tensor::Tensor};
                    #[cfg(test)] mod tests { use burn::backend::NdArray; }";

        assert_eq!(
            names_no_backend(&model("models/a.rs", text)),
            ["burn::backend::Flex"]
        );
    }

    #[test]
    fn printing_files_and_wrong_gradients_are_found() {
        let text = "fn f() { println!(\"x\"); std::fs::read(p); x.clone().repeat_dim(0, 2) }";
        let source = model("models/a.rs", text);

        assert_eq!(prints_nothing(&source), ["println!"]);
        assert_eq!(is_pure(&source), ["std::fs::read"]);
        assert_eq!(avoids_wrong_gradients(&source), [".repeat_dim("]);
    }

    #[test]
    fn changing_files_is_found() {
        let text = "use std::fs::File; fn f() { std::fs::remove_dir_all(p); File::create(p) }";
        let source = Source::parse("src/a.rs", "src", text);

        assert_eq!(removes_no_tree(&source), ["remove_dir_all"]);
        let found = changes_no_file(&source);
        assert!(
            found.contains(&"std::fs::remove_dir_all".to_owned()),
            "{found:?}"
        );
        assert!(
            found.iter().any(|path| path.ends_with("File::create")),
            "{found:?}"
        );
    }

    #[test]
    fn a_file_opened_directly_is_found() {
        let text = "use std::fs; fn f() { fs::read(p); std::fs::File::open(p); input::read(p, 1) }";
        let source = Source::parse("data/a.rs", "data", text);

        let found = opens_files_by_one_function(&source);

        assert_eq!(found, ["fs::read", "std::fs::File::open"]);
    }

    #[test]
    fn reading_the_environment_is_found() {
        let source = model("data/a.rs", "fn f() { std::env::var(\"HOME\") }");

        assert_eq!(reads_no_environment(&source), ["std::env::var"]);
    }
}
