//! Addresses of the built-in datasets: `synth:birds?preset=tiny&size=64&seed=7`.

use super::kind::{Kind, SplitMode, unknown};
use super::preset::{Counts, Preset};
use crate::DataError;

/// Pictures can be this small or large, in pixels.
pub const SIZES: std::ops::RangeInclusive<u32> = 16..=1024;
/// Class counts that leave at least one class for each split.
const CLASSES: std::ops::RangeInclusive<usize> = 3..=999;
const PER_CLASS: std::ops::RangeInclusive<usize> = 1..=9999;
const KEYS: [&str; 9] = [
    "preset",
    "classes",
    "per_class",
    "size",
    "seed",
    "pose",
    "split",
    "label_noise",
    "caption_noise",
];

/// How freely an object stands in its picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PoseMode {
    /// Side, place, turn and size vary, and no caption says how.
    #[default]
    Varied,
    /// Every object in one place, seen from one side, as faces are aligned in other fields: what is
    /// left to vary is what captions name, and about one part in a hundred.
    Aligned,
}

impl PoseMode {
    const NAMES: [&str; 2] = ["varied", "aligned"];

    /// Name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Varied => "varied",
            Self::Aligned => "aligned",
        }
    }

    /// The value of `pose=` in an address; varied where it says nothing.
    pub(crate) fn read(value: Option<&str>) -> Result<Self, String> {
        match value {
            None | Some("varied") => Ok(Self::Varied),
            Some("aligned") => Ok(Self::Aligned),
            Some(name) => Err(unknown("pose", name, &Self::NAMES)),
        }
    }

    /// The option as it stands in an address in normal form, which leaves the default out.
    pub(crate) fn option(self) -> Option<String> {
        (self != Self::default()).then(|| format!("pose={}", self.name()))
    }
}

/// Everything that decides the content of a built-in dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthSpec {
    /// The generator.
    pub kind: Kind,
    /// The preset, if one was named.
    pub preset: Option<Preset>,
    /// Classes, images and sizes of the class splits.
    pub counts: Counts,
    /// Side of a picture in pixels.
    pub size: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// How freely the objects stand.
    pub pose: PoseMode,
    /// Division into splits.
    pub split: SplitMode,
    /// Share of images with a wrong class, 0 to 1.
    pub label_noise: f32,
    /// Share of captions taken from another class, 0 to 1.
    pub caption_noise: f32,
}

impl SynthSpec {
    /// Reads an address; every key and value is checked.
    pub fn parse(uri: &str) -> Result<Self, DataError> {
        Self::read(uri).map_err(|message| DataError::Uri {
            uri: uri.to_owned(),
            message,
        })
    }

    fn read(uri: &str) -> Result<Self, String> {
        let rest = uri
            .strip_prefix("synth:")
            .ok_or("expected an address `synth:birds?...`")?;
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        let kind = match name {
            "birds" => Kind::Birds,
            "flowers" => Kind::Flowers,
            _ => return Err(unknown("generator", name, &Kind::NAMES)),
        };
        let [
            preset,
            classes,
            per_class,
            size,
            seed,
            pose,
            split,
            label_noise,
            caption_noise,
        ] = options(query, &KEYS)?;
        let preset = preset.map(Preset::find).transpose()?;
        if preset.is_some() && (classes.is_some() || per_class.is_some()) {
            return Err("give either `preset` or `classes` and `per_class`, not both".to_owned());
        }
        let counts = match (preset, classes, per_class) {
            (Some(preset), _, _) => preset.counts(kind),
            (None, None, None) => Preset::Tiny.counts(kind),
            (None, classes, per_class) => {
                let default = Preset::Tiny.counts(kind).classes;
                let classes = number("classes", classes, default, &CLASSES)?;
                Counts::uniform(
                    kind,
                    classes,
                    number("per_class", per_class, 20, &PER_CLASS)?,
                )
            }
        };
        let split = match split {
            None | Some("class-disjoint") => SplitMode::ClassDisjoint,
            Some("compositional") => SplitMode::Compositional,
            Some("per-image") => SplitMode::PerImage,
            Some(name) => return Err(unknown("split", name, &SplitMode::NAMES)),
        };
        Ok(Self {
            kind,
            preset,
            counts,
            size: number("size", size, 64, &SIZES)?,
            seed: number("seed", seed, 7, &(0..=u64::MAX))?,
            pose: PoseMode::read(pose)?,
            split,
            label_noise: share("label_noise", label_noise)?,
            caption_noise: share("caption_noise", caption_noise)?,
        })
    }

    /// The address in normal form: options in a fixed order, defaults of the last four left out.
    pub fn uri(&self) -> String {
        let counts = match self.preset {
            Some(preset) => format!("preset={}", preset.name()),
            None => {
                format!(
                    "classes={}&per_class={}",
                    self.counts.classes, self.counts.per_class
                )
            }
        };
        self.with_options(&counts)
    }

    /// What decides the content, whatever way it was asked for.
    pub(crate) fn identity(&self) -> String {
        self.with_options(&format!("{:?}", self.counts))
    }

    fn with_options(&self, counts: &str) -> String {
        let mut options = vec![
            counts.to_owned(),
            format!("size={}", self.size),
            format!("seed={}", self.seed),
        ];
        options.extend(self.pose.option());
        if self.split != SplitMode::ClassDisjoint {
            options.push(format!("split={}", self.split.name()));
        }
        let shares = [
            ("label_noise", self.label_noise),
            ("caption_noise", self.caption_noise),
        ];
        options.extend(
            shares
                .iter()
                .filter(|(_, p)| *p > 0.0)
                .map(|(key, p)| format!("{key}={p}")),
        );
        format!("synth:{}?{}", self.kind.name(), options.join("&"))
    }
}

/// Values of `keys` in the query `key=value&...` of an address.
pub(crate) fn options<'a, const N: usize>(
    query: &'a str,
    keys: &[&str; N],
) -> Result<[Option<&'a str>; N], String> {
    let mut values = [None; N];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` is not `key=value`"))?;
        let slot = keys.iter().position(|k| *k == key);
        let slot = slot.ok_or_else(|| unknown("key", key, keys))?;
        if values[slot].replace(value).is_some() {
            return Err(format!("`{key}` is given twice"));
        }
    }
    Ok(values)
}

/// The whole number under `key`, or the default; out of range is an error.
pub(crate) fn number<T>(
    key: &str,
    value: Option<&str>,
    default: T,
    range: &std::ops::RangeInclusive<T>,
) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = value else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|n| range.contains(n))
        .ok_or_else(|| {
            format!(
                "`{key}={text}` is not a whole number from {} to {}",
                range.start(),
                range.end()
            )
        })
}

pub(crate) fn share(key: &str, value: Option<&str>) -> Result<f32, String> {
    let Some(text) = value else { return Ok(0.0) };
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("`{key}={text}` is not a share from 0 to 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(uri: &str) -> String {
        SynthSpec::parse(uri)
            .expect_err("the address is wrong")
            .to_string()
    }

    #[test]
    fn normal_form_parses_to_the_same_specification() {
        for uri in [
            "synth:birds",
            "synth:birds?seed=9&classes=40&per_class=20",
            "synth:flowers?preset=full&size=256",
            "synth:birds?label_noise=0.2&split=compositional&caption_noise=0.35",
            "synth:birds?pose=aligned&preset=many",
            "synth:birds?preset=many&split=compositional",
            "synth:flowers?preset=many",
        ] {
            let spec = SynthSpec::parse(uri).expect("the address is right");
            assert_eq!(
                SynthSpec::parse(&spec.uri()).expect("normal form"),
                SynthSpec {
                    preset: SynthSpec::parse(&spec.uri()).expect("normal form").preset,
                    ..spec
                }
            );
        }
    }

    #[test]
    fn unknown_words_name_what_is_accepted_and_the_nearest() {
        let text = message("synth:birds?clases=4");
        assert!(text.contains("did you mean `classes`?"), "{text}");
        assert!(
            text.contains("`per_class`") && text.contains("`caption_noise`"),
            "{text}"
        );
        assert!(message("synth:birds?preset=tinny").contains("did you mean `tiny`?"));
        assert!(message("synth:bird").contains("did you mean `birds`?"));
        assert!(message("synth:birds?split=per_image").contains("did you mean `per-image`?"));
        assert!(message("synth:birds?pose=alined").contains("did you mean `aligned`?"));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert!(message("synth:birds?size=8").contains("from 16 to 1024"));
        assert!(message("synth:birds?classes=2").contains("from 3 to 999"));
        assert!(message("synth:birds?label_noise=1.5").contains("from 0 to 1"));
        assert!(message("synth:birds?label_noise=NaN").contains("from 0 to 1"));
        assert!(message("synth:birds?seed=7&seed=8").contains("twice"));
        assert!(message("synth:birds?seed").contains("key=value"));
        assert!(message("synth:birds?preset=tiny&classes=4").contains("not both"));
        assert!(message("cub:/data").contains("synth:birds"));
    }
}
