use std::path::Path;

use proptest::prelude::*;

use super::{Item, Scalar, T7};

fn parse(data: &[u8]) -> Result<T7, String> {
    T7::parse(Path::new("x.t7"), data.to_vec()).map_err(|e| e.to_string())
}

fn int(value: i32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn string(text: &str) -> Vec<u8> {
    [int(text.len() as i32), text.as_bytes().to_vec()].concat()
}

fn text(value: &str) -> Vec<u8> {
    [int(2), string(value)].concat()
}

fn number(value: f64) -> Vec<u8> {
    [int(1), value.to_le_bytes().to_vec()].concat()
}

fn object(index: i32, class: &str, payload: &[u8]) -> Vec<u8> {
    [
        int(4),
        int(index),
        string("V 1"),
        string(class),
        payload.to_vec(),
    ]
    .concat()
}

fn longs(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn tensor(index: i32, sizes: &[i64], strides: &[i64], offset: i64, storage: &[u8]) -> Vec<u8> {
    let head = [
        int(sizes.len() as i32),
        longs(sizes),
        longs(strides),
        longs(&[offset]),
    ]
    .concat();
    object(
        index,
        "torch.FloatTensor",
        &[head, storage.to_vec()].concat(),
    )
}

fn storage(index: i32, values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    object(
        index,
        "torch.FloatStorage",
        &[longs(&[values.len() as i64]), raw].concat(),
    )
}

/// `{modules = {nn.Linear{weight = 2x2 transposed view, bias = row of the same storage}}}`.
fn checkpoint() -> Vec<u8> {
    let weight = tensor(
        4,
        &[2, 2],
        &[1, 2],
        2,
        &storage(5, &[9.0, 1.0, 2.0, 3.0, 4.0]),
    );
    let bias = tensor(6, &[2], &[1], 4, &[int(4), int(5)].concat());
    let fields = [
        int(3),
        int(3),
        int(2),
        text("weight"),
        weight,
        text("bias"),
        bias,
    ]
    .concat();
    let modules = [
        int(3),
        int(2),
        int(1),
        number(1.0),
        object(7, "nn.Linear", &fields),
    ]
    .concat();
    [int(3), int(1), int(1), text("modules"), modules].concat()
}

#[test]
fn modules_are_walked_and_views_share_their_storage() {
    let file = parse(&checkpoint()).expect("valid");
    let linear = file.module(file.root(), 0).expect("module");
    assert_eq!(file.class(linear), Some("nn.Linear"));
    let weight = file
        .tensor(file.field(linear, "weight").expect("field"))
        .expect("tensor");
    assert_eq!(
        (weight.shape(), weight.scalar()),
        (&[2, 2][..], Scalar::F32)
    );
    assert_eq!(weight.to_f32(), [1.0, 3.0, 2.0, 4.0]);
    let bias = file
        .tensor(file.field(linear, "bias").expect("field"))
        .expect("tensor");
    assert_eq!(bias.to_f64(), [3.0, 4.0]);
    let error = file
        .field(linear, "weights")
        .expect_err("misspelt")
        .to_string();
    assert!(
        error.contains("class `nn.Linear`; it has: bias, weight"),
        "{error}"
    );
    assert!(
        file.module(file.root(), 1)
            .expect_err("one module")
            .to_string()
            .contains("element 2")
    );
}

#[test]
fn old_headers_functions_and_scalars_are_understood() {
    let old = [int(4), int(1), string("nn.Identity"), int(0)].concat();
    let file = parse(&old).expect("class without version");
    assert_eq!(file.class(file.root()), Some("nn.Identity"));

    let function = [int(8), int(1), string("\u{1b}Lua"), int(5), int(1)].concat();
    let file = parse(&function).expect("function");
    assert!(
        file.number(file.root())
            .expect_err("function")
            .to_string()
            .contains("a function")
    );
    assert_eq!(
        parse(&number(2.5)).expect("number").root(),
        Item::Number(2.5)
    );
}

#[test]
fn tensors_outside_their_storage_are_refused_on_access() {
    let data = |sizes: &[i64], strides: &[i64], offset| {
        tensor(1, sizes, strides, offset, &storage(2, &[1.0, 2.0]))
    };
    for (data, expected) in [
        (data(&[3], &[1], 1), "leaves its storage of 2 elements"),
        (data(&[2], &[1], 0), "leaves its storage"),
        (data(&[2], &[1], 2), "leaves its storage"),
        (data(&[2], &[i64::MAX], 1), "leaves its storage"),
        (data(&[-1], &[1], 1), "negative"),
        (
            data(&[1 << 40], &[0], 1),
            "more elements than the file has bytes",
        ),
        (data(&[1 << 40, 1 << 40], &[0, 0], 1), "more elements"),
    ] {
        let file = parse(&data).expect("grammar is fine");
        let error = file
            .tensor(file.root())
            .expect_err("out of bounds")
            .to_string();
        assert!(
            error.contains(expected) && error.contains("x.t7"),
            "{error}"
        );
    }
    let expanded = parse(&data(&[3], &[0], 2)).expect("valid");
    assert_eq!(
        expanded.tensor(expanded.root()).expect("expanded").to_f32(),
        [2.0; 3]
    );
}

#[test]
fn damage_is_described() {
    for (data, expected) in [
        (vec![], "truncated"),
        (b"4\n1\n3\nV 1".to_vec(), "type tag"),
        ([int(2), int(-1)].concat(), "negative string length"),
        ([int(3), int(1), int(i32::MAX)].concat(), "truncated"),
        (
            object(1, "torch.FloatStorage", &longs(&[i64::MAX])),
            "truncated",
        ),
        (object(1, "torch.HalfTensor", &[]), "torch.HalfTensor"),
        (
            object(1, "torch.FloatTensor", &int(1000)),
            "1000 dimensions",
        ),
    ] {
        let error = parse(&data).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nesting_costs_no_recursion() {
    let mut data = Vec::new();
    for index in 0..100_000 {
        data.extend([int(3), int(index), int(1), number(1.0)].concat());
    }
    data.extend(int(0));
    assert!(parse(&data).is_ok());
}

fn walk(file: &T7) {
    for id in 0..file.nodes.len() as u32 {
        let item = Item::Object(id);
        let _ = file.text(item);
        let _ = file.module(item, 0);
        if let Ok(tensor) = file.tensor(item) {
            assert_eq!(tensor.to_f32().len(), tensor.count());
        }
    }
}

proptest! {
    #[test]
    fn damaged_checkpoints_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut data = checkpoint();
        for (at, byte) in edits {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if let Ok(file) = parse(&data) {
            walk(&file);
        }
        data.truncate(cut.index(data.len()));
        if let Ok(file) = parse(&data) {
            walk(&file);
        }
    }

    #[test]
    fn random_values_never_panic(
        words in prop::collection::vec(prop_oneof![0i32..9, any::<i32>()], 0..60)
    ) {
        let data: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        if let Ok(file) = parse(&data) {
            walk(&file);
        }
    }
}
