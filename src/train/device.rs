//! Where networks are trained.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// A processor that trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The CPU.
    Flex,
    /// The first NVIDIA GPU.
    #[cfg(feature = "cuda")]
    Cuda,
    /// The best GPU that Vulkan, Metal or DirectX reach.
    #[cfg(feature = "wgpu")]
    Wgpu,
}

impl Accelerator {
    /// Those that this build knows, with their names.
    const ALL: &[(Self, &str)] = &[
        (Self::Flex, "flex"),
        #[cfg(feature = "cuda")]
        (Self::Cuda, "cuda"),
        #[cfg(feature = "wgpu")]
        (Self::Wgpu, "wgpu"),
    ];

    /// The device.
    pub(super) fn device(self) -> Device {
        match self {
            Self::Flex => Device::flex(),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|row| row.0 == *self);
        formatter.write_str(found.map_or("", |row| row.1))
    }
}

impl FromStr for Accelerator {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.iter().map(|row| row.1).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().find(|row| row.1 == name);
        found
            .map(|row| row.0)
            .ok_or_else(|| format!("this build trains on {} (cuda and wgpu are Cargo features)", names()))
    }
}
