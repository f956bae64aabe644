//! Networks that were trained before: THE table of their kinds, one file each, and how they come to a
//! system.

mod captioner;
mod damsm;
mod inception;
mod text_encoder;
mod vgg;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use burn::module::Module;
use sha2::{Digest, Sha256};
use wordpaint_data::input;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::state::parameter_count;
use wordpaint_models::system::{
    Component, Description, Frozen, Origin, Pretrained, PretrainedNetwork,
};

use super::reference::{Target, experiment, resolve};
use super::{Dirs, SetupError, weights};
use crate::config::pretrained::setting;
use crate::config::{ConfigError, Experiment};
use crate::run::checkpoint::hex;
use crate::run::manifest;
use crate::run::weights::MODEL;

pub use captioner::of_run as captioner_of;
pub use damsm::of_run as pair_of;
pub use text_encoder::of_run as text_encoder_of;
pub use vgg::{image_size as vgg_image_size, load as vgg};

/// SHA-256 by the setting that names a network.
pub type Digests = BTreeMap<&'static str, String>;

/// Hands the table of kinds to another macro.
macro_rules! kinds {
    ([$($then:tt)*] $($arguments:tt)*) => {
        $($then)* ! {
            [vgg::Vggs, inception::Inceptions, text_encoder::TextEncoders, damsm::Pairs,
             captioner::Captioners]
            $($arguments)*
        }
    };
}

/// Evaluates an expression with the kind of network called `$key` bound to the type `$kind`.
///
/// # Panics
///
/// If there is no such kind: components name kinds by the key of their description.
macro_rules! for_kind {
    ($key:expr, $kind:ident => $body:expr) => {
        kinds!([for_kind] @ $key, $kind, $body)
    };
    ([$($of:path),* $(,)?] @ $key:expr, $kind:ident, $body:expr) => {
        match $key {
            $(key if key == key_of::<$of>() => {
                type $kind = $of;
                $body
            })*
            other => unreachable!("no kind of pretrained network is called `{other}`"),
        }
    };
}

fn key_of<K: Kind>() -> &'static str {
    K::Description::KEY
}

/// A kind of pretrained network.
trait Kind {
    /// What is known of one without its weights.
    type Description: Description;
    /// The network.
    type Network<B: Backend>: Module<B> + PretrainedNetwork<Description = Self::Description>;

    /// Keys of the frozen networks of its own training that are part of it.
    const PARTS: &'static [&'static str] = &[];

    /// Reads the network that the experiment names.
    ///
    /// # Errors
    ///
    /// If it is not there or is not of this kind.
    fn load<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Self::Network<B>, SetupError>;

    /// One of the sizes that the experiment asks for, with random weights.
    ///
    /// # Errors
    ///
    /// If the sizes are not known.
    fn random<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Self::Network<B>, SetupError>;

    /// The network for a backend that records gradients, none of its own.
    fn frozen<B: AutodiffBackend>(network: Self::Network<B::InnerBackend>) -> Self::Network<B>;
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Request<'a> {
    /// The experiment that names it.
    experiment: &'a Experiment,
    /// What the family wants of it.
    pretrained: &'a Pretrained,
    /// Digests of the networks that are loaded beside it.
    digests: &'a Digests,
    /// Where things are looked for.
    dirs: &'a Dirs,
}

impl<'a> Request<'a> {
    /// Requests of one experiment, by what the family wants.
    fn of(
        experiment: &'a Experiment,
        digests: &'a Digests,
        dirs: &'a Dirs,
    ) -> impl Fn(&'a Pretrained) -> Self {
        move |pretrained| Self {
            experiment,
            pretrained,
            digests,
            dirs,
        }
    }
}

/// What networks are loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A run that begins: all of them.
    Beginning,
    /// One that goes on: what it was initialised from is part of it by now.
    Continuing,
    /// Making images.
    Generation,
}

/// The pretrained networks among `components` that are wanted for `purpose`, one of each kind.
pub fn wanted(components: &[Component], purpose: Use) -> Vec<&Pretrained> {
    let mut found: Vec<&Pretrained> = Vec::new();
    for component in components {
        let pretrained = match (&component.origin, purpose) {
            (Origin::Frozen(_), Use::Generation) if !component.is_for_generation => continue,
            (Origin::InitialisedFrom(pretrained), Use::Beginning)
            | (Origin::Frozen(pretrained), _) => pretrained,
            _ => continue,
        };
        if found.iter().all(|known| known.key != pretrained.key) {
            found.push(pretrained);
        }
    }
    found
}

/// Loads the pretrained networks that a system with `components` trains with and checks that they fit.
/// Those that images are made with are there for the inner backend, too.
///
/// # Errors
///
/// If one is not configured, not there or does not fit.
pub fn for_training<B: AutodiffBackend>(
    experiment: &Experiment,
    components: &[Component],
    purpose: Use,
    digests: &Digests,
    device: &B::Device,
    dirs: &Dirs,
) -> Result<Frozen, SetupError> {
    let generating = wanted(components, Use::Generation);
    let mut frozen = Frozen::new();
    let request = Request::of(experiment, digests, dirs);
    for pretrained in wanted(components, purpose) {
        let request = request(pretrained);
        let is_generating = generating.iter().any(|one| one.key == pretrained.key);
        frozen = for_kind!(pretrained.key, K => {
            let network = checked::<K, B::InnerBackend>(&request, device)?;
            let held = frozen.with(K::frozen::<B>(network.clone()));
            if is_generating { held.with(network) } else { held }
        });
    }
    Ok(frozen)
}

/// Loads the pretrained networks that images are made with.
///
/// # Errors
///
/// As [`for_training`].
pub fn for_generation<B: Backend>(
    experiment: &Experiment,
    components: &[Component],
    device: &B::Device,
    dirs: &Dirs,
) -> Result<Frozen, SetupError> {
    let digests = Digests::new();
    let mut frozen = Frozen::new();
    let request = Request::of(experiment, &digests, dirs);
    for pretrained in wanted(components, Use::Generation) {
        let request = request(pretrained);
        frozen = for_kind!(pretrained.key, K => frozen.with(checked::<K, B>(&request, device)?));
    }
    Ok(frozen)
}

/// Networks of the sizes that `experiment` asks for, with random weights, and the number of their
/// parameters.
///
/// # Errors
///
/// If sizes are not known.
pub fn random<B: AutodiffBackend>(
    experiment: &Experiment,
    components: &[Component],
    device: &B::Device,
    dirs: &Dirs,
) -> Result<(Frozen, usize), SetupError> {
    let digests = Digests::new();
    let (mut frozen, mut parameters) = (Frozen::new(), 0);
    let request = Request::of(experiment, &digests, dirs);
    for pretrained in wanted(components, Use::Continuing) {
        let request = request(pretrained);
        frozen = for_kind!(pretrained.key, K => {
            let network = K::random::<B::InnerBackend>(&request, device)?;
            parameters += parameter_count(&network);
            frozen.with(K::frozen::<B>(network))
        });
    }
    Ok((frozen, parameters))
}

fn checked<K: Kind, B: Backend>(
    request: &Request<'_>,
    device: &B::Device,
) -> Result<K::Network<B>, SetupError> {
    let network = K::load::<B>(request, device)?;
    let fits = request.pretrained.check(&network.describe());
    fits.map_err(ConfigError::from)?;
    Ok(network)
}

/// Digests of the networks called `keys`, as the settings of `experiment` name them. Those without a
/// setting are left out: whoever loads them says so.
///
/// # Errors
///
/// If one is not there or cannot be read.
pub fn digests<'k>(
    experiment: &Experiment,
    keys: impl IntoIterator<Item = &'k str>,
    dirs: &Dirs,
) -> Result<Digests, SetupError> {
    let mut found = Digests::new();
    for key in keys {
        if let Some(from) = experiment.pretrained_from(key) {
            let target = resolve(from, experiment.quick, dirs)?;
            found.insert(setting(key), digest(&target, key, dirs)?);
        }
    }
    Ok(found)
}

/// Digest of what decides the weights of a network of the kind.
fn digest(target: &Target, key: &str, dirs: &Dirs) -> Result<String, SetupError> {
    let run = match target {
        Target::File(path) => return of_file(path),
        Target::Run(run) => run,
    };
    let newest = manifest::newest(run)?;
    let model = newest.file(MODEL)?;
    let parts: &[&str] = for_kind!(key, K => K::PARTS);
    // They are not among its weights.
    let kept_apart = if parts.is_empty() {
        Digests::new()
    } else {
        let trained = experiment(run)?;
        let facts = trained.family_facts()?;
        let frozen = wanted(&facts.components, Use::Continuing).into_iter();
        let keys = frozen.map(|pretrained| pretrained.key);
        digests(&trained, keys.filter(|key| parts.contains(key)), dirs)?
    };
    if let (true, Some(digest)) = (kept_apart.is_empty(), newest.sha256(MODEL)) {
        return Ok(digest.to_owned());
    }
    let mut digest = Sha256::new();
    digest.update(model);
    for digest_of_part in kept_apart.values() {
        digest.update(digest_of_part);
    }
    Ok(hex(&digest.finalize()))
}

/// Digest of a weights file, which must be the one that the record beside it speaks of.
fn of_file(path: &Path) -> Result<String, SetupError> {
    let fail = |message: String| SetupError::Weights {
        path: path.to_path_buf(),
        message,
    };
    let mut digest = Sha256::new();
    let read = input::open(path).and_then(|mut file| io::copy(&mut file, &mut digest));
    read.map_err(|error| fail(format!("cannot be read: {error}")))?;
    let found = hex(&digest.finalize());
    match weights::recorded(path) {
        Some(recorded) if recorded != found => Err(fail(weights::is_another(&recorded, &found))),
        _ => Ok(found),
    }
}
