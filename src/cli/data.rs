//! `portcullis data`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use portcullis::data::{Dataset, Format, Options, Split, write_folders, write_npz};
use portcullis::report::ClassSheet;
use serde_json::json;

use super::{Common, pictures};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Write traffic signs that are drawn by code: labelled data without a download.
    Signs(DrawArguments),
    /// Write X-ray scans of bags at two energies that are drawn by code.
    Luggage(DrawArguments),
    /// Show what data look like: a contact sheet with a row for each class.
    Sheet(SheetArguments),
}

#[derive(clap::Args)]
pub struct DrawArguments {
    /// Where to write them: a new folder (PNG files, a folder a class), or FILE.npz (`x` and `y`). Two energies are no PNG.
    #[arg(long, value_name = "DIR|FILE.npz")]
    out: PathBuf,
    /// How many pictures, the classes in turn.
    #[arg(long, value_name = "N", default_value_t = 12_000, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Seed of the set.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Side of the pictures in pixels, 8 to 1024; 48 for signs and 96 for luggage if not given.
    #[arg(long, value_name = "PX")]
    size: Option<usize>,
    /// Which half: train or test. They share no picture; `--data signs` reads the test half of the same set.
    #[arg(long, default_value = "train")]
    half: Split,
}

#[derive(clap::Args)]
pub struct SheetArguments {
    /// Pictures: an image folder, a CSV file of labels, IDX, CIFAR binary or NPZ files, or a synthetic
    /// set, `signs[:SEED[:COUNT]]` or `luggage[:SEED[:COUNT]]`.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Format of the data: folder, idx, cifar or numpy; guessed if not given.
    #[arg(long)]
    format: Option<Format>,
    /// Which half to show: train or test; the test half, where there is one, if not given.
    #[arg(long)]
    half: Option<Split>,
    /// Where to write the sheet: FILE.png, or FILE.jpg, which is much smaller.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Pictures in a row.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=100))]
    columns: u16,
    /// Side of the pictures in pixels, 8 to 1024.
    #[arg(long, value_name = "PX", default_value_t = 48, value_parser = clap::value_parser!(u16).range(8..=1024))]
    size: u16,
}

pub fn run(common: &Common, command: &Command) -> Result<()> {
    match command {
        Command::Signs(arguments) => draw(common, "signs", arguments),
        Command::Luggage(arguments) => draw(common, "luggage", arguments),
        Command::Sheet(arguments) => sheet(common, arguments),
    }
}

fn draw(common: &Common, set: &str, arguments: &DrawArguments) -> Result<()> {
    let DrawArguments { out, count, seed, size, half } = arguments;
    let options = Options { split: Some(*half), size: size.map(|side| (side, side)), ..Options::default() };
    let dataset = Dataset::open(format!("{set}:{seed}:{count}"), &options)?;
    let classes = dataset.classes().unwrap_or_default();
    let first = dataset.get(0)?.picture;
    let is_npz = out.extension().is_some_and(|extension| extension == "npz");
    ensure!(is_npz || first.channels() != 2, "two energies do not fit into a PNG file; write them to FILE.npz");
    let bar = pictures::progress("drawing", dataset.len());
    let samples = dataset.samples(true).inspect(|_| bar.inc(1));
    pictures::make_parent(out)?;
    match is_npz {
        true => write_npz(out, &classes, dataset.len(), samples)?,
        false => write_folders(out, &classes, samples)?,
    }
    bar.finish_and_clear();
    if common.json {
        let size = first.height();
        println!("{}", json!({ "out": out, "pictures": count, "size": size, "seed": seed, "classes": classes }));
    } else {
        println!("{count} pictures of {} classes written to {}", classes.len(), out.display());
    }
    Ok(())
}

fn sheet(common: &Common, arguments: &SheetArguments) -> Result<()> {
    let (columns, side) = (usize::from(arguments.columns), usize::from(arguments.size));
    let (format, split) = (arguments.format, arguments.half);
    let options = Options { format, split, size: Some((side, side)), ..Options::default() };
    let dataset = Dataset::open(&arguments.data, &options)?;
    let jpeg = match arguments.out.extension().and_then(|extension| extension.to_str()) {
        Some("png") => false,
        Some("jpg" | "jpeg") => true,
        _ => bail!("cannot draw {}: name it FILE.png or FILE.jpg", arguments.out.display()),
    };
    let classes = dataset.classes().unwrap_or_default();
    let mut sheet = ClassSheet::new(columns, side);
    // Without names nobody knows how many classes are still to come.
    let is_complete = |sheet: &ClassSheet| !classes.is_empty() && sheet.full_rows() == classes.len();
    for sample in pictures::naming_the_skipped(dataset.samples(false)) {
        let sample = sample?;
        sheet.add(sample.label.unwrap_or(0), &sample.picture).with_context(|| sample.name.clone())?;
        if is_complete(&sheet) {
            break;
        }
    }
    pictures::write(&arguments.out, &sheet.encode(jpeg)?)?;
    let name = |class: usize| classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    report(common, &arguments.out, &sheet.classes().map(name).collect::<Vec<_>>());
    Ok(())
}

fn report(common: &Common, out: &Path, rows: &[String]) {
    if common.json {
        println!("{}", json!({ "out": out, "rows": rows }));
        return;
    }
    println!("written to {}", out.display());
    for (row, class) in rows.iter().enumerate() {
        println!("row {:>3}: {class}", row + 1);
    }
}
