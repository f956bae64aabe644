//! The loader in burn-train's terms: tasks in order from a place that the strategy chooses.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use wordpaint_data::DataError;
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Frozen, Iteration};

use super::TrainError;
use super::train_module::{Never, Task};
use crate::data::Loader;
use crate::data::loader::Batches;

/// Where the next epoch iterator begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoaderPosition {
    /// Epoch number that keys the sample order.
    pub order_epoch: usize,
    /// First batch.
    pub start: usize,
    /// Training steps done before it, in all stages; keys the noise.
    pub step: u64,
    /// Running stage.
    pub stage: &'static str,
}

struct Inner {
    loader: Loader,
    frozen: Frozen,
    seed: u64,
    position: Mutex<LoaderPosition>,
    error: Mutex<Option<DataError>>,
}

/// Batches uploaded and dressed as tasks. Clones share place and error.
pub struct TaskLoader<B: AutodiffBackend> {
    inner: Arc<Inner>,
    device: B::Device,
}

impl<B: AutodiffBackend> Clone for TaskLoader<B> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            device: self.device.clone(),
        }
    }
}

impl<B: AutodiffBackend> TaskLoader<B> {
    /// Where its batches go.
    pub const fn device(&self) -> &B::Device {
        &self.device
    }

    /// Tasks of `loader`'s batches on `device`.
    pub fn new(loader: Loader, frozen: Frozen, device: B::Device, seed: u64) -> Self {
        let inner = Inner {
            loader,
            frozen,
            seed,
            position: Mutex::new(LoaderPosition::default()),
            error: Mutex::new(None),
        };
        Self {
            inner: Arc::new(inner),
            device,
        }
    }

    /// The loader behind it.
    pub fn loader(&self) -> &Loader {
        &self.inner.loader
    }

    /// Sets where the next iterator begins.
    pub fn set_position(&self, position: LoaderPosition) {
        *self
            .inner
            .position
            .lock()
            .expect("no code panics while it holds the place") = position;
    }

    /// The data error that ended the last iterator early, if one did.
    pub fn take_error(&self) -> Option<TrainError> {
        let mut error = self
            .inner
            .error
            .lock()
            .expect("no code panics while it holds the error");
        error.take().map(TrainError::from)
    }
}

struct Tasks<B: AutodiffBackend, H> {
    loader: TaskLoader<B>,
    batches: Batches,
    position: LoaderPosition,
    shared: PhantomData<H>,
}

impl<B: AutodiffBackend, H> Iterator for Tasks<B, H> {
    type Item = Task<B, H>;

    fn next(&mut self) -> Option<Self::Item> {
        let inner = &self.loader.inner;
        let batch = match self.batches.next()? {
            Ok(batch) => batch,
            Err(error) => {
                *inner
                    .error
                    .lock()
                    .expect("no code panics while it holds the error") = Some(error);
                return None;
            }
        };
        let iteration = Iteration {
            batch: batch.upload(inner.loader.source(), &self.loader.device),
            frozen: inner.frozen.clone(),
            noise: Noise::new(inner.seed, self.position.step),
            step: self.position.step,
            stage: self.position.stage,
        };
        self.position.step += 1;
        Some(Task {
            iteration,
            shared: None,
        })
    }
}

impl<B: AutodiffBackend, H> DataLoaderIterator<Task<B, H>> for Tasks<B, H> {
    fn progress(&self) -> Progress {
        self.batches.progress()
    }
}

impl<B: AutodiffBackend, H: Send + 'static> DataLoader<B, Task<B, H>> for TaskLoader<B> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Task<B, H>> + 'a> {
        let position = *self
            .inner
            .position
            .lock()
            .expect("no code panics while it holds the place");
        let batches = self
            .inner
            .loader
            .epoch(position.order_epoch, position.start);
        Box::new(Tasks {
            loader: self.clone(),
            batches,
            position,
            shared: PhantomData,
        })
    }

    fn num_items(&self) -> usize {
        self.inner.loader.batches_per_epoch() * self.inner.loader.batch_size()
    }

    fn to_device(&self, device: &B::Device) -> Arc<dyn DataLoader<B, Task<B, H>>> {
        Arc::new(Self {
            inner: Arc::clone(&self.inner),
            device: device.clone(),
        })
    }

    /// Batches are drawn by the sampler over the whole split, so a slice is the feed itself.
    fn slice(&self, _start: usize, _end: usize) -> Arc<dyn DataLoader<B, Task<B, H>>> {
        Arc::new(self.clone())
    }
}

/// The validation loader burn-train asks for: held-out quality is measured on generated images by
/// `evaluate`.
pub struct NoValidation;

impl Iterator for NoValidation {
    type Item = Never;

    fn next(&mut self) -> Option<Never> {
        None
    }
}

impl DataLoaderIterator<Never> for NoValidation {
    fn progress(&self) -> Progress {
        Progress::new(0, 0)
    }
}

impl<B: Backend> DataLoader<B, Never> for NoValidation {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Never> + 'a> {
        Box::new(Self)
    }

    fn num_items(&self) -> usize {
        0
    }

    fn to_device(&self, _device: &B::Device) -> Arc<dyn DataLoader<B, Never>> {
        Arc::new(Self)
    }

    fn slice(&self, _start: usize, _end: usize) -> Arc<dyn DataLoader<B, Never>> {
        Arc::new(Self)
    }
}
