//! Archives of NumPy's arrays.

use std::io::Cursor;

use half::f16;
use npyz::npz::NpzWriter;
use npyz::{AutoSerialize, WriterBuilder};
use zip::write::FileOptions;
use zip::{CompressionMethod, DateTime};

use super::Seed;

type Archive<'a> = NpzWriter<Cursor<&'a mut Vec<u8>>>;

/// Benign and adversarial sets, stored and packed.
pub fn archives() -> Vec<Seed> {
    vec![
        ("stored", archive(CompressionMethod::Stored, adversarial)),
        ("packed", archive(CompressionMethod::Deflated, adversarial)),
        ("floats", archive(CompressionMethod::Stored, floats)),
        ("halves", archive(CompressionMethod::Deflated, halves)),
    ]
}

/// Puts an array into an archive.
struct Put<'a> {
    archive: Archive<'a>,
    packing: CompressionMethod,
}

impl Put<'_> {
    fn array<T: AutoSerialize>(&mut self, name: &str, shape: &[u64], values: Vec<T>) {
        let options = FileOptions::default().last_modified_time(DateTime::default()).compression_method(self.packing);
        let array = self.archive.array(name, options).expect("memory takes everything");
        let mut array = array.default_dtype().shape(shape).begin_nd().expect("a shape");
        array.extend(values).and_then(|()| array.finish()).expect("memory takes everything");
    }
}

fn archive(packing: CompressionMethod, fill: fn(&mut Put)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = Put { archive: NpzWriter::new(Cursor::new(&mut bytes)), packing };
    fill(&mut put);
    put.archive.zip_writer().finish().expect("memory takes everything");
    drop(put);
    bytes
}

fn adversarial(put: &mut Put) {
    let pixels = |shift: u8| (0..12).map(|pixel| pixel * 16 + shift).collect::<Vec<u8>>();
    put.array("x", &[2, 2, 3, 1], pixels(0));
    put.array("y", &[2], vec![3_i64, 9]);
    put.array("adv_pgd8", &[2, 2, 3, 1], pixels(1));
    put.array("ok_pgd8", &[2], vec![true, false]);
}

fn floats(put: &mut Put) {
    put.array("x", &[1, 2, 2, 3], vec![0.5_f32; 12]);
    put.array("y", &[1, 1], vec![7_u8]);
}

fn halves(put: &mut Put) {
    put.array("x_train", &[3, 1, 1], [f16::ONE; 3].iter().map(|half| half.to_f64()).collect());
    put.array("x", &[2, 2, 2], vec![0.25_f64; 8]);
    put.array("y_train", &[3], vec![1_u16, 2, 3]);
}
