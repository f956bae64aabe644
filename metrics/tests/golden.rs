//! Golden files of the metrics: sizes and contents are read from the files.

use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use wordpaint_metrics::kid::{Estimator, Subset, mmd2, mmd2_rows};
use wordpaint_metrics::prdc::radii;
use wordpaint_metrics::r_precision::{FoldRule, cosine, folds, retrieve};
use wordpaint_metrics::ssim::ssim_map;
use wordpaint_metrics::{
    Fsim, GaussianStats, InceptionScore, InceptionScores, Matrix, Neighbourhood, Plane, Ranking,
    Rankings, Rgb8, SplitRule, Ssim, Tie, frechet_distance, kid, prdc, ssim, ssim_rgb,
};

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

/// Rows in the file's own `f32`.
struct Table {
    rows: usize,
    columns: usize,
    data: Vec<f32>,
}

impl Table {
    fn read(file: &SafeTensors<'_>, key: &str) -> Self {
        let (shape, data) = floats(file, key);
        let &[rows, columns] = shape.as_slice() else {
            panic!("{key}: not a matrix")
        };
        Self {
            rows,
            columns,
            data: data.iter().map(|&v| v as f32).collect(),
        }
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(&self.data, self.columns).expect("whole rows")
    }

    fn stats(&self, rows: std::ops::Range<usize>) -> wordpaint_metrics::Gaussian {
        let mut stats = GaussianStats::new(self.columns);
        let part = &self.data[rows.start * self.columns..rows.end * self.columns];
        stats.push(part).expect("finite");
        stats.finish().expect("two rows")
    }
}

fn indices(file: &SafeTensors<'_>, key: &str) -> (Vec<usize>, Vec<usize>) {
    let view = file.tensor(key).expect(key);
    assert_eq!(view.dtype(), Dtype::I32, "{key}");
    let bytes = view.data().chunks_exact(4);
    let values = bytes.map(|b| i32::from_le_bytes(b.try_into().expect("four bytes")));
    let values = values
        .map(|v| usize::try_from(v).expect("an index"))
        .collect();
    (view.shape().to_vec(), values)
}

/// Every value within `tolerance` times its magnitude, or `floor`.
fn compare_relative(file: &SafeTensors<'_>, key: &str, got: &[f64], tolerance: f64, floor: f64) {
    let (_, expected) = floats(file, key);
    assert_eq!(expected.len(), got.len(), "{key}: number of values");
    for (i, (e, g)) in expected.iter().zip(got).enumerate() {
        assert!(
            (e - g).abs() <= (tolerance * e.abs()).max(floor),
            "{key}[{i}]: expected {e}, got {g}"
        );
    }
}

#[test]
fn metrics_fid_from_features() {
    let Some(bytes) = golden("metrics_fid_from_features") else {
        return;
    };
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let table = |name: &str| Table::read(&file, &format!("in/features_{name}"));
    let (real, fake, small) = (table("real"), table("fake"), table("small"));
    let all = |table: &Table| table.stats(0..table.rows);
    let (r, f, s) = (all(&real), all(&fake), all(&small));
    let halves = (
        real.stats(0..real.rows / 2),
        real.stats(real.rows / 2..real.rows),
    );

    for (name, stats) in [("real", &r), ("fake", &f)] {
        // Entries near 0 are differences of large sums: they are held to the largest of their kind.
        let largest = |values: &[f64]| values.iter().fold(0.0f64, |m, v| m.max(v.abs())) * 1e-5;
        let (mu, sigma) = (format!("out/mu_{name}"), format!("out/sigma_{name}"));
        compare(&file, &mu, &stats.mean, largest(&stats.mean));
        compare(&file, &sigma, &stats.covariance, largest(&stats.covariance));
    }
    let distance = |a, b| frechet_distance(a, b).expect("one length");
    let relative = |name: &str, value| compare_relative(&file, name, &[value], 1e-5, 0.0);
    relative("out/fid_real_fake", distance(&r, &f).distance);
    relative("out/fid_real_small", distance(&r, &s).distance);
    relative("out/fid_half_half", distance(&halves.0, &halves.1).distance);
    relative("out/trace_sqrt_real_fake", distance(&r, &f).trace_sqrt);
    compare(
        &file,
        "out/fid_real_real",
        &[distance(&r, &r).distance],
        1e-8,
    );
}

#[test]
fn metrics_kid_from_features() {
    let Some(bytes) = golden("metrics_kid_from_features") else {
        return;
    };
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let (real, fake) = (
        Table::read(&file, "in/features_real"),
        Table::read(&file, "in/features_fake"),
    );
    let (real_shape, real_rows) = indices(&file, "in/subset_idx_real");
    let (fake_shape, fake_rows) = indices(&file, "in/subset_idx_fake");
    let rows = real_rows
        .chunks(real_shape[1])
        .zip(fake_rows.chunks(fake_shape[1]));
    let subsets: Vec<Subset> = rows
        .map(|(real, fake)| Subset {
            real: real.to_vec(),
            fake: fake.to_vec(),
        })
        .collect();
    let (x, y) = (real.matrix(), fake.matrix());
    let each = |estimator| -> Vec<f64> {
        let score = |s: &Subset| mmd2_rows(&x, &s.real, &y, &s.fake, estimator).expect("finite");
        subsets.iter().map(score).collect()
    };
    let check = |key: &str, got: &[f64]| compare_relative(&file, key, got, 1e-4, 1e-6);

    check("out/mmd2_unbiased_per_subset", &each(Estimator::Unbiased));
    check("out/mmd2_biased_per_subset", &each(Estimator::Biased));
    check(
        "out/mmd2_u_statistic_per_subset",
        &each(Estimator::UStatistic),
    );
    let whole = mmd2(&x, &y, Estimator::Unbiased).expect("finite");
    check("out/mmd2_unbiased_full_unequal_sizes", &[whole]);
    let kid = kid(&x, &y, &subsets).expect("finite");
    check("out/kid_mean_std", &[kid.mean, kid.std]);
}

#[test]
fn metrics_prdc_from_features() {
    let Some(bytes) = golden("metrics_prdc_from_features") else {
        return;
    };
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let table = |key: &str| Table::read(&file, key);
    let (real, fake) = (table("in/features_real"), table("in/features_fake"));
    let (tie_real, tie_fake) = (table("in/tie_real"), table("in/tie_fake"));
    let ks = |prefix: &str| -> Vec<usize> {
        let names = file.names();
        let numbers = names
            .iter()
            .filter_map(|name| name.strip_prefix(prefix)?.parse().ok());
        numbers.collect()
    };
    let both = |real: &Table, fake: &Table, k: usize, strict: &str, inclusive: &str| {
        let kinds = [Tie::Strict, Tie::Inclusive].map(|tie| Neighbourhood { k, tie });
        let scores = prdc(&real.matrix(), &fake.matrix(), &kinds).expect("enough rows");
        let s = &scores[0];
        let four = [s.precision, s.recall, s.density, s.coverage];
        compare(&file, strict, &four, 1e-6);
        compare(
            &file,
            inclusive,
            &[scores[1].precision, scores[1].recall],
            1e-6,
        );
    };

    let sizes = ks("out/prdc_k");
    assert!(!sizes.is_empty(), "the file holds scores");
    for k in sizes {
        let (strict, inclusive) = (
            format!("out/prdc_k{k}"),
            format!("out/precision_recall_le_k{k}"),
        );
        both(&real, &fake, k, &strict, &inclusive);
        for (name, set) in [("real", &real), ("fake", &fake)] {
            let got = radii(&set.matrix(), &[k]).expect("enough rows");
            compare(&file, &format!("out/radii_{name}_k{k}"), &got[0], 1e-5);
        }
    }
    for k in ks("out/tie_prdc_strict_k") {
        let (strict, inclusive) = (
            format!("out/tie_prdc_strict_k{k}"),
            format!("out/tie_precision_recall_le_k{k}"),
        );
        both(&tie_real, &tie_fake, k, &strict, &inclusive);
    }
}

#[test]
fn metrics_inception_score() {
    let Some(bytes) = golden("metrics_inception_score") else {
        return;
    };
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let (logits, probs) = (
        Table::read(&file, "in/logits"),
        Table::read(&file, "in/probs"),
    );
    let rows = |table: &Table| -> Vec<Vec<f32>> {
        table
            .data
            .chunks(table.columns)
            .map(<[f32]>::to_vec)
            .collect()
    };
    let score = |rows: &[Vec<f32>], splits, rule, are_logits: bool| -> InceptionScores {
        let mut score =
            InceptionScore::new(rows.len(), rows[0].len(), splits, rule).expect("enough rows");
        for (i, row) in rows.iter().enumerate() {
            if are_logits {
                score.push_logits(i, row).expect("finite");
            } else {
                score.push_probabilities(i, row).expect("probabilities");
            }
        }
        score.finish().expect("rows in every split")
    };
    let names = file.names();
    let mut checked = 0;
    for (rule, prefix) in [
        (SplitRule::FloorBounds, "out/is_floor_bounds_splits"),
        (SplitRule::EqualChunks, "out/is_equal_chunks_splits"),
    ] {
        for name in names.iter().filter_map(|name| name.strip_prefix(prefix)) {
            let Some(splits) = name.strip_suffix("_each") else {
                continue;
            };
            let splits: usize = splits.parse().expect("a number of splits");
            for (rows, are_logits) in [(rows(&logits), true), (rows(&probs), false)] {
                let got = score(&rows, splits, rule, are_logits);
                compare(&file, &format!("{prefix}{splits}_each"), &got.splits, 1e-5);
                let both = [got.mean, got.std];
                compare(&file, &format!("{prefix}{splits}_mean_std"), &both, 1e-5);
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "the file holds scores");
    let floor = SplitRule::FloorBounds;
    let without: Vec<Vec<f32>> = rows(&logits).iter().map(|row| row[1..].to_vec()).collect();
    let prefix = "out/is_drop_class0_splits";
    let key = names
        .iter()
        .find(|name| name.starts_with(prefix))
        .expect("a dropped class");
    let splits = key[prefix.len()..]
        .trim_end_matches("_mean_std")
        .parse()
        .expect("splits");
    let got = score(&without, splits, floor, true);
    compare(&file, key, &[got.mean, got.std], 1e-5);
    let zeros = rows(&Table::read(&file, "in/probs_with_zeros"));
    let got = score(&zeros, 1, floor, false);
    compare(&file, "out/is_zeros_splits1_mean", &[got.mean], 1e-5);
}

#[test]
fn metrics_r_precision() {
    let Some(bytes) = golden("metrics_r_precision") else {
        return;
    };
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let (images, texts) = (
        Table::read(&file, "in/image_emb"),
        Table::read(&file, "in/text_emb"),
    );
    let (_, truths) = indices(&file, "in/true_idx");
    let (shape, negatives) = indices(&file, "in/negative_idx");
    let (_, permutation) = indices(&file, "in/permutation");
    let text = |i: usize| &texts.data[i * texts.columns..][..texts.columns];
    let (mut cosines, mut retrievals) = (Vec::new(), Vec::new());
    for (i, image) in images.data.chunks(images.columns).enumerate() {
        let negatives = &negatives[i * shape[1]..][..shape[1]];
        let truth = text(truths[i]);
        cosines.push(cosine(image, truth));
        cosines.extend(negatives.iter().map(|&n| cosine(image, text(n))));
        let mismatched = negatives.iter().map(|&n| text(n));
        retrievals.push(retrieve(image, truth, mismatched).expect("finite"));
    }
    let hits: Vec<bool> = retrievals.iter().map(|r| r.is_hit_published()).collect();
    let ranks: Vec<f64> = retrievals.iter().map(|r| r.rank() as f64).collect();
    let share = |limit: f64| {
        ranks.iter().filter(|&&rank| rank <= limit).count() as f64 / ranks.len() as f64
    };

    compare(&file, "out/cosine", &cosines, 1e-5);
    let bits: Vec<f64> = hits.iter().map(|&hit| f64::from(u8::from(hit))).collect();
    compare(&file, "out/hit", &bits, 0.0);
    // The file counts ranks from 0.
    let above: Vec<f64> = ranks.iter().map(|rank| rank - 1.0).collect();
    compare(&file, "out/rank_of_true", &above, 0.0);
    compare(&file, "out/r_precision_overall", &[share(1.0)], 1e-7);
    compare(
        &file,
        "out/r_precision_top5_10",
        &[share(5.0), share(10.0)],
        1e-7,
    );
    let (each, _) = floats(&file, "out/r_precision_folds");
    let whole = folds(&hits, &permutation, each[0], FoldRule::Whole).expect("enough rows");
    compare(&file, "out/r_precision_folds", &whole.folds, 1e-7);
    compare(
        &file,
        "out/r_precision_mean_std",
        &[whole.mean, whole.std],
        1e-7,
    );
    let published =
        folds(&hits, &permutation, each[0], FoldRule::PublishedOffByOne).expect("enough rows");
    let key = "out/r_precision_published_offbyone_mean_std";
    compare(&file, key, &[published.mean, published.std], 1e-7);
}

#[test]
fn metrics_human_rank() {
    let Some(bytes) = golden("metrics_human_rank") else {
        return;
    };
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let (shape, ranks) = floats(&file, "in/ranks");
    let &[_, items, methods] = shape.as_slice() else {
        panic!("in/ranks: not a cube")
    };
    let rankings = ranks.chunks(methods).enumerate().map(|(i, ranks)| Ranking {
        user: i / items,
        item: i % items,
        ranks: ranks.iter().map(|&rank| rank as usize).collect(),
    });
    let rankings = Rankings::new(methods, rankings.collect()).expect("permutations");

    let summary = rankings.summary(10, 0).expect("not empty");

    let each = |of: fn(&wordpaint_metrics::human_rank::MethodRank) -> f64| -> Vec<f64> {
        summary.methods.iter().map(of).collect()
    };
    compare(&file, "out/mean", &each(|m| m.mean), 1e-5);
    compare(&file, "out/std_population", &each(|m| m.std), 1e-5);
    compare(&file, "out/std_sample", &each(|m| m.std_sample), 1e-5);
    compare(&file, "out/bradley_terry", &each(|m| m.strength), 1e-5);
    compare(&file, "out/kendall_w_per_item", &summary.concordance, 1e-5);
    let wins: Vec<f64> = summary
        .methods
        .iter()
        .flat_map(|m| m.wins.clone())
        .collect();
    compare(&file, "out/pairwise_win_rate", &wins, 1e-5);
}
