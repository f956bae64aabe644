//! The programs take turns on each case.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::child::{Answer, Calls, Case, Child};
use super::store::{Measured, Side};

/// Time of one turn at a cheap case in seconds.
const TURN: f64 = 0.15;
/// Calls of one turn at most.
const MOST: f64 = 40.0;

/// What is compared.
pub(super) struct Sides {
    /// Our program.
    pub(super) binary: PathBuf,
    /// Its device.
    pub(super) device: Option<String>,
    /// Vector instructions of all.
    pub(super) isa: Option<String>,
    /// A Python with PyTorch.
    pub(super) python: Option<PathBuf>,
    /// Threads of each.
    pub(super) threads: usize,
    /// Whether Burn's own convolutions are measured as well.
    pub(super) with_burn: bool,
}

/// Running programs.
pub(super) struct Session {
    sides: Sides,
    rounds: usize,
    ours: Child,
    peer: Option<Child>,
    peer_name: Option<String>,
}

impl Session {
    /// Starts the peer, if there is one, beside `ours`.
    pub(super) fn new(sides: Sides, ours: Child, rounds: usize) -> Result<Self> {
        let started = sides.peer().map(Child::start).transpose();
        let started = started.context("the peer does not run")?;
        let (peer, peer_name) = started
            .map(|(child, hello)| {
                let name = format!("{}, {} threads, {}", hello.name, hello.threads, hello.isa);
                (child, name)
            })
            .unzip();
        Ok(Self {
            sides,
            rounds,
            ours,
            peer,
            peer_name,
        })
    }

    /// Who is compared with us.
    pub(super) fn peer_name(&self) -> Option<String> {
        self.peer_name.clone()
    }

    /// Has everybody time `case`. Training steps run in programs of their own, so that their peak
    /// memory is that of the step.
    pub(super) fn measure(&mut self, case: &Case) -> Result<Measured> {
        if case.kind != "step" {
            return alternate(
                case,
                self.rounds,
                self.sides.with_burn && case.kind == "conv",
                &mut self.ours,
                self.peer.as_mut(),
            );
        }
        let (mut ours, _) = Child::start(self.sides.ours())?;
        let mut peer = self.sides.peer().map(Child::start).transpose()?;
        let start = ours.resident_bytes();
        let peer_start = peer.as_ref().and_then(|(child, _)| child.resident_bytes());
        let peer = peer.as_mut().map(|(child, _)| child);
        let mut measured = alternate(case, self.rounds, false, &mut ours, peer)?;
        for (side, start) in [
            (&mut measured.ours, start),
            (&mut measured.peer, peer_start),
        ] {
            if let Some(side) = side {
                side.start_bytes = start;
            }
        }
        Ok(measured)
    }
}

/// Turns of everybody, in the opposite order every other round.
fn alternate(
    case: &Case,
    rounds: usize,
    with_burn: bool,
    ours: &mut Child,
    mut peer: Option<&mut Child>,
) -> Result<Measured> {
    let mut measured = Measured::new(&case.name, &case.kind, case.operations);
    let first = Calls {
        warmups: 1,
        repeats: 1,
    };
    let mut turn = |who: Who, calls: Calls| -> Result<Answer> {
        match (who, &mut peer) {
            (Who::Ours, _) => ours.ask(case, calls, "own"),
            (Who::Burn, _) => ours.ask(case, calls, "burn"),
            (Who::Peer, Some(peer)) => peer.ask(case, calls, "own"),
            (Who::Peer, None) => Ok(Answer::default()),
        }
    };
    let mut order = vec![Who::Ours, Who::Peer];
    if with_burn {
        order.push(Who::Burn);
    }
    let mut slowest = 0.0_f64;
    let mut take = |measured: &mut Measured, who, answer: Answer| {
        slowest = answer.seconds.iter().copied().fold(slowest, f64::max);
        measured.take(who, answer);
        slowest
    };
    for &who in &order {
        let answer = turn(who, first)?;
        take(&mut measured, who, answer);
    }
    let repeats = (TURN / take(&mut measured, Who::Ours, Answer::default())).clamp(1.0, MOST);
    let calls = Calls {
        // The others have emptied the caches since.
        warmups: usize::from(repeats >= 2.0),
        repeats: repeats as usize,
    };
    for _ in 0..rounds {
        for &who in &order {
            if measured.has(who) {
                let answer = turn(who, calls)?;
                take(&mut measured, who, answer);
            }
        }
        order.reverse();
    }
    measured.refuse_other_networks();
    Ok(measured)
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Our layers.
    Ours,
    /// PyTorch.
    Peer,
    /// Burn's layers in our program.
    Burn,
}

impl Measured {
    fn side(&mut self, who: Who) -> &mut Option<Side> {
        match who {
            Who::Ours => &mut self.ours,
            Who::Peer => &mut self.peer,
            Who::Burn => &mut self.burn,
        }
    }

    fn has(&self, who: Who) -> bool {
        match who {
            Who::Ours => self.ours.is_some(),
            Who::Peer => self.peer.is_some(),
            Who::Burn => self.burn.is_some(),
        }
    }

    fn take(&mut self, who: Who, answer: Answer) {
        if answer.seconds.is_empty() {
            return;
        }
        let side = self.side(who).get_or_insert_default();
        let fastest = answer.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        if side.seconds.iter().all(|old| fastest < *old) {
            side.sections = answer.sections;
        }
        side.seconds.extend(answer.seconds);
        side.parameters = answer.parameters;
        side.peak_bytes = answer.peak_bytes;
    }

    /// Leaves the peer out where its networks are of other sizes than ours.
    fn refuse_other_networks(&mut self) {
        let sizes = |side: &Option<Side>| side.as_ref().map(|side| side.parameters);
        if let (Some(Some(ours)), Some(Some(peer))) = (sizes(&self.ours), sizes(&self.peer))
            && ours != peer
        {
            self.note = Some(format!(
                "not comparable: {} + {} frozen parameters here, {} + {} there",
                ours.trained, ours.frozen, peer.trained, peer.frozen
            ));
            self.peer = None;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use serde_json::json;

    use super::*;

    /// A program that answers every request with `answer`.
    fn fake(answer: &str) -> Child {
        let script = format!(
            r#"echo '{{"name": "fake", "threads": 1, "isa": "none"}}'
            while read -r line; do echo '{answer}'; done"#
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        Child::start(command).expect("sh runs").0
    }

    fn step() -> Case {
        Case::from(json!({"name": "step", "kind": "step", "operations": 4e9}))
    }

    #[test]
    fn both_programs_are_asked_in_every_round() {
        let mut ours = fake(r#"{"seconds": [2.0]}"#);
        let mut peer = fake(r#"{"seconds": [1.0]}"#);

        let measured =
            alternate(&step(), 3, false, &mut ours, Some(&mut peer)).expect("both answer");

        assert_eq!(
            measured.ours.as_ref().map(|side| side.seconds.len()),
            Some(4)
        );
        assert_eq!(
            measured.peer.as_ref().map(|side| side.seconds.len()),
            Some(4)
        );
        assert_eq!(measured.ratio(), Some(0.5));
        assert_eq!(measured.burn, None);
    }

    #[test]
    fn a_peer_without_a_counterpart_leaves_its_column_empty() {
        let mut ours = fake(r#"{"seconds": [2.0]}"#);
        let mut peer = fake(r#"{"seconds": []}"#);

        let measured =
            alternate(&step(), 1, false, &mut ours, Some(&mut peer)).expect("both answer");

        assert_eq!((measured.peer.as_ref(), measured.ratio()), (None, None));
    }

    #[test]
    fn networks_of_other_sizes_are_not_compared() {
        let sized = |trained: usize| {
            let answer = json!({
                "seconds": [1.0],
                "parameters": {"trained": trained, "frozen": 2},
            });
            fake(&answer.to_string())
        };

        let same = alternate(&step(), 1, false, &mut sized(7), Some(&mut sized(7)));
        let other = alternate(&step(), 1, false, &mut sized(7), Some(&mut sized(8)));

        assert_eq!(same.expect("both answer").ratio(), Some(1.0));
        let other = other.expect("both answer");
        assert_eq!(other.ratio(), None);
        let note = other.note.expect("it says why");
        assert!(note.contains("7 + 2") && note.contains("8 + 2"), "{note}");
    }

    #[test]
    fn burns_layers_are_asked_of_our_program() {
        let script = r#"echo '{"name": "fake", "threads": 1, "isa": "none"}'
            while read -r line; do case "$line" in
                *'"layers":"burn"'*) echo '{"seconds": [3.0]}';;
                *) echo '{"seconds": [1.0]}';;
            esac; done"#;
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let (mut ours, _) = Child::start(command).expect("sh runs");

        let measured = alternate(&step(), 1, true, &mut ours, None).expect("it answers");

        assert_eq!(measured.burn.as_ref().map(Side::fastest), Some(3.0));
        assert_eq!(measured.ours.as_ref().map(Side::fastest), Some(1.0));
    }
}
