//! Licences of all dependencies against the list in `deny.toml`.
//!
//! The file has the form that cargo-deny reads; this check needs neither that program nor a network.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::{print_line, workspace};

#[derive(Deserialize)]
struct DenyFile {
    licenses: Policy,
}

/// What `deny.toml` says about licences.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    /// Accepted everywhere.
    allow: Vec<String>,
    /// Accepted for one package each.
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

/// Checks the packages that any feature builds on this platform.
pub(super) fn check() -> Result<()> {
    let text = fs::read_to_string(workspace::root().join("deny.toml"))
        .context("cannot read deny.toml in the workspace root")?;
    let policy = toml::from_str::<DenyFile>(&text)
        .context("deny.toml")?
        .licenses;
    let host = host()?;
    let metadata = workspace::metadata(&["--all-features", "--filter-platform", &host])?;
    let packages = metadata["packages"]
        .as_array()
        .context("`cargo metadata` lists no packages")?;
    let refused = refused(packages, &policy);
    if !refused.is_empty() {
        bail!(
            "licences outside the list of deny.toml:\n{}\n\
             Replace the dependency, or add its licence with a reason",
            refused.join("\n")
        );
    }
    print_line(format!(
        "  licences of {} packages are in the list of deny.toml",
        packages.len()
    ));
    Ok(())
}

/// One line for each package whose licence the policy does not accept.
fn refused(packages: &[Value], policy: &Policy) -> Vec<String> {
    let mut exceptions = BTreeMap::<&str, &[String]>::new();
    for exception in &policy.exceptions {
        exceptions.insert(&exception.package, &exception.allow);
    }
    let mut lines = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or("?");
        let Some(licence) = package["license"].as_str() else {
            lines.push(format!("  {name}: states no licence expression"));
            continue;
        };
        let exception = exceptions.get(name).copied().unwrap_or_default();
        if !is_accepted(licence, &policy.allow, exception) {
            lines.push(format!("  {name}: {licence}"));
        }
    }
    lines
}

/// Whether the accepted licences satisfy an SPDX expression (`/` reads as `OR`, as Cargo once did).
fn is_accepted(licence: &str, allow: &[String], exception: &[String]) -> bool {
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return false;
    };
    expression.evaluate(|requirement| {
        let requirement = requirement.to_string();
        allow.contains(&requirement) || exception.contains(&requirement)
    })
}

fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = workspace::output(std::process::Command::new(rustc).arg("-vV"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("`rustc -vV` names no host")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(text: &str) -> Policy {
        toml::from_str(text).expect("valid policy")
    }

    #[test]
    fn one_accepted_alternative_is_enough_and_every_part_is_needed() {
        let allow = ["MIT".to_owned(), "Unicode-3.0".to_owned()];

        assert!(is_accepted("MIT OR Apache-2.0", &allow, &[]));
        assert!(is_accepted("Apache-2.0/MIT", &allow, &[]));
        assert!(is_accepted(
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            &allow,
            &[]
        ));
        assert!(!is_accepted("Apache-2.0 AND MIT", &allow, &[]));
        assert!(!is_accepted("GPL-3.0-only", &allow, &[]));
        assert!(!is_accepted("not a licence", &allow, &[]));
    }

    #[test]
    fn a_licence_with_an_addition_is_another_licence() {
        let allow = ["Apache-2.0".to_owned()];

        assert!(!is_accepted("Apache-2.0 WITH LLVM-exception", &allow, &[]));
    }

    #[test]
    fn exceptions_hold_for_their_package_only() {
        let policy = policy("allow = [\"MIT\"]\nexceptions = [{crate = \"a\", allow = [\"ISC\"]}]");
        let packages = [
            json!({"name": "a", "license": "ISC"}),
            json!({"name": "b", "license": "ISC"}),
            json!({"name": "c", "license": null}),
        ];

        let lines = refused(&packages, &policy);

        assert_eq!(lines, ["  b: ISC", "  c: states no licence expression"]);
    }
}
