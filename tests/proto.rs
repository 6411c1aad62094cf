//! The checked-in code of `src/proto` is what `proto/` generates. `make proto` renews it.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::FileDescriptorSet;

/// What servers answer; reflection shows it.
const SERVICES: [&str; 2] = ["inference/open_inference.proto", "portcullis/v1/inspector.proto"];
/// What is only ever in files.
const FORMATS: [&str; 1] = ["onnx/onnx.proto"];
const GENERATED: [&str; 4] = ["inference.rs", "onnx.rs", "portcullis.v1.rs", "descriptors.bin"];

fn generate(target: &Path) {
    let services = compile(&SERVICES);
    std::fs::write(target.join("descriptors.bin"), services.encode_to_vec()).expect("writable");
    generate_code(services, target);
    generate_code(compile(&FORMATS), target);
}

fn compile(files: &[&str]) -> FileDescriptorSet {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    protox::compile(files.iter().map(|file| proto.join(file)), [&proto]).expect("the protos are valid")
}

fn generate_code(descriptors: FileDescriptorSet, target: &Path) {
    tonic_prost_build::configure()
        .bytes(".")
        .out_dir(target)
        .build_transport(false)
        .compile_fds(descriptors)
        .expect("code is generated");
}

#[test]
fn the_checked_in_code_is_what_the_protos_generate() {
    let fresh = tempfile::tempdir().expect("a temporary folder");
    generate(fresh.path());
    let checked_in: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proto");
    for name in GENERATED {
        let new = std::fs::read(fresh.path().join(name)).expect("generated");
        let path = checked_in.join(name);
        if std::env::var_os("UPDATE_PROTO").is_some() {
            std::fs::write(&path, &new).expect("writable");
        }
        let old = std::fs::read(&path).unwrap_or_default();
        assert!(new == old, "src/proto/{name} is out of date: run `make proto`");
    }
}
