//! Finding and loading the ONNX Runtime library.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::device;
use crate::config::Device;

/// The oldest ONNX Runtime that serves.
pub const OLDEST_VERSION: &str = "1.24";

#[cfg(target_os = "macos")]
const LIBRARY_PREFIX: &str = "libonnxruntime.";
#[cfg(not(target_os = "macos"))]
const LIBRARY_PREFIX: &str = "libonnxruntime.so";

/// Name under which the system's loader knows the library.
#[cfg(target_os = "macos")]
const SYSTEM_NAME: &str = "libonnxruntime.dylib";
#[cfg(not(target_os = "macos"))]
const SYSTEM_NAME: &str = "libonnxruntime.so";

/// Why ONNX Runtime could not be loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RuntimeError {
    /// None of the places that were searched holds a usable library.
    #[error("no usable ONNX Runtime ({OLDEST_VERSION} or newer): {problem}; looked at {searched}. {remedy}")]
    Unusable {
        /// What the loader said of the last candidate.
        problem: String,
        /// The candidates, in order.
        searched: String,
        /// What mends it.
        remedy: &'static str,
    },
    /// The library loaded but could not be initialised.
    #[error("ONNX Runtime at {} could not be initialised: {problem}", .library.display())]
    Initialise {
        /// The library.
        library: PathBuf,
        /// What it said.
        problem: String,
    },
    /// The library knows the CPU only.
    #[error(
        "ONNX Runtime at {} was built without CUDA: take the image for GPUs, or a library that \
         `sh deploy/onnxruntime/fetch.sh --gpu` fetches, by ORT_DYLIB_PATH; or have workers.device = \"cpu\"",
        .library.display()
    )]
    WithoutCuda {
        /// The library.
        library: PathBuf,
    },
    /// The library knows the device and can't use it.
    #[error(
        "ONNX Runtime at {} cannot use {device}: {problem}. It takes an NVIDIA GPU of that index, a driver for CUDA 13 \
         (580 or newer), and the libraries of CUDA 13 and cuDNN 9 in LD_LIBRARY_PATH; or have workers.device = \"cpu\"",
        .library.display()
    )]
    Device {
        /// The device.
        device: Device,
        /// The library.
        library: PathBuf,
        /// What it said, on one line.
        problem: String,
    },
}

/// The loaded library. There is one a process; copies are cheap.
#[derive(Clone)]
pub struct Runtime {
    pub(super) environment: ort::environment::Environment,
    library: PathBuf,
    pub(super) device: Device,
    busy: Busy,
}

/// ONNX Runtime allows one environment a process.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the first library of: `configured`, `ORT_DYLIB_PATH`, beside the executable,
    /// `target/onnxruntime` (of the executable's build folder, then of the current one), the system's library path.
    /// A path that was named (configured or by the variable) is not silently replaced by another. Models run on the CPU.
    ///
    /// # Errors
    /// When there is none or it is too old.
    pub fn load(configured: Option<&Path>) -> Result<Self, RuntimeError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let (candidates, remedy) = candidates(configured);
        let runtime = Self::load_first(&candidates, remedy)?;
        Ok(loaded.insert(runtime).clone())
    }

    fn load_first(candidates: &[PathBuf], remedy: &'static str) -> Result<Self, RuntimeError> {
        let mut problem = String::from("there is no library");
        for library in candidates {
            match ort::init_from(library) {
                Ok(builder) => {
                    let environment = builder.with_name("portcullis").build().map_err(|error| {
                        RuntimeError::Initialise { library: library.clone(), problem: error.to_string() }
                    })?;
                    environment.set_log_level(ort::logging::LogLevel::Error);
                    let (library, busy) = (library.clone(), Busy::default());
                    return Ok(Self { environment, library, device: Device::Cpu, busy });
                }
                Err(error) => problem = error.to_string(),
            }
        }
        let searched = candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        Err(RuntimeError::Unusable { problem, searched, remedy })
    }

    /// The same library, whose models run on this device.
    ///
    /// # Errors
    /// When the library knows no such device, or there is none that it can use.
    pub fn on(self, device: Device) -> Result<Self, RuntimeError> {
        device::probe(&self, device)?;
        Ok(Self { device, ..self })
    }

    /// The library that was taken.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Where models run.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Time that all threads together have spent in the library, predicting.
    pub fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.0.load(Ordering::Relaxed))
    }

    /// Gives back to the system what loading models has taken for the moment. The library leaves as much behind as the
    /// models are large, and the allocator keeps it in case that more models come.
    pub fn give_back_memory(&self) {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        #[expect(unsafe_code, reason = "nothing safe offers it; it takes no pointer and leaves alone what is in use")]
        unsafe {
            libc::malloc_trim(0);
        }
    }

    pub(super) fn stopwatch(&self) -> Busy {
        self.busy.clone()
    }
}

/// Adds up the time that is spent in the library.
#[derive(Clone, Default)]
pub(super) struct Busy(Arc<AtomicU64>);

impl Busy {
    pub(super) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
        result
    }
}

/// Where to look, in order, and what to do if none of it serves.
fn candidates(configured: Option<&Path>) -> (Vec<PathBuf>, &'static str) {
    if let Some(named) = configured {
        let remedy = "Mend workers.onnxruntime, or leave it out and run `make onnxruntime`";
        return (vec![named.to_owned()], remedy);
    }
    if let Some(named) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return (vec![PathBuf::from(named)], "Mend ORT_DYLIB_PATH, or unset it and run `make onnxruntime`");
    }
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(Path::parent).into_iter().map(Path::to_owned);
    let build_folder = executable
        .as_deref()
        .into_iter()
        .flat_map(Path::ancestors)
        .filter(|folder| folder.ends_with("target"))
        .map(|target| target.join("onnxruntime"));
    let candidates = beside
        .chain(build_folder)
        .chain([PathBuf::from("target/onnxruntime")])
        .filter_map(|folder| library_in(&folder))
        .chain([PathBuf::from(SYSTEM_NAME)]);
    (candidates.collect(), "Run `make onnxruntime`, or set ORT_DYLIB_PATH to a libonnxruntime")
}

/// The library in `folder`, whatever version its name carries.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(LIBRARY_PREFIX))
        })
        .collect();
    found.sort();
    let newest = found.pop()?;
    Some(std::path::absolute(&newest).unwrap_or(newest))
}
