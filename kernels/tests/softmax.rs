//! The softmax against a reference in double precision, for every set of instructions and several
//! numbers of threads.

mod support;

use proptest::prelude::*;
use wordpaint_kernels::softmax::{Axis, softmax, softmax_backward};

use support::{assert_close, everywhere, values, wide};

/// Axes from one value to those that are shared among threads, the last one and others.
fn axes() -> impl Strategy<Value = Axis> {
    let sizes = prop_oneof![
        (1..4_usize, 1..40_usize, Just(1_usize)),
        (1..4_usize, 1..20_usize, 2..200_usize),
        Just((300, 131, 1)),
        Just((1, 50_001, 1)),
        Just((3, 18, 1031)),
        Just((500, 7, 17)),
    ];
    sizes.prop_map(|(outer, count, inner)| Axis {
        outer,
        count,
        inner,
    })
}

/// Positions of the values that belong together, group by group.
fn groups(axis: Axis) -> impl Iterator<Item = Vec<usize>> {
    let Axis {
        outer,
        count,
        inner,
    } = axis;
    (0..outer * inner).map(move |group| {
        let first = group / inner * count * inner + group % inner;
        (0..count).map(|i| first + i * inner).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_softmax_and_its_gradient_follow_the_definition(
        axis in axes(),
        factor in prop_oneof![Just(0.1_f32), Just(3.0), Just(30.0), Just(200.0)],
        offset in prop_oneof![Just(0.0_f32), Just(-500.0)],
        seed in any::<u64>(),
    ) {
        let x: Vec<f32> =
            values(axis.len(), seed).into_iter().map(|v| factor * v + offset).collect();
        let dy = values(axis.len(), seed ^ 1);

        let (y, dx) = everywhere(|| {
            let mut y = x.clone();
            softmax(axis, &mut y);
            let mut dx = dy.clone();
            softmax_backward(axis, &y, &mut dx);
            (y, dx)
        });

        let (mut expected_y, mut expected_dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for group in groups(axis) {
            let most = group.iter().map(|&i| x[i]).fold(f32::NEG_INFINITY, f32::max);
            // The difference is rounded to single precision, as in the definition's usual order.
            let powers: Vec<f64> = group.iter().map(|&i| f64::from(x[i] - most).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (&i, power) in group.iter().zip(&powers) {
                expected_y[i] = power / sum;
            }
            let along: f64 =
                group.iter().map(|&i| f64::from(dy[i]) * f64::from(y[i])).sum();
            for &i in &group {
                expected_dx[i] = f64::from(y[i]) * (f64::from(dy[i]) - along);
            }
        }
        // Digits count in small results too, down to where e^-87 stands for all below.
        assert_close("y", &y, &expected_y, 1e-32);
        let largest = wide(&y).into_iter().fold(0.0, f64::max);
        assert_close("dx", &dx, &expected_dx, largest);
    }

    #[test]
    fn what_is_far_below_has_no_share(axis in axes(), seed in any::<u64>()) {
        let mut x = values(axis.len(), seed);
        let hidden: Vec<usize> = groups(axis).flat_map(|group| group[1..].to_vec()).collect();
        for &i in &hidden {
            x[i] -= 1e9;
        }

        softmax(axis, &mut x);

        for group in groups(axis) {
            prop_assert_eq!(x[group[0]], 1.0);
        }
        prop_assert!(hidden.iter().all(|&i| x[i].to_bits() == 0));
    }

    #[test]
    fn what_is_no_number_spoils_its_own_group_alone(axis in axes(), seed in any::<u64>()) {
        let at = seed as usize % axis.len();
        let x = values(axis.len(), seed);
        for spoilt in [f32::NAN, f32::INFINITY] {
            let mut x = x.clone();
            x[at] = spoilt;

            softmax(axis, &mut x);

            for group in groups(axis) {
                let is_spoilt = group.contains(&at);
                prop_assert!(group.iter().all(|&i| x[i].is_nan() == is_spoilt));
            }
        }
    }
}

#[test]
fn minus_infinity_has_no_share_unless_there_is_nothing_else() {
    let never = f32::NEG_INFINITY;
    for [count, inner] in [[3, 1], [3, 2]] {
        let axis = Axis {
            outer: 1,
            count,
            inner,
        };
        let mut mixed = vec![1.0; axis.len()];
        mixed[..inner].fill(never);
        let mut alone = vec![never; axis.len()];

        softmax(axis, &mut mixed);
        softmax(axis, &mut alone);

        assert!(mixed[..inner].iter().all(|v| *v == 0.0));
        assert!(mixed[inner..].iter().all(|v| *v == 0.5));
        assert!(alone.iter().all(|v| v.is_nan()));
    }
}

#[test]
fn an_axis_without_values_is_left_alone() {
    for [outer, count, inner] in [[0, 3, 1], [2, 0, 1], [2, 3, 0]] {
        let axis = Axis {
            outer,
            count,
            inner,
        };

        softmax(axis, &mut []);
        softmax_backward(axis, &[], &mut []);

        assert!(axis.is_empty());
    }
}
