//! A feature network at work on generated and real images.

use super::EvaluateError;
use super::extract::{Extractor, Features};
use super::features::{CHUNK, check};
use super::measures::{Context, GeneratedChunk, Kept, Measure};
use super::protocol::Query;
use super::store::FeatureSet;
use crate::setup::Dirs;

/// A feature network with the store of its features.
pub(super) struct CachedExtractor {
    pub(super) network: Box<dyn Extractor>,
    rows: Kept,
}

impl CachedExtractor {
    pub(super) fn new(network: Box<dyn Extractor>, dirs: &Dirs) -> Self {
        let rows = Kept::of(network.instrument(), dirs);
        Self { network, rows }
    }

    /// Features of the real images of the split at the size of the generated ones.
    ///
    /// # Errors
    ///
    /// If an image cannot be read or its features are not finite.
    pub(super) fn reference(&mut self, context: &Context<'_>) -> Result<FeatureSet, EvaluateError> {
        let (source, width) = (context.source, context.width);
        let indices = &source.split.indices;
        let data = source.dataset.fingerprint();
        let mut chunks = Vec::new();
        for (number, chunk) in indices.chunks(CHUNK).enumerate() {
            let content: Vec<u8> = chunk
                .iter()
                .flat_map(|&i| (i as u64).to_le_bytes())
                .collect();
            let size = width.to_le_bytes();
            let parts = [
                data.as_bytes(),
                context.preprocessing.as_bytes(),
                &size,
                &content,
            ];
            let place = self.rows.place(parts);
            let kept = if let Some(found) = self.rows.find(&place) {
                found
            } else {
                let images = chunk
                    .iter()
                    .map(|&index| source.real(index, width))
                    .collect::<Result<Vec<_>, _>>()?;
                let features = self.network.features(&images)?;
                let id = &self.network.instrument().id;
                check(&features, id, |row| format!("real image {}", chunk[row]))?;
                self.rows.keep(place, &features)?
            };
            chunks.push(kept);
            (context.progress)(indices.len().min((number + 1) * CHUNK), indices.len());
        }
        Ok(FeatureSet::new(chunks)?)
    }
}

impl Measure for CachedExtractor {
    fn rows(&mut self) -> &mut Kept {
        &mut self.rows
    }

    fn measure(&mut self, generated: &GeneratedChunk<'_>) -> Result<Features, EvaluateError> {
        let features = self.network.features(generated.images)?;
        let name = |row: usize| described(&generated.queries[row]);
        check(&features, &self.network.instrument().id, name)?;
        Ok(features)
    }
}

/// An image in words.
fn described(query: &Query) -> String {
    format!(
        "the image of caption {} of image {}",
        query.prompt.caption, query.prompt.image
    )
}
