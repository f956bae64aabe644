//! Image features in the place of images, computed with a VGG.

use burn::module::Module;
use sha2::{Digest, Sha256};
use wordpaint_models::backend::Backend;
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::{Sampling, TextForm};
use wordpaint_models::vision::vgg::Vgg;

use super::tables::Entry;
use super::{Dirs, SetupError, Status, pretrained};
use crate::config::{Experiment, schema};
use crate::data::batch::fixed_batch;
use crate::data::source::{Source, Table};
use crate::run::checkpoint::hex;

/// Images in a batch.
const BATCH: usize = 32;

/// Features of every image of the source from the VGG of `[pretrained]`. Images are seen whole, at the size
/// the VGG was trained with.
///
/// # Errors
///
/// If there is no VGG or an image cannot be read.
pub fn table<B: Backend>(
    config: &Experiment,
    source: &Source,
    vgg: &Vgg<B>,
    device: &B::Device,
    dirs: &Dirs,
    status: Status<'_>,
) -> Result<Table, SetupError> {
    let size = pretrained::vgg_image_size(config, dirs)?;
    let mut needs = source.needs.clone();
    needs.image_sizes = vec![size];
    needs.text = TextForm::None;
    needs.sampling = Sampling::Images;
    needs.features = None;
    let data = schema::Data {
        load_size: 0,
        ..config.data.clone()
    };
    let view = source.view(&data, needs);
    let settings = format!("{:?}", vgg.config());
    let (network, backend) = (identity(vgg, &settings), B::name(device));
    let input = format!(
        "{size} {:?} {} {:?}",
        data.resize, data.crop_to_box, data.fit
    );
    let decided_by = [
        ("network", network.as_str()),
        ("backend", &backend),
        ("seen", &input),
    ];
    Entry::new("features", source, 1, &decided_by, dirs).get(status, || {
        let indices = &source.split.indices;
        status(&format!("image features of {} images", indices.len()));
        let (mut values, mut dim) = (Vec::new(), 0);
        for images in indices.chunks(BATCH) {
            let batch = fixed_batch(&view, images, 0)?;
            let batch = batch.upload::<B>(&view, device);
            let features = vgg.features(vgg.config().preprocessing.apply(batch.real()));
            dim = features.dims()[1];
            values.extend(features.into_data().iter::<f32>());
        }
        Ok((values, dim))
    })
}

/// Digest of a network's weights and settings.
pub fn identity<B: Backend, M: Module<B>>(network: &M, settings: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(settings);
    for (name, data) in named_tensors::<B, _>(network) {
        digest.update(name);
        digest.update(data.as_bytes());
    }
    hex(&digest.finalize())
}
