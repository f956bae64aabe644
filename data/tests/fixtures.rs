//! Readers and layouts over small replicas of every published format; the values they must return
//! stand in `expected.json`.

mod golden;

use std::path::PathBuf;

use serde_json::Value as Json;
use wordpaint_data::dataset::{Embeddings, TextImageDataset};
use wordpaint_data::formats::captions::WordCaptions;
use wordpaint_data::formats::matlab;
use wordpaint_data::formats::pickle::Pickle;
use wordpaint_data::formats::t7::T7;
use wordpaint_data::layouts::{attngan, coco, cub, oxford};
use wordpaint_data::resize::crop_rectangle;
use wordpaint_data::words::words;
use wordpaint_data::{ImageSize, Split};

/// Folder of the fixtures and the values to be read from them.
fn fixtures() -> Option<(PathBuf, Json)> {
    let folder = golden::golden("dataset_fixtures")?;
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("expected.json");
    Some((folder, serde_json::from_str(&text).expect("JSON")))
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array()
        .expect("array")
        .iter()
        .map(|v| v.as_f64().expect("number"))
        .collect()
}

fn integers(json: &Json) -> Vec<i64> {
    json.as_array()
        .expect("array")
        .iter()
        .map(|v| v.as_i64().expect("integer"))
        .collect()
}

/// The JSON numbers are decimal forms of single precision values.
fn floats(json: &Json) -> Vec<f32> {
    numbers(json).into_iter().map(|v| v as f32).collect()
}

#[test]
fn birds() {
    let Some((folder, expected)) = fixtures() else {
        return;
    };
    let data = cub::open(&format!("cub:{}", folder.join("birds").display())).expect("opens");
    let records: Vec<_> = (0..data.len())
        .map(|i| data.record(i).expect("record"))
        .collect();

    let first = numbers(&expected["bbox_first"]);
    let bounds = records[first[0] as usize - 1].bounding_box.expect("box");
    assert_eq!(
        [bounds.x, bounds.y, bounds.width, bounds.height].map(f64::from),
        first[1..]
    );
    let crops = expected["crop"].as_object().expect("object");
    assert_eq!(crops.len(), data.len());
    for (i, record) in records.iter().enumerate() {
        let image = data.image(i, ImageSize::Native).expect("image");
        let bounds = record.bounding_box.expect("box");
        let crop = crop_rectangle(image.width(), image.height(), bounds).map(i64::from);
        assert_eq!(
            crop[..],
            integers(&crops[&format!("{}.jpg", record.key)]),
            "{}",
            record.key
        );
        assert_eq!(record.parts.len(), 15, "{}", record.key);
        assert_eq!(record.captions.len(), 10, "{}", record.key);
    }

    let embeddings = data.embeddings().expect("readable").expect("there");
    for (name, split) in [("train", Split::Trainval), ("test", Split::Test)] {
        let expected = &expected[name];
        let keys: Vec<&str> = expected["filenames"]
            .as_array()
            .expect("list")
            .iter()
            .filter_map(Json::as_str)
            .collect();
        let order: Vec<usize> = keys
            .iter()
            .map(|key| {
                records
                    .iter()
                    .position(|r| r.key == *key)
                    .expect("known key")
            })
            .collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(data.split(split), sorted, "{name}");
        let classes: Vec<i64> = order.iter().map(|&i| data.class_of(i) as i64 + 1).collect();
        assert_eq!(classes, integers(&expected["class_info"]), "{name}");
        let shape = [order.len(), embeddings.captions, embeddings.dim].map(|n| n as i64);
        assert_eq!(shape[..], integers(&expected["emb_shape"]), "{name}");
        let (first, last) = (order[0], order[order.len() - 1]);
        assert_eq!(
            row(embeddings, first, 0),
            floats(&expected["emb_first"]),
            "{name}"
        );
        let caption = embeddings.captions - 1;
        assert_eq!(
            row(embeddings, last, caption),
            floats(&expected["emb_last"]),
            "{name}"
        );

        let path = folder.join("birds").join(name).join("class_info.pickle");
        let info = Pickle::open(&path).expect("pickle");
        assert_eq!(
            info.ints(info.root()).expect("ints"),
            integers(&expected["class_info"])
        );
    }
    let inside = cub::open(&format!(
        "cub:{}",
        folder.join("birds/CUB_200_2011").display()
    ));
    assert_eq!(inside.expect("opens").fingerprint(), data.fingerprint());
}

/// Embedding of one caption.
fn row(embeddings: &Embeddings, image: usize, caption: usize) -> &[f32] {
    let start = (image * embeddings.captions + caption) * embeddings.dim;
    &embeddings.values[start..start + embeddings.dim]
}

#[test]
fn captions_pickle() {
    let Some((folder, expected)) = fixtures() else {
        return;
    };
    let expected = &expected["captions"];

    let captions = WordCaptions::open(&folder.join("birds/captions.pickle")).expect("readable");

    assert_eq!(
        captions.words.len() as u64,
        expected["n_words"].as_u64().expect("count")
    );
    assert_eq!(captions.words[0], "<end>");
    assert_eq!(
        captions.words[1],
        expected["word_1"].as_str().expect("word")
    );
    let ids = |caption: &[u32]| caption.iter().map(|&id| id.into()).collect::<Vec<i64>>();
    assert_eq!(ids(&captions.train[0]), integers(&expected["first_train"]));
    let last = captions.test.last().expect("captions");
    assert_eq!(ids(last), integers(&expected["last_test"]));
}

#[test]
fn flowers() {
    let Some((folder, expected)) = fixtures() else {
        return;
    };
    let folder = folder.join("flowers");
    let expected = &expected["flowers"];

    for name in ["imagelabels.mat", "imagelabels_uncompressed.mat"] {
        let labels = matlab::integers(&folder.join(name), "labels").expect(name);
        assert_eq!(labels, integers(&expected["labels"]), "{name}");
    }
    for name in ["trnid", "valid", "tstid"] {
        let ids = matlab::integers(&folder.join("setid.mat"), name).expect(name);
        assert_eq!(ids, integers(&expected[name]), "{name}");
    }
    let data = oxford::open(&format!("oxford:{}", folder.display())).expect("opens");
    assert_eq!(
        data.split(Split::All).len(),
        integers(&expected["labels"]).len()
    );
    for (i, label) in integers(&expected["labels"]).into_iter().enumerate() {
        let record = data.record(i).expect("record");
        assert_eq!(record.class as i64 + 1, label, "{}", record.key);
        assert_eq!(record.captions.len(), 10, "{}", record.key);
        let image = data.image(i, ImageSize::Native).expect("image");
        assert!(image.width() > 0 && image.height() > 0, "{}", record.key);
    }
    let findings = data.verify(&|_, _| ()).join("\n");
    assert!(findings.contains("8189 published"), "{findings}");
    assert!(!findings.contains("caption files"), "{findings}");
}

#[test]
fn t7() {
    let Some((folder, expected)) = fixtures() else {
        return;
    };
    let expected = &expected["t7"];

    let example = T7::open(&folder.join("t7/example.t7")).expect("readable");
    let field = |name| example.field(example.root(), name).expect(name);
    assert_eq!(
        Some(example.text(field("img")).expect("text")),
        expected["img"].as_str()
    );
    let txt = example.tensor(field("txt")).expect("tensor");
    let shape: Vec<i64> = txt.shape().iter().map(|&n| n as i64).collect();
    assert_eq!(shape, integers(&expected["txt_shape"]));
    assert_eq!(
        txt.to_f32()[..txt.shape()[1]],
        floats(&expected["txt_row0"])
    );
    let characters = example.tensor(field("char")).expect("tensor");
    let row = characters.shape()[1];
    assert_eq!(characters.to_f64()[..row], numbers(&expected["char_row0"]));
    assert!(example.tensor(field("word")).is_ok());

    let images = T7::open(&folder.join("t7/images_class.t7")).expect("readable");
    let images = images.tensor(images.root()).expect("tensor");
    let shape: Vec<i64> = images.shape().iter().map(|&n| n as i64).collect();
    assert_eq!(shape, integers(&expected["images_shape"]));
    let &[_, features, views] = images.shape() else {
        panic!("three axes")
    };
    let at = |i: usize, j: usize, k: usize| images.to_f64()[(i * features + j) * views + k];
    for (value, name) in [(at(0, 0, 0), "images_000"), (at(1, 4, 2), "images_142")] {
        // The JSON reader may be off by one unit in the last place.
        assert!(
            (value - expected[name].as_f64().expect(name)).abs() <= f64::EPSILON,
            "{name}"
        );
    }
}

#[test]
fn attngan_folder() {
    let Some((folder, expected)) = fixtures() else {
        return;
    };
    let folder = folder.join("birds");
    let lists = WordCaptions::open(&folder.join("captions.pickle")).expect("readable");

    let data = attngan::open(&format!("attngan:{}", folder.display())).expect("opens");

    let vocabulary = data.vocabulary().expect("no error").expect("there");
    assert_eq!(vocabulary, lists.words);
    let per_image = data.record(0).expect("record").captions.len();
    let mut next = 0;
    for (name, split, captions) in [
        ("train", Split::Trainval, &lists.train),
        ("test", Split::Test, &lists.test),
    ] {
        let keys = expected[name]["filenames"].as_array().expect("list");
        let ids = integers(&expected[name]["class_info"]);
        assert_eq!(captions.len(), keys.len() * per_image, "{name}");
        let indices: Vec<usize> = (next..next + keys.len()).collect();
        assert_eq!(data.split(split), indices, "{name}");
        for (i, (key, id)) in keys.iter().zip(ids).enumerate() {
            let record = data.record(next + i).expect("record");
            assert_eq!(Some(record.key.as_str()), key.as_str());
            let class = &data.classes()[record.class];
            assert!(class.starts_with(&format!("{id:03}.")), "{class} {id}");
            // The texts of the images hold the words of the lists.
            for (j, caption) in record.captions.iter().enumerate() {
                let listed = captions[i * per_image + j].iter();
                let listed: Vec<&String> = listed.map(|&id| &vocabulary[id as usize]).collect();
                assert_eq!(
                    words(caption).iter().collect::<Vec<_>>(),
                    listed,
                    "{caption}"
                );
            }
            let image = data.image(next + i, ImageSize::Native).expect("image");
            let crops = expected["crop"].as_object().expect("object");
            let bounds = record.bounding_box.expect("box");
            let crop = crop_rectangle(image.width(), image.height(), bounds).map(i64::from);
            assert_eq!(crop[..], integers(&crops[&format!("{}.jpg", record.key)]));
        }
        next += keys.len();
    }
    assert_eq!(data.len(), next);
    let embeddings = data.embeddings().expect("readable").expect("there");
    let first = floats(&expected["train"]["emb_first"]);
    assert_eq!(row(embeddings, 0, 0), first);
    let findings = data.verify(&|_, _| ()).join("\n");
    assert!(!findings.contains("do not agree"), "{findings}");
}

#[test]
fn coco_annotations() {
    let Some((folder, expected)) = fixtures() else {
        return;
    };
    let folder = folder.join("coco");
    let data = coco::open(&format!("coco:{}", folder.display())).expect("opens");

    let expected = &expected["coco"];
    let order = integers(&expected["category_order"]);
    assert_eq!(data.categories().len(), order.len());
    let json = |name: &str| -> Json {
        let text = std::fs::read(folder.join("annotations").join(name)).expect("there");
        serde_json::from_slice(&text).expect("JSON")
    };
    let file = json("instances_train2014.json");
    let captions = json("captions_train2014.json");
    for category in file["categories"].as_array().expect("list") {
        let place = order
            .iter()
            .position(|id| category["id"] == *id)
            .expect("known");
        assert_eq!(category["name"], data.categories()[place].as_str());
    }
    let multi_hot = expected["multi_hot"].as_object().expect("object");
    assert_eq!(data.len(), multi_hot.len());
    for index in 0..data.len() {
        let record = data.record(index).expect("record");
        let id = record.key.rsplit('_').next().expect("a number at the end");
        let id = id.trim_start_matches('0');
        let mut found = vec![0; order.len()];
        for label in data.labels_of(index).expect("labels") {
            found[label] = 1;
        }
        assert_eq!(found, integers(&multi_hot[id]), "{id}");
        let listed = captions["annotations"].as_array().expect("list").iter();
        let own = listed.filter(|c| c["image_id"].as_u64() == id.parse().ok());
        let texts: Vec<&str> = own.filter_map(|c| c["caption"].as_str()).collect();
        // The first five, without what surrounds and breaks lines.
        let texts: Vec<String> = texts
            .iter()
            .take(5)
            .map(|t| t.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(record.captions, texts, "{id}");
    }
}
