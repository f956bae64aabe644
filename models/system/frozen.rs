//! Pretrained networks that are handed to a system.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::component::Description;

/// A network that others are trained with.
pub trait PretrainedNetwork: Any + Clone + Send + Sync {
    /// What is known of it without its weights.
    type Description: Description;

    /// Its sizes and what it expects.
    fn describe(&self) -> Self::Description;
}

/// Frozen networks by their type: neither optimised nor saved with the system. A clone is the same
/// networks.
#[derive(Clone, Default)]
pub struct Frozen(BTreeMap<TypeId, Held>);

#[derive(Clone)]
struct Held {
    key: &'static str,
    network: Arc<dyn Any + Send + Sync>,
}

impl Frozen {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same and `network`, in the place of one of its type.
    #[must_use]
    pub fn with<N: PretrainedNetwork>(mut self, network: N) -> Self {
        let held = Held {
            key: N::Description::KEY,
            network: Arc::new(network),
        };
        self.0.insert(TypeId::of::<N>(), held);
        self
    }

    /// The network of type `N`, where it was handed in.
    pub fn find<N: PretrainedNetwork>(&self) -> Option<&N> {
        let held = self.0.get(&TypeId::of::<N>())?;
        held.network.downcast_ref()
    }

    /// The network of type `N`.
    ///
    /// # Panics
    ///
    /// If it was not handed in: whoever runs a system hands over what its components name.
    pub fn get<N: PretrainedNetwork>(&self) -> &N {
        let (key, of) = (N::Description::KEY, type_name::<N>());
        self.find().unwrap_or_else(|| {
            panic!("`{key}` ({of}) was not handed in; a component of the system has to name it")
        })
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.values().map(|held| held.key);
        f.debug_set().entries(keys).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Net(u8);

    #[derive(Debug)]
    struct Sizes;

    impl Description for Sizes {
        const KEY: &'static str = "net";
    }

    impl PretrainedNetwork for Net {
        type Description = Sizes;

        fn describe(&self) -> Sizes {
            Sizes
        }
    }

    #[test]
    fn a_network_is_found_by_its_type_and_can_be_replaced() {
        let frozen = Frozen::new().with(Net(1));
        let other = frozen.clone().with(Net(2));

        assert_eq!(Frozen::new().find::<Net>(), None);
        assert_eq!((frozen.get::<Net>().0, other.get::<Net>().0), (1, 2));
        assert_eq!(format!("{other:?}"), "{\"net\"}");
    }

    #[test]
    #[should_panic(expected = "`net`")]
    fn what_was_not_handed_in_is_named() {
        let _ = Frozen::new().get::<Net>();
    }
}
