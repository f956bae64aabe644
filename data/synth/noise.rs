//! Lattice noise: the same bits on every platform.

/// Hash of a lattice point to `[0, 1]`.
pub(crate) fn hash2(ix: i32, iy: i32, seed: u32) -> f32 {
    let h = (ix as u32).wrapping_mul(0x8DA6_B343)
        ^ (iy as u32).wrapping_mul(0xD816_3841)
        ^ seed.wrapping_mul(0xCB1A_B31F);
    let h = (h ^ (h >> 13)).wrapping_mul(0x5BD1_E995);
    let h = h ^ (h >> 15);
    (h & 0xFFFF) as f32 / 65_535.0
}

/// Value noise: [`hash2`] interpolated over the unit lattice by smoothstep.
pub(crate) fn vnoise(x: f32, y: f32, seed: u32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let (fx, fy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
    let (ix, iy) = (x0 as i32, y0 as i32);
    let top = hash2(ix, iy, seed) * (1.0 - fx) + hash2(ix + 1, iy, seed) * fx;
    let bottom = hash2(ix, iy + 1, seed) * (1.0 - fx) + hash2(ix + 1, iy + 1, seed) * fx;
    top * (1.0 - fy) + bottom * fy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_matches_its_check_values() {
        assert!(
            (hash2(3, 5, 7) - 0.177_889_68).abs() < 1e-7,
            "{}",
            hash2(3, 5, 7)
        );
        assert!(
            (vnoise(0.3, 0.7, 7) - 0.505_77).abs() < 5e-6,
            "{}",
            vnoise(0.3, 0.7, 7)
        );
    }

    #[test]
    fn noise_is_continuous_across_negative_lattice_points() {
        let below = vnoise(-1.0001, -2.0001, 3);
        let above = vnoise(-0.9999, -1.9999, 3);

        assert!((below - above).abs() < 1e-3);
    }
}
