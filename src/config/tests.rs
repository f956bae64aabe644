//! Experiments as a whole.

use std::path::Path;

use super::*;

fn shipped() -> Library {
    Library::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments"))
}

/// Experiments of the families that are built in.
fn known(library: &Library) -> Vec<String> {
    let is_known = |name: &String| {
        !library
            .load(name, &[], false)
            .is_err_and(|error| error.key() == Some("family"))
    };
    library.names().into_iter().filter(is_known).collect()
}

#[test]
fn every_shipped_experiment_loads_in_both_forms_and_survives_freezing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("config.toml");
    let library = shipped();
    for name in known(&library) {
        for is_quick in [false, true] {
            let experiment = library
                .load(&name, &[], is_quick)
                .unwrap_or_else(|error| panic!("{name}, quick {is_quick}: {error}"));

            std::fs::write(&file, experiment.to_toml()).expect("written");
            let again = library
                .load(file.to_str().expect("UTF-8"), &[], false)
                .unwrap_or_else(|error| panic!("{name}, frozen: {error}"));

            assert_eq!(again, experiment, "{name}, quick {is_quick}");
            assert_eq!(again.fingerprint(), experiment.fingerprint());
        }
    }
}
