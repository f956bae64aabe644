use serde_json::json;

use super::*;

fn settings() -> Guard {
    Guard {
        steps: 30,
        interval: 50,
        ..Guard::default()
    }
}

fn watch() -> Watch {
    Watch::new(settings(), vec!["d"])
}

fn observation(step: u64, phase: &'static str, terms: &[(&str, f64, f64)]) -> Observation {
    let named = |&(name, weight, value): &(&str, f64, f64)| (name.to_owned(), weight, value);
    Observation {
        step,
        phase,
        terms: terms.iter().map(named).collect(),
        indices: Vec::new(),
    }
}

/// What is warned of when term `name` of `phase` takes `values`, step by step, with weight 1.
fn warned(watch: &mut Watch, phase: &'static str, name: &str, values: &[f64]) -> Vec<Warning> {
    let each = values.iter().zip(1..);
    each.flat_map(|(value, step)| watch.step(&[observation(step, phase, &[(name, 1.0, *value)])]))
        .collect()
}

fn matters(warnings: &[Warning]) -> Vec<(&str, u64)> {
    let each = warnings.iter();
    each.map(|warning| (warning.matter.as_str(), warning.step))
        .collect()
}

#[test]
fn a_term_that_is_exactly_0_is_named_once_per_interval() {
    let found = warned(&mut watch(), "m", "m/words", &[0.0; 100]);

    assert_eq!(
        matters(&found),
        [("constant m/words", 30), ("constant m/words", 80)]
    );
    let message = &found[0].message;
    assert!(message.contains("`m/words` of phase `m`"), "{message}");
    assert!(
        message.contains("exactly 0 in the last 30 steps"),
        "{message}"
    );
}

#[test]
fn a_constant_that_is_not_0_is_named_and_one_change_begins_the_count_anew() {
    let constant = warned(&mut watch(), "g", "g/kl", &[0.7; 40]);
    assert_eq!(matters(&constant), [("constant g/kl", 30)]);

    let mut values = [0.7; 58];
    values[29] = 0.700_000_1;
    assert_eq!(warned(&mut watch(), "g", "g/kl", &values), []);
}

#[test]
fn a_part_of_a_discriminators_hinge_loss_may_be_0_for_long() {
    let mut watch = watch();
    let step = |i: u64| {
        let terms = [("d/real", 1.0, 0.4 + 0.01 * i as f64), ("d/fake", 1.0, 0.0)];
        observation(i, "d", &terms)
    };

    let found: Vec<Warning> = (1..300).flat_map(|i| watch.step(&[step(i)])).collect();

    assert_eq!(found, []);
}

#[test]
fn a_hinge_loss_that_is_0_in_most_steps_is_none_of_it() {
    let values: Vec<f64> = (0..300)
        .map(|i| if i % 25 == 0 { 0.2 } else { 0.0 })
        .collect();

    assert_eq!(warned(&mut watch(), "d", "d/real", &values), []);
}

#[test]
fn a_term_that_begins_at_0_may_grow_and_a_ramp_may_end() {
    let ramp: Vec<f64> = (0..300)
        .map(|i| f64::from(i.min(200)) * 0.5 + f64::from(i % 2))
        .collect();

    assert_eq!(warned(&mut watch(), "g", "g/kl", &ramp), []);
}

#[test]
fn a_loss_beyond_a_thousand_times_its_start_diverges_but_a_few_steps_do_not() {
    let start = (0..40).map(|i| 2.0 + 0.1 * f64::from(i % 7));
    let beyond = (0..20).map(|i| 5e11 * f64::from(i + 1));
    let diverged: Vec<f64> = start.clone().chain(beyond).collect();
    let spike: Vec<f64> = start.clone().chain([1e9; 4]).chain(start).collect();

    let found = warned(&mut watch(), "g", "g/adversarial", &diverged);

    assert_eq!(matters(&found), [("growth g/adversarial", 45)]);
    assert!(found[0].message.contains("start of 2.3"), "{found:?}");
    assert_eq!(warned(&mut watch(), "g", "g/adversarial", &spike), []);
}

#[test]
fn weights_count_for_growth() {
    let mut watch = watch();
    let step = |i: u64| {
        let value = if i < 40 {
            0.02 * i as f64
        } else {
            900.0 + i as f64
        };
        observation(i, "g", &[("g/image", 50.0, value)])
    };

    let found: Vec<Warning> = (1..60).flat_map(|i| watch.step(&[step(i)])).collect();

    assert_eq!(matters(&found), [("growth g/image", 44)]);
}

#[test]
fn a_discriminator_that_has_won_is_named_and_its_penalty_is_left_out() {
    let mut watch = watch();
    let step = |i: u64| {
        let loss = if i < 30 { 1.0 } else { 1e-4 } + 1e-6 * i as f64;
        let terms = [
            ("d/real", 1.0, loss),
            ("d/fake", 0.5, loss),
            ("d/penalty", 2.0, 3.0 + i as f64),
        ];
        [
            observation(i, "d", &terms),
            observation(i, "g", &[("g/adversarial", 1.0, 1e-6 * i as f64)]),
        ]
    };

    let found: Vec<Warning> = (1..70).flat_map(|i| watch.step(&step(i))).collect();

    assert_eq!(matters(&found), [("discriminator d", 59)]);
    assert!(found[0].message.contains("start of 1.5"), "{found:?}");
}

#[test]
fn a_phase_of_penalties_alone_warns_of_nothing() {
    let values: Vec<f64> = (0..100)
        .map(|i| if i < 30 { 1.0 } else { 1e-9 } * f64::from(i + 1))
        .collect();

    assert_eq!(warned(&mut watch(), "d", "d/penalty", &values), []);
}

fn grid(diversity: f64) -> Reading {
    Reading {
        sharpness: None,
        diversity: Some(diversity),
        ssim: 0.1,
        more: Vec::new(),
        seconds: 0.0,
    }
}

#[test]
fn three_grids_in_a_row_without_diversity_are_a_collapse() {
    let mut watch = watch();
    let values = [0.0, 0.004, 0.2, 0.0, 0.0, 0.0, 0.0];

    let found: Vec<Warning> = values
        .iter()
        .zip([10, 20, 30, 40, 50, 60, 70])
        .filter_map(|(value, step)| watch.grid(step, &grid(*value)))
        .collect();

    assert_eq!(matters(&found), [("diversity", 60)]);
}

#[test]
fn a_resumed_run_knows_where_its_losses_began_and_what_it_was_warned_of() {
    let mut before = watch();
    let first: Vec<f64> = (0..20).map(|i| 2.0 + 0.01 * f64::from(i)).collect();
    warned(&mut before, "g", "g/adversarial", &first);
    let starts = before.starts();
    let log = [
        json!({"kind": "start", "step": 20, "stage": "adversarial", "values": starts}),
        json!({"kind": "warning", "step": 5, "matter": "constant g/kl", "message": "x"}),
        json!({"kind": "start", "step": 1, "stage": "earlier", "values": {"g/kl": 1e9}}),
    ];

    let mut after = watch();
    after.recall(&log, "adversarial");

    let far: Vec<f64> = (0..10).map(|i| 1e6 + f64::from(i)).collect();
    let found = warned(&mut after, "g", "g/adversarial", &far);
    assert_eq!(matters(&found), [("growth g/adversarial", 5)]);
    let constant = warned(&mut after, "g", "g/kl", &[0.0; 54]);
    assert_eq!(constant, [], "within the interval");
    assert_eq!(warnings(&log), ["warning at step 5: x"]);
}

#[test]
fn the_losses_of_another_stage_begin_anew() {
    let mut watch = watch();
    let first: Vec<f64> = (0..30).map(|i| 1.0 + 0.1 * f64::from(i)).collect();
    assert_eq!(warned(&mut watch, "g", "g/image", &first), []);
    watch.enter_stage();
    let other: Vec<f64> = (0..60).map(|i| 1e6 + f64::from(i)).collect();

    assert_eq!(warned(&mut watch, "g", "g/image", &other), []);
}
