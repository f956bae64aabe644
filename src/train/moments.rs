//! Whether saved moments are those of the parameters they are put beside.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::record::{AdaptorRecord, AdaptorRecordV1};
use burn::optim::{AdamState, RmsProp, RmsPropState, Sgd, SgdState, SimpleOptimizer};
use burn::prelude::Tensor;
use wordpaint_models::backend::{AutodiffBackend, Backend};

use super::adam::Adam;

/// Moments of another shape than their parameter.
pub(super) struct Misshapen {
    pub(super) param: ParamId,
    /// Shape of the parameter.
    pub(super) expected: Vec<usize>,
    /// Shape or number of dimensions of the moments, in words.
    pub(super) found: String,
}

/// An optimiser whose moments can be measured.
pub(super) trait Moments<B: Backend>: SimpleOptimizer<B> {
    /// Shapes of the moments in a state, as far as Burn shows them.
    fn shapes<const D: usize>(state: Self::State<D>) -> Vec<[usize; D]>;
}

impl<B: Backend> Moments<B> for Adam {
    fn shapes<const D: usize>(state: AdamState<B, D>) -> Vec<[usize; D]> {
        let momentum = state.momentum;
        vec![momentum.moment_1.dims(), momentum.moment_2.dims()]
    }
}

impl<B: Backend> Moments<B> for RmsProp {
    fn shapes<const D: usize>(state: RmsPropState<B, D>) -> Vec<[usize; D]> {
        vec![state.square_avg.square_avg.dims()]
    }
}

impl<B: Backend> Moments<B> for Sgd<B> {
    fn shapes<const D: usize>(_: SgdState<B, D>) -> Vec<[usize; D]> {
        // Its velocity is private.
        Vec::new()
    }
}

struct Search<O: SimpleOptimizer<B::InnerBackend>, B: AutodiffBackend> {
    records: BTreeMap<ParamId, AdaptorRecord<O, B>>,
    found: Option<Misshapen>,
}

impl<O: Moments<B::InnerBackend>, B: AutodiffBackend> ModuleVisitor<B> for Search<O, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Some(record) = self.records.remove(&param.id) else {
            return;
        };
        let expected = param.val().dims();
        let axes = rank(&record);
        let found = if axes == D {
            let shapes = O::shapes::<D>(record.into_state());
            let other = shapes.into_iter().find(|shape| *shape != expected);
            other.map(|shape| format!("{shape:?}"))
        } else {
            Some(format!("{axes} axes"))
        };
        if let (Some(found), None) = (found, &self.found) {
            self.found = Some(Misshapen {
                param: param.id,
                expected: expected.to_vec(),
                found,
            });
        }
    }
}

/// The first of the moments that have another shape than their parameter of `module`.
pub(super) fn misshapen<O: Moments<B::InnerBackend>, B: AutodiffBackend, M: Module<B>>(
    module: &M,
    records: impl IntoIterator<Item = (ParamId, AdaptorRecord<O, B>)>,
) -> Option<Misshapen> {
    let mut search = Search::<O, B> {
        records: records.into_iter().collect(),
        found: None,
    };
    module.visit(&mut search);
    search.found
}

const fn rank<O: SimpleOptimizer<B::InnerBackend>, B: AutodiffBackend>(
    record: &AdaptorRecord<O, B>,
) -> usize {
    let AdaptorRecord::V1(record) = record;
    match record {
        AdaptorRecordV1::Rank0(_) => 0,
        AdaptorRecordV1::Rank1(_) => 1,
        AdaptorRecordV1::Rank2(_) => 2,
        AdaptorRecordV1::Rank3(_) => 3,
        AdaptorRecordV1::Rank4(_) => 4,
        AdaptorRecordV1::Rank5(_) => 5,
        AdaptorRecordV1::Rank6(_) => 6,
        AdaptorRecordV1::Rank7(_) => 7,
        AdaptorRecordV1::Rank8(_) => 8,
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::{GradientsParams, Optimizer};
    use wordpaint_models::system;

    use super::super::optimizer::{GroupOptimizer, GroupSettings};
    use super::*;

    type TestBackend = Autodiff<Flex>;

    fn layer(shape: [usize; 2]) -> Linear<TestBackend> {
        LinearConfig::new(shape[0], shape[1]).init(&Default::default())
    }

    fn optimizer(
        kind: system::Optimizer,
        layer: &Linear<TestBackend>,
    ) -> GroupOptimizer<Linear<TestBackend>, TestBackend> {
        let settings = GroupSettings {
            name: "all".into(),
            prefixes: vec![String::new()],
            optimizer: kind,
            schedule: system::Schedule::Constant,
            clip: None,
        };
        let optimizer = GroupOptimizer::new(vec![settings], layer);
        optimizer.enter(&system::Phase::new("a", ["all"]), 0);
        optimizer
    }

    #[test]
    fn moments_of_another_network_are_found_by_the_name_of_their_parameter() {
        let adam = system::Optimizer::Adam {
            lr: 0.1,
            betas: [0.5, 0.9],
            eps: 1e-8,
        };
        let rmsprop = system::Optimizer::Rmsprop {
            lr: 0.1,
            alpha: 0.9,
            eps: 1e-8,
        };
        for kind in [adam, rmsprop] {
            let trained = layer([2, 3]);
            let mut with_moments = optimizer(kind.clone(), &trained);
            let input = Tensor::<TestBackend, 2>::ones([4, 2], &Default::default());
            let loss = trained.forward(input).square().mean();
            let grads = GradientsParams::from_grads(loss.backward(), &trained);
            let trained = with_moments.step(1.0, trained, grads);
            let record = with_moments.to_record();
            let loaded_beside = |layer: &Linear<TestBackend>| {
                let fresh = optimizer(kind.clone(), layer);
                fresh.load_record(record.clone()).misshapen(layer)
            };

            assert_eq!(loaded_beside(&trained), None);
            let problem = loaded_beside(&layer([2, 5])).expect("another network");
            assert!(
                problem.contains("`weight` has the shape [2, 5], its moments have [2, 3]"),
                "{problem}"
            );
        }
    }
}
