//! Pickles of plain data in protocol 2, which every Python since 2.3 reads.

/// Builds one pickle from the outside in.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            bytes: b"\x80\x02".to_vec(),
        }
    }
}

impl Writer {
    /// A whole number.
    pub fn int(&mut self, value: u32) {
        match value {
            0..=0xff => self.bytes.extend([b'K', value as u8]),
            0x100..=0xffff => {
                self.bytes.push(b'M');
                self.bytes.extend((value as u16).to_le_bytes());
            }
            _ => {
                // LONG1 of five bytes: `J` is signed.
                self.bytes.extend([0x8a, 5]);
                self.bytes.extend(value.to_le_bytes());
                self.bytes.push(0);
            }
        }
    }

    /// A string.
    pub fn text(&mut self, value: &str) {
        self.bytes.push(b'X');
        self.bytes.extend((value.len() as u32).to_le_bytes());
        self.bytes.extend(value.as_bytes());
    }

    /// A list; `write` adds one item.
    pub fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.bytes.extend(b"](");
        for item in items {
            write(self, item);
        }
        self.bytes.push(b'e');
    }

    /// A dictionary; `write` adds a key and then its value.
    pub fn dict<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.bytes.extend(b"}(");
        for item in items {
            write(self, item);
        }
        self.bytes.push(b'u');
    }

    /// The file.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b'.');
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::super::Pickle;
    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            lists in prop::collection::vec(prop::collection::vec(any::<u32>(), 0..6), 0..6),
            names in prop::collection::vec(".{0,12}", 0..6),
        ) {
            let mut writer = Writer::default();
            writer.list(0..2, |w, part| {
                if part == 0 {
                    w.list(&lists, |w, list| w.list(list, |w, &i| w.int(i)));
                } else {
                    w.dict(names.iter().enumerate(), |w, (i, name)| {
                        w.int(i as u32);
                        w.text(name);
                    });
                }
            });

            let pickle = Pickle::parse(Path::new("x.pickle"), writer.finish()).expect("valid");

            let parts = pickle.list(pickle.root()).expect("a list");
            for (list, &value) in lists.iter().zip(pickle.list(parts[0]).expect("lists")) {
                let ints: Vec<i64> = list.iter().map(|&i| i.into()).collect();
                prop_assert_eq!(pickle.ints(value).expect("numbers"), ints);
            }
            let entries = pickle.dict(parts[1]).expect("a dictionary");
            prop_assert_eq!(entries.len(), names.len());
            for (name, &(_, value)) in names.iter().zip(entries) {
                prop_assert_eq!(pickle.text(value).expect("a string"), name.as_str());
            }
        }
    }
}
