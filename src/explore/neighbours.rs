//! Training images that look most like generated ones (SDN, section 4.6): a generator that copies
//! its training set shows here.

use std::sync::Arc;

use image::RgbImage;
use wordpaint_data::resize::opencv_bilinear;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::{Description, Family, Needs};
use wordpaint_models::vision::vgg::{Vgg, VggConfig};

use super::Target;
use super::test_images::{Fakes, TestImages};
use crate::config::Experiment;
use crate::data::Source;
use crate::data::pixels::to_tensor;
use crate::data::source::Table;
use crate::generate::prompts::Prompt;
use crate::launch::{LaunchError, RunWork};
use crate::run::folder::RunFolder;
use crate::setup::reference::experiment;
use crate::setup::{Dirs, SetupError, Status, dataset, features, pretrained};

/// Neighbours shown of every image.
pub const SHOWN: usize = 5; // SDN, section 4.6

/// `wordpaint explore neighbours` as work on a run.
pub struct Neighbours<'a> {
    /// The run.
    pub run: RunFolder,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// Generated test images.
    pub count: usize,
    /// VGG in place of the experiment's (`[pretrained.vgg]`): `experiment:NAME`, `cache:NAME`, a run
    /// folder or a file.
    pub vgg: Option<String>,
    /// Where the picture goes.
    pub target: Target,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The picture.
    pub path: std::path::PathBuf,
    /// For every caption, keys of training images with their cosine similarity, nearest first.
    pub rows: Vec<(String, Vec<(String, f64)>)>,
}

impl RunWork for Neighbours<'_> {
    type Output = Found;

    fn of(&self) -> &RunFolder {
        &self.run
    }

    fn perform<F: Family, B: AutodiffBackend>(
        self,
        device: &B::Device,
    ) -> Result<Found, LaunchError> {
        let experiment = with_vgg(experiment(&self.run)?, self.vgg.as_deref())?;
        let test = TestImages::<F::System<B::InnerBackend>>::open::<F, B>(
            &self.run,
            self.count,
            device,
            &self.dirs,
            self.status,
        )?;
        self.target.check()?;
        let caption = experiment.evaluate.caption;
        let images = test.source.split.indices.iter();
        let prompts: Vec<Prompt> = images.map(|&image| Prompt { image, caption }).collect();
        let fakes = test.generate::<B::InnerBackend>(&prompts, device)?;

        let vgg = pretrained::vgg::<B::InnerBackend>(&experiment, device, &self.dirs)?;
        let train = images_only(&experiment)?;
        let table = features::table(&experiment, &train, &vgg, device, &self.dirs, self.status)?;
        let size = pretrained::vgg_image_size(&experiment, &self.dirs)?;
        let features_of_fakes = features_of(&vgg, &fakes.images, size, device);
        self.show(&train, &table, &fakes, &features_of_fakes)
    }
}

impl Neighbours<'_> {
    fn show(
        &self,
        train: &Source,
        table: &Table,
        fakes: &Fakes,
        features_of_fakes: &[Vec<f32>],
    ) -> Result<Found, LaunchError> {
        let mut pictures: Vec<(RgbImage, String)> = Vec::new();
        let mut rows = Vec::new();
        let generated = fakes.images.iter().zip(&fakes.captions);
        for ((fake, caption), features) in generated.zip(features_of_fakes) {
            pictures.push((fake.clone(), caption.clone()));
            let mut row = Vec::new();
            for (index, similarity) in nearest(features, table, &train.split.indices, SHOWN) {
                let key = train.dataset.record(index).map_err(SetupError::from)?.key;
                let image = train.real(index, fake.width()).map_err(SetupError::from)?;
                pictures.push((image, format!("{similarity:.3} {key}")));
                row.push((key, similarity));
            }
            rows.push((caption.clone(), row));
        }
        let columns = 1 + SHOWN.min(train.split.indices.len());
        let path = self.target.write_grid(pictures, columns)?;
        Ok(Found { path, rows })
    }
}

/// The experiment with another VGG.
fn with_vgg(mut experiment: Experiment, vgg: Option<&str>) -> Result<Experiment, LaunchError> {
    if let Some(from) = vgg {
        let table = experiment.pretrained.entry(VggConfig::KEY.to_owned());
        from.clone_into(&mut table.or_default().from);
    }
    if experiment.pretrained_from(VggConfig::KEY).is_none() {
        return Err(LaunchError::Request(format!(
            "`{}` has no VGG of its own; name one with `--vgg experiment:vgg-cub`, `--vgg \
             cache:vgg19` or a file",
            experiment.family
        )));
    }
    Ok(experiment)
}

/// The training split without text.
fn images_only(experiment: &Experiment) -> Result<Source, SetupError> {
    let data = dataset(experiment)?;
    Ok(Source::new(
        Arc::clone(&data),
        &experiment.data,
        experiment.data.split,
        Needs::of_images(Vec::new()),
    )?)
}

/// Features of pictures at the size the VGG was trained with.
fn features_of<B: Backend>(
    vgg: &Vgg<B>,
    pictures: &[RgbImage],
    size: usize,
    device: &B::Device,
) -> Vec<Vec<f32>> {
    pictures
        .iter()
        .map(|picture| {
            let picture = opencv_bilinear(picture, size as u32, size as u32);
            let x = to_tensor::<B>([&picture], device);
            let features = vgg.features(vgg.config().preprocessing.apply(x));
            features.into_data().iter::<f32>().collect()
        })
        .collect()
}

/// The `count` rows of `table` among `candidates` that are most like `features` by cosine
/// similarity, the nearest first; equals in the order of the candidates.
fn nearest(
    features: &[f32],
    table: &Table,
    candidates: &[usize],
    count: usize,
) -> Vec<(usize, f64)> {
    let mut scored: Vec<(usize, f64)> = candidates
        .iter()
        .map(|&index| (index, cosine(features, table.row(index, 0))))
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    scored.truncate(count);
    scored
}

/// Cosine similarity; 0 where one of the vectors is.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_ordered_by_angle_and_not_by_length() {
        let rows = vec![0.0, 0.0, 1.0, 0.0, 9.0, 9.0, 0.1, 0.3];
        let table = Table::whole(Arc::new(rows), 2, 1);

        let found = nearest(&[1.0, 2.0], &table, &[0, 1, 2, 3], 3);

        let order: Vec<usize> = found.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, [3, 2, 1]);
        assert!((found[0].1 - 7.0 / 50.0_f64.sqrt()).abs() < 1e-6);
        assert!(nearest(&[1.0, 2.0], &table, &[0], 5)[0].1.abs() < 1e-12);
    }
}
