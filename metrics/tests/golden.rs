//! Golden files of the metrics: sizes and contents are read from the files.

use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use wordpaint_metrics::ssim::ssim_map;
use wordpaint_metrics::{Fsim, Plane, Rgb8, Ssim, ssim, ssim_rgb};

/// Bytes of a golden file, or `None` (with a note) where the folder is missing and not required.
fn golden(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("WORDPAINT_GOLDEN").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden"),
        PathBuf::from,
    );
    let path = folder.join(format!("{name}.safetensors"));
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if std::env::var("WORDPAINT_REQUIRE_GOLDEN").is_ok_and(|v| v == "1") => {
            panic!("golden file {} is required: {error}", path.display())
        }
        Err(error) => {
            eprintln!("skipped: golden file {}: {error}", path.display());
            None
        }
    }
}

struct Images {
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<u8>,
}

impl Images {
    fn read(file: &SafeTensors<'_>, key: &str) -> Self {
        let view = file.tensor(key).expect(key);
        assert_eq!(view.dtype(), Dtype::U8, "{key}");
        let &[_, height, width, channels] = view.shape() else {
            panic!("{key}: not NHWC")
        };
        Self {
            width,
            height,
            channels,
            data: view.data().to_vec(),
        }
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        self.data
            .chunks_exact(self.width * self.height * self.channels)
    }

    fn colour<'a>(&self, data: &'a [u8]) -> Rgb8<'a> {
        Rgb8::new(self.width, self.height, data).expect("three channels")
    }

    fn gray(&self, data: &[u8]) -> Plane {
        let data = data.iter().map(|&v| f64::from(v)).collect();
        Plane::new(self.width, self.height, data).expect("one channel")
    }
}

fn floats(file: &SafeTensors<'_>, key: &str) -> (Vec<usize>, Vec<f64>) {
    let view = file.tensor(key).expect(key);
    assert_eq!(view.dtype(), Dtype::F32, "{key}");
    let bytes = view.data().chunks_exact(4);
    let values = bytes.map(|b| f64::from(f32::from_le_bytes(b.try_into().expect("four bytes"))));
    (view.shape().to_vec(), values.collect())
}

fn compare(file: &SafeTensors<'_>, key: &str, got: &[f64], tolerance: f64) {
    let (_, expected) = floats(file, key);
    assert_eq!(expected.len(), got.len(), "{key}: number of values");
    for (i, (e, g)) in expected.iter().zip(got).enumerate() {
        assert!(
            (e - g).abs() <= tolerance,
            "{key}[{i}]: expected {e}, got {g}"
        );
    }
}

#[test]
fn metrics_ssim_fsim() {
    let Some(bytes) = golden("metrics_ssim_fsim") else {
        return;
    };
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");

    for prefix in ["", "odd_"] {
        let x = Images::read(&file, &format!("in/{prefix}x"));
        let y = Images::read(&file, &format!("in/{prefix}y"));
        let over_pairs = |score: &dyn Fn(Rgb8<'_>, Rgb8<'_>) -> f64| -> Vec<f64> {
            x.each()
                .zip(y.each())
                .map(|(a, b)| score(x.colour(a), y.colour(b)))
                .collect()
        };
        let rgb = |variant| over_pairs(&|a, b| ssim_rgb(a, b, variant).expect("large enough"));
        let luma = over_pairs(&|a, b| ssim(&a.luma(), &b.luma(), Ssim::Gaussian).expect("large"));
        let fsim = Fsim::new(x.width, x.height).expect("large enough");
        let gray = over_pairs(&|a, b| fsim.score(a, b).expect("one size").fsim);
        let colour = over_pairs(&|a, b| fsim.score(a, b).expect("one size").fsimc);

        let key = |name: &str| format!("out/{prefix}{name}");
        compare(&file, &key("ssim_gaussian_rgb"), &rgb(Ssim::Gaussian), 1e-5);
        compare(&file, &key("ssim_valid_rgb"), &rgb(Ssim::Gaussian), 1e-5);
        compare(&file, &key("ssim_uniform7_rgb"), &rgb(Ssim::Uniform7), 1e-5);
        compare(
            &file,
            &key("ssim_valid_downsampled_rgb"),
            &rgb(Ssim::Downsampled),
            1e-5,
        );
        compare(&file, &key("ssim_gaussian_luma"), &luma, 1e-5);
        compare(&file, &key("fsim_original"), &gray, 1e-6);
        compare(&file, &key("fsimc_original"), &colour, 1e-6);
        // The second witness has another epsilon and median; its colour term differs by design.
        compare(&file, &key("fsim"), &gray, 1e-4);
        compare(&file, &key("fsimc"), &colour, 2e-3);
    }

    large_gray_pair(&file);
    intermediate_maps(&file);
}

fn large_gray_pair(file: &SafeTensors<'_>) {
    let (x, y) = (
        Images::read(file, "in/big_gray_x"),
        Images::read(file, "in/big_gray_y"),
    );
    let pairs: Vec<_> = x
        .each()
        .zip(y.each())
        .map(|(a, b)| (x.gray(a), y.gray(b)))
        .collect();
    let score = |f: &dyn Fn(&Plane, &Plane) -> f64| -> Vec<f64> {
        pairs.iter().map(|(a, b)| f(a, b)).collect()
    };
    let plain = score(&|a, b| ssim(a, b, Ssim::Gaussian).expect("large enough"));
    let shrunk = score(&|a, b| ssim(a, b, Ssim::Downsampled).expect("large enough"));
    let fsim = Fsim::new(x.width, x.height).expect("large enough");
    let feature = score(&|a, b| fsim.score_gray(a, b).expect("one size"));
    compare(file, "out/big_gray_ssim_gaussian_luma", &plain, 1e-5);
    compare(file, "out/big_gray_ssim_valid_gray", &plain, 1e-5);
    compare(
        file,
        "out/big_gray_ssim_valid_downsampled_gray",
        &shrunk,
        1e-5,
    );
    compare(file, "out/big_gray_fsim_original", &feature, 1e-6);
    compare(file, "out/big_gray_fsim", &feature, 1e-4);
}

/// SSIM map (without the border, where the window does not fit) and phase congruency of pair 1.
fn intermediate_maps(file: &SafeTensors<'_>) {
    let (x, y) = (Images::read(file, "in/x"), Images::read(file, "in/y"));
    let a = x.colour(x.each().nth(1).expect("pair 1")).luma();
    let b = y.colour(y.each().nth(1).expect("pair 1")).luma();

    let map = ssim_map(&a, &b, Ssim::Gaussian).expect("large enough");
    let (shape, expected) = floats(file, "out/pair1_ssim_map_gaussian_luma");
    let (width, border) = (shape[1], (shape[1] - map.size().0) / 2);
    for (i, got) in map.values().iter().enumerate() {
        let (column, row) = (i % map.size().0 + border, i / map.size().0 + border);
        let expected = expected[row * width + column];
        assert!(
            (got - expected).abs() < 1e-5,
            "map[{row}, {column}]: {expected}, got {got}"
        );
    }

    let fsim = Fsim::new(x.width, x.height).expect("large enough");
    let phase = fsim.phase_congruency(&a).expect("one size");
    compare(file, "out/pair1_pc_x_original", phase.values(), 1e-6);
    compare(file, "out/pair1_pc_x", phase.values(), 5e-4);
    let phase = fsim.phase_congruency(&b).expect("one size");
    compare(file, "out/pair1_pc_y", phase.values(), 5e-4);
}
