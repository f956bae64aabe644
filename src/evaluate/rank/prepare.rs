//! Pages for blind ranking.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wordpaint_data::{DataError, input};
use wordpaint_rng::{Rng, key};

use super::super::EvaluateError;
use super::super::pictures::Pictures;
use super::{Key, Page, Question, RankedImage, Task, opaque};
use crate::picture;
use crate::run::folder::write_atomic;

const TEMPLATE: &str = include_str!("../../../assets/rank.html");
/// Where the template wants the questions.
const SLOT: &str = "/*STUDY*/null";
/// Version of the files' form.
pub(super) const VERSION: u32 = 1;
/// Images a person can order at a glance.
const MAX_METHODS: usize = 9;

/// A study to be prepared.
#[derive(Debug, Clone)]
pub struct Study {
    /// Name and folder of each method; images are matched by name.
    pub methods: Vec<(String, PathBuf)>,
    /// File with a line `name<TAB>caption` per text.
    pub captions: PathBuf,
    /// How many texts are asked about; all if there are fewer.
    pub texts: usize,
    /// How many people are asked.
    pub users: usize,
    /// Share of questions that are asked twice.
    pub repeats: f64,
    /// Seed of texts and orders.
    pub seed: u64,
}

/// Writes `person-N.html` for every person and `key.json` for the organiser; returns their paths.
///
/// # Errors
///
/// If images or captions are missing.
pub fn prepare(study: &Study, folder: &Path) -> Result<Vec<PathBuf>, EvaluateError> {
    let count = study.methods.len();
    if !(2..=MAX_METHODS).contains(&count) || study.users == 0 || study.texts == 0 {
        return Err(EvaluateError::Request(format!(
            "a ranking takes 2 to {MAX_METHODS} methods, at least one person and one text; got \
             {count} methods, {} people and {} texts",
            study.users, study.texts
        )));
    }
    let captions = captions(&study.captions)?;
    let chosen = choose(captions.len(), study.texts, study.seed);
    let files = files(study, &captions, &chosen)?;
    let images = files
        .iter()
        .map(|row| row.iter().map(|path| embedded(path)).collect())
        .collect::<Result<Vec<Vec<String>>, EvaluateError>>()?;
    let names: Vec<String> = study.methods.iter().map(|(name, _)| name.clone()).collect();
    let texts: Vec<String> = chosen.iter().map(|&i| captions[i].1.clone()).collect();
    let mut content: Vec<&str> = names.iter().chain(&texts).map(String::as_str).collect();
    content.extend(images.iter().flatten().map(String::as_str));
    let seed = study.seed.to_string();
    content.push(&seed);
    let id = opaque(&content);
    // Who does not know which images are whose cannot derive the names.
    content.push("salt");
    let salt = opaque(&content);
    let pages: Vec<Page> = (1..=study.users)
        .map(|user| page(study, &salt, user, texts.len()))
        .collect();
    let mut paths = Vec::new();
    for page in &pages {
        let path = folder.join(format!("person-{}.html", page.user));
        write_atomic(&path, html(&id, page, &texts, &images)?.as_bytes())?;
        paths.push(path);
    }
    let key = Key {
        study: id,
        version: VERSION,
        seed: study.seed,
        methods: names,
        texts,
        pages,
    };
    let path = folder.join("key.json");
    let json = serde_json::to_vec_pretty(&key).expect("plain data is JSON");
    write_atomic(&path, &json)?;
    paths.push(path);
    Ok(paths)
}

/// Names and captions, in the order of the file.
fn captions(path: &Path) -> Result<Vec<(String, String)>, EvaluateError> {
    let text = input::read_text(path).map_err(|e| DataError::io("read", path, e))?;
    let mut seen = HashMap::new();
    let mut captions = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let number = number + 1;
        let Some((name, caption)) = line.split_once('\t') else {
            let message = "expected an image name, a tab and a caption";
            return Err(DataError::format_at(path, number, message).into());
        };
        let stem = Path::new(name.trim())
            .with_extension("")
            .to_string_lossy()
            .into_owned();
        if let Some(before) = seen.insert(stem.clone(), number) {
            let message = format!("`{stem}` stands on line {before} too");
            return Err(DataError::format_at(path, number, message).into());
        }
        captions.push((stem, caption.trim().to_owned()));
    }
    if captions.is_empty() {
        return Err(DataError::format(path, "holds no caption").into());
    }
    Ok(captions)
}

/// `texts` of `count` texts at random, in the order of the file.
fn choose(count: usize, texts: usize, seed: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count).collect();
    Rng::new(&[seed, key("rank texts")]).shuffle(&mut all);
    all.truncate(texts);
    all.sort_unstable();
    all
}

/// The image of every chosen text by every method: `[text][method]`.
fn files(
    study: &Study,
    captions: &[(String, String)],
    chosen: &[usize],
) -> Result<Vec<Vec<PathBuf>>, EvaluateError> {
    let mut sets = Vec::new();
    for (name, folder) in &study.methods {
        let pictures = Pictures::open(folder)?;
        let by_stem: HashMap<String, PathBuf> = (0..pictures.len())
            .map(|i| {
                let stem = pictures.names[i]
                    .with_extension("")
                    .to_string_lossy()
                    .into_owned();
                (stem, pictures.path(i))
            })
            .collect();
        sets.push((name, folder, by_stem));
    }
    chosen
        .iter()
        .map(|&text| {
            let stem = &captions[text].0;
            sets.iter()
                .map(|(name, folder, set)| {
                    set.get(stem).cloned().ok_or_else(|| {
                        EvaluateError::Folders(format!(
                            "method `{name}` has no image `{stem}` in {}, for which there is a \
                             caption; every method needs one image per text",
                            folder.display()
                        ))
                    })
                })
                .collect()
        })
        .collect()
}

/// The pixels as a data address; the file's own metadata could give the method away.
fn embedded(path: &Path) -> Result<String, EvaluateError> {
    let image = wordpaint_data::layouts::decode_rgb(path)?;
    Ok(format!(
        "data:image/png;base64,{}",
        STANDARD.encode(picture::png(&image))
    ))
}

/// The questions of one person. Texts come in a random order per task; in each group of as many
/// questions as there are methods, every method stands once in every place. Names are derived from `salt`.
fn page(study: &Study, salt: &str, user: usize, texts: usize) -> Page {
    let methods = study.methods.len();
    let number = user.to_string();
    let mut questions = Vec::new();
    for task in Task::ALL {
        let mut rng = Rng::new(&[study.seed, key("rank"), user as u64, key(task.name())]);
        let mut order: Vec<usize> = (0..texts).collect();
        rng.shuffle(&mut order);
        let repeated = ((texts as f64 * study.repeats).round() as usize).min(texts);
        let again = order[..repeated].to_vec();
        let asked = order.into_iter().map(|text| (text, false));
        let asked = asked.chain(again.into_iter().map(|text| (text, true)));
        let mut base: Vec<usize> = (0..methods).collect();
        for (at, (text, is_repeat)) in asked.enumerate() {
            if at % methods == 0 {
                rng.shuffle(&mut base);
            }
            let suffix = if is_repeat { "again" } else { "first" };
            let name =
                |what: &str| opaque(&[salt, &number, task.name(), suffix, &text.to_string(), what]);
            let images = (0..methods)
                .map(|place| {
                    let method = base[(place + at) % methods];
                    RankedImage {
                        id: name(&study.methods[method].0),
                        method,
                    }
                })
                .collect();
            questions.push(Question {
                id: name(""),
                task,
                text,
                is_repeat,
                images,
            });
        }
    }
    Page { user, questions }
}

fn html(
    id: &str,
    page: &Page,
    texts: &[String],
    images: &[Vec<String>],
) -> Result<String, EvaluateError> {
    let questions: Vec<Value> = page
        .questions
        .iter()
        .map(|question| {
            let shown: Vec<Value> = question
                .images
                .iter()
                .map(|shown| json!({"id": shown.id, "source": images[question.text][shown.method]}))
                .collect();
            // The caption of a quality question is not in the page at all.
            let caption = match question.task {
                Task::Quality => "",
                Task::Correlation => &texts[question.text],
            };
            json!({
                "id": question.id,
                "task": question.task.name(),
                "caption": caption,
                "images": shown,
            })
        })
        .collect();
    let study = json!({"study": id, "user": page.user, "questions": questions});
    // `</script>` in a caption must not end the script.
    let study = study.to_string().replace('<', "\\u003c");
    if !TEMPLATE.contains(SLOT) {
        return Err(EvaluateError::Request(
            "the page template lacks its slot".into(),
        ));
    }
    Ok(TEMPLATE.replacen(SLOT, &study, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(methods: usize) -> Study {
        Study {
            methods: (0..methods)
                .map(|i| (format!("m{i}"), PathBuf::new()))
                .collect(),
            captions: PathBuf::new(),
            texts: 12,
            users: 1,
            repeats: 0.25,
            seed: 3,
        }
    }

    #[test]
    fn every_method_stands_equally_often_in_every_place() {
        let page = page(&study(4), "id", 1, 12);
        for task in Task::ALL {
            let mut counts = [[0; 4]; 4];
            let first = page
                .questions
                .iter()
                .filter(|q| q.task == task && !q.is_repeat);
            for question in first {
                for (place, shown) in question.images.iter().enumerate() {
                    counts[place][shown.method] += 1;
                }
            }
            assert_eq!(counts, [[3; 4]; 4]);
        }
        assert_eq!(page.questions.len(), 2 * (12 + 3));
    }

    #[test]
    fn opaque_names_are_unique_and_orders_depend_on_the_person() {
        let (one, two) = (page(&study(3), "id", 1, 9), page(&study(3), "id", 2, 9));
        let mut names: Vec<&str> = [&one, &two]
            .iter()
            .flat_map(|page| &page.questions)
            .flat_map(|q| {
                q.images
                    .iter()
                    .map(|s| s.id.as_str())
                    .chain([q.id.as_str()])
            })
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let texts = |page: &Page| page.questions.iter().map(|q| q.text).collect::<Vec<_>>();
        assert_ne!(texts(&one), texts(&two));
    }
}
