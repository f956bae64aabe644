//! A program that times cases: one JSON object per line in both directions.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::workspace;

/// Lines of a program's stderr that are kept for an error message.
const STDERR_LINES: usize = 40;

/// First line of a program.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Hello {
    /// Who measures.
    pub(super) name: String,
    /// Threads that compute.
    pub(super) threads: usize,
    /// Vector instructions.
    pub(super) isa: String,
    /// What can be measured; PyTorch takes what ours offers.
    #[serde(default)]
    pub(super) cases: Vec<Case>,
}

/// Something to be measured, handed on as it came.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Value")]
pub(super) struct Case {
    /// Name in tables.
    pub(super) name: String,
    /// `matrix-product`, `conv`, `step` or `loading`.
    pub(super) kind: String,
    /// Operations of a call.
    pub(super) operations: Option<f64>,
    /// Everything about it.
    all: Value,
}

impl From<Value> for Case {
    fn from(all: Value) -> Self {
        let text = |key: &str| all[key].as_str().unwrap_or_default().to_owned();
        Self {
            name: text("name"),
            kind: text("kind"),
            operations: all["operations"].as_f64(),
            all,
        }
    }
}

impl Case {
    /// Whether it is of one of the `passes`, if it is a convolution, and has one of the `texts` in
    /// its name, if there are any.
    pub(super) fn is_asked_for(&self, texts: &[String], passes: &[String]) -> bool {
        let has_pass = match self.all["pass"].as_str() {
            Some(pass) => passes.iter().any(|wanted| wanted == pass),
            None => true,
        };
        let has_name =
            texts.is_empty() || texts.iter().any(|text| self.name.contains(text.as_str()));
        has_pass && has_name
    }
}

/// Times of a case.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct Answer {
    /// Of every call; empty where there is no counterpart.
    pub(super) seconds: Vec<f64>,
    /// Parts of the fastest call.
    #[serde(default)]
    pub(super) sections: Vec<super::store::Section>,
    /// Sizes of the networks.
    #[serde(default)]
    pub(super) parameters: Option<super::store::Parameters>,
    /// Largest resident size of the program.
    #[serde(default)]
    pub(super) peak_bytes: Option<u64>,
}

/// How often a case is to be called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    /// Before the timed ones.
    pub(super) warmups: usize,
    /// Timed.
    pub(super) repeats: usize,
}

/// A running program. It ends when its stdin is closed.
pub(super) struct Child {
    shown: String,
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<VecDeque<String>>>,
}

impl Child {
    /// Starts a program and waits for its first line.
    pub(super) fn start(mut command: Command) -> Result<(Self, Hello)> {
        let shown = workspace::shown(&command);
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = spawned.map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow!(
                "there is no program `{}`; is the path right?",
                command.get_program().to_string_lossy()
            ),
            _ => anyhow!("cannot start {shown}: {error}"),
        })?;
        let stderr = process
            .stderr
            .take()
            .expect("stderr was asked to be a pipe");
        let stdin = process.stdin.take();
        let stdout = process
            .stdout
            .take()
            .expect("stdout was asked to be a pipe");
        let mut child = Self {
            shown,
            process,
            stdin,
            stdout: BufReader::new(stdout),
            stderr: Some(std::thread::spawn(move || {
                let mut last = VecDeque::new();
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    last.push_back(line);
                    if last.len() > STDERR_LINES {
                        last.pop_front();
                    }
                }
                last
            })),
        };
        let hello = child.read()?;
        Ok((child, hello))
    }

    /// Resident size in bytes, where the system tells.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).ok()?;
        let size = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = size.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// Has a case timed, with `layers` (`own`, `burn`) where it is one convolution of ours.
    pub(super) fn ask(&mut self, case: &Case, calls: Calls, layers: &str) -> Result<Answer> {
        let request = json!({
            "case": case.all,
            "repeats": calls.repeats,
            "warmups": calls.warmups,
            "layers": layers,
        });
        let stdin = self
            .stdin
            .as_mut()
            .expect("open as long as the program runs");
        // A program that has ended is reported by the reading side, with its last words.
        let _ = writeln!(stdin, "{request}").and_then(|()| stdin.flush());
        self.read()
            .with_context(|| format!("measuring `{}`", case.name))
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line);
        if read.with_context(|| format!("cannot read what {} prints", self.shown))? == 0 {
            return Err(self.last_words());
        }
        let value: Value = serde_json::from_str(&line)
            .with_context(|| format!("{} printed `{}`", self.shown, line.trim_end()))?;
        if let Some(message) = value["error"].as_str() {
            bail!("{message}");
        }
        serde_json::from_value(value)
            .with_context(|| format!("{} printed `{}`", self.shown, line.trim_end()))
    }

    fn last_words(&mut self) -> anyhow::Error {
        drop(self.stdin.take());
        let ended = match self.process.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let stderr = self.stderr.take().and_then(|reader| reader.join().ok());
        let stderr: Vec<String> = stderr.unwrap_or_default().into();
        anyhow!("{} ended with {ended}\n{}", self.shown, stderr.join("\n"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.process.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A program made of shell lines.
    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const HELLO: &str = r#"echo '{"name": "fake", "threads": 2, "isa": "none"}'"#;

    fn case() -> Case {
        Case::from(json!({"name": "a case", "kind": "conv", "pass": "both", "operations": 8.0}))
    }

    const ONCE: Calls = Calls {
        warmups: 0,
        repeats: 1,
    };

    #[test]
    fn a_request_gets_its_answer_and_carries_the_whole_case() {
        let script = format!(
            r#"{HELLO}; read line; case "$line" in
                *'"pass":"both"'*) echo '{{"seconds": [0.5, 0.25], "peak_bytes": 7}}';;
                *) echo '{{"error": "the case is not whole"}}';;
            esac"#
        );
        let (mut child, hello) = Child::start(shell(&script)).expect("sh runs");

        let answer = child.ask(&case(), ONCE, "own").expect("answered");

        assert_eq!((hello.name.as_str(), hello.threads), ("fake", 2));
        assert_eq!(answer.seconds, [0.5, 0.25]);
        assert_eq!(answer.peak_bytes, Some(7));
    }

    #[test]
    fn a_crash_is_reported_with_what_the_program_printed_last() {
        let script = format!("{HELLO}; read line; echo 'out of memory' >&2; exit 9");
        let (mut child, _) = Child::start(shell(&script)).expect("sh runs");

        let error = child.ask(&case(), ONCE, "own").expect_err("it crashed");

        let text = format!("{error:#}");
        assert!(text.contains("measuring `a case`"), "{text}");
        assert!(
            text.contains("out of memory") && text.contains('9'),
            "{text}"
        );
    }

    #[test]
    fn what_a_program_lacks_is_said_in_its_own_words() {
        let outcome = Child::start(shell(r#"echo '{"error": "there is no PyTorch"}'; exit 3"#));

        let error = outcome.err().expect("it refused").to_string();
        assert_eq!(error, "there is no PyTorch");
    }

    #[test]
    fn a_missing_program_is_named() {
        let outcome = Child::start(Command::new("/nowhere/python9"));

        let error = outcome.err().expect("no such file").to_string();
        assert!(error.contains("`/nowhere/python9`"), "{error}");
    }

    #[test]
    fn cases_are_chosen_by_name_and_convolutions_by_pass() {
        let words = |words: &[&str]| -> Vec<String> { words.iter().map(|w| (*w).into()).collect() };
        let step = Case::from(json!({"name": "step: sdn", "kind": "step"}));

        assert!(case().is_asked_for(&[], &words(&["forward", "both"])));
        assert!(!case().is_asked_for(&[], &words(&["forward"])));
        assert!(!case().is_asked_for(&words(&["sdn"]), &words(&["both"])));
        assert!(step.is_asked_for(&words(&["sdn", "gan"]), &words(&["forward"])));
    }
}
