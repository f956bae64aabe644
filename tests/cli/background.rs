//! Processes that a test stops.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// `command` as one of the standard library, which can be started without waiting for it.
pub(crate) fn plain(command: &assert_cmd::Command) -> Command {
    let mut plain = Command::new(command.get_program());
    plain.args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => plain.env(key, value),
            None => plain.env_remove(key),
        };
    }
    plain
}

/// A training in the background; killed when the test ends.
pub(crate) struct Background {
    child: Child,
}

impl Background {
    /// Starts `command`; stderr goes into the file `said`.
    pub(crate) fn start(command: &assert_cmd::Command, said: &Path) -> Self {
        let child = plain(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(said).expect("creates"))
            .spawn()
            .expect("the binary starts");
        Self { child }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("`kill` is there");
        assert!(status.success());
    }

    /// Waits until `is_there`; a process that ends before is a failure.
    pub(crate) fn wait_until(&mut self, said: &Path, mut is_there: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !is_there() {
            let log = || fs::read_to_string(said).unwrap_or_default();
            if let Some(status) = self.child.try_wait().expect("our child") {
                panic!("ended early with {status}: {}", log());
            }
            assert!(begin.elapsed() < Duration::from_mins(1), "{}", log());
            sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("our child").code()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process, and so its children, ignores SIGHUP.
pub(crate) fn ignores_hang_ups() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_none_or(|set| set & 1 == 1)
}
