//! Settings as the release before wrote them, with the names that keys had then.

use std::path::Path;

use wordpaint::config;
use wordpaint::setup::reference::identity;

/// Frozen settings of runs and the identity that was noted in each.
const RUNS: [(&str, &str, &str); 4] = [
    (
        "sdn",
        include_str!("../earlier/sdn.toml"),
        "72ffe0c6e3951dc3df146ced86db46b4198de6c3458398ddf895fcbc1cf1d916",
    ),
    (
        "attngan-supcon",
        include_str!("../earlier/attngan-supcon.toml"),
        "05183b30c4c6a9b26e38f8d1313587831deea7dfe21f7dfda1ae89ad943067fb",
    ),
    (
        "ssa-gan-finetune",
        include_str!("../earlier/ssa-gan-finetune.toml"),
        "673ddad6c14d5bdc62c7e4244cc746d574474a924c8199c12e7bd277edef8fe0",
    ),
    (
        "ssa-gan-recap",
        include_str!("../earlier/ssa-gan-recap.toml"),
        "823c6de76827a697cf7a5f7c52e59620955e91363efcdfd7b4c50abcc6251b04",
    ),
];

#[test]
fn a_run_of_the_release_before_keeps_its_identity_and_is_written_with_the_new_names() {
    for (name, text, noted) in RUNS {
        let before = config::load_resolved(text, Path::new(name)).expect("read as it was");
        assert_eq!(identity(&before).as_deref(), Ok(noted), "{name}");

        let new = before.to_toml();
        for old in [
            "[aids",
            "\ncorners = ",
            "partners",
            "judge",
            ".contrast]",
            ".tuning]",
        ] {
            assert!(!new.contains(old), "{name}: {old}");
        }
        let after = config::load_resolved(&new, Path::new(name)).expect("what it writes");
        assert_eq!(after, before, "{name}");
        assert_eq!(identity(&after).as_deref(), Ok(noted), "{name}");
        assert!(config::changes(text, &new).is_empty(), "{name}");
    }
}
