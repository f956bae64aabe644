//! From the exports of the pages to ranks per method.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use wordpaint_data::{DataError, input};
use wordpaint_metrics::{RankSummary, Ranking, Rankings};

use super::super::EvaluateError;
use super::prepare::VERSION;
use super::{Answers, Key, Question, Task};

/// Resamples of the intervals over texts.
const RESAMPLES: usize = 1000;

/// What a study found for one task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResult {
    /// What people ranked by.
    pub task: Task,
    /// Ranks per method and agreement between people.
    pub summary: RankSummary,
    /// Number of people.
    pub users: usize,
    /// Number of texts.
    pub texts: usize,
    /// Share of image pairs ordered equally when a question came again, and how many pairs came
    /// again; `None` without repeated questions.
    pub consistency: Option<(f64, usize)>,
}

/// What a study found.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// Tells the study from others.
    pub study: String,
    /// Seed of its texts and orders.
    pub seed: u64,
    /// Names of the methods.
    pub methods: Vec<String>,
    /// One per task that was answered.
    pub tasks: Vec<TaskResult>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// Reads the key and the people's answers.
///
/// # Errors
///
/// If a file is damaged or of another study, an answer is no order of its question's images, or
/// people ranked different texts and `is_unbalanced_allowed` is not given.
pub fn collect(
    key: &Path,
    answers: &[PathBuf],
    is_unbalanced_allowed: bool,
) -> Result<Findings, EvaluateError> {
    let study: Key = read(key)?;
    if study.version != VERSION {
        return Err(DataError::format(
            key,
            format!(
                "is of version {}, this program reads {VERSION}",
                study.version
            ),
        )
        .into());
    }
    let mut given = Given::default();
    let mut seen = HashMap::new();
    for path in answers {
        let answers: Answers = read(path)?;
        let wrong = |message: String| EvaluateError::from(DataError::format(path, message));
        if answers.study != study.study {
            return Err(wrong(format!(
                "belongs to study {}, the key {} to {}",
                answers.study,
                key.display(),
                study.study
            )));
        }
        if let Some(before) = seen.insert(answers.user, path) {
            let before = before.display();
            return Err(wrong(format!(
                "is of person {}, as {before} is",
                answers.user
            )));
        }
        given.add(&study, &answers).map_err(wrong)?;
    }
    let Given {
        mut rankings,
        mut repeats,
        mut notes,
    } = given;
    let mut tasks = Vec::new();
    for task in Task::ALL {
        let Some(rankings) = rankings.remove(&task) else {
            continue;
        };
        let repeats = repeats.remove(&task).unwrap_or_default();
        let (result, is_balanced) = of_task(task, rankings, &repeats, &study)?;
        if !is_balanced {
            if !is_unbalanced_allowed {
                return Err(EvaluateError::Folders(format!(
                    "not everyone ranked the same texts by {} ({} people, {} texts, {} rankings); \
                     let them finish, or accept it with --allow-unbalanced",
                    task.name(),
                    result.users,
                    result.texts,
                    result.summary.count
                )));
            }
            notes.push(format!("{}: people ranked different texts", task.name()));
        }
        tasks.push(result);
    }
    if tasks.is_empty() {
        return Err(EvaluateError::Folders("the files hold no answer".into()));
    }
    Ok(Findings {
        study: study.study,
        seed: study.seed,
        methods: study.methods,
        tasks,
        notes,
    })
}

/// What people answered.
#[derive(Default)]
struct Given {
    rankings: HashMap<Task, Vec<Ranking>>,
    /// Of questions that came again.
    repeats: HashMap<Task, Vec<Ranking>>,
    /// What a reader must know.
    notes: Vec<String>,
}

impl Given {
    /// Adds the answers of one person, or says what is wrong with them.
    fn add(&mut self, study: &Key, answers: &Answers) -> Result<(), String> {
        let user = answers.user;
        let page = study.pages.iter().find(|page| page.user == user);
        let page = page.ok_or_else(|| format!("the study has no person {user}"))?;
        let questions: HashMap<&str, &Question> =
            page.questions.iter().map(|q| (q.id.as_str(), q)).collect();
        for answer in &answers.answers {
            let question = questions
                .get(answer.question.as_str())
                .ok_or_else(|| format!("answers an unknown question {}", answer.question))?;
            let ranks = ranks(question, &answer.order, study.methods.len())
                .ok_or_else(|| format!("question {} is not fully ranked", answer.question))?;
            let into = if question.is_repeat {
                &mut self.repeats
            } else {
                &mut self.rankings
            };
            into.entry(question.task).or_default().push(Ranking {
                user,
                item: question.text,
                ranks,
            });
        }
        let skipped = page.questions.len().saturating_sub(answers.answers.len());
        if skipped > 0 {
            self.notes
                .push(format!("person {user} left {skipped} questions open"));
        }
        Ok(())
    }
}

/// What `given` says of one task, and whether everyone ranked the same texts.
fn of_task(
    task: Task,
    given: Vec<Ranking>,
    repeats: &[Ranking],
    study: &Key,
) -> Result<(TaskResult, bool), EvaluateError> {
    let consistency = consistency(&given, repeats);
    let count = |of: fn(&Ranking) -> usize| given.iter().map(of).collect::<HashSet<_>>().len();
    let (users, texts) = (count(|r| r.user), count(|r| r.item));
    let rankings = Rankings::new(study.methods.len(), given)?;
    let result = TaskResult {
        task,
        summary: rankings.summary(RESAMPLES, study.seed)?,
        users,
        texts,
        consistency,
    };
    Ok((result, rankings.is_balanced()))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, EvaluateError> {
    let bytes = input::read(path, input::TEXT).map_err(|e| DataError::io("read", path, e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| DataError::format(path, format!("is no file of a ranking study ({e})")).into())
}

/// Rank of each method from the order of images; `None` unless every image stands there once.
fn ranks(question: &Question, order: &[String], methods: usize) -> Option<Vec<usize>> {
    let mut ranks = vec![0; methods];
    for (place, id) in order.iter().enumerate() {
        let shown = question.images.iter().find(|shown| shown.id == *id)?;
        let rank = ranks.get_mut(shown.method)?;
        if *rank != 0 {
            return None;
        }
        *rank = place + 1;
    }
    ranks.iter().all(|&rank| rank > 0).then_some(ranks)
}

fn consistency(first: &[Ranking], again: &[Ranking]) -> Option<(f64, usize)> {
    let (mut same, mut pairs) = (0usize, 0usize);
    for repeat in again {
        let before = first
            .iter()
            .find(|r| (r.user, r.item) == (repeat.user, repeat.item));
        let Some(before) = before else {
            continue;
        };
        for i in 0..repeat.ranks.len() {
            for j in 0..i {
                pairs += 1;
                let order = |r: &Ranking| r.ranks[i] < r.ranks[j];
                same += usize::from(order(before) == order(repeat));
            }
        }
    }
    (pairs > 0).then(|| (same as f64 / pairs as f64, pairs))
}

/// One line per task and method, for spreadsheets.
pub fn csv(findings: &Findings) -> String {
    let mut text = String::from(
        "task,method,mean,std,std_users,low,high,bradley_terry,people,texts,rankings,kendall_w,\
         friedman\n",
    );
    for result in &findings.tasks {
        let w = mean_concordance(&result.summary);
        for (name, method) in findings.methods.iter().zip(&result.summary.methods) {
            let name = if name.contains([',', '"', '\n']) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name.clone()
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{},{name},{},{},{},{},{},{},{},{},{},{},{}",
                result.task.name(),
                method.mean,
                method.std,
                method.std_users,
                method.interval.low,
                method.interval.high,
                method.strength,
                result.users,
                result.texts,
                result.summary.count,
                w.map_or_else(String::new, |w| w.to_string()),
                result.summary.friedman
            );
        }
    }
    text
}

/// Mean over texts of Kendall's coefficient, where several people ranked a text.
pub fn mean_concordance(summary: &RankSummary) -> Option<f64> {
    let all = &summary.concordance;
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}
