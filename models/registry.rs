//! THE table of families: one line each.

use crate::system::{Family, Info};

/// Hands the table to another macro: the modules of the families, which hold a `Family` each.
#[doc(hidden)]
#[macro_export]
macro_rules! __families {
    ([$($then:tt)*] $($arguments:tt)*) => {
        $($then)* ! {
            [
                sdn,
                vgg_classifier,
                probe,
                char_cnn_rnn,
                gan_int_cls,
                damsm,
                attngan,
                dm_gan,
                df_gan,
                ssa_gan,
                captioner,
                clip,
            ]
            $($arguments)*
        }
    };
}

/// Evaluates an expression with the family called `$name` bound to the type `$family`, once per
/// family at compile time; `None` for an unknown name.
///
/// ```
/// use wordpaint_models::for_family;
/// use wordpaint_models::system::{Family, SystemConfig};
///
/// fn valid_table<F: Family>(text: &str) -> bool {
///     serde_json::from_str::<F::Config>(text).is_ok_and(|config| config.validate().is_ok())
/// }
///
/// assert_eq!(for_family!("sdn", F => valid_table::<F>(r#"{"heads": 3}"#)), Some(true));
/// assert_eq!(for_family!("sdm", F => valid_table::<F>("{}")), None);
/// ```
#[macro_export]
macro_rules! for_family {
    ($name:expr, $family:ident => $body:expr) => {
        $crate::__families!([$crate::__for_family] $name, $family, $body)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __for_family {
    ([$($module:ident,)*] $name:expr, $family:ident, $body:expr) => {
        match $name {
            $(name if name == $crate::registry::name_of::<$crate::$module::Family>() => {
                type $family = $crate::$module::Family;
                Some($body)
            })*
            _ => None,
        }
    };
}

macro_rules! modules {
    ([$($module:ident,)*]) => { &[$(stringify!($module),)*] };
}

/// Modules of the families, each a folder of this package.
pub const MODULES: &[&str] = __families!([modules]);

macro_rules! infos {
    ([$($module:ident,)*]) => { &[$(<crate::$module::Family as Family>::INFO,)*] };
}

/// Facts about every family.
pub const FAMILIES: &[Info] = __families!([infos]);

/// Name of the family `F` in experiment files.
pub const fn name_of<F: Family>() -> &'static str {
    F::INFO.name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemConfig;

    fn default_is_valid<F: Family<Config: Default>>() -> bool {
        F::Config::default().validate().is_ok()
    }

    #[test]
    fn every_family_is_found_by_its_name_and_has_valid_defaults() {
        for info in FAMILIES {
            let found = for_family!(info.name, F => default_is_valid::<F>());

            assert_eq!(found, Some(true), "{}", info.name);
        }
    }

    #[test]
    fn names_are_unique() {
        for (i, info) in FAMILIES.iter().enumerate() {
            assert!(
                FAMILIES[..i].iter().all(|other| other.name != info.name),
                "{}",
                info.name
            );
        }
    }
}
