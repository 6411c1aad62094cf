//! What the container image and the unit of systemd are made of, as far as that shows without a container.

use std::path::Path;
use std::process::{Command, Output};

use portcullis::config::Config;

use crate::{read, root, succeeded, tool};

/// The configuration of `deploy/compose`, laid out as its containers see it.
fn lay_out_configuration(folder: &Path) {
    std::fs::create_dir_all(folder).expect("writable");
    std::fs::copy(root().join("deploy/compose/portcullis.toml"), folder.join("portcullis.toml")).expect("writable");
    for file in ["classifier/classifier.onnx", "plain/student.onnx", "robust/student.onnx", "profile.json"] {
        let target = folder.join("signs").join(file);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("writable");
        std::fs::copy(root().join("models/signs").join(file), target).expect("writable");
    }
}

fn ran(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

#[test]
fn the_configuration_of_the_composition_is_valid() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    lay_out_configuration(folder.path());
    let config = Config::load(&folder.path().join("portcullis.toml"), [], &[]).expect("valid");
    let compose = read("deploy/compose/docker-compose.yml");
    for port in [config.server.listen.address.to_string(), config.admin.listen.address.to_string()] {
        assert!(port.starts_with("0.0.0.0:"), "{port} is not reached from outside of the container");
    }
    assert!(compose.contains("classifier:") && compose.contains("8001:8001"), "{compose}");
}

/// The file system of the image with the library in this folder of `target`, and the configuration of the composition.
/// Needs root, for `chroot`, as containers do.
#[cfg(target_os = "linux")]
fn laid_out(folder: &str) -> Option<tempfile::TempDir> {
    let library = root().join("target").join(folder).join("libonnxruntime.so");
    if !rustix::process::geteuid().is_root() || !library.exists() {
        eprintln!("skipped: only root may try an image's files, and `make {folder}` has to have fetched ONNX Runtime");
        return None;
    }
    let image = tempfile::tempdir().expect("a temporary folder");
    let paths = [env!("CARGO_BIN_EXE_portcullis").as_ref(), library.as_path(), image.path()].map(Path::to_str);
    let [program, library, rootfs] = paths.map(|path| path.expect("text"));
    let script = root().join("deploy/docker/rootfs.sh");
    succeeded(&ran("sh", &[script.to_str().expect("text"), program, library, rootfs]));
    lay_out_configuration(&image.path().join("etc/portcullis"));
    Some(image)
}

/// What `portcullis config check` says in the image, to nobody, with these settings.
#[cfg(target_os = "linux")]
fn checked(image: &tempfile::TempDir, settings: &[(&str, &str)]) -> Output {
    Command::new("chroot")
        .arg("--userspec=65532:65532")
        .arg(image.path())
        .args(["/usr/local/bin/portcullis", "config", "check"])
        .env_clear()
        .envs([("PATH", "/usr/sbin:/usr/bin"), ("ORT_DYLIB_PATH", "/usr/local/lib/libonnxruntime.so")])
        .envs([("PORTCULLIS_CONFIG", "/etc/portcullis/portcullis.toml")])
        .envs(settings.iter().copied())
        .output()
        .expect("chroot starts")
}

#[cfg(target_os = "linux")]
fn assert_is_fine(checked: &Output) {
    succeeded(checked);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(said.trim(), "/etc/portcullis/portcullis.toml is fine: signs guarded");
}

#[test]
#[cfg(target_os = "linux")]
fn the_image_holds_all_that_the_program_loads() {
    let Some(image) = laid_out("onnxruntime") else { return };
    assert_is_fine(&checked(&image, &[]));
}

/// The driver is the host's, so that there is no GPU in the image's files by themselves.
#[test]
#[cfg(target_os = "linux")]
fn the_image_for_gpus_holds_all_but_the_driver_and_says_that_it_is_missing() {
    let Some(image) = laid_out("onnxruntime-gpu") else { return };
    assert_is_fine(&checked(&image, &[]));
    let libraries = ("LD_LIBRARY_PATH", "/usr/local/lib");
    let on_a_gpu = checked(&image, &[libraries, ("PORTCULLIS_WORKERS__DEVICE", "cuda")]);
    let said = String::from_utf8_lossy(&on_a_gpu.stderr);
    assert_eq!(on_a_gpu.status.code(), Some(64), "{said}");
    let told = ["1 mistake", "variable PORTCULLIS_WORKERS__DEVICE", "cannot use cuda:0", "libcuda.so.1", "driver"];
    assert!(told.iter().all(|told| said.contains(told)), "{said}");
}

#[test]
fn the_dockerfile_passes_its_linter() {
    let Some(hadolint) = tool("deploy/bin", "hadolint") else { return };
    let file = root().join("deploy/docker/Dockerfile");
    succeeded(&Command::new(hadolint).arg(file).output().expect("hadolint starts"));
    let ignored = read("deploy/docker/Dockerfile.dockerignore");
    for line in
        read("deploy/docker/Dockerfile").lines().filter(|line| line.starts_with("COPY ") && !line.contains("--from"))
    {
        for source in line.split(' ').skip(1).take_while(|word| *word != "./").filter(|word| root().join(word).exists())
        {
            let is_let_in =
                ignored.lines().any(|rule| rule.strip_prefix('!').is_some_and(|kept| source.starts_with(kept)));
            assert!(is_let_in, "{source} is copied, but Dockerfile.dockerignore keeps it away");
        }
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_is_locked_in() {
    let Some(systemd) = tool("", "systemd-analyze") else { return };
    let unit = read("deploy/systemd/portcullis.service")
        .replace("/usr/local/bin/portcullis", env!("CARGO_BIN_EXE_portcullis"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("portcullis.service");
    std::fs::write(&path, unit).expect("writable");
    let verified =
        Command::new(&systemd).args(["verify", "--man=no"]).arg(&path).output().expect("systemd-analyze starts");
    succeeded(&verified);
    assert_eq!(String::from_utf8_lossy(&verified.stderr), "");
    // In tenths: 0 is locked in, 100 has all of the machine.
    let exposed = Command::new(&systemd).args(["security", "--offline=true", "--threshold=20"]).arg(&path).output();
    succeeded(&exposed.expect("systemd-analyze starts"));
}
