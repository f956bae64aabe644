//! Convolutions the families are made of, in the quick and in the published form.

use super::conv::{Conv, Pass};

/// A family, its image size, and one of its convolutions: batch, channels, side of the input,
/// kernel.
type Row = (&'static str, usize, [usize; 2], usize, Form);

#[derive(Clone, Copy)]
enum Form {
    /// Stride 1, odd kernel, same size.
    Keep(usize),
    /// Kernel 4, stride 2, padding 1.
    Halve,
    /// Transposed, kernel 4, stride 2, padding 1.
    Double,
}

use Form::{Double, Halve, Keep};

/// One entry per kind of layer; where a published batch is too much for a CPU it is smaller.
const ROWS: [Row; 38] = [
    // The mirrored stack and its teacher, quick: 64 px, batch 12.
    ("sdn 64", 12, [3, 16], 64, Keep(3)),
    ("sdn 64", 12, [16, 16], 64, Keep(3)),
    ("sdn 64", 12, [32, 32], 32, Keep(3)),
    ("sdn 64", 12, [64, 64], 16, Keep(3)),
    ("sdn 64", 12, [64, 64], 4, Keep(3)),
    // VGG19 and its mirror, 224 px.
    ("sdn 224", 2, [3, 64], 224, Keep(3)),
    ("sdn 224", 2, [64, 64], 224, Keep(3)),
    ("sdn 224", 2, [64, 3], 224, Keep(3)),
    ("sdn 224", 4, [64, 64], 112, Keep(3)),
    ("sdn 224", 2, [128, 128], 112, Keep(3)),
    ("sdn 224", 2, [256, 256], 56, Keep(3)),
    ("sdn 224", 2, [512, 512], 28, Keep(3)),
    ("sdn 224", 2, [512, 512], 14, Keep(3)),
    // 64 px, quick of 16 and published of 64 samples.
    ("gan-int-cls 64", 16, [16, 32], 32, Halve),
    ("gan-int-cls 64", 64, [3, 64], 64, Halve),
    ("gan-int-cls 64", 64, [64, 128], 32, Halve),
    ("gan-int-cls 64", 64, [256, 512], 8, Halve),
    ("gan-int-cls 64", 64, [640, 512], 4, Keep(1)),
    ("gan-int-cls 64", 64, [128, 128], 4, Keep(3)),
    ("gan-int-cls 64", 64, [1024, 512], 4, Double),
    ("gan-int-cls 64", 64, [256, 128], 16, Double),
    ("gan-int-cls 64", 64, [128, 3], 32, Double),
    // Affine blocks of width 32, and the discriminator of width 64.
    ("df-gan 64", 16, [256, 256], 16, Keep(3)),
    ("df-gan 64", 16, [64, 32], 64, Keep(3)),
    ("df-gan 256", 4, [256, 256], 32, Keep(3)),
    ("df-gan 256", 2, [32, 32], 256, Keep(3)),
    ("df-gan 256", 2, [64, 32], 256, Keep(1)),
    // Width 64; the mask heads have 100 channels.
    ("ssa-gan 256", 2, [512, 100], 32, Keep(3)),
    ("ssa-gan 256", 2, [256, 128], 128, Keep(3)),
    ("ssa-gan 256", 1, [128, 64], 256, Keep(3)),
    ("ssa-gan 256", 4, [64, 128], 64, Halve),
    ("ssa-gan 256", 2, [64, 128], 256, Halve),
    ("ssa-gan 256", 4, [1024, 1024], 8, Halve),
    // Gated blocks of width 32 at three sizes, discriminators of width 64.
    ("attngan 64", 10, [512, 512], 8, Keep(3)),
    ("attngan 64", 10, [768, 512], 4, Keep(3)),
    ("attngan 128", 4, [64, 128], 64, Keep(3)),
    ("attngan 256", 2, [64, 64], 128, Keep(3)),
    ("attngan 256", 2, [32, 3], 256, Keep(3)),
];

/// Every convolution in every pass with the family it belongs to.
pub(super) fn shapes() -> impl Iterator<Item = (&'static str, Conv)> {
    ROWS.into_iter()
        .flat_map(|row| Pass::ALL.map(|pass| (row.0, conv(row, pass))))
}

fn conv((_, batch, channels, size, form): Row, pass: Pass) -> Conv {
    let (kernel, stride, padding) = match form {
        Keep(kernel) => (kernel, 1, (kernel - 1) / 2),
        Halve | Double => (4, 2, 1),
    };
    Conv {
        batch,
        channels,
        size,
        kernel,
        stride,
        padding,
        is_transposed: matches!(form, Double),
        pass,
    }
}
