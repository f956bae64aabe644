//! `cargo xtask bench`: convolutions and training steps of every family on this machine, ours and
//! PyTorch's in turn.

mod child;
mod compare;
mod measure;
mod store;
mod table;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use self::child::Child;
use self::measure::{Session, Sides};
use self::store::Bench;
use crate::{print_line, workspace};

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// flex, ndarray, wgpu:N, cuda:N
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// A Python with PyTorch: measures the same networks there, in turn with ours
    #[arg(long, value_name = "PYTHON")]
    peer: Option<PathBuf>,
    /// Burn's own convolutions on the same device beside ours
    #[arg(long)]
    burn: bool,
    /// Only cases whose name contains this; may be given several times
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// What to compute with single convolutions
    #[arg(long, value_delimiter = ',', default_value = "forward,both")]
    passes: Vec<Pass>,
    /// Threads of each program; without it all cores
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Vector instructions, for both programs; without it the widest of this machine
    #[arg(long)]
    isa: Option<Isa>,
    /// Turns of each program per case; the fastest call counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Shows where the time of training steps goes
    #[arg(long)]
    profile: bool,
    /// Results of an earlier call to compare with
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Names the cases and stops
    #[arg(long)]
    list: bool,
    /// A `wordpaint` that is built already
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// What is computed with a convolution.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pass {
    /// The output
    Forward,
    /// Output and gradient of the input
    Input,
    /// Output and gradient of the weight
    Weight,
    /// Output and both gradients
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Isa {
    Portable,
    Avx2,
    Avx512,
}

/// The name of a value on the command line.
fn word(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Measures, prints a table row by row, and keeps the results under the revision.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.rounds > 0, "`--rounds` must be at least 1");
    let old = args.compare.as_deref().map(store::read).transpose()?;
    let sides = sides(args)?;
    let (ours, hello) = Child::start(sides.ours())?;
    let passes: Vec<String> = args.passes.iter().map(word).collect();
    let chosen: Vec<_> = hello
        .cases
        .iter()
        .filter(|case| case.is_asked_for(&args.only, &passes))
        .cloned()
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no case is called like {:?}; `--list` names them",
        args.only
    );
    if args.list {
        for case in &chosen {
            print_line(&case.name);
        }
        return Ok(());
    }
    let yardstick = hello.cases.first();
    let yardstick = yardstick
        .context("`wordpaint bench` knows no case")?
        .clone();
    let mut session = Session::new(sides, ours, args.rounds)?;
    let mut bench = Bench::new(&hello, session.peer_name());
    print_line(table::title(&bench));
    let product = session.measure(&yardstick)?;
    bench.matmul_gflops = product.best_rate();
    print_line(table::head());
    for case in std::iter::once(&yardstick).chain(chosen.iter().filter(|c| **c != yardstick)) {
        let measured = if *case == yardstick {
            product.clone()
        } else {
            session.measure(case)?
        };
        print_line(table::row(&measured, bench.matmul_gflops));
        if args.profile {
            for line in table::profile(&measured) {
                print_line(line);
            }
        }
        bench.results.push(measured);
    }
    for line in table::summary(&bench) {
        print_line(line);
    }
    if let Some(old) = old {
        for line in compare::lines(&old, &bench) {
            print_line(line);
        }
    }
    let path = workspace::target_dir()?.join(format!("bench/{}.json", workspace::revision()));
    store::write(&path, &bench)?;
    print_line(format!("written to {}", path.display()));
    Ok(())
}

/// How the programs are started.
fn sides(args: &Args) -> Result<Sides> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).max(1);
    let binary = if let Some(path) = &args.binary {
        path.clone()
    } else {
        let features = crate::reproduce::features(args.device.as_deref())?;
        crate::reproduce::build_release(&features)?
    };
    Ok(Sides {
        binary,
        device: args.device.clone(),
        isa: args.isa.as_ref().map(word),
        python: args.peer.clone(),
        threads,
        with_burn: args.burn,
    })
}

impl Sides {
    /// Our program.
    fn ours(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(workspace::root())
            .arg("bench")
            .env("RAYON_NUM_THREADS", self.threads.to_string());
        if let Some(device) = &self.device {
            command.args(["--device", device]);
        }
        if let Some(isa) = &self.isa {
            command.args(["--isa", isa]);
        }
        command
    }

    /// PyTorch.
    fn peer(&self) -> Option<Command> {
        let mut command = Command::new(self.python.as_ref()?);
        command
            .current_dir(workspace::root())
            .args(["-B", "xtask/peer/main.py", "--threads"])
            .arg(self.threads.to_string())
            .env("OMP_NUM_THREADS", self.threads.to_string());
        // Its kernels and those of the library below it choose separately.
        let names = match self.isa.as_deref() {
            Some("portable") => Some(("default", "SSE41")),
            Some("avx2") => Some(("avx2", "AVX2")),
            _ => None,
        };
        if let Some((own, library)) = names {
            command
                .env("ATEN_CPU_CAPABILITY", own)
                .env("ONEDNN_MAX_CPU_ISA", library);
        }
        Some(command)
    }
}
