//! A block of branches and its parts.

use burn::module::Module;
use burn::prelude::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::{avg_pool2d, max_pool2d};

use super::AveragePool;
use super::plan::{self, Pool};
use crate::backend::Backend;
use crate::nn::batch_norm::Mode;
use crate::nn::conv::Conv2dConfig;
use crate::vision::conv_bn::ConvBn;

impl plan::Conv {
    pub(super) fn init<B: Backend>(&self, device: &B::Device) -> ConvBn<B> {
        let conv = Conv2dConfig::new(self.channels, self.kernel)
            .with_stride([self.stride; 2])
            .with_padding(self.padding);
        ConvBn::init(conv, device)
    }
}

/// Pooling, convolutions in sequence, then two side by side.
#[derive(Module, Debug)]
pub(super) struct Branch<B: Backend> {
    convs: Vec<ConvBn<B>>,
    split: Vec<ConvBn<B>>,
    #[module(skip)]
    pool: Option<Pool>,
}

impl<B: Backend> Branch<B> {
    fn init(plan: &plan::Branch, device: &B::Device) -> Self {
        let all = |convs: &[plan::Conv]| convs.iter().map(|conv| conv.init(device)).collect();
        Self {
            convs: all(&plan.convs),
            split: all(&plan.split),
            pool: plan.pool,
        }
    }

    fn forward(&self, x: Tensor<B, 4>, mode: Mode, joined: &mut Vec<Tensor<B, 4>>) {
        let mut h = match self.pool {
            Some(pool) => pool.forward(x),
            None => x,
        };
        for conv in &self.convs {
            h = relu(conv.forward(h, mode));
        }
        if self.split.is_empty() {
            joined.push(h);
        } else {
            let ends = self.split.iter();
            joined.extend(ends.map(|conv| relu(conv.forward(h.clone(), mode))));
        }
    }
}

impl Pool {
    fn forward<B: Backend>(self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        match self {
            Self::Average(average) => {
                let counts = average == AveragePool::Nine;
                avg_pool2d(x, [3, 3], [1, 1], [1, 1], counts, false)
            }
            Self::Max => max_pool2d(x, [3, 3], [1, 1], [1, 1], [1, 1], false),
            Self::Halving => max_pool2d(x, [3, 3], [2, 2], [0, 0], [1, 1], false),
        }
    }
}

/// The max pool that halves the maps.
pub(super) fn halve<B: Backend>(x: Tensor<B, 4>) -> Tensor<B, 4> {
    Pool::Halving.forward(x)
}

/// Branches whose results are joined along the channels.
#[derive(Module, Debug)]
pub(super) struct Block<B: Backend> {
    branches: Vec<Branch<B>>,
}

impl<B: Backend> Block<B> {
    pub(super) fn init(plan: &plan::Block, device: &B::Device) -> Self {
        let branches = plan.branches.iter();
        Self {
            branches: branches
                .map(|branch| Branch::init(branch, device))
                .collect(),
        }
    }

    pub(super) fn forward(&self, x: Tensor<B, 4>, mode: Mode) -> Tensor<B, 4> {
        let mut joined = Vec::new();
        for branch in &self.branches {
            branch.forward(x.clone(), mode, &mut joined);
        }
        Tensor::cat(joined, 1)
    }

    pub(super) fn fold(mut self) -> Self {
        for branch in &mut self.branches {
            for convs in [&mut branch.convs, &mut branch.split] {
                *convs = std::mem::take(convs)
                    .into_iter()
                    .map(ConvBn::fold)
                    .collect();
            }
        }
        self
    }
}
