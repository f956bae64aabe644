//! Names of the layers that can be tapped.

use std::fmt;
use std::str::FromStr;

/// A layer of Inception-v3 in forward order, named as in torchvision; the two max pools of the stem
/// are `pool1` and `pool2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layer(usize);

const NAMES: [&str; 18] = [
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "pool1",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
    "pool2",
    "Mixed_5b",
    "Mixed_5c",
    "Mixed_5d",
    "Mixed_6a",
    "Mixed_6b",
    "Mixed_6c",
    "Mixed_6d",
    "Mixed_6e",
    "Mixed_7a",
    "Mixed_7b",
    "Mixed_7c",
];

impl Layer {
    /// 192 channels: the second block of `pytorch-fid`.
    pub const POOL2: Self = Self(6);
    /// 768 channels at a sixteenth of the size: the regions of DAMSM.
    pub const MIXED_6E: Self = Self(14);
    /// 2048 channels, averaged for `pool3`.
    pub const MIXED_7C: Self = Self(17);

    /// Every layer.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..NAMES.len()).map(Self)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[self.0])
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().position(|known| *known == name);
        found.map(Self).ok_or_else(|| {
            format!(
                "`{name}` is no layer of Inception-v3; expected one of {}",
                NAMES.join(", ")
            )
        })
    }
}
