//! Published weights: from a file of arrays to a run that generates, encodes or teaches. Nothing in a
//! file is ever executed, and nothing is written before everything fits.

mod encoder;
mod one_stage;
mod pairs;
mod reader;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::prelude::TensorData;
use serde_json::json;
use wordpaint_data::vocabulary::Vocabulary;
use wordpaint_files::Scratch;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::import::{ImportReport, Source, import};
use wordpaint_models::state::{LoadReport, named_tensors};
use wordpaint_models::system::{Family, System};
use wordpaint_models::vision::vgg::{Depth, VggConfig};
use wordpaint_models::{
    attngan, char_cnn_rnn, damsm, df_gan, dm_gan, gan_int_cls, sdn, ssa_gan, vgg_classifier,
};

use crate::backends::Work;
use crate::config;
use crate::launch::LaunchError;
use crate::run::checkpoint::{self, CheckpointError};
use crate::run::folder::{RunFolder, now, write_atomic};
use crate::run::manifest::{self, Manifest, sha256};
use crate::run::slug::slug;
use crate::run::weights::to_safetensors;
use crate::setup::{Places, SetupError, weights, words};
use crate::train::saving::Place;

/// Largest size read off an array; published networks have no larger one.
const LARGEST: usize = 65_536;

type Arrays = BTreeMap<String, TensorData>;

/// `wordpaint import` as work on a backend.
pub struct Import {
    /// Family as in experiment files.
    pub family: String,
    /// The published file.
    pub file: PathBuf,
    /// Files of the discriminators, where they have their own, the one for the smallest images
    /// first.
    pub discriminators: Vec<PathBuf>,
    /// File of the image encoder (`damsm`).
    pub image: Option<PathBuf>,
    /// File of the text encoder, of systems that read words; without it that of a pretraining.
    pub text: Option<PathBuf>,
    /// The words that a text encoder knows by number.
    pub vocabulary: Option<PathBuf>,
    /// Run folder to make, or weights file to write (`vgg`).
    pub out: Option<PathBuf>,
    /// Settings of the run, `key.path=value`.
    pub overrides: Vec<String>,
    /// Take weights that hold NaN or an infinity.
    pub allow_non_finite: bool,
    /// Where things are kept.
    pub places: Places,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Run folder or weights file.
    pub path: PathBuf,
    /// Our parameters with the arrays they came from.
    pub mapped: Vec<(String, String)>,
    /// Arrays of the file that no parameter asked for.
    pub unmapped: Vec<String>,
}

impl Work for Import {
    type Output = Result<Imported, LaunchError>;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output {
        let family = self.family.as_str();
        self.check_files(family)?;
        match family {
            name if name == char_cnn_rnn::INFO.name => self.encoder::<B::InnerBackend>(&device),
            name if name == gan_int_cls::INFO.name => self.gan::<B::InnerBackend>(&device),
            name if name == vgg_classifier::INFO.name => self.vgg::<B::InnerBackend>(&device),
            name if name == damsm::INFO.name => self.pair::<B::InnerBackend>(&device),
            name if name == attngan::INFO.name => self.attngan::<B::InnerBackend>(&device),
            name if name == dm_gan::INFO.name => self.dm_gan::<B::InnerBackend>(&device),
            name if name == df_gan::INFO.name => self.df_gan::<B::InnerBackend>(&device),
            name if name == ssa_gan::INFO.name => self.ssa_gan::<B::InnerBackend>(&device),
            name if name == sdn::INFO.name => Err(LaunchError::Request(
                "its authors published no weights of SDN; train it: `cargo xtask reproduce sdn-cub`"
                    .into(),
            )),
            other => Err(LaunchError::Request(format!(
                "there are no published weights for `{other}`; expected one of `{}`",
                [
                    char_cnn_rnn::INFO.name,
                    gan_int_cls::INFO.name,
                    vgg_classifier::INFO.name,
                    damsm::INFO.name,
                    attngan::INFO.name,
                    dm_gan::INFO.name,
                    df_gan::INFO.name,
                    ssa_gan::INFO.name,
                ]
                .join("`, `")
            ))),
        }
    }
}

impl Import {
    /// Refuses files that the family does not have.
    fn check_files(&self, family: &str) -> Result<(), LaunchError> {
        let reading = [
            attngan::INFO.name,
            dm_gan::INFO.name,
            df_gan::INFO.name,
            ssa_gan::INFO.name,
        ];
        let judged = [&[gan_int_cls::INFO.name][..], &reading].concat();
        let pair = [damsm::INFO.name];
        let worded = [&pair[..], &reading].concat();
        let given = [
            (
                "--discriminator",
                !self.discriminators.is_empty(),
                &judged[..],
            ),
            ("--image", self.image.is_some(), &pair[..]),
            ("--text", self.text.is_some(), &reading[..]),
            ("--vocabulary", self.vocabulary.is_some(), &worded[..]),
        ];
        for (flag, is_given, families) in given {
            if is_given && !families.contains(&family) {
                return Err(LaunchError::Request(format!(
                    "`{flag}` belongs to `{}`, not to `{family}`",
                    families.join("`, `")
                )));
            }
        }
        Ok(())
    }

    /// Both players of the PyTorch port.
    fn gan<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        let [discriminator] = &self.discriminators[..] else {
            return Err(LaunchError::Request(
                "the port publishes generator and discriminator as two files; give the second with \
                 `--discriminator FILE`"
                    .into(),
            ));
        };
        let arrays = self.beside(discriminator, ["generator", "discriminator"])?;
        let of = |name: &str, axis: usize| size(&arrays, &gan_int_cls::port_key(name)?.key, axis);
        let mut settings = vec!["model.architecture=port".into(), "model.variant=cls".into()];
        settings.extend(["captions=1", "real_label=0.9"].map(|s| format!("model.{s}")));
        let projection = of("generator.text.weight", 0);
        let joined = of("generator.up.0.weight", 0);
        setting(&mut settings, "text_dim", of("generator.text.weight", 1));
        setting(&mut settings, "projection_dim", projection);
        let noise = joined.zip(projection).and_then(|(j, p)| j.checked_sub(p));
        setting(&mut settings, "noise_dim", noise);
        setting(
            &mut settings,
            "generator_width",
            of("generator.up.3.weight", 1),
        );
        setting(
            &mut settings,
            "discriminator_width",
            of("discriminator.down.0.weight", 0),
        );
        self.run_of::<gan_int_cls::Family, B>(
            "gan-int-cls-cub",
            settings,
            &arrays,
            gan_int_cls::port_key,
            device,
        )
    }

    /// Arrays of a published file.
    fn read(&self, path: &Path) -> Result<Arrays, SetupError> {
        let arrays = weights::read_any(path)?;
        self.check_finite(path, &arrays)?;
        Ok(arrays)
    }

    /// Refuses numbers that are not finite, unless they are asked for.
    fn check_finite(&self, path: &Path, arrays: &Arrays) -> Result<(), SetupError> {
        match weights::not_finite(arrays).filter(|_| !self.allow_non_finite) {
            None => Ok(()),
            Some(problem) => Err(SetupError::Weights {
                path: path.to_path_buf(),
                message: format!(
                    "{problem}: nothing that depends on it gives numbers; fetch the file again, or \
                     take it as it is with `--allow-non-finite`"
                ),
            }),
        }
    }

    /// Arrays of the file and of the one at `other`, which are networks of these `kinds`.
    fn beside(&self, other: &Path, kinds: [&str; 2]) -> Result<Arrays, SetupError> {
        let mut arrays = self.read(&self.file)?;
        for (name, data) in self.read(other)? {
            if arrays.insert(name.clone(), data).is_some() {
                return Err(SetupError::Weights {
                    path: other.to_path_buf(),
                    message: format!(
                        "holds `{name}` as {} does; one should be the {} and one the {}",
                        self.file.display(),
                        kinds[0],
                        kinds[1]
                    ),
                });
            }
        }
        Ok(arrays)
    }

    /// The convolutions of torchvision's VGG, checked and written under the same names.
    fn vgg<B: Backend>(&self, device: &B::Device) -> Result<Imported, LaunchError> {
        if let Some(first) = self.overrides.first() {
            return Err(LaunchError::Request(format!(
                "a VGG becomes a weights file without settings, `{first}` has no place there"
            )));
        }
        let arrays = self.read(&self.file)?;
        // Position of the sixteenth convolution.
        let depth = match find(&arrays, "features.34.weight") {
            Some(_) => Depth::Vgg19,
            None => Depth::Vgg16,
        };
        let config = VggConfig {
            depth,
            ..VggConfig::default()
        };
        let used: RefCell<BTreeMap<String, (String, TensorData)>> = RefCell::default();
        let (_, report) = config.init::<B>(device).load_torchvision(|key| {
            let (name, data) = arrays.get_key_value(key)?;
            let plain = key.trim_start_matches("module.").to_owned();
            used.borrow_mut()
                .insert(plain, (name.clone(), data.clone()));
            Some(data.clone())
        });
        self.check(
            &report,
            &format!("a VGG{} of torchvision", u32::from(depth)),
        )?;
        let used = used.into_inner();
        let out = self.out.clone().unwrap_or_else(|| {
            let name = format!("vgg{}.safetensors", u32::from(depth));
            self.places.cache.join("weights").join(name)
        });
        let tensors: Vec<(String, TensorData)> = used
            .iter()
            .map(|(name, (_, data))| (name.clone(), data.clone()))
            .collect();
        let bytes = to_safetensors(&tensors);
        write_atomic(&out, &bytes)?;
        if self.out.is_none() {
            // In the cache a record lies beside every file.
            let record = json!({
                "imported_from": self.file.display().to_string(), "sha256": sha256(&bytes),
            });
            write_atomic(&out.with_extension("json"), record.to_string().as_bytes())?;
        }
        let taken: BTreeSet<&String> = used.values().map(|(name, _)| name).collect();
        Ok(Imported {
            path: out,
            unmapped: arrays
                .keys()
                .filter(|k| !taken.contains(k))
                .cloned()
                .collect(),
            mapped: used
                .iter()
                .map(|(name, (key, _))| (name.clone(), key.clone()))
                .collect(),
        })
    }

    /// Loads `arrays` into a system of the experiment `base` with `settings` and the user's on top,
    /// and writes a finished run.
    fn run_of<F: Family, B: Backend>(
        &self,
        base: &str,
        settings: Vec<String>,
        arrays: &Arrays,
        translate: impl Fn(&str) -> Option<Source>,
        device: &B::Device,
    ) -> Result<Imported, LaunchError> {
        let experiment = self.experiment(base, settings)?;
        let config: F::Config = experiment.family_config()?;
        let system = F::System::<B>::init(&config, device);
        let (system, report) = import::<B, _>(system, arrays, &translate);
        self.check(&report.ours, &format!("`{}` as published", self.family))?;
        self.keep(&experiment, &system, &report, translate, None)
    }

    /// The experiment `base` with `settings` and the user's on top.
    fn experiment(
        &self,
        base: &str,
        mut settings: Vec<String>,
    ) -> Result<config::Experiment, LaunchError> {
        let key = |setting: &str| setting.split('=').next().unwrap_or_default().to_owned();
        let given: BTreeSet<String> = self.overrides.iter().map(|s| key(s)).collect();
        settings.retain(|setting| !given.contains(&key(setting)));
        settings.extend(self.overrides.iter().cloned());
        let mut experiment = config::load(base, &settings, false)?;
        experiment.name = format!("{}-imported", self.family);
        experiment.title = format!("{} with the published weights {}", self.family, self.stem());
        experiment.expect.clear();
        Ok(experiment)
    }

    fn stem(&self) -> String {
        let stem = self.file.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// Writes a finished run of `system`.
    fn keep<B: Backend, M: Module<B>>(
        &self,
        experiment: &config::Experiment,
        system: &M,
        report: &ImportReport,
        translate: impl Fn(&str) -> Option<Source>,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<Imported, LaunchError> {
        let out = self.out.clone().unwrap_or_else(|| {
            let name = format!("{}-{}", experiment.name, slug(&self.stem()));
            self.places.runs.join(name)
        });
        let frozen = experiment.to_toml();
        let model = to_safetensors(&named_tensors::<B, _>(system));
        self.write_run(&out, &frozen, model, vocabulary)?;
        let source = |name: &String| translate(name).map(|source| source.key).unwrap_or_default();
        Ok(Imported {
            path: out,
            mapped: report
                .ours
                .loaded
                .iter()
                .map(|n| (n.clone(), source(n)))
                .collect(),
            unmapped: report.unused.clone(),
        })
    }

    /// The run appears by one rename.
    fn write_run(
        &self,
        out: &Path,
        frozen: &str,
        model: Vec<u8>,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<(), LaunchError> {
        let is_taken = std::fs::read_dir(out).is_ok_and(|mut folder| folder.next().is_some());
        if is_taken || out.is_file() {
            return Err(LaunchError::Request(format!(
                "{} is there already; choose another folder with `-o`",
                out.display()
            )));
        }
        let scratch = Scratch::beside(out)?;
        let run = RunFolder::within(scratch.path(), frozen)?;
        Manifest::new(&run, frozen, None).write(&run)?;
        if let Some(vocabulary) = vocabulary {
            words::keep(&run, vocabulary)?;
        }
        let place = Place {
            is_finished: true,
            ..Place::default()
        };
        let place = serde_json::to_vec_pretty(&place).expect("a place is plain data");
        let files = [
            ("model.safetensors", model),
            ("place.json", place),
            ("config.toml", frozen.as_bytes().to_vec()),
        ];
        let copy = manifest::copy(&run)?.map(|copy| (manifest::COPY, copy));
        let files = files.into_iter().chain(copy);
        let files = files.map(Ok::<_, CheckpointError>);
        checkpoint::save(&run.checkpoints(), 0, files, 1)?;
        run.update_environment(json!({
            "wordpaint": "wordpaint",
            "version": env!("CARGO_PKG_VERSION"),
            "imported_from": self.file.display().to_string(),
            "finished": now(),
        }))?;
        Ok(scratch.publish(out)?)
    }

    /// `system` with the weights of `arrays`, but for its text encoder, which was published in a file
    /// of its own.
    fn fill_but_text<B: Backend, M: Module<B>>(
        &self,
        system: M,
        arrays: &Arrays,
        translate: impl Fn(&str) -> Option<Source>,
    ) -> Result<(M, ImportReport), LaunchError> {
        let (system, mut report) = import::<B, _>(system, arrays, translate);
        let missing = &mut report.ours.missing;
        missing.retain(|name| !name.starts_with("text."));
        self.check(&report.ours, &format!("`{}` as published", self.family))?;
        Ok((system, report))
    }

    /// Refuses a file that does not fill every parameter.
    fn check(&self, report: &LoadReport, what: &str) -> Result<(), LaunchError> {
        if report.is_complete() {
            return Ok(());
        }
        let missing = report
            .missing
            .iter()
            .map(|name| format!("{name}: nothing in the file"));
        let problems: Vec<String> = report.mismatched.iter().cloned().chain(missing).collect();
        let shown = problems[..problems.len().min(5)].join("; ");
        let more = match problems.len() {
            0..=5 => String::new(),
            n => format!("; and {} more", n - 5),
        };
        Err(SetupError::Weights {
            path: self.file.clone(),
            message: format!("is not {what}: {shown}{more}"),
        }
        .into())
    }
}

fn setting(settings: &mut Vec<String>, key: &str, value: Option<usize>) {
    settings.extend(value.map(|value| format!("model.{key}={value}")));
}

/// An array by name, with or without the prefix of data-parallel files.
fn find<'a>(arrays: &'a Arrays, key: &str) -> Option<&'a TensorData> {
    arrays
        .get(key)
        .or_else(|| arrays.get(&format!("module.{key}")))
}

/// A size of an array, where it is believable.
fn size(arrays: &Arrays, key: &str, axis: usize) -> Option<usize> {
    let shape = &find(arrays, key)?.shape;
    shape
        .get(axis)
        .copied()
        .filter(|n| (1..=LARGEST).contains(n))
}
