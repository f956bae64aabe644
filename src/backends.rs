//! The one place that names concrete backends: `--device` becomes a generic call.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use burn::backend::Autodiff;
use burn::prelude::Tensor;
use wordpaint_models::backend::AutodiffBackend;

/// Where tensors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// Fast pure-Rust CPU backend.
    Flex,
    /// Reference CPU backend.
    NdArray,
    /// GPU through WGPU; `None` lets it choose.
    Wgpu(Option<usize>),
    /// NVIDIA GPU.
    Cuda(usize),
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is not one of ours.
    #[error("unknown device `{0}`; expected flex, ndarray, wgpu[:N] or cuda[:N]")]
    Unknown(String),
    /// The backend is not in this build.
    #[error(
        "device `{device}` is not compiled in; build with `cargo build --release --features \
         {feature}`"
    )]
    NotCompiledIn {
        /// As the user names it.
        device: Device,
        /// The Cargo feature to switch on.
        feature: &'static str,
    },
    /// The backend is there, the hardware or its driver is not.
    #[error("device `{device}` does not answer: {reason}. {remedy}")]
    NotThere {
        /// As the user names it.
        device: Device,
        /// What the backend said.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Device {
    /// Whether it computes in the memory of the machine.
    pub const fn is_cpu(self) -> bool {
        matches!(self, Self::Flex | Self::NdArray)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flex => f.write_str("flex"),
            Self::NdArray => f.write_str("ndarray"),
            Self::Wgpu(None) => f.write_str("wgpu"),
            Self::Wgpu(Some(index)) => write!(f, "wgpu:{index}"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (name, index) {
            ("flex", None) => Ok(Self::Flex),
            ("ndarray", None) => Ok(Self::NdArray),
            ("wgpu", index) => Ok(Self::Wgpu(index)),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

/// The device used when none is named: the fastest CPU backend of this build.
pub const fn default_device() -> Device {
    if cfg!(feature = "flex") {
        Device::Flex
    } else {
        Device::NdArray
    }
}

/// Work that is generic over the backend.
pub trait Work {
    /// Its result: plain data, no tensors.
    type Output;

    /// Does it on `device`.
    fn run<B: AutodiffBackend>(self, device: B::Device) -> Self::Output;
}

/// One compiled-in backend, for `doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// The device.
    pub device: Device,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<DeviceError>,
}

/// Runs `work` on `device`.
///
/// # Errors
///
/// If the backend is not compiled in or its hardware does not answer.
pub fn on_device<W: Work>(device: Device, work: W) -> Result<W::Output, DeviceError> {
    match device {
        #[cfg(feature = "flex")]
        Device::Flex => Ok(work.run::<Autodiff<burn::backend::Flex>>(Default::default())),
        #[cfg(feature = "ndarray")]
        Device::NdArray => Ok(work.run::<Autodiff<burn::backend::NdArray>>(Default::default())),
        #[cfg(feature = "wgpu")]
        Device::Wgpu(index) => {
            use burn::backend::wgpu::WgpuDevice;
            let gpu = index.map_or(WgpuDevice::DefaultDevice, WgpuDevice::DiscreteGpu);
            answers::<Autodiff<burn::backend::Wgpu>>(
                device,
                &gpu,
                "Install a Vulkan, Metal or DX12 driver (a software one will do: Debian's \
                 mesa-vulkan-drivers), or use `--device flex`",
            )?;
            Ok(work.run::<Autodiff<burn::backend::Wgpu>>(gpu))
        }
        #[cfg(feature = "cuda")]
        Device::Cuda(index) => {
            let gpu = burn::backend::cuda::CudaDevice::new(index);
            answers::<Autodiff<burn::backend::Cuda>>(
                device,
                &gpu,
                "It needs an NVIDIA GPU with its driver and the NVRTC library; without one use \
                 `--device flex`",
            )?;
            Ok(work.run::<Autodiff<burn::backend::Cuda>>(gpu))
        }
        #[allow(
            unreachable_patterns,
            reason = "with every feature on, all devices are matched"
        )]
        other => Err(DeviceError::NotCompiledIn {
            device: other,
            feature: feature(other),
        }),
    }
}

const fn feature(device: Device) -> &'static str {
    match device {
        Device::Flex => "flex",
        Device::NdArray => "ndarray",
        Device::Wgpu(_) => "wgpu",
        Device::Cuda(_) => "cuda",
    }
}

/// Runs a tiny computation; drivers that are missing make the backend panic.
#[cfg_attr(
    not(any(feature = "wgpu", feature = "cuda")),
    allow(dead_code, reason = "CPU only")
)]
fn answers<B: AutodiffBackend>(
    device: Device,
    on: &B::Device,
    remedy: &'static str,
) -> Result<(), DeviceError> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let two = Tensor::<B, 1>::ones([1], on) + 1.0;
        two.into_data().iter::<f32>().next()
    }));
    std::panic::set_hook(hook);
    let reason = match attempt {
        Ok(Some(2.0)) => return Ok(()),
        Ok(other) => format!("1 + 1 gave {other:?}"),
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "the backend gave no reason".into()),
    };
    let reason = reason.lines().next().unwrap_or_default().to_owned();
    Err(DeviceError::NotThere {
        device,
        reason,
        remedy,
    })
}

struct Nothing;

impl Work for Nothing {
    type Output = ();

    fn run<B: AutodiffBackend>(self, _device: B::Device) {}
}

/// Every kind of device and whether this build and machine can use it.
pub fn availability() -> Vec<Availability> {
    [
        Device::Flex,
        Device::NdArray,
        Device::Wgpu(None),
        Device::Cuda(0),
    ]
    .into_iter()
    .map(|device| Availability {
        device,
        problem: on_device(device, Nothing).err(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_parse_and_print() {
        for name in ["flex", "ndarray", "wgpu", "wgpu:1", "cuda:2"] {
            assert_eq!(name.parse::<Device>().expect("known").to_string(), name);
        }
        assert_eq!("cuda".parse::<Device>(), Ok(Device::Cuda(0)));
    }

    #[test]
    fn unknown_devices_are_refused_with_the_known_ones() {
        for name in ["tpu", "wgpu:x", "flex:0", ""] {
            let error = name.parse::<Device>().expect_err("not a device");
            assert!(error.to_string().contains("cuda[:N]"), "{error}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        let error = on_device(Device::Cuda(0), Nothing).expect_err("not compiled in");
        assert!(error.to_string().contains("--features cuda"), "{error}");
    }
}
