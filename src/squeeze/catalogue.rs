//! All squeezers, as configurations write them: `bit_depth(5)`, `median(2,2)`, `nlm(13,3,2)`.

use super::name::{SqueezerError, Written};
use super::{
    Bilateral, BitDepth, Crop, Gaussian, Jpeg, Median, Noise, NonLocalMeans, Resize, Squeezer, TotalVariation, Wavelet,
};

type Read = fn(&Written, &'static str) -> Result<Box<dyn Squeezer>, SqueezerError>;

/// How each is written, and how that is read.
const SQUEEZERS: [(&str, Read); 11] = [
    ("bit_depth(BITS)", |written, usage| {
        let [bits] = written.parameters(usage)?;
        Ok(Box::new(BitDepth::new(bits.within(BitDepth::BITS)?)))
    }),
    ("median(ROWS,COLUMNS)", |written, usage| {
        let [rows, columns] = written.parameters(usage)?;
        Ok(Box::new(Median::new(rows.within(Median::SIDE)?, columns.within(Median::SIDE)?)))
    }),
    ("nlm(SEARCH,BLOCK,STRENGTH)", |written, usage| {
        let [search, block, strength] = written.parameters(usage)?;
        let (search, block) = (search.odd_within(NonLocalMeans::SEARCH)?, block.odd_within(NonLocalMeans::BLOCK)?);
        Ok(Box::new(NonLocalMeans::new(search, block, strength.within(NonLocalMeans::STRENGTH)?)))
    }),
    ("bilateral(DIAMETER,COLOUR,SPACE)", |written, usage| {
        let [diameter, colour, space] = written.parameters(usage)?;
        let (colour, space) = (colour.within(Bilateral::COLOUR)?, space.within(Bilateral::SPACE)?);
        Ok(Box::new(Bilateral::new(diameter.odd_within(Bilateral::DIAMETER)?, colour, space)))
    }),
    ("crop(SHARE)", |written, usage| {
        let [share] = written.parameters(usage)?;
        Ok(Box::new(Crop::new(share.within(Crop::SHARE)?)))
    }),
    ("gaussian(SIGMA)", |written, usage| {
        let [sigma] = written.parameters(usage)?;
        Ok(Box::new(Gaussian::new(sigma.within(Gaussian::SIGMA)?)))
    }),
    ("jpeg(QUALITY)", |written, usage| {
        let [quality] = written.parameters(usage)?;
        Ok(Box::new(Jpeg::new(quality.within(Jpeg::QUALITY)?)))
    }),
    ("noise(SIGMA,SEED)", |written, usage| {
        let [sigma, seed] = written.parameters(usage)?;
        Ok(Box::new(Noise::new(sigma.within(Noise::SIGMA)?, seed.within(Noise::SEED)?)))
    }),
    ("resize(FACTOR)", |written, usage| {
        let [factor] = written.parameters(usage)?;
        Ok(Box::new(Resize::new(factor.within(Resize::FACTOR)?)))
    }),
    ("tv(WEIGHT)", |written, usage| {
        let [weight] = written.parameters(usage)?;
        Ok(Box::new(TotalVariation::new(weight.within(TotalVariation::WEIGHT)?)))
    }),
    ("wavelet(SIGMA)", |written, usage| {
        let [sigma] = written.parameters(usage)?;
        Ok(Box::new(Wavelet::new(sigma.within(Wavelet::SIGMA)?)))
    }),
];

/// The squeezer that `name` stands for; spaces do not matter.
///
/// # Errors
/// When there is no such squeezer, or its parameters are not as many as it takes or out of range.
pub fn parse(name: &str) -> Result<Box<dyn Squeezer>, SqueezerError> {
    let unknown = || SqueezerError::unknown(name, SQUEEZERS.map(|(usage, _)| usage));
    let written = Written::read(name).ok_or_else(unknown)?;
    let (usage, read) = SQUEEZERS.into_iter().find(|(usage, _)| written.is(usage)).ok_or_else(unknown)?;
    read(&written, usage)
}
