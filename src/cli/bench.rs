//! `wordpaint bench`, the side of `cargo xtask bench` that computes.

use std::io::BufRead;
use std::process::ExitCode;

use clap::ValueEnum;
use wordpaint_kernels::isa::{self, Isa};

use super::{DeviceArg, Outcome, output};
use crate::backends::on_device;
use crate::bench::{Hello, Service, cases};

/// Reads one request per line from stdin and answers each with a line, until stdin ends. The first
/// line says what can be asked.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Vector instructions of the kernels; without it the widest of this machine.
    #[arg(long)]
    isa: Option<Instructions>,
    #[command(flatten)]
    device: DeviceArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Instructions {
    Portable,
    Avx2,
    Avx512,
}

impl From<Instructions> for Isa {
    fn from(instructions: Instructions) -> Self {
        match instructions {
            Instructions::Portable => Self::Portable,
            Instructions::Avx2 => Self::Avx2,
            Instructions::Avx512 => Self::Avx512,
        }
    }
}

pub(super) fn run(args: Args) -> Outcome {
    if let Some(wanted) = args.isa.map(Isa::from) {
        anyhow::ensure!(
            wanted.is_available(),
            "this machine has no {wanted:?} instructions; its widest are {:?}",
            Isa::detect()
        );
        isa::force(Some(wanted));
    }
    let device = args.device.device;
    let hello = Hello {
        name: format!("wordpaint on {device}"),
        threads: rayon::current_num_threads(),
        isa: format!("{:?}", Isa::current()).to_lowercase(),
        cases: cases()?,
    };
    output::line(&serde_json::to_string(&hello)?);
    let service = Service {
        requests: std::io::stdin().lock().lines().map_while(Result::ok),
        answer: output::line,
    };
    on_device(device, service)??;
    Ok(ExitCode::SUCCESS)
}
