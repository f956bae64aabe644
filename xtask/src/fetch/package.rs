//! Pinned packages of the registries: downloaded by their ordinary clients, verified, opened without
//! being installed.

use std::fmt;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use super::archive::read_to_end;
use super::checksum::{ensure_equal, sha256};
use crate::workspace;

/// A package in one version and form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package {
    kind: Kind,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) sha256: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Built distribution of the Python registry, a zip file.
    Wheel,
    /// Source distribution of the Python registry, a gzipped tar file. To learn its name, pip runs
    /// the build script in it, after having verified the digest.
    Sdist,
    /// Package of the npm registry, a gzipped tar file.
    Npm,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl Package {
    pub(super) const fn wheel(
        name: &'static str,
        version: &'static str,
        sha256: &'static str,
    ) -> Self {
        Self::new(Kind::Wheel, name, version, sha256)
    }

    pub(super) const fn sdist(
        name: &'static str,
        version: &'static str,
        sha256: &'static str,
    ) -> Self {
        Self::new(Kind::Sdist, name, version, sha256)
    }

    pub(super) const fn npm(
        name: &'static str,
        version: &'static str,
        sha256: &'static str,
    ) -> Self {
        Self::new(Kind::Npm, name, version, sha256)
    }

    const fn new(
        kind: Kind,
        name: &'static str,
        version: &'static str,
        sha256: &'static str,
    ) -> Self {
        Self {
            kind,
            name,
            version,
            sha256,
        }
    }

    /// Asks the registry's client for the package.
    pub(super) fn download(&self) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let mut command = match self.kind {
            Kind::Npm => self.npm_pack(folder.path()),
            Kind::Wheel | Kind::Sdist => self.pip_download(folder.path())?,
        };
        workspace::output(&mut command).with_context(|| {
            let client = match self.kind {
                Kind::Npm => "npm",
                Kind::Wheel | Kind::Sdist => "pip",
            };
            format!("cannot download {self}: install {client}, or give the file with --from FILE")
        })?;
        let files = fs::read_dir(folder.path())?;
        let paths: Vec<_> = files
            .map(|file| Ok(file?.path()))
            .collect::<std::io::Result<_>>()?;
        let archive = paths
            .iter()
            .find(|path| path.extension().is_some_and(|e| e != "txt"))
            .with_context(|| format!("the client left no file of {self}"))?;
        Ok(fs::read(archive)?)
    }

    fn npm_pack(&self, folder: &Path) -> Command {
        let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
        npm.args(["pack", "--silent"])
            .arg(format!("{}@{}", self.name, self.version))
            .current_dir(folder);
        npm
    }

    /// Pip compares the digest before it looks into the file.
    fn pip_download(&self, folder: &Path) -> Result<Command> {
        let requirements = folder.join("requirements.txt");
        let line = format!(
            "{}=={} --hash=sha256:{}\n",
            self.name, self.version, self.sha256
        );
        fs::write(&requirements, line).context("cannot write in the temporary folder")?;
        let mut pip = Command::new(if cfg!(windows) { "python" } else { "python3" });
        pip.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
        ])
        .arg("--dest")
        .arg(folder)
        .arg("-r")
        .arg(&requirements);
        if self.kind == Kind::Wheel {
            pip.arg("--only-binary=:all:");
        }
        Ok(pip)
    }

    /// Fails unless `archive` is the pinned file.
    pub(super) fn verify(&self, archive: &[u8]) -> Result<()> {
        ensure_equal(
            &format!("the package {self}"),
            self.sha256,
            &sha256(archive),
        )
    }

    /// The named files of the archive, in their order.
    pub(super) fn members(&self, archive: &[u8], names: &[&str]) -> Result<Vec<Vec<u8>>> {
        match self.kind {
            Kind::Wheel => {
                let mut zip = zip::ZipArchive::new(Cursor::new(archive))?;
                let one = |name: &&str| {
                    let mut file = zip
                        .by_name(name)
                        .with_context(|| format!("{self} has no {name}"))?;
                    read(&mut file, name)
                };
                names.iter().map(one).collect()
            }
            Kind::Sdist | Kind::Npm => {
                let mut found = vec![None; names.len()];
                let mut tar = tar::Archive::new(GzDecoder::new(archive));
                for entry in tar.entries()? {
                    let mut entry = entry.with_context(|| format!("{self} is damaged"))?;
                    let path = entry.path()?.to_string_lossy().into_owned();
                    if let Some(i) = names.iter().position(|name| *name == path) {
                        ensure!(found[i].is_none(), "{self} holds {path} twice");
                        found[i] = Some(read(&mut entry, &path)?);
                    }
                }
                read_to_end(tar).with_context(|| format!("{self} is damaged"))?;
                let named = found.into_iter().zip(names);
                named
                    .map(|(file, name)| file.with_context(|| format!("{self} has no {name}")))
                    .collect()
            }
        }
    }
}

fn read(file: &mut impl Read, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .with_context(|| format!("cannot extract {name}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, *bytes)
                .expect("in memory");
        }
        let gz = builder.into_inner().expect("in memory");
        gz.finish().expect("in memory")
    }

    #[test]
    fn files_come_in_the_order_of_their_names() {
        let archive = tarball(&[("p/a", b"1"), ("p/b", b"2"), ("p/c", b"3")]);
        let package = Package::npm("p", "1", "");

        let members = package.members(&archive, &["p/c", "p/a"]).expect("there");

        assert_eq!(members, [b"3", b"1"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let package = Package::sdist("p", "1", "");

        let error = package.members(&tarball(&[("p/a", b"1")]), &["p/z"]);

        let text = error.expect_err("missing").to_string();
        assert!(text.contains("p 1 has no p/z"), "{text}");
    }
}
