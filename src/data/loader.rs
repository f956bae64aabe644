//! Ordered, prefetching loader: decodes in parallel, delivers in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use burn::data::dataloader::Progress;
use wordpaint_data::DataError;

use super::batch::{HostBatch, training_batch};
use super::sampler::{CaptionDraws, Sampler, SamplerError};
use super::source::Source;

/// Why batches cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Data could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The split does not fit the sampling.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
}

/// Batches of a source in an order that depends on (seed, epoch, index) alone.
pub struct Loader {
    source: Arc<Source>,
    sampler: Arc<Sampler>,
    workers: usize,
}

impl Loader {
    /// A loader of batches of `batch_size`; `workers` = 0 takes one per core.
    ///
    /// # Errors
    ///
    /// If the source cannot fill a batch.
    pub fn new(
        source: Arc<Source>,
        batch_size: usize,
        seed: u64,
        workers: usize,
    ) -> Result<Self, LoaderError> {
        let needs = &source.needs;
        let count = if needs.text.is_some() {
            needs.captions
        } else {
            0
        };
        let captions = CaptionDraws {
            count,
            are_distinct: needs.has_distinct_captions,
        };
        let sampler = Sampler::new(
            source.split.clone(),
            needs.sampling,
            captions,
            needs.has_mismatched,
            batch_size,
            seed,
        )?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if workers == 0 { cores } else { workers };
        Ok(Self {
            source,
            sampler: Arc::new(sampler),
            workers,
        })
    }

    /// Full batches per epoch.
    pub fn batches_per_epoch(&self) -> usize {
        self.sampler.batches_per_epoch()
    }

    /// Samples per batch.
    pub fn batch_size(&self) -> usize {
        self.sampler.batch_size()
    }

    /// The source it draws from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Batches of `epoch` from batch `start` on, prefetched.
    pub fn epoch(&self, epoch: usize, start: usize) -> Batches {
        let total = self.batches_per_epoch();
        let next = Arc::new(AtomicUsize::new(start));
        // One batch in each worker's hands and two waiting keeps the step fed without hoarding.
        let (sender, receiver) = mpsc::sync_channel(2);
        let mut threads = Vec::new();
        while threads.len() < self.workers {
            let (source, sampler) = (Arc::clone(&self.source), Arc::clone(&self.sampler));
            let (next, worker) = (Arc::clone(&next), sender.clone());
            let work = move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= total {
                        return;
                    }
                    let batch = training_batch(&source, &sampler.batch(epoch, index));
                    if worker.send((index, batch)).is_err() {
                        return;
                    }
                }
            };
            match std::thread::Builder::new().spawn(work) {
                Ok(thread) => threads.push(thread),
                Err(error) if threads.is_empty() => {
                    let message = format!("no thread can be started to read data: {error}");
                    let failed = Err(DataError::Inconsistent(message));
                    // The channel has room for two.
                    let _ = sender.send((start, failed));
                    break;
                }
                // Fewer deliver the same batches.
                Err(_) => break,
            }
        }
        Batches {
            receiver: Some(receiver),
            early: BTreeMap::new(),
            next: start,
            total,
            batch_size: self.batch_size(),
            threads,
        }
    }
}

/// Batches of one epoch in order; dropping it stops the workers.
pub struct Batches {
    receiver: Option<mpsc::Receiver<(usize, Result<HostBatch, DataError>)>>,
    early: BTreeMap<usize, Result<HostBatch, DataError>>,
    next: usize,
    total: usize,
    batch_size: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Batches {
    /// Samples delivered and total of the epoch.
    pub const fn progress(&self) -> Progress {
        Progress {
            items_processed: self.next * self.batch_size,
            items_total: self.total * self.batch_size,
        }
    }
}

impl Iterator for Batches {
    type Item = Result<HostBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.total {
            return None;
        }
        loop {
            if let Some(batch) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(batch);
            }
            let Ok((index, batch)) = self.receiver.as_ref()?.recv() else {
                // Workers stop before the last batch only by a panic, which goes on here: an epoch
                // that silently ended early would be begun again and again.
                for thread in self.threads.drain(..) {
                    if let Err(panic) = thread.join() {
                        std::panic::resume_unwind(panic);
                    }
                }
                return None;
            };
            self.early.insert(index, batch);
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // Closing the channel first lets blocked workers return.
        self.receiver = None;
        for thread in self.threads.drain(..) {
            // A worker that panicked has printed its message already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use wordpaint_data::Split;
    use wordpaint_data::tokenizers::characters::Characters;
    use wordpaint_models::system::{Needs, Sampling, TextForm, Tokens};

    use super::super::source::Table;
    use super::*;
    use crate::config::schema;

    fn source(text: TextForm) -> Source {
        let uri = "synth:birds?preset=nano&size=32&seed=7";
        let config: schema::Data =
            toml::from_str(&format!("uri = '{uri}'\nload_size = 36\nflip = true"))
                .expect("a valid table");
        let needs = Needs {
            image_sizes: vec![16, 32],
            has_mismatched: true,
            text,
            captions: 2,
            sampling: Sampling::Pairs,
            has_attributes: true,
            ..Needs::default()
        };
        let dataset = Arc::from(wordpaint_data::open(uri).expect("built in"));
        let source = Source::new(dataset, &config, Split::Trainval, needs).expect("not empty");
        Source {
            tokenizer: Some(Arc::new(Characters)),
            ..source
        }
    }

    const CHARACTERS: TextForm = TextForm::Tokens(Tokens {
        tokenizer: "characters",
        length: 201,
        vocabulary: 71,
    });

    #[test]
    fn any_number_of_workers_delivers_the_same_batches_in_the_same_order() {
        let source = Arc::new(source(CHARACTERS));
        let batches = |workers: usize, start: usize| -> Vec<HostBatch> {
            Loader::new(Arc::clone(&source), 5, 3, workers)
                .expect("enough images")
                .epoch(1, start)
                .map(|batch| batch.expect("built-in data are readable"))
                .collect()
        };
        let one = batches(1, 0);
        assert!(one.len() > 3);
        assert!(one.iter().all(|b| b.images[1].len() == 5 * 3 * 32 * 32));
        assert!(one[0] != one[1], "batches repeat");
        for workers in [2, 4] {
            assert!(one == batches(workers, 0), "{workers} workers differ");
            assert!(one[2..] == batches(workers, 2)[..], "a later start differs");
        }
    }

    #[test]
    fn scenes_come_with_their_labels() {
        let uri = "synth:scenes?n=30&size=16&seed=7";
        let table = format!("uri = '{uri}'\npositives = 'label'");
        let config: schema::Data = toml::from_str(&table).expect("a valid table");
        let needs = Needs {
            image_sizes: vec![8, 16],
            text: CHARACTERS,
            sampling: Sampling::Pairs,
            ..Needs::default()
        };
        let dataset = Arc::from(wordpaint_data::open(uri).expect("built in"));
        let mut source = Source::new(dataset, &config, Split::Trainval, needs).expect("not empty");
        source.tokenizer = Some(Arc::new(Characters));
        let source = Arc::new(source);
        let loader = Loader::new(Arc::clone(&source), 8, 3, 1).expect("enough images");

        for batch in loader.epoch(0, 0) {
            let batch = batch.expect("built-in data are readable");
            assert_eq!(batch.labels.len(), 8 * 80);
            let row = |i: usize| &batch.labels[i * 80..(i + 1) * 80];
            for (i, &image) in batch.indices.iter().enumerate() {
                let found: Vec<usize> = (0..80).filter(|&k| row(i)[k] > 0.0).collect();
                assert_eq!(found, source.dataset.labels_of(image).expect("labels"));
            }
            for i in 0..4 {
                let is_shared = row(i).iter().zip(row(i + 4)).any(|(a, b)| a * b > 0.0);
                let is_same = batch.indices[i] == batch.indices[i + 4];
                assert!(is_shared || is_same, "{:?}", batch.indices);
            }
        }
        assert_eq!(loader.batches_per_epoch(), 6);
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn a_panic_in_a_worker_does_not_look_like_the_end_of_an_epoch() {
        let mut source = source(TextForm::Embedding { dim: 8 });
        source.embeddings = Some(Table::whole(Arc::default(), 8, 10));
        let loader = Loader::new(Arc::new(source), 5, 3, 2).expect("enough images");
        assert!(loader.epoch(0, 0).next().is_none());
    }
}
