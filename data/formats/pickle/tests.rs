use std::path::Path;

use proptest::prelude::*;

use super::{Pickle, Scalar, Value};

fn parse(data: &[u8]) -> Result<Pickle, String> {
    Pickle::parse(Path::new("x.pickle"), data.to_vec()).map_err(|e| e.to_string())
}

/// Touches everything that can be reached, as a loader would.
fn walk(pickle: &Pickle) {
    for id in 0..pickle.nodes.len() as u32 {
        let value = Value::Object(id);
        let _ = pickle.texts(value);
        let _ = pickle.ints(value);
        let _ = pickle.dict(value);
        if let Ok(array) = pickle.array(value) {
            assert_eq!(
                array.to_f32().len(),
                array.shape().iter().product::<usize>()
            );
            let _ = array.to_i64();
        }
    }
}

/// Protocol 2, Python 2: `[array([[1, 2], [3, 4]], '<f4')]`, with numpy scalar 7 behind it.
fn array_pickle() -> Vec<u8> {
    let mut p = b"\x80\x02]q\x00(cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02\
                  K\x00\x85U\x01b\x87R(K\x01K\x02K\x02\x86cnumpy\ndtype\nU\x02f4K\x00K\x01\x87Rq\x03\
                  (K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10"
        .to_vec();
    for x in [1.0f32, 2.0, 3.0, 4.0] {
        p.extend(x.to_le_bytes());
    }
    p.extend(b"tbcnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02i2K\x00K\x01\x87R");
    p.extend(b"(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x02\x00\x07\x86Re.");
    p
}

#[test]
fn arrays_and_numpy_scalars_are_decoded() {
    let pickle = parse(&array_pickle()).expect("valid");
    let items = pickle.list(pickle.root()).expect("list");
    let array = pickle.array(items[0]).expect("array");
    assert_eq!(array.shape(), [2, 2]);
    assert_eq!(array.scalar(), Scalar::F32);
    assert_eq!(array.to_f32(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(items[1], Value::Int(7));
}

#[test]
fn plain_values_of_all_protocols_are_decoded() {
    let pickle =
        parse(b"(lp0\nI1\naL-2L\naF0.5\naI01\naNa(dp1\nS'a'\nV\\u00e9\nsa.").expect("valid");
    let items = pickle.list(pickle.root()).expect("list");
    assert_eq!(
        items[..5],
        [
            Value::Int(1),
            Value::Int(-2),
            Value::Float(0.5),
            Value::Bool(true),
            Value::None
        ]
    );
    let entries = pickle.dict(items[5]).expect("dict");
    assert_eq!(pickle.text(entries[0].1).expect("text"), "é");

    let pickle =
        parse(b"\x80\x02(M\x01\x02\x8a\x01\xff\x88G?\xe0\0\0\0\0\0\0U\x01\xe9t.").expect("valid");
    let items = pickle.list(pickle.root()).expect("tuple");
    assert_eq!(
        items[..4],
        [
            Value::Int(513),
            Value::Int(-1),
            Value::Bool(true),
            Value::Float(0.5)
        ]
    );
    assert_eq!(pickle.text(items[4]).expect("latin-1"), "é");
}

#[test]
fn code_is_refused_with_the_name_it_asked_for() {
    let error = parse(b"cos\nsystem\n(S'echo hacked'\ntR.").expect_err("refused");
    assert!(
        error.contains("x.pickle: byte 0, opcode `c` (GLOBAL)"),
        "{error}"
    );
    assert!(
        error.contains("`os.system`") && error.contains("protocol=2"),
        "{error}"
    );

    let error = parse(b"\x80\x04\x8c\x02os\x8c\x06system\x93.").expect_err("refused");
    assert!(error.contains("protocol 4"), "{error}");
    let error = parse(b"(S'x'\nios\nsystem\n.").expect_err("refused");
    assert!(error.contains("byte 6, opcode `i` (INST)"), "{error}");
}

#[test]
fn damaged_files_are_named_as_such() {
    for (data, expected) in [
        (&b""[..], "without STOP"),
        (b"(lp0", "truncated"),
        (b"T\xff\xff\xff\xff", "truncated"),
        (b"h\x05.", "never stored"),
        (b".", "not on the stack"),
        (b"(K\x01u.", "without a value"),
        (b"K\x01K\x02a.", "not a list"),
        (b"\x8a\x09\0\0\0\0\0\0\0\0\x01.", "64 bits"),
    ] {
        let error = parse(data).expect_err("refused");
        assert!(error.contains(expected), "{error}");
    }
    let mut wrong_size = array_pickle();
    let at = wrong_size
        .windows(6)
        .position(|w| w == b"K\x02K\x02\x86c")
        .expect("shape");
    wrong_size[at + 1] = 3;
    assert!(
        parse(&wrong_size)
            .expect_err("refused")
            .contains("shape [3, 2] with 16 bytes")
    );
}

#[test]
fn cyclic_and_deeply_nested_values_cost_no_recursion() {
    let pickle = parse(b"]q\x00h\x00a.").expect("a list that holds itself");
    let items = pickle.list(pickle.root()).expect("list");
    assert_eq!(items[0], pickle.root());
    assert!(pickle.texts(pickle.root()).is_err());

    let mut nested = vec![b']'; 200_000];
    nested.extend(vec![b'a'; 199_999]);
    nested.push(b'.');
    walk(&parse(&nested).expect("nested lists"));
}

#[test]
fn one_string_that_many_entries_share_is_not_multiplied() {
    let mut data = b"\x80\x02]q\x00(X\x20\x4e\x00\x00".to_vec();
    data.extend(vec![b'a'; 20_000]);
    data.extend(b"q\x01");
    data.extend(b"h\x01".repeat(20_000));
    data.extend(b"e.");
    let pickle = parse(&data).expect("a list");

    let error = pickle.texts(pickle.root()).expect_err("400 MB");

    assert!(error.to_string().contains("again and again"), "{error}");
}

#[test]
fn more_objects_than_any_data_file_has_are_refused() {
    for (opcode, expected) in [(b'2', "4194304 values"), (b')', "4194304 values")] {
        let mut data = vec![b')'];
        data.extend(vec![opcode; 5 << 20]);
        data.push(b'.');

        let error = parse(&data).expect_err("refused");

        assert!(error.contains(expected), "{error}");
    }
    // Thrown away again, so that the stack stays short.
    let mut data = b")0".repeat(9 << 20);
    data.extend(b").");
    let error = parse(&data).expect_err("refused");
    assert!(error.contains("8388608 objects"), "{error}");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(pickle) = parse(&data) {
            walk(&pickle);
        }
    }

    #[test]
    fn random_opcodes_never_panic(
        data in proptest::collection::vec(
            proptest::sample::select(b"().021ael]tqphjKMNUTX}dsucRb\x80\x85\x86\x87\x88\x8aBC\0\x01\x02".to_vec()),
            0..200,
        )
    ) {
        if let Ok(pickle) = parse(&data) {
            walk(&pickle);
        }
    }

    #[test]
    fn damaged_arrays_never_panic(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut data = array_pickle();
        for (at, byte) in edits {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if let Ok(pickle) = parse(&data) {
            walk(&pickle);
        }
        data.truncate(cut.index(data.len()));
        if let Ok(pickle) = parse(&data) {
            walk(&pickle);
        }
    }
}
