//! Places and programs of this workspace.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Root of the workspace: the folder above this package.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("the package lies in a folder of the workspace")
        .to_path_buf()
}

/// Cargo as it started us, in the workspace root.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Where Cargo puts what it builds.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = metadata(&["--no-deps"])?;
    let path = metadata["target_directory"].as_str();
    path.map(PathBuf::from)
        .context("`cargo metadata` names no target directory")
}

/// `cargo metadata` with more arguments.
pub(crate) fn metadata(arguments: &[&str]) -> Result<serde_json::Value> {
    let mut command = cargo();
    command
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(arguments);
    let text = output(&mut command)?;
    serde_json::from_str(&text).context("`cargo metadata` did not print JSON")
}

/// Where downloads and conversions are kept: `WORDPAINT_CACHE`, else `cache`, below the workspace
/// root, where the binary is started as well.
pub(crate) fn cache_dir() -> PathBuf {
    let path = std::env::var_os("WORDPAINT_CACHE").unwrap_or_else(|| "cache".into());
    root().join(path)
}

/// Path of the `wordpaint` binary of a profile folder (`debug`, `release`) of the target directory.
pub(crate) fn binary(target: &Path, profile: &str) -> PathBuf {
    target
        .join(profile)
        .join(format!("wordpaint{}", std::env::consts::EXE_SUFFIX))
}

/// Runs a command with our terminal; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and returns its stdout; its stderr belongs to the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}\n{}",
            shown(command),
            output.status,
            stderr.trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed something that is not UTF-8", shown(command)))
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_stem()
        .unwrap_or(OsStr::new("?"))
        .to_string_lossy()
        .into_owned();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    let words: Vec<String> = std::iter::once(name).chain(arguments).collect();
    format!("`{}`", words.join(" "))
}

/// Short commit hash, with `-dirty` where the tree differs from it; `unknown` outside of git.
pub(crate) fn revision() -> String {
    let mut git = Command::new("git");
    git.current_dir(root())
        .args(["describe", "--always", "--dirty", "--exclude", "*"]);
    output(&mut git).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// Writes a file under a temporary name and renames it, so that readers see all of it or nothing.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(wordpaint_files::write(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn workspace_root_holds_the_workspace_manifest() {
        let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("readable");

        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn a_failing_command_says_what_was_run_and_what_it_printed() {
        let mut command = cargo();
        command.arg("no-such-verb-of-cargo");

        let error = output(&mut command).expect_err("no such verb").to_string();

        assert!(error.contains("`cargo no-such-verb-of-cargo`"), "{error}");
        assert!(error.contains("no such command"), "{error}");
    }

    #[test]
    fn writing_twice_leaves_the_second_content_and_no_other_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("deep/file.txt");

        write_atomically(&path, b"one").expect("written");
        write_atomically(&path, b"two").expect("written");

        assert_eq!(fs::read(&path).expect("readable"), b"two");
        assert_eq!(
            fs::read_dir(folder.path().join("deep"))
                .expect("folder")
                .count(),
            1
        );
    }
}
