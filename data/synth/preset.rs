//! Sizes of the built-in datasets.

use super::kind::{Kind, unknown};

/// Named sizes, from unit tests to the cardinality of the published sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// 10 classes of 12 images, 80 scenes: end-to-end tests.
    Nano,
    /// 40 classes of 20 birds, 24 classes of 20 flowers, 750 scenes: quickstart.
    Tiny,
    /// 200 classes of 20 birds, 102 classes of 20 flowers, 5,000 scenes.
    Small,
    /// 600 classes of 10 images, 6,000 scenes: so many that colours must be learned, not classes.
    Many,
    /// As many classes and images as CUB-200-2011 (11,788) and Oxford-102 (8,189).
    Full,
}

impl Preset {
    /// All presets, smallest first.
    pub const ALL: [Self; 5] = [Self::Nano, Self::Tiny, Self::Small, Self::Many, Self::Full];

    /// Name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nano => "nano",
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Many => "many",
            Self::Full => "full",
        }
    }

    /// The preset called `name`.
    pub(crate) fn find(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|preset| preset.name() == name);
        found.ok_or_else(|| unknown("preset", name, &Self::ALL.map(Self::name)))
    }

    /// Scenes for training and for testing.
    pub(crate) const fn scenes(self) -> [usize; 2] {
        match self {
            Self::Nano => [64, 16],
            Self::Tiny => [600, 150],
            Self::Small => [4_000, 1_000],
            Self::Many => [4_800, 1_200],
            Self::Full => [20_000, 5_000],
        }
    }

    /// Counts of this preset.
    pub fn counts(self, kind: Kind) -> Counts {
        match (self, kind) {
            (Self::Nano, kind) => Counts::uniform(kind, 10, 12),
            (Self::Tiny, Kind::Birds) => Counts::uniform(kind, 40, 20),
            (Self::Tiny, Kind::Flowers) => Counts::uniform(kind, 24, 20),
            (Self::Small, Kind::Birds) => Counts::uniform(kind, 200, 20),
            (Self::Small, Kind::Flowers) => Counts::uniform(kind, 102, 20),
            (Self::Many, kind) => Counts {
                val: 30,
                test: 70,
                ..Counts::uniform(kind, 600, 10)
            },
            (Self::Full, Kind::Birds) => Counts {
                with_one_more: 188,
                ..Counts::uniform(kind, 200, 58)
            },
            (Self::Full, Kind::Flowers) => Counts {
                with_one_more: 29,
                ..Counts::uniform(kind, 102, 80)
            },
        }
    }
}

/// Classes and images of a dataset, and the sizes of its class-disjoint splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Number of classes.
    pub classes: usize,
    /// Images per class.
    pub per_class: usize,
    /// The first so many classes have one image more.
    pub with_one_more: usize,
    /// Validation classes.
    pub val: usize,
    /// Test classes.
    pub test: usize,
}

impl Counts {
    /// The same number of images in each class. Known class counts are split as published or as
    /// their preset says, others 65 / 15 / 20 %.
    pub(crate) fn uniform(kind: Kind, classes: usize, per_class: usize) -> Self {
        let (val, test) = match (kind, classes) {
            (Kind::Birds, 200) => (50, 50),
            (Kind::Flowers, 102) => (20, 20),
            (Kind::Flowers, 24) => (5, 5),
            _ => ((classes * 3).div_ceil(20), classes.div_ceil(5)),
        };
        Self {
            classes,
            per_class,
            with_one_more: 0,
            val,
            test,
        }
    }

    /// Training classes.
    pub fn train(&self) -> usize {
        self.classes - self.val - self.test
    }

    /// Images of a class.
    pub fn images_of(&self, class: usize) -> usize {
        self.per_class + usize::from(class < self.with_one_more)
    }

    /// Images of all classes.
    pub fn images(&self) -> usize {
        self.classes * self.per_class + self.with_one_more
    }

    /// Class and place in the class of image `index`.
    pub fn locate(&self, index: usize) -> (usize, usize) {
        let larger = self.per_class + 1;
        let head = self.with_one_more * larger;
        if index < head {
            (index / larger, index % larger)
        } else {
            let rest = index - head;
            (
                self.with_one_more + rest / self.per_class,
                rest % self.per_class,
            )
        }
    }

    /// Index of the first image of a class.
    pub fn first_image(&self, class: usize) -> usize {
        class * self.per_class + class.min(self.with_one_more)
    }
}
