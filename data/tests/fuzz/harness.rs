//! Changed bytes without end: whatever a reader is given, it answers soon and in little memory.
//!
//! Mutations are numbered and come from the counter-based generator, so that a find is repeated by
//! its number. They run in a child process of limited address space; a watch ends it when one
//! mutation takes too long.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use wordpaint_rng::{Rng, key};

/// A reader under test.
pub(crate) struct Target {
    /// What the tests call it.
    pub(crate) name: &'static str,
    /// Valid inputs.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Reads an input with a folder at hand; whether it was accepted.
    pub(crate) read: fn(&Path, &[u8]) -> bool,
}

/// Mutations per reader in the fast check and in the slow one.
pub(crate) const FAST: u64 = 2_000;
pub(crate) const SLOW: u64 = 100_000;
/// Address space of the child in KiB: one gigabyte beside what its threads reserve.
const MEMORY: u64 = 1_572_864;
/// How long a mutation may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest mutation.
const LONGEST: usize = 1 << 16;
/// Tells the child what to do: `target first end folder`.
const TASK: &str = "WORDPAINT_FUZZ";

/// Runs mutations `0..count` of `target` in a child, whose test `child` must call [`serve`].
pub(crate) fn hold(target: &Target, count: u64) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("sh")
        .args(["-c", "ulimit -v \"$0\"; exec \"$@\""])
        .arg(MEMORY.to_string())
        .arg(program)
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(
            TASK,
            format!("{} 0 {count} {}", target.name, folder.path().display()),
        )
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .expect("a shell");
    if output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().find(|line| line.contains(" mutations, "));
        let line = line.unwrap_or_else(|| panic!("the child did nothing: {said}"));
        let _ = writeln!(std::io::stdout(), "{line}");
        return;
    }
    let at = fs::read(folder.path().join("at")).unwrap_or_default();
    let at = at.first_chunk().map_or(0, |at| u64::from_le_bytes(*at));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let data = mutation(target, &(target.seeds)(), at);
    panic!(
        "{} fails on mutation {at} ({}):\n{said}\n{} bytes: {}",
        target.name,
        output.status,
        data.len(),
        shown(&data)
    );
}

/// The child's side: runs what the environment asks for; nothing without.
pub(crate) fn serve(targets: &[&Target]) {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let mut words = task.splitn(4, ' ');
    let mut word = || words.next().expect("four words");
    let name = word();
    let target = targets
        .iter()
        .find(|target| target.name == name)
        .expect("a target");
    let [first, end] = [word(), word()].map(|number| number.parse().expect("a number"));
    let folder = PathBuf::from(word());
    let scratch = folder.join("scratch");
    fs::create_dir_all(&scratch).expect("a folder");
    let progress = fs::File::create(folder.join("at")).expect("a file");
    let seeds = (target.seeds)();
    for seed in &seeds {
        assert!(
            (target.read)(&scratch, seed),
            "{name}: a seed is refused: {}",
            shown(seed)
        );
    }
    let done = &AtomicU64::new(first);
    let (finished, watch) = mpsc::channel::<()>();
    let (mut accepted, mut slowest) = (0_u64, Duration::ZERO);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut before = u64::MAX;
            while watch.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let now = done.load(Ordering::Relaxed);
                if now == before {
                    let _ = writeln!(std::io::stderr(), "mutation {now} takes over {PATIENCE:?}");
                    std::process::abort();
                }
                before = now;
            }
        });
        // Dropped when this ends in a panic, too, so that the watch does not wait for ever.
        let finished = finished;
        for number in first..end {
            progress
                .write_all_at(&number.to_le_bytes(), 0)
                .expect("a place to write");
            let data = mutation(target, &seeds, number);
            let start = Instant::now();
            accepted += u64::from((target.read)(&scratch, &data));
            slowest = slowest.max(start.elapsed());
            done.store(number + 1, Ordering::Relaxed);
        }
        drop(finished);
    });
    let _ = writeln!(
        std::io::stdout(),
        "{name}: {} mutations, {accepted} accepted, slowest {} ms, largest {} MB",
        end - first,
        slowest.as_millis(),
        peak() >> 10
    );
}

/// Most memory that was in use, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// Mutation `number` of the seeds.
fn mutation(target: &Target, seeds: &[Vec<u8>], number: u64) -> Vec<u8> {
    let mut rng = Rng::new(&[key("fuzz"), key(target.name), number]);
    let mut data = rng.pick(seeds).clone();
    for _ in 0..=rng.n(4) {
        change(&mut rng, &mut data, seeds);
        data.truncate(LONGEST);
    }
    data
}

/// Numbers at the ends of what fields hold.
const EXTREMES: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    (1 << 62) + 1,
    i64::MAX as u64,
    u64::MAX,
];
/// The same in text, and what number parsers stumble over.
const WORDS: [&str; 16] = [
    "0",
    "-1",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e999",
    "-0.0",
    "NaN",
    "inf",
    "null",
    "[]",
    "{}",
    "\"\"",
    "../..",
    "\u{feff}\u{0}",
];

fn change(rng: &mut Rng, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = rng.n(data.len() + 1).min(data.len());
    let some = |rng: &mut Rng, most: usize| 1 + rng.n(most);
    match rng.n(11) {
        0 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << rng.n(8);
            }
        }
        1 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = rng.n(256) as u8;
            }
        }
        2 | 3 => {
            let value = *rng.pick(&EXTREMES);
            let width = *rng.pick(&[1, 2, 4, 8]);
            let bytes = if rng.n(4) == 0 {
                value.to_be_bytes()[8 - width..].to_vec()
            } else {
                value.to_le_bytes()[..width].to_vec()
            };
            for (byte, new) in data[at..].iter_mut().zip(bytes) {
                *byte = new;
            }
        }
        4 => data.truncate(at),
        5 => {
            let end = (at + some(rng, 16)).min(data.len());
            data.drain(at..end);
        }
        6 => {
            let end = (at + some(rng, 64)).min(data.len());
            let piece = data[at..end].repeat(some(rng, 40));
            let into = rng.n(data.len() + 1).min(data.len());
            data.splice(into..into, piece);
        }
        7 => {
            let other = rng.pick(seeds);
            let from = rng.n(other.len() + 1).min(other.len());
            data.truncate(at);
            data.extend(&other[from..]);
        }
        8 => {
            let new: Vec<u8> = (0..some(rng, 8)).map(|_| rng.n(256) as u8).collect();
            data.splice(at..at, new);
        }
        9 => {
            // A number in text, wherever the next one stands.
            let is_digit = |byte: &u8| byte.is_ascii_digit();
            let start = data[at..]
                .iter()
                .position(is_digit)
                .map_or(at, |next| at + next);
            let digits = data[start..]
                .iter()
                .take_while(|byte| is_digit(byte))
                .count();
            data.splice(start..start + digits, rng.pick(&WORDS).bytes());
        }
        _ => {
            data.splice(at..at, rng.pick(&WORDS).bytes());
        }
    }
}

/// The first bytes as they would stand in a test.
fn shown(data: &[u8]) -> String {
    let mut text = String::new();
    for byte in data.iter().take(2_000) {
        let _ = write!(text, "{}", byte.escape_ascii());
    }
    text
}
