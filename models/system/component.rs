//! The networks of a system: where each comes from, who needs it, and what it costs.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::Serialize;

use super::check::Problem;
use super::plan::{Group, Plan};
use crate::nn::cost::Cost;

/// One network of a system.
#[derive(Debug, Clone)]
pub struct Component {
    /// Name for people, mostly the field of the system's module (`generator`, `discriminators.0`).
    pub name: String,
    /// Prefix of its parameters in the system's module (`generator.`); empty where it is the whole
    /// system.
    pub path: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether images cannot be made without it.
    pub is_for_generation: bool,
    /// Decay of its averaged parameters, where the system publishes averaged weights.
    pub ema: Option<f64>,
    /// Size of its layers.
    pub size: Size,
    /// Forward-equivalents of it in one training iteration per sample (a backward pass counts as
    /// two, a backward pass to the input only as one).
    pub passes: f64,
    /// How often its feature maps are held at a time, for the backward pass or, where there is none,
    /// the part of them that is.
    pub kept: f64,
}

/// Where a network comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Drawn anew, part of the system and of its checkpoints.
    Own,
    /// Taken over from a pretrained network when a run begins, then as [`Self::Own`].
    InitialisedFrom(Pretrained),
    /// Handed in: neither trained nor saved.
    Frozen(Pretrained),
}

/// Size of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// Sum over its layers.
    Layers(Cost),
    /// That of the networks so called in the training that the pretrained network comes from.
    Of(&'static [&'static str]),
}

/// What is known of a pretrained network without its weights: its sizes and what it expects.
pub trait Description: Any + Debug + Send + Sync {
    /// What networks of this kind are called (`vgg`): the key of their settings.
    const KEY: &'static str;
}

/// What a system asks of a pretrained network.
#[derive(Clone)]
pub struct Pretrained {
    /// Kind of network, [`Description::KEY`].
    pub key: &'static str,
    wanted: Option<Arc<dyn Any + Send + Sync>>,
    check: Arc<Check>,
}

type Check = dyn Fn(&dyn Any) -> Result<(), Problem> + Send + Sync;

impl Pretrained {
    /// A network of this kind; `check` is asked whether the one that is there fits.
    pub fn new<D: Description>(
        check: impl Fn(&D) -> Result<(), Problem> + Send + Sync + 'static,
    ) -> Self {
        Self {
            key: D::KEY,
            wanted: None,
            check: Arc::new(move |found| check(described(found))),
        }
    }

    /// The same, which should be as `wanted`.
    #[must_use]
    pub fn like<D: Description>(self, wanted: D) -> Self {
        Self {
            wanted: Some(Arc::new(wanted)),
            ..self
        }
    }

    /// What it should be like, where that is known.
    ///
    /// # Panics
    ///
    /// If it is of another kind.
    pub fn wanted<D: Description>(&self) -> Option<&D> {
        self.wanted.as_deref().map(|wanted| described(wanted))
    }

    /// Whether a network that is there fits.
    ///
    /// # Errors
    ///
    /// Names the setting that does not fit it.
    ///
    /// # Panics
    ///
    /// If it is of another kind.
    pub fn check<D: Description>(&self, found: &D) -> Result<(), Problem> {
        (self.check)(found)
    }
}

fn described<D: Description>(description: &dyn Any) -> &D {
    let found = description.downcast_ref();
    found.unwrap_or_else(|| panic!("a pretrained network is no `{}`", D::KEY))
}

impl Debug for Pretrained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pretrained").field(&self.key).finish()
    }
}

impl Component {
    /// A network of the system itself, which generating needs.
    pub fn own(name: impl Into<String>, cost: Cost, passes: f64) -> Self {
        Self::of(name, Origin::Own, Size::Layers(cost), passes)
    }

    /// A frozen network that only training needs; its maps are not held.
    pub fn frozen(
        name: impl Into<String>,
        pretrained: Pretrained,
        size: Size,
        passes: f64,
    ) -> Self {
        Self {
            is_for_generation: false,
            ..Self::of(name, Origin::Frozen(pretrained), size, passes)
        }
    }

    /// The system as a whole.
    pub fn whole(name: impl Into<String>, cost: Cost, passes: f64) -> Self {
        Self {
            path: String::new(),
            ..Self::own(name, cost, passes)
        }
    }

    fn of(name: impl Into<String>, origin: Origin, size: Size, passes: f64) -> Self {
        let name = name.into();
        Self {
            path: format!("{name}."),
            name,
            origin,
            is_for_generation: true,
            ema: None,
            size,
            passes,
            kept: 1.0,
        }
    }

    /// The same, taken over from a pretrained network when a run begins.
    #[must_use]
    pub fn initialised_from(self, pretrained: Pretrained) -> Self {
        Self {
            origin: Origin::InitialisedFrom(pretrained),
            ..self
        }
    }

    /// The same, which only training needs.
    #[must_use]
    pub fn for_training(self) -> Self {
        Self {
            is_for_generation: false,
            ..self
        }
    }

    /// The same with parameters averaged with `decay`; 0 keeps no average.
    #[must_use]
    pub fn averaged(self, decay: f64) -> Self {
        Self {
            ema: (decay > 0.0).then_some(decay),
            ..self
        }
    }

    /// The same, whose feature maps are held `times` times.
    #[must_use]
    pub fn kept(self, times: f64) -> Self {
        Self {
            kept: times,
            ..self
        }
    }

    /// The pretrained network it is or begins as.
    pub const fn pretrained(&self) -> Option<&Pretrained> {
        match &self.origin {
            Origin::Own => None,
            Origin::InitialisedFrom(pretrained) | Origin::Frozen(pretrained) => Some(pretrained),
        }
    }

    /// Whether it is handed in.
    pub const fn is_frozen(&self) -> bool {
        matches!(self.origin, Origin::Frozen(_))
    }

    /// Whether it has parameters of `group`.
    pub fn is_of(&self, group: &Group) -> bool {
        let (path, mut prefixes) = (self.path.as_str(), group.prefixes.iter());
        !self.is_frozen() && prefixes.any(|of| path.starts_with(of) || of.starts_with(path))
    }

    /// Whether `plan` trains it.
    pub fn is_trained(&self, plan: &Plan) -> bool {
        plan.groups.iter().any(|group| self.is_of(group))
    }
}

/// Size of one network and what training does with it, for `wordpaint show`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkCost {
    /// Name of the component, or of the part of it.
    pub name: String,
    /// Number of parameters.
    pub parameters: usize,
    /// Multiply-accumulates of one forward pass of one image (or caption).
    pub macs: f64,
    /// Values kept for the backward pass of one image, all feature maps summed.
    pub activations: f64,
    /// As [`Component::passes`].
    pub passes: f64,
    /// As [`Component::kept`].
    pub kept: f64,
    /// Whether it is not trained.
    pub is_frozen: bool,
}

impl NetworkCost {
    /// What `component` costs under `plan`; `None` where its size is that of what is handed in.
    pub fn of(component: &Component, plan: &Plan) -> Option<Self> {
        let Size::Layers(cost) = component.size else {
            return None;
        };
        Some(Self {
            name: component.name.clone(),
            parameters: cost.parameters,
            macs: cost.macs,
            activations: cost.activations,
            passes: component.passes,
            kept: component.kept,
            is_frozen: !component.is_trained(plan),
        })
    }

    /// What those of the `components` cost under `plan` whose sizes are known.
    pub fn known(components: &[Component], plan: &Plan) -> Vec<Self> {
        let components = components.iter();
        components
            .filter_map(|component| Self::of(component, plan))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Width(usize);

    impl Description for Width {
        const KEY: &'static str = "width";
    }

    #[derive(Debug)]
    struct Depth;

    impl Description for Depth {
        const KEY: &'static str = "depth";
    }

    fn wide() -> Pretrained {
        let check = |found: &Width| match found {
            Width(3) => Ok(()),
            Width(other) => Err(Problem::new("width", format!("is {other}"))),
        };
        Pretrained::new(check).like(Width(3))
    }

    #[test]
    fn a_pretrained_network_is_checked_by_its_description() {
        assert_eq!(wide().key, "width");
        assert_eq!(wide().wanted::<Width>().map(|wanted| wanted.0), Some(3));
        assert!(wide().check(&Width(3)).is_ok());
        assert_eq!(wide().check(&Width(4)), Err(Problem::new("width", "is 4")));
    }

    #[test]
    #[should_panic(expected = "a pretrained network is no `depth`")]
    fn another_kind_of_network_is_noticed() {
        let _ = wide().wanted::<Depth>();
    }
}
