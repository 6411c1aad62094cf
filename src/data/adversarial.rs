//! Adversarial sets: benign seeds and what each attack made of them, in one NPZ file.

use std::io::{self, Seek, Write};
use std::path::Path;

use npyz::npz::NpzWriter;

use super::array::{Npz, write_array};
use super::dataset::Sample;
use super::error::{DataError, broken};
use super::file::{file_name, stream_atomically};
use super::numpy::{Pictures, WHITE, white_in};
use crate::tensor::Picture;

/// What one attack made of the seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackResult {
    /// Name of the attack.
    pub name: String,
    /// One picture for each seed, in the seeds' order.
    pub pictures: Vec<Picture>,
    /// Whether the classifier is wrong on the picture; only then is it an adversarial example.
    pub successful: Vec<bool>,
}

/// Benign seeds and the results of attacks on them.
///
/// On disk: `x` (uint8, or uint16 beyond 8 bits, `N x height x width x channels`) the seeds, `y` their labels, and for each
/// attack `adv_<name>` (as `x`) and `ok_<name>` (`N` booleans); with uint16 the number of white, `white`.
#[derive(Debug, Clone, PartialEq)]
pub struct AdversarialSet {
    seeds: Vec<Sample>,
    attacks: Vec<AttackResult>,
}

impl AdversarialSet {
    /// Puts seeds and attacks together.
    ///
    /// # Errors
    /// When an attack has not one picture, of the seeds' shape, and one flag for each seed.
    pub fn new(seeds: Vec<Sample>, attacks: Vec<AttackResult>) -> Result<Self, DataError> {
        Self::checked(Path::new("the adversarial set"), seeds, attacks)
    }

    fn checked(path: &Path, seeds: Vec<Sample>, attacks: Vec<AttackResult>) -> Result<Self, DataError> {
        let Some(first) = seeds.first() else {
            return Err(broken(path, "it has no seeds"));
        };
        let shape =
            |picture: &Picture| ([picture.channels(), picture.height(), picture.width()], picture.depth().white());
        let expected = shape(&first.picture);
        if seeds.iter().any(|seed| shape(&seed.picture) != expected) {
            return Err(broken(path, "its seeds are not all of one shape"));
        }
        for attack in &attacks {
            let same_shape = attack.pictures.iter().all(|picture| shape(picture) == expected);
            if !same_shape || attack.pictures.len() != seeds.len() || attack.successful.len() != seeds.len() {
                let reason = format!("attack '{}' has not one picture and one flag for each seed", attack.name);
                return Err(broken(path, reason));
            }
        }
        Ok(Self { seeds, attacks })
    }

    /// Reads a set whole.
    ///
    /// # Errors
    /// When the file is broken or an array is missing.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataError> {
        let path = path.as_ref();
        let mut archive = Npz::open(path)?;
        let white = white_in(&mut archive)?;
        let pictures = pictures(&mut archive, "x", white)?;
        let labels = archive.array("y")?.map(|labels| labels.labels()).transpose()?;
        if labels.as_ref().is_some_and(|labels| labels.len() != pictures.len()) {
            return Err(broken(path, "it has not one label for each seed"));
        }
        let seeds = pictures.into_iter().enumerate().map(|(index, picture)| Sample {
            picture,
            label: labels.as_ref().map(|labels| labels[index]),
            name: format!("{}#{index}", file_name(path)),
        });
        let mut attacks = Vec::new();
        for name in archive.names().iter().filter_map(|name| name.strip_prefix("adv_")) {
            attacks.push(AttackResult {
                name: name.to_owned(),
                pictures: self::pictures(&mut archive, &format!("adv_{name}"), white)?,
                successful: archive.required(&format!("ok_{name}"))?.flags()?,
            });
        }
        Self::checked(path, seeds.collect(), attacks)
    }

    /// Writes the set whole or not at all. Pixels are rounded to the seeds' depth, so an attack must have succeeded on
    /// [rounded](crate::tensor::quantised) pictures to count as successful.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let path = path.as_ref();
        stream_atomically(path, |file| self.write(NpzWriter::new(file)))
            .map_err(|source| DataError::Write { path: path.to_owned(), source })
    }

    fn write<W: Write + Seek>(&self, mut archive: NpzWriter<W>) -> io::Result<()> {
        write_pictures(&mut archive, "x", self.seeds.iter().map(|seed| &seed.picture))?;
        if let Some(depth) = self.seeds.first().map(|seed| seed.picture.depth()).filter(|depth| !depth.is_8_bit()) {
            write_array(&mut archive, WHITE, &[1], [depth.white()])?;
        }
        if let Some(labels) =
            self.seeds.iter().map(|seed| seed.label.map(|label| label as i64)).collect::<Option<Vec<_>>>()
        {
            write_array(&mut archive, "y", &[labels.len()], labels)?;
        }
        for AttackResult { name, pictures, successful } in &self.attacks {
            write_pictures(&mut archive, &format!("adv_{name}"), pictures.iter())?;
            write_array(&mut archive, &format!("ok_{name}"), &[successful.len()], successful.iter().copied())?;
        }
        archive.zip_writer().finish()?.flush()
    }

    /// The benign seeds.
    pub fn seeds(&self) -> &[Sample] {
        &self.seeds
    }

    /// The results of all attacks.
    pub fn results(&self) -> &[AttackResult] {
        &self.attacks
    }

    /// The names of the attacks.
    pub fn attacks(&self) -> Vec<String> {
        self.attacks.iter().map(|attack| attack.name.clone()).collect()
    }

    /// The pictures of one attack, in the seeds' order, successful or not.
    pub fn pictures(&self, attack: &str) -> Option<&[Picture]> {
        self.result(attack).map(|attack| attack.pictures.as_slice())
    }

    /// The result of one attack.
    pub fn result(&self, attack: &str) -> Option<&AttackResult> {
        self.attacks.iter().find(|result| result.name == attack)
    }
}

fn pictures(archive: &mut Npz, name: &str, white: Option<u16>) -> Result<Vec<Picture>, DataError> {
    let pictures = Pictures::ours(archive.required(name)?, white)?;
    (0..pictures.len()).map(|index| pictures.get(index)).collect()
}

fn write_pictures<'a, W: Write + Seek>(
    archive: &mut NpzWriter<W>,
    name: &str,
    pictures: impl ExactSizeIterator<Item = &'a Picture> + Clone,
) -> io::Result<()> {
    let Some(first) = pictures.clone().next() else { return write_array(archive, name, &[0; 4], [0_u8; 0]) };
    let shape = [pictures.len(), first.height(), first.width(), first.channels()];
    match first.depth().is_8_bit() {
        true => write_array(archive, name, &shape, pictures.flat_map(Picture::to_interleaved_u8)),
        false => write_array(archive, name, &shape, pictures.flat_map(Picture::to_interleaved_levels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Depth;

    fn grey(pixels: [u8; 4]) -> Picture {
        Picture::from_interleaved_u8(1, 2, 2, &pixels).unwrap()
    }

    fn seed(index: usize, label: Option<usize>) -> Sample {
        Sample { picture: grey([index as u8, 0, 128, 255]), label, name: format!("set.npz#{index}") }
    }

    fn attack(name: &str, flags: [bool; 2]) -> AttackResult {
        let pictures = vec![grey([1, 2, 3, 4]), grey([5, 6, 7, 8])];
        AttackResult { name: name.to_owned(), pictures, successful: flags.to_vec() }
    }

    #[test]
    fn a_saved_set_is_read_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.npz");
        let attacks = vec![attack("fgsm8", [true, false]), attack("pgd8", [true, true])];
        let set = AdversarialSet::new(vec![seed(0, Some(3)), seed(1, Some(9))], attacks).unwrap();
        set.save(&path).unwrap();
        let read = AdversarialSet::open(&path).unwrap();
        assert_eq!(read, set);
        assert_eq!(read.attacks(), ["fgsm8", "pgd8"]);
        assert_eq!(read.pictures("fgsm8").unwrap()[1], grey([5, 6, 7, 8]));
        assert_eq!(read.pictures("deepfool"), None);
    }

    #[test]
    fn finer_pictures_keep_their_levels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.npz");
        for depth in [12, 16].map(Depth::of_bits) {
            let dual = |levels: [u16; 2]| Picture::from_interleaved_levels(2, 1, 1, &levels, depth).unwrap();
            let seeds = vec![Sample { picture: dual([0, 1]), label: Some(1), name: "set.npz#0".to_owned() }];
            let pictures = vec![dual([depth.white(), 4094])];
            let attack = AttackResult { name: "pgd8".to_owned(), pictures, successful: vec![true] };
            let set = AdversarialSet::new(seeds, vec![attack]).unwrap();
            set.save(&path).unwrap();
            assert_eq!(AdversarialSet::open(&path).unwrap(), set);
        }
    }

    #[test]
    fn seeds_need_no_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.npz");
        AdversarialSet::new(vec![seed(0, None)], vec![]).unwrap().save(&path).unwrap();
        assert_eq!(AdversarialSet::open(&path).unwrap().seeds()[0].label, None);
    }

    #[test]
    fn an_attack_must_answer_for_every_seed() {
        let error = AdversarialSet::new(vec![seed(0, None)], vec![attack("pgd8", [true, true])]).unwrap_err();
        assert!(error.to_string().contains("'pgd8'"), "{error}");
        assert!(AdversarialSet::new(vec![], vec![]).is_err());
    }
}
