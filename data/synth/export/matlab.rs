//! Writer of uncompressed MATLAB v5 files that hold rows of unsigned integers.

/// A `1 x n` matrix.
pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    pub(super) values: &'a [u32],
}

// Data types of elements.
const INT8: u32 = 1;
const UINT8: u32 = 2;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const MATRIX: u32 = 14;

/// The bytes of a file with these matrices, little-endian.
pub(super) fn file(rows: &[Row<'_>]) -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file, written by wordpaint".to_vec();
    bytes.resize(116, b' ');
    bytes.extend([0; 8]);
    bytes.extend(0x0100_u16.to_le_bytes());
    bytes.extend(*b"IM");
    for row in rows {
        element(&mut bytes, MATRIX, &matrix(row));
    }
    bytes
}

/// Content of a matrix element, in the narrowest class that holds every value.
fn matrix(row: &Row<'_>) -> Vec<u8> {
    let largest = row.values.iter().copied().max().unwrap_or(0);
    let (class, kind, width): (u32, u32, usize) = match largest {
        0..=0xFF => (9, UINT8, 1),
        0x100..=0xFFFF => (11, UINT16, 2),
        _ => (13, UINT32, 4),
    };
    let words = |words: [u32; 2]| words.map(u32::to_le_bytes).concat();
    let mut content = Vec::new();
    element(&mut content, UINT32, &words([class, 0]));
    element(&mut content, INT32, &words([1, row.values.len() as u32]));
    element(&mut content, INT8, row.name.as_bytes());
    let data: Vec<u8> = row
        .values
        .iter()
        .flat_map(|v| v.to_le_bytes().into_iter().take(width))
        .collect();
    element(&mut content, kind, &data);
    content
}

/// Appends type, length and data, padded to eight bytes.
fn element(bytes: &mut Vec<u8>, kind: u32, data: &[u8]) {
    bytes.extend(kind.to_le_bytes());
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::matlab::parse;

    #[test]
    fn rows_of_every_width_come_back_from_the_reader() {
        let small: Vec<u32> = (1..=7).collect();
        let medium: Vec<u32> = (1..=300).collect();
        let large = [1, 70_000];
        let rows = [
            Row {
                name: "labels",
                values: &small,
            },
            Row {
                name: "trnid",
                values: &medium,
            },
            Row {
                name: "a_much_longer_name",
                values: &large,
            },
            Row {
                name: "none",
                values: &[],
            },
        ];

        let matrices = parse(&file(&rows)).expect("the reader accepts the file");

        assert_eq!(matrices.len(), rows.len());
        for (matrix, row) in matrices.iter().zip(&rows) {
            assert_eq!(
                (matrix.name.as_str(), &matrix.dims),
                (row.name, &vec![1, row.values.len()])
            );
            let values: Vec<f64> = row.values.iter().map(|v| f64::from(*v)).collect();
            assert_eq!(matrix.values, values);
        }
    }
}
