//! NumPy's NPY arrays and NPZ archives, read item by item where they are not packed.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use half::f16;
use npyz::npz::{NpzArchive, NpzWriter, array_name_from_file_name};
use npyz::{AutoSerialize, WriterBuilder};
use zip::DateTime;
use zip::write::FileOptions;

use super::error::{DataError, broken};
use super::source::{Source, check_expansion, invalid};

/// Longest header that is read, as in NumPy itself.
const LONGEST_HEADER: usize = 10_000;

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

/// What an NPY header says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    kind: Kind,
    size: usize,
    big_endian: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`; anything else an NPY file may hold (records,
    /// objects, Fortran order) is refused.
    fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':")).ok_or(format!("the header has no '{key}'"))?;
            Ok::<_, String>(rest.trim_start())
        };
        if !value("fortran_order")?.starts_with("False") {
            return Err("in Fortran order; save numpy.ascontiguousarray of it".to_owned());
        }
        let descr = value("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map(|(descr, _)| descr);
        let descr = descr.ok_or("not an array of numbers")?;
        let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(shape, _)| shape);
        let shape = shape.ok_or("the shape is no tuple")?.split(',').map(str::trim).filter(|side| !side.is_empty());
        let shape = shape.map(str::parse).collect::<Result<_, _>>().map_err(|_| "the shape is no tuple of integers")?;
        let (kind, size) = match descr.trim_start_matches(['<', '>', '|', '=']) {
            "b1" => (Kind::Bool, 1),
            "u1" => (Kind::Unsigned, 1),
            "u2" => (Kind::Unsigned, 2),
            "u4" => (Kind::Unsigned, 4),
            "u8" => (Kind::Unsigned, 8),
            "i1" => (Kind::Signed, 1),
            "i2" => (Kind::Signed, 2),
            "i4" => (Kind::Signed, 4),
            "i8" => (Kind::Signed, 8),
            "f2" => (Kind::Float, 2),
            "f4" => (Kind::Float, 4),
            "f8" => (Kind::Float, 8),
            _ => return Err(format!("an array of '{descr}', not of numbers")),
        };
        Ok(Self { kind, size, big_endian: descr.starts_with('>'), shape })
    }

    /// One element as a number.
    fn number(&self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.big_endian {
            word[..self.size].reverse();
        }
        let bits = u64::from_le_bytes(word);
        let unused = 64 - 8 * self.size as u32;
        match (self.kind, self.size) {
            (Kind::Bool, _) => f64::from(bits != 0),
            (Kind::Unsigned, _) => bits as f64,
            (Kind::Signed, _) => (((bits << unused) as i64) >> unused) as f64,
            (Kind::Float, 2) => f16::from_bits(bits as u16).to_f64(),
            (Kind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (Kind::Float, _) => f64::from_bits(bits),
        }
    }
}

/// An array whose length is known to fit its shape.
#[derive(Debug)]
pub(super) struct Array {
    path: PathBuf,
    header: Header,
    source: Source,
    start: u64,
}

impl Array {
    /// Opens an NPY file.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        Source::open(path).and_then(|source| Self::new(path, source)).map_err(|error| broken(path, error))
    }

    /// An NPY file that is in memory; `path` is what it is called in errors.
    pub(super) fn in_memory(path: &Path, bytes: Vec<u8>) -> Result<Self, DataError> {
        Self::new(path, Source::Memory(bytes)).map_err(|error| broken(path, error))
    }

    fn new(path: &Path, source: Source) -> io::Result<Self> {
        let prefix = source.read(0, 12).map_err(|_| invalid("not an NPY array"))?;
        let (start, len) = match *prefix.as_slice() {
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([a, b]))),
            [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d] => {
                (12, u32::from_le_bytes([a, b, c, d]) as usize)
            }
            _ => return Err(invalid("not an NPY array")),
        };
        if len > LONGEST_HEADER {
            return Err(invalid(&format!("an NPY header of {len} bytes")));
        }
        let text = String::from_utf8_lossy(&source.read(start, len)?).into_owned();
        let header = Header::parse(&text).map_err(|reason| invalid(&reason))?;
        let start = start + len as u64;
        // Sides of zero must not hide an overflow of the others.
        let mut sides = header.shape.iter().map(|&side| side.max(1) as u64);
        let bytes = sides.try_fold(header.size as u64, |product, side| product.checked_mul(side));
        let bytes = bytes.map(|bytes| if header.shape.contains(&0) { 0 } else { bytes });
        let available = source.len() - start;
        if bytes.is_none_or(|bytes| bytes > available) {
            return Err(invalid(&format!(
                "shape {:?} needs more than the {available} bytes that are there",
                header.shape
            )));
        }
        Ok(Self { path: path.to_owned(), header, source, start })
    }

    /// Length of the first dimension.
    pub(super) fn len(&self) -> usize {
        self.header.shape.first().copied().unwrap_or(0)
    }

    /// Where it came from.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All dimensions.
    pub(super) fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The type of the elements and their size in bytes.
    pub(super) fn kind(&self) -> (Kind, usize) {
        (self.header.kind, self.header.size)
    }

    fn item_len(&self) -> usize {
        self.header.shape.iter().skip(1).product()
    }

    /// The numbers of the items `first..first + count`.
    pub(super) fn numbers(&self, first: usize, count: usize) -> Result<Vec<f64>, DataError> {
        let Header { size, .. } = self.header;
        let stride = self.item_len() * size;
        let offset = self.start + first as u64 * stride as u64;
        let bytes = self.source.read(offset, count * stride).map_err(|error| broken(&self.path, error))?;
        Ok(bytes.chunks_exact(size).map(|bytes| self.header.number(bytes)).collect())
    }

    /// Class indices, `N` or `N x 1` integers.
    pub(super) fn labels(&self) -> Result<Vec<usize>, DataError> {
        let whole = matches!(self.header.kind, Kind::Unsigned | Kind::Signed) && self.item_len() == 1;
        let numbers = self.numbers(0, self.len())?;
        if !whole || numbers.iter().any(|&number| number < 0.0) {
            return Err(broken(&self.path, "labels must be one class index from 0 on for each picture"));
        }
        Ok(numbers.into_iter().map(|number| number as usize).collect())
    }

    /// Truth values, `N` booleans or integers.
    pub(super) fn flags(&self) -> Result<Vec<bool>, DataError> {
        Ok(self.numbers(0, self.len())?.into_iter().map(|number| number != 0.0).collect())
    }
}

/// An archive of arrays.
pub(super) struct Npz {
    path: PathBuf,
    archive: NpzArchive<io::BufReader<File>>,
}

impl Npz {
    /// Opens an archive.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let archive = NpzArchive::open(path).map_err(|error| broken(path, error))?;
        Ok(Self { path: path.to_owned(), archive })
    }

    /// The names of the arrays, sorted.
    pub(super) fn names(&mut self) -> Vec<String> {
        let mut names: Vec<_> =
            self.archive.zip_archive().file_names().filter_map(array_name_from_file_name).map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The array of this name, where there is one.
    pub(super) fn array(&mut self, name: &str) -> Result<Option<Array>, DataError> {
        if !self.names().iter().any(|other| other == name) {
            return Ok(None);
        }
        let array = self.unpack(name).and_then(|source| Array::new(&self.path, source));
        array.map(Some).map_err(|error| broken(&self.path, format!("array '{name}': {error}")))
    }

    /// The array of this name; an error that lists the others where there is none.
    pub(super) fn required(&mut self, name: &str) -> Result<Array, DataError> {
        let reason = format!("it has no array '{name}', only '{}'", self.names().join("', '"));
        self.array(name)?.ok_or_else(|| broken(&self.path, reason))
    }

    /// A stored array is read from the file itself, a deflated one is unpacked.
    fn unpack(&mut self, name: &str) -> io::Result<Source> {
        let file = File::open(&self.path)?;
        let file_len = file.metadata()?.len();
        let mut entry = self.archive.zip_archive().by_name(&npyz::npz::file_name_from_array_name(name))?;
        let (packed, size) = (entry.compressed_size(), entry.size());
        if entry.data_start().checked_add(packed).is_none_or(|end| end > file_len) {
            return Err(invalid("cut short"));
        }
        match entry.compression().to_string().as_str() {
            "Stored" if packed == size => Ok(Source::part(file, entry.data_start(), size)),
            "Deflated" => {
                check_expansion(packed, size)?;
                let mut bytes = Vec::new();
                // One byte more than claimed, so that the end is reached and the checksum compared.
                entry.by_ref().take(size.saturating_add(1)).read_to_end(&mut bytes)?;
                Ok(Source::Memory(bytes))
            }
            other => Err(invalid(&format!("packed with {other}; use numpy.savez or savez_compressed"))),
        }
    }
}

/// Adds an array to an archive.
pub(super) fn write_array<W: Write + Seek, T: AutoSerialize>(
    archive: &mut NpzWriter<W>,
    name: &str,
    shape: &[usize],
    values: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    let shape: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
    // No time of day: the same arrays make the same file.
    let options = FileOptions::default().last_modified_time(DateTime::default());
    let mut writer = archive.array(name, options)?.default_dtype().shape(&shape).begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    archive.zip_writer().flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(descr: &str, shape: &str) -> Result<Header, String> {
        Header::parse(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}  \n"))
    }

    fn npy(header: &str) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), &[0; 8]].concat()
    }

    #[test]
    fn numbers_of_every_type_are_read() {
        let number = |descr: &str, bytes: &[u8]| header(descr, "(1,)").unwrap().number(bytes);
        assert_eq!(number("|b1", &[1]), 1.0);
        assert_eq!(number("|u1", &[200]), 200.0);
        assert_eq!(number("|i1", &[0xff]), -1.0);
        assert_eq!(number("<i2", &(-300_i16).to_le_bytes()), -300.0);
        assert_eq!(number(">u4", &70_000_u32.to_be_bytes()), 70_000.0);
        assert_eq!(number("<i8", &(-5_i64).to_le_bytes()), -5.0);
        assert_eq!(number("<f2", &f16::from_f32(0.5).to_le_bytes()), 0.5);
        assert_eq!(number(">f4", &0.25_f32.to_be_bytes()), 0.25);
        assert_eq!(number("<f8", &0.1_f64.to_le_bytes()), 0.1);
    }

    #[test]
    fn a_shape_may_have_any_number_of_dimensions() {
        assert_eq!(header("|u1", "()").unwrap().shape, [0; 0]);
        assert_eq!(header("|u1", "(3,)").unwrap().shape, [3]);
        assert_eq!(header("|u1", "(2, 3, 4)").unwrap().shape, [2, 3, 4]);
    }

    #[test]
    fn what_is_no_plain_array_is_refused() {
        assert!(header("|O", "(3,)").unwrap_err().contains("|O"));
        assert!(header("<f4", "(-3,)").is_err());
        assert!(Header::parse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }").is_err());
        assert!(
            Header::parse("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }")
                .unwrap_err()
                .contains("Fortran")
        );
        assert!(Header::parse("").is_err());
    }

    #[test]
    fn an_array_that_claims_more_than_is_there_is_refused_before_memory_is_taken() {
        let array = |shape: &str| {
            let bytes = npy(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"));
            Array::new(Path::new("x.npy"), Source::Memory(bytes)).map(|array| array.len())
        };
        assert_eq!(array("(2,)").unwrap(), 2);
        assert!(array("(3,)").unwrap_err().to_string().contains("8 bytes"));
        assert!(array("(4294967296, 4294967296, 4294967296)").is_err());
        assert!(array("(0, 18446744073709551615, 18446744073709551615)").is_err());
        let endless = [b"\x93NUMPY\x02\x00".as_slice(), &[0xff; 12]].concat();
        assert!(Array::new(Path::new("x.npy"), Source::Memory(endless)).is_err());
    }
}
