//! Nodes that are simulated: `--nodes`, `--gpus` and `--gpu-model`, and the models that they may name.

use meta::suggest;

/// Nodes at most: each has a process of its own.
const NODES_MAX: u32 = 64;
/// GPUs of a node at most: the largest servers on sale have sixteen.
const GPUS_MAX: u32 = 16;

/// A model of GPU, as NVIDIA's feature discovery describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuModel {
    /// `nvidia.com/gpu.product`.
    pub product: String,
    /// `nvidia.com/gpu.family`.
    pub family: String,
    /// `nvidia.com/gpu.memory`, in MiB.
    pub memory: u32,
}

/// What models are called, and what their labels say: name, product, family, MiB.
const MODELS: [(&str, &str, &str, u32); 17] = [
    ("A100-80GB", "NVIDIA-A100-SXM4-80GB", "ampere", 81_920),
    ("A100-40GB", "NVIDIA-A100-SXM4-40GB", "ampere", 40_960),
    ("A100-PCIE-80GB", "NVIDIA-A100-80GB-PCIe", "ampere", 81_920),
    ("A10", "NVIDIA-A10", "ampere", 23_028),
    ("A10G", "NVIDIA-A10G", "ampere", 23_028),
    ("A30", "NVIDIA-A30", "ampere", 24_576),
    ("A40", "NVIDIA-A40", "ampere", 46_068),
    ("B200", "NVIDIA-B200", "blackwell", 183_359),
    ("H100", "NVIDIA-H100-80GB-HBM3", "hopper", 81_559),
    ("H100-80GB", "NVIDIA-H100-80GB-HBM3", "hopper", 81_559),
    ("H100-PCIE", "NVIDIA-H100-PCIe", "hopper", 81_559),
    ("H200", "NVIDIA-H200", "hopper", 143_771),
    ("L4", "NVIDIA-L4", "ada-lovelace", 23_034),
    ("L40S", "NVIDIA-L40S", "ada-lovelace", 46_068),
    ("T4", "Tesla-T4", "turing", 15_360),
    ("V100-16GB", "Tesla-V100-SXM2-16GB", "volta", 16_384),
    ("V100-32GB", "Tesla-V100-SXM2-32GB", "volta", 32_768),
];

/// A model by its name or its product, in any case.
fn model(text: &str) -> Result<GpuModel, String> {
    let names = |(name, product, ..): &&(&str, &str, &str, u32)| {
        name.eq_ignore_ascii_case(text) || product.eq_ignore_ascii_case(text)
    };
    let Some((_, product, family, memory)) = MODELS.iter().find(names) else {
        let known = MODELS.map(|(name, ..)| name);
        let nearest = suggest::nearest(&text.to_uppercase(), known);
        let hint = nearest
            .map(|name| format!("; did you mean {name}?"))
            .unwrap_or_default();
        return Err(format!(
            "no model is known by this name{hint} Known are {}",
            known.join(", ")
        ));
    };
    Ok(GpuModel {
        product: (*product).to_owned(),
        family: (*family).to_owned(),
        memory: *memory,
    })
}

/// Nodes to simulate.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulatedFlags {
    /// Simulate so many nodes: pods placed on them run on this machine
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(NODES_MAX)))]
    nodes: Option<u32>,
    /// GPUs of each simulated node
    #[arg(long, value_name = "N", requires = "nodes", value_parser = clap::value_parser!(u32).range(0..=i64::from(GPUS_MAX)))]
    gpus: Option<u32>,
    /// The model of these GPUs, such as A100-80GB, H100 or T4
    #[arg(long, value_name = "MODEL", requires = "gpus", default_value = "A100-80GB", value_parser = model)]
    gpu_model: GpuModel,
}

/// Nodes that stand for machines which are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// How many.
    pub nodes: u32,
    /// GPUs of each.
    pub gpus: u32,
    /// Their model.
    pub model: GpuModel,
}

impl SimulatedFlags {
    /// The nodes to simulate, if any.
    #[must_use]
    pub fn simulated(&self) -> Option<Simulated> {
        Some(Simulated {
            nodes: self.nodes?,
            gpus: self.gpus.unwrap_or(0),
            model: self.gpu_model.clone(),
        })
    }

    /// The flags that say the same.
    #[must_use]
    pub fn flags(&self) -> Vec<String> {
        let numbers = [("--nodes", self.nodes), ("--gpus", self.gpus)];
        let numbers = numbers
            .into_iter()
            .filter_map(|(flag, number)| Some([flag.to_owned(), number?.to_string()]));
        let mut flags: Vec<String> = numbers.flatten().collect();
        if self.gpus.is_some() {
            flags.extend(["--gpu-model".to_owned(), self.gpu_model.product.clone()]);
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SimulatedFlags,
    }

    fn read(line: &str) -> Result<SimulatedFlags, String> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        Line::try_parse_from(words)
            .map(|line| line.args)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nodes_are_simulated_as_asked() {
        assert_eq!(read("").unwrap().simulated(), None);
        let args = read("--nodes 4 --gpus 8 --gpu-model h100").unwrap();
        let simulated = args.simulated().unwrap();
        assert_eq!((simulated.nodes, simulated.gpus), (4, 8));
        assert_eq!(simulated.model.product, "NVIDIA-H100-80GB-HBM3");
        let again = read(&args.flags().join(" ")).unwrap();
        assert_eq!(again.simulated(), args.simulated());
        assert_eq!(read("--nodes 2").unwrap().simulated().unwrap().gpus, 0);
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        for line in [
            "--gpus 8",
            "--nodes 0",
            "--nodes 65",
            "--nodes 1 --gpus 17",
            "--nodes 1 --gpu-model T4",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        let error = read("--nodes 1 --gpus 1 --gpu-model A100-80G").unwrap_err();
        assert!(error.contains("did you mean A100-80GB?"), "{error}");
    }
}
