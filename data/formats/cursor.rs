//! Bounds-checked reading of little-endian bytes.

/// The input ended inside a value that needs this many bytes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated {
    /// Where the value began.
    pub offset: usize,
    /// Bytes the value needs.
    pub needed: u64,
    /// Bytes that are left.
    pub left: usize,
}

impl std::fmt::Display for Truncated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            offset,
            needed,
            left,
        } = self;
        write!(
            f,
            "byte {offset}: {needed} bytes expected, {left} left: the file is truncated or damaged; \
             download or export it again"
        )
    }
}

/// A position in a byte slice.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// Offset of the next byte.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bytes not read yet.
    pub const fn left(&self) -> usize {
        self.data.len() - self.position
    }

    /// Bytes of the whole input, read or not.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Option<&'a [u8]> {
        self.data.get(range)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: u64) -> Result<&'a [u8], Truncated> {
        let start = self.position;
        if count > self.left() as u64 {
            return Err(Truncated {
                offset: start,
                needed: count,
                left: self.left(),
            });
        }
        self.position += count as usize;
        Ok(&self.data[start..self.position])
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let bytes = self.take(N as u64)?;
        Ok(bytes
            .try_into()
            .expect("take returns as many bytes as asked for"))
    }

    /// The next `N` bytes, borrowed from the input.
    pub fn array_ref<const N: usize>(&mut self) -> Result<&'a [u8; N], Truncated> {
        let bytes = self.take(N as u64)?;
        Ok(bytes
            .try_into()
            .expect("take returns as many bytes as asked for"))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        Ok(self.array::<1>()?[0])
    }

    /// Little-endian `u16`.
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Little-endian `u32`.
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Little-endian `i32`.
    pub fn i32(&mut self) -> Result<i32, Truncated> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// Little-endian `i64`.
    pub fn i64(&mut self) -> Result<i64, Truncated> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Little-endian `f64`.
    pub fn f64(&mut self) -> Result<f64, Truncated> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// The bytes up to the next line feed, which is consumed but not returned.
    pub fn line(&mut self) -> Result<&'a [u8], Truncated> {
        let rest = &self.data[self.position..];
        let Some(length) = rest.iter().position(|&b| b == b'\n') else {
            let needed = rest.len() as u64 + 1;
            return Err(Truncated {
                offset: self.position,
                needed,
                left: rest.len(),
            });
        };
        self.position += length + 1;
        Ok(&rest[..length])
    }
}
