//! SIGINT and SIGTERM end training after the running step.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Remembers the last stop signal.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    received: Arc<AtomicUsize>,
}

impl Signals {
    /// Installs the handlers. A second signal of the same kind ends the process at once, in case
    /// saving hangs.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn install() -> std::io::Result<Self> {
        let signals = Self::default();
        for signal in [SIGINT, SIGTERM] {
            let again = Arc::new(std::sync::atomic::AtomicBool::new(false));
            signal_hook::flag::register_conditional_shutdown(
                signal,
                128 + signal,
                Arc::clone(&again),
            )?;
            signal_hook::flag::register(signal, again)?;
            signal_hook::flag::register_usize(
                signal,
                Arc::clone(&signals.received),
                signal as usize,
            )?;
        }
        Ok(signals)
    }

    /// Exit code of the received signal: 130 for SIGINT, 143 for SIGTERM.
    pub fn exit_code(&self) -> Option<u8> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }
}
