//! Which vector instructions compute.

use wordpaint_kernels::isa::{Isa, VARIABLE};

use super::ConfigError;

/// Refuses a value of [`VARIABLE`] that names no set of instructions.
///
/// # Errors
///
/// If it is set to anything but `portable`, `avx2` or `avx512`.
pub fn check_instructions() -> Result<(), ConfigError> {
    match std::env::var_os(VARIABLE) {
        None => Ok(()),
        Some(value) => check(&value.to_string_lossy()),
    }
}

fn check(name: &str) -> Result<(), ConfigError> {
    match Isa::named(name) {
        Some(_) => Ok(()),
        None => Err(
            ConfigError::new(format!("{VARIABLE}={name} names no vector instructions"))
                .with_accepted(name, &["portable", "avx2", "avx512"]),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_set_of_instructions_is_refused_with_the_known_ones() {
        let message = check("avx-2").expect_err("no such set").to_string();

        assert!(
            message.contains("`portable`, `avx2`, `avx512`"),
            "{message}"
        );
        assert!(check("avx2").is_ok());
    }
}
