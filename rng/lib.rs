//! The counter-keyed random stream of the project: the same numbers on every platform.

/// Increment of the splitmix64 sequence.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Finaliser of splitmix64 applied to `z` plus its increment.
pub const fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Key for a name, so that streams can be told apart by purpose (`"z"`, `"crop"`).
pub const fn key(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut h = 0;
    let mut i = 0;
    while i < bytes.len() {
        h = mix(h ^ bytes[i] as u64);
        i += 1;
    }
    h
}

/// Splitmix64 stream whose start is a hash of a list of keys.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// Stream of a list of keys, for example `(seed, stream, class, index)`.
    pub fn new(keys: &[u64]) -> Self {
        Self {
            state: keys.iter().fold(0, |h, &k| mix(h ^ k)),
        }
    }

    /// State after hashing the keys, for tests and for derived keys.
    pub const fn state(&self) -> u64 {
        self.state
    }

    /// Next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        let out = mix(self.state);
        self.state = self.state.wrapping_add(GOLDEN);
        out
    }

    /// Uniform in `[a, b)`, from 24 random bits.
    pub fn f(&mut self, a: f32, b: f32) -> f32 {
        a + (b - a) * ((self.next_u64() >> 40) as f32 / 16_777_216.0)
    }

    /// Integer in `0..k`; the bias of the modulo does not matter for the small `k` used here.
    pub const fn n(&mut self, k: usize) -> usize {
        ((self.next_u64() >> 33) % k as u64) as usize
    }

    /// One of `items`, uniformly.
    pub const fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.n(items.len())]
    }

    /// Index into `weights` with probability proportional to the weight.
    pub fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut t = self.f(0.0, weights.iter().sum());
        for (i, w) in weights.iter().enumerate() {
            t -= w;
            if t < 0.0 {
                return i;
            }
        }
        weights.len() - 1
    }

    /// Standard normal, by the Box-Muller transform on 53-bit uniforms.
    pub fn normal(&mut self) -> f32 {
        // `1 - u` keeps the argument of the logarithm above 0.
        let u = 1.0 - (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let v = (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        (libm::sqrt(-2.0 * libm::log(u)) * libm::cos(core::f64::consts::TAU * v)) as f32
    }

    /// Fisher-Yates shuffle.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.n(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mix_and_stream_match_their_check_values() {
        assert_eq!(mix(0), 0xe220a8397b1dcdaf);
        assert_eq!(mix(1), 0x910a2dec89025cc1);
        let mut rng = Rng::new(&[7, 1, 0]);
        assert_eq!(rng.state(), 0x7010c70c013e27ec);
        assert_eq!(rng.next_u64(), 0x328b43dc0bf159e5);
        assert_eq!(rng.next_u64(), 0xdc139147395e8b4c);
        assert_eq!(rng.next_u64(), 0x7b2f33f03cd239ba);
        let mut rng = Rng::new(&[7, 1, 0]);
        for expected in [0.19743747, 0.85967356, 0.48118895] {
            assert_eq!(rng.f(0.0, 1.0), expected);
        }
        let mut rng = Rng::new(&[7, 1, 0]);
        let drawn: Vec<usize> = (0..5).map(|_| rng.n(10)).collect();
        assert_eq!(drawn, [8, 7, 8, 8, 3]);
    }
}
