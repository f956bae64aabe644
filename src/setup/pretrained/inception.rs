//! Inception-v3 of a weights file with torchvision's names.

use burn::module::{AutodiffModule, Module};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::Description;
use wordpaint_models::vision::inception::{Inception, InceptionConfig, Naming};

use super::super::reference::{Target, resolve};
use super::super::{SetupError, weights};
use super::{Kind, Request};

/// See the module.
pub(super) struct Inceptions;

impl Kind for Inceptions {
    type Description = InceptionConfig;
    type Network<B: Backend> = Inception<B>;

    fn load<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Inception<B>, SetupError> {
        let experiment = request.experiment;
        let from = experiment.pretrained_from(InceptionConfig::KEY);
        let path = match resolve(from.unwrap_or_default(), experiment.quick, request.dirs)? {
            Target::File(path) => path,
            Target::Run(run) => {
                return Err(SetupError::Setting {
                    key: "pretrained.inception.from",
                    message: format!("{} is a run, not a weights file", run.path().display()),
                });
            }
        };
        let arrays = weights::read(&path)?;
        let network = Self::random::<B>(request, device)?;
        let (network, report) = network.load(Naming::Torch, &arrays);
        if report.ours.is_complete() {
            return Ok(network);
        }
        let problems = report.ours.mismatched.iter().chain(&report.ours.missing);
        let problems: Vec<String> = problems.take(4).cloned().collect();
        Err(SetupError::Weights {
            path,
            message: format!(
                "is not Inception-v3 with torchvision's names: {}",
                problems.join(", ")
            ),
        })
    }

    fn random<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Inception<B>, SetupError> {
        let wanted = request.pretrained.wanted::<InceptionConfig>();
        Ok(wanted.unwrap_or(&InceptionConfig::DAMSM).init(device))
    }

    fn frozen<B: AutodiffBackend>(network: Inception<B::InnerBackend>) -> Inception<B> {
        Inception::<B>::from_inner(network).no_grad()
    }
}
