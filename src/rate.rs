//! How fast a device computes, measured where the time of a training is estimated.

use std::time::{Duration, Instant};

use burn::prelude::Tensor;
use wordpaint_models::backend::AutodiffBackend;

use crate::backends::Work;

/// Side of the multiplied matrices.
const SIDE: usize = 1024;
/// Products of the first round.
const FIRST: u32 = 1;
/// Products after which a round is long enough whatever it took.
const MOST: u32 = 1 << 14;

/// Multiplies square matrices of 1024 rows until `time` has passed in one round; the result is the
/// rate in floating-point operations per second.
#[derive(Debug, Clone, Copy)]
pub struct MatrixProducts {
    /// Length of the last round.
    pub time: Duration,
}

impl Default for MatrixProducts {
    fn default() -> Self {
        Self {
            time: Duration::from_millis(500),
        }
    }
}

impl Work for MatrixProducts {
    type Output = f64;

    fn run<B: AutodiffBackend>(self, device: B::Device) -> f64 {
        // Each row of the second matrix sums to 1, so that the numbers stay as they are.
        let even = Tensor::<B::InnerBackend, 2>::full([SIDE, SIDE], 1.0 / SIDE as f64, &device);
        let products = |count: u32| {
            let start = Instant::now();
            let mut product = even.clone();
            for _ in 0..count {
                product = product.matmul(even.clone());
            }
            // Devices work behind our back until a number is asked for.
            let _ = product.slice([0..1, 0..1]).into_data();
            start.elapsed()
        };
        // The first product pays for compiling and tuning kernels.
        products(FIRST);
        let mut count = FIRST;
        loop {
            let elapsed = products(count);
            if elapsed >= self.time || count >= MOST {
                let operations = 2.0 * (SIDE as f64).powi(3) * f64::from(count);
                return operations / elapsed.as_secs_f64().max(1e-9);
            }
            count *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::{default_device, on_device};

    #[test]
    fn a_processor_does_more_than_a_million_operations_per_second() {
        let work = MatrixProducts {
            time: Duration::from_millis(1),
        };

        let rate = on_device(default_device(), work).expect("the default device is there");

        assert!(rate > 1e6 && rate < 1e15, "{rate}");
    }
}
