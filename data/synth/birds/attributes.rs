//! The sixteen attributes that describe a bird species, and the words captions use for them.

use crate::synth::palette;

/// One of the sixteen attributes; the number is its place in [`Species::values`](super::Species).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Attribute {
    /// Colour of the upperparts.
    Back,
    /// Colour of the wings.
    Wing,
    /// Colour of the underparts.
    Belly,
    /// Colour of the crown.
    Crown,
    /// Marking of the head.
    HeadPattern,
    /// Marking of the underparts.
    BreastPattern,
    /// Marking of the wing.
    WingPattern,
    /// Shape of the bill.
    BillShape,
    /// Length of the bill.
    BillLength,
    /// Colour of the bill.
    BillColour,
    /// Length of the legs.
    LegLength,
    /// Colour of the legs.
    LegColour,
    /// Shape of the tail.
    Tail,
    /// Size of the bird.
    Size,
    /// Colour of the iris.
    Eye,
    /// Usual surroundings.
    Habitat,
}

/// Number of attributes.
pub const ATTRIBUTES: usize = 16;

const COLOURS: [&str; 16] = names(&palette::PALETTE);
const BILL_COLOURS: [&str; 6] = names(&palette::BILL);
const LEG_COLOURS: [&str; 6] = names(&palette::LEG);

const fn names<const N: usize>(table: &[(&'static str, [f32; 3]); N]) -> [&'static str; N] {
    let mut out = [""; N];
    let mut i = 0;
    while i < N {
        out[i] = table[i].0;
        i += 1;
    }
    out
}

impl Attribute {
    /// All attributes in the order of [`Species::values`](super::Species).
    pub const ALL: [Self; ATTRIBUTES] = [
        Self::Back,
        Self::Wing,
        Self::Belly,
        Self::Crown,
        Self::HeadPattern,
        Self::BreastPattern,
        Self::WingPattern,
        Self::BillShape,
        Self::BillLength,
        Self::BillColour,
        Self::LegLength,
        Self::LegColour,
        Self::Tail,
        Self::Size,
        Self::Eye,
        Self::Habitat,
    ];

    /// Name as reports print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Back => "back",
            Self::Wing => "wing",
            Self::Belly => "belly",
            Self::Crown => "crown",
            Self::HeadPattern => "head pattern",
            Self::BreastPattern => "breast pattern",
            Self::WingPattern => "wing pattern",
            Self::BillShape => "bill shape",
            Self::BillLength => "bill length",
            Self::BillColour => "bill colour",
            Self::LegLength => "leg length",
            Self::LegColour => "leg colour",
            Self::Tail => "tail",
            Self::Size => "size",
            Self::Eye => "eye",
            Self::Habitat => "habitat",
        }
    }

    /// Value names in index order.
    pub fn values(self) -> &'static [&'static str] {
        match self {
            Self::Back | Self::Wing | Self::Crown => &COLOURS[..13],
            Self::Belly => &COLOURS,
            Self::HeadPattern => &["plain", "mask", "eyebrow", "crest", "eyering"],
            Self::BreastPattern => &["plain", "streaked", "spotted", "band"],
            Self::WingPattern => &["plain", "bars", "patch"],
            Self::BillShape => &["cone", "hooked", "needle", "dagger", "flat"],
            Self::BillLength => &["short", "medium", "long"],
            Self::BillColour => &BILL_COLOURS,
            Self::LegLength => &["short", "long"],
            Self::LegColour => &LEG_COLOURS,
            Self::Tail => &["short", "long", "forked", "fan"],
            Self::Size => &["small", "medium", "large"],
            Self::Eye => &["black", "red", "yellow"],
            Self::Habitat => &["branch", "grass", "sand", "water", "snow", "sky"],
        }
    }

    /// Phrases a caption may use for a value; empty where captions leave the value out.
    ///
    /// Phrases of [`Attribute::HeadPattern`] and [`Attribute::WingPattern`] carry their article.
    pub fn phrases(self, value: u8) -> &'static [&'static str] {
        let name = self.values()[usize::from(value)];
        match (self, name) {
            (
                Self::Back
                | Self::Wing
                | Self::Belly
                | Self::Crown
                | Self::BillColour
                | Self::LegColour
                | Self::Eye,
                colour,
            ) => palette::synonyms(colour),
            (Self::HeadPattern, "mask") => &[
                "a black mask over its eyes",
                "a dark stripe through the eye",
                "a black eye mask",
            ],
            (Self::HeadPattern, "eyebrow") => &[
                "a white eyebrow",
                "a pale stripe above the eye",
                "white superciliary lines",
            ],
            (Self::HeadPattern, "crest") => &[
                "a tall crest",
                "a pointed crest on its head",
                "a raised tuft of feathers",
            ],
            (Self::HeadPattern, "eyering") => &[
                "a white eye ring",
                "pale rings around its eyes",
                "a white ring circling the eye",
            ],
            (Self::BreastPattern, "plain") => &["plain", "unmarked"],
            (Self::BreastPattern, "streaked") => &["streaked", "striped", "dark-streaked"],
            (Self::BreastPattern, "spotted") => &["spotted", "speckled", "dotted"],
            (Self::BreastPattern, _) => &["black-banded", "band-crossed"],
            (Self::WingPattern, "bars") => &["two white wing bars", "white bars on the wing"],
            (Self::WingPattern, "patch") => &["a pale wing patch", "a white patch on its wing"],
            (Self::BillShape, "cone") => &[
                "cone shaped bill",
                "thick conical beak",
                "stubby seed-cracking beak",
            ],
            (Self::BillShape, "hooked") => {
                &["hooked bill", "curved hooked beak", "down-curved beak"]
            }
            (Self::BillShape, "needle") => &[
                "needle-like bill",
                "long thin beak",
                "very slender pointed bill",
            ],
            (Self::BillShape, "dagger") => {
                &["pointed bill", "dagger shaped beak", "straight sharp beak"]
            }
            (Self::BillShape, _) => &["flat bill", "broad flattened beak", "duck-like bill"],
            (Self::LegLength, "short") => &["short", "small"],
            (Self::LegLength, _) => &["long", "slender"],
            (Self::Tail, "short") => &["short tail", "stubby tail"],
            (Self::Tail, "long") => &["long tail", "very long tail"],
            (Self::Tail, "forked") => &["forked tail", "deeply notched tail"],
            (Self::Tail, _) => &["fan shaped tail", "spread tail"],
            (Self::Size, "small") => &["small", "tiny", "little"],
            (Self::Size, "medium") => &["medium sized", "mid-sized"],
            (Self::Size, _) => &["large", "big", "stocky"],
            (Self::HeadPattern | Self::WingPattern | Self::BillLength | Self::Habitat, _) => &[],
        }
    }
}

/// Names of the sixteen attributes in index order.
pub fn attribute_names() -> [&'static str; ATTRIBUTES] {
    Attribute::ALL.map(Attribute::name)
}

/// Value names of attribute `index` (0 to 15), in value order.
pub fn attribute_values(index: usize) -> &'static [&'static str] {
    Attribute::ALL[index].values()
}
