//! Small valid files.

use std::io::{Cursor, Write};

use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};
use wordpaint_data::formats::pickle::Writer;

/// Lists, dictionaries and strings by all protocols, and an array and a scalar of numpy's.
pub(crate) fn pickles() -> Vec<Vec<u8>> {
    let mut array = b"\x80\x02]q\x00(cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\n\
        q\x02K\x00\x85U\x01b\x87R(K\x01K\x02K\x02\x86cnumpy\ndtype\nU\x02f4K\x00K\x01\x87Rq\x03\
        (K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10"
        .to_vec();
    array.extend(
        [1.0_f32, 2.0, 3.0, 4.0]
            .iter()
            .flat_map(|v| v.to_le_bytes()),
    );
    array.extend(b"tbcnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nU\x02i2K\x00K\x01\x87R");
    array.extend(b"(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x02\x00\x07\x86Re.");
    let mut writer = Writer::default();
    writer.list(["002.Laysan/a", "003.Sooty/b"], Writer::text);
    vec![
        array,
        writer.finish(),
        b"(lp0\nI1\naL-2L\naF0.5\naI01\naNa(dp1\nS'a'\nV\\u00e9\nsa.".to_vec(),
        b"\x80\x02(M\x01\x02\x8a\x01\xff\x88G?\xe0\0\0\0\0\0\0U\x01\xe9t.".to_vec(),
        b"]q\x00h\x00a.".to_vec(),
    ]
}

/// `captions.pickle` as Python 2 and as we write it.
pub(crate) fn captions() -> Vec<Vec<u8>> {
    let text = b"(l(l(lI1\naI2\naa(lI3\naI2\naaa(l(lI1\naI4\naI2\naa(lI3\naaa\
        (dI0\nS'<end>'\nsI1\nS'a'\nsI2\nS'bird'\nsI3\nS'blue'\nsI4\nS'red'\ns\
        a(dS'<end>'\nI0\nsS'a'\nI1\nsS'bird'\nI2\nsS'blue'\nI3\nsS'red'\nI4\nsa.";
    let words = ["<end>", "a", "bird"];
    let mut writer = Writer::default();
    writer.list(0..4, |writer, part| match part {
        0 | 1 => writer.list(0..2, |writer, _| writer.list([1, 2], Writer::int)),
        2 => writer.dict((0..).zip(words), |writer, (id, word)| {
            writer.int(id);
            writer.text(word);
        }),
        _ => writer.dict((0..).zip(words), |writer, (id, word)| {
            writer.text(word);
            writer.int(id);
        }),
    });
    vec![text.to_vec(), writer.finish()]
}

/// The pickle of a state dictionary with two views of one storage of four numbers.
pub(crate) fn state() -> Vec<u8> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)Rq\x00(".to_vec();
    for (name, shape, strides) in [
        (b'w', b"K\x02K\x02\x86", b"K\x02K\x01\x86"),
        (b'v', b"K\x01K\x04\x86", b"K\x04K\x01\x86"),
    ] {
        out.extend([b'X', 1, 0, 0, 0, name]);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage");
        out.extend(b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00");
        out.extend(shape);
        out.extend(strides);
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

/// A linear layer of Torch7 whose weight and bias share a storage.
pub(crate) fn t7() -> Vec<u8> {
    let int = |value: i32| value.to_le_bytes().to_vec();
    let string = |text: &str| [int(text.len() as i32), text.as_bytes().to_vec()].concat();
    let text = |value: &str| [int(2), string(value)].concat();
    let longs = |values: &[i64]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let object = |index: i32, class: &str, payload: &[Vec<u8>]| {
        [
            int(4),
            int(index),
            string("V 1"),
            string(class),
            payload.concat(),
        ]
        .concat()
    };
    let tensor = |index: i32, sizes: &[i64], strides: &[i64], offset: i64, storage: Vec<u8>| {
        let dims = int(sizes.len() as i32);
        let payload = [
            dims,
            longs(sizes),
            longs(strides),
            longs(&[offset]),
            storage,
        ];
        object(index, "torch.FloatTensor", &payload)
    };
    let values: Vec<u8> = [9.0_f32, 1.0, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let storage = object(5, "torch.FloatStorage", &[longs(&[5]), values]);
    let weight = tensor(4, &[2, 2], &[1, 2], 2, storage);
    let bias = tensor(6, &[2], &[1], 4, [int(4), int(5)].concat());
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
    let number = |value: f64| [int(1), value.to_le_bytes().to_vec()].concat();
    let layer = object(7, "nn.Linear", &[fields]);
    let modules = [
        int(3),
        int(2),
        int(2),
        number(1.0),
        layer,
        number(2.0),
        [int(5), int(1)].concat(),
    ];
    [int(3), int(1), int(1), text("modules"), modules.concat()].concat()
}

/// Arrays of numpy: `mu`, `sigma` by columns, a number, a text.
pub(crate) fn npy() -> Vec<Vec<u8>> {
    let array = |descr: &str, order: &str, shape: &str, data: &[u8]| {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    };
    let floats = |values: &[f64]| {
        values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<_>>()
    };
    vec![
        array("<f8", "False", "(2,)", &floats(&[0.5, -1.0])),
        array("<f8", "True", "(2, 2)", &floats(&[2.0, 0.25, 0.25, 1.0])),
        array("<i8", "False", "()", &7_i64.to_le_bytes()),
        array("<U2", "False", "()", b"a\0\0\0b\0\0\0"),
    ]
}

/// A variable of MATLAB, plain and compressed.
pub(crate) fn matlab() -> Vec<Vec<u8>> {
    let tagged = |kind: u32, content: &[u8]| {
        let mut out = kind.to_le_bytes().to_vec();
        out.extend((content.len() as u32).to_le_bytes());
        out.extend(content);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    };
    let body = [
        tagged(6, &[6, 0, 0, 0, 0, 0, 0, 0]),
        tagged(5, &[1, 0, 0, 0, 3, 0, 0, 0]),
        vec![1, 0, 1, 0, b'x', 0, 0, 0],
        vec![2, 0, 3, 0, 7, 8, 9, 0],
    ];
    let matrix = tagged(14, &body.concat());
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&matrix).expect("memory");
    let packed = packed.finish().expect("memory");
    let mut compressed = 15_u32.to_le_bytes().to_vec();
    compressed.extend((packed.len() as u32).to_le_bytes());
    compressed.extend(packed);
    let file = |elements: &[u8]| [&[b' '; 124][..], &[0, 1, b'I', b'M'], elements].concat();
    vec![file(&matrix), file(&compressed)]
}

pub(crate) const COCO_CAPTIONS: &str = r#"{"info": {}, "images": [
    {"id": 9, "file_name": "COCO_train2014_000000000009.jpg", "height": 8, "width": 12},
    {"id": 4, "file_name": "COCO_train2014_000000000004.jpg", "height": 8, "width": 12}],
  "annotations": [
    {"image_id": 4, "id": 1, "caption": "A cat.\n"}, {"image_id": 9, "id": 2, "caption": "A dog "},
    {"image_id": 4, "id": 3, "caption": " "}, {"image_id": 4, "id": 4, "caption": "Two\nlines"}]}"#;

pub(crate) const COCO_INSTANCES: &str = r#"{"images": [
    {"id": 4, "file_name": "COCO_train2014_000000000004.jpg"},
    {"id": 9, "file_name": "COCO_train2014_000000000009.jpg"}],
  "annotations": [
    {"id": 1, "image_id": 4, "category_id": 90, "bbox": [1, 2, 3, 4.5], "area": 7.25,
     "iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6]]},
    {"id": 3, "image_id": 4, "category_id": 17, "bbox": [5, 5, 1, 1]}],
  "categories": [
    {"id": 90, "name": "toothbrush", "supercategory": "indoor"}, {"id": 17, "name": "cat"}]}"#;

/// What `wordpaint data prepare` writes.
pub(crate) const PREPARED: &str = r#"{"version":1,"source":"folder:a","captions_per_image":2,
  "words":["<end>","a","bird","red"],
  "train":{"keys":["001.A/a_1"],"classes":[1],"captions":[[1,3,2],[3]]},
  "test":{"keys":["002.B/b_1"],"classes":[2],"captions":[[1,2],[2]]}}"#;

/// PNG, with and without transparency, JPEG and WebP.
pub(crate) fn images() -> Vec<Vec<u8>> {
    let colour = RgbImage::from_fn(12, 9, |x, y| {
        image::Rgb([(x * 20) as u8, (y * 25) as u8, 9])
    });
    let clear = RgbaImage::from_fn(5, 4, |x, y| image::Rgba([x as u8, y as u8, 200, 90]));
    let encoded = |image: DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("memory");
        bytes.into_inner()
    };
    vec![
        encoded(colour.clone().into(), ImageFormat::Png),
        encoded(clear.into(), ImageFormat::Png),
        encoded(colour.clone().into(), ImageFormat::Jpeg),
        encoded(colour.into(), ImageFormat::WebP),
    ]
}

/// The chunks of a PNG file, as far as there are any, each with the checksum of its content.
pub(crate) fn with_checksums(png: &[u8]) -> Vec<u8> {
    let (signature, mut rest) = png.split_at(png.len().min(8));
    let mut out = signature.to_vec();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((content, after)) = after.split_at_checked(length.saturating_add(4)) else {
            break;
        };
        out.extend((length as u32).to_be_bytes());
        out.extend(content);
        out.extend(crc32fast::hash(content).to_be_bytes());
        rest = after.get(4..).unwrap_or_default();
    }
    out.extend(rest);
    out
}
