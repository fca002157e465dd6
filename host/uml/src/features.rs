//! What a kernel can do, out of what it says when it is asked: `--showconfig` prints the configuration
//! that it was built with, `--help` the options that it takes.

use umbel_guest::{KernelFeatures, KernelMode};

/// Options whose file systems are known by other names than the option's, in the words of
/// /proc/filesystems.
const FILE_SYSTEMS: [(&str, &[&str]); 19] = [
    ("EXT4_FS", &["ext4", "ext3"]),
    ("EXT4_USE_FOR_EXT2", &["ext2"]),
    ("EXT3_FS", &["ext3"]),
    ("EXT2_FS", &["ext2"]),
    ("XFS_FS", &["xfs"]),
    ("BTRFS_FS", &["btrfs"]),
    ("JFS_FS", &["jfs"]),
    ("REISERFS_FS", &["reiserfs"]),
    ("F2FS_FS", &["f2fs"]),
    ("SQUASHFS", &["squashfs"]),
    ("EROFS_FS", &["erofs"]),
    ("ISO9660_FS", &["iso9660"]),
    ("UDF_FS", &["udf"]),
    ("VFAT_FS", &["vfat"]),
    ("HOSTFS", &["hostfs"]),
    ("OVERLAY_FS", &["overlay"]),
    ("TMPFS", &["tmpfs"]),
    ("FUSE_FS", &["fuse"]),
    ("VIRTIO_FS", &["virtiofs"]),
];

/// What was built in. A module is not: a guest's image has none that fit.
pub fn features(config: &str, help: &str) -> KernelFeatures {
    let has = |option: &str| {
        config.lines().any(|line| {
            line.strip_prefix("CONFIG_").and_then(|line| line.strip_prefix(option)).is_some_and(|rest| rest == "=y")
        })
    };
    let mut modes = vec![KernelMode::Strict];
    // No option of the configuration tells it; kernels since 6.16 on x86-64 take it.
    if takes(help, "seccomp=") {
        modes.push(KernelMode::Fast);
    }
    let mut file_systems: Vec<String> = Vec::new();
    for (_, names) in FILE_SYSTEMS.iter().filter(|(option, _)| has(option)) {
        file_systems.extend(names.iter().map(|&name| name.to_owned()));
    }
    file_systems.sort();
    file_systems.dedup();
    KernelFeatures {
        modes,
        vector: has("UML_NET_VECTOR"),
        tuntap: has("UML_NET_TUNTAP"),
        vde: has("UML_NET_VDE"),
        hostfs: has("HOSTFS"),
        cow: has("BLK_DEV_COW_COMMON"),
        time_travel: has("UML_TIME_TRAVEL_SUPPORT"),
        ip_config: has("IP_PNP"),
        file_systems,
    }
}

/// Whether the help has an entry for the option: each begins at the left edge.
fn takes(help: &str, option: &str) -> bool {
    help.lines().any(|line| line.starts_with(option))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_built_in_counts_and_a_module_does_not() {
        let config = "CONFIG_EXT4_FS=y\nCONFIG_SQUASHFS=m\n# CONFIG_IP_PNP is not set\nCONFIG_HOSTFS=y\n\
                      CONFIG_UML_NET_VECTOR=y\nCONFIG_UML_NET_VDE_DEBUG=y\nCONFIG_BLK_DEV_COW_COMMON=y\n";
        let found = features(config, "mem=<Amount of desired ram>\n    seccomp=on is not an entry\n");
        assert_eq!(found.file_systems, ["ext3", "ext4", "hostfs"]);
        assert_eq!(found.modes, [KernelMode::Strict]);
        assert!(found.hostfs && found.vector && found.cow);
        assert!(!found.ip_config && !found.vde && !found.tuntap && !found.time_travel);
        let newer = features(config, "seccomp=<on/off/auto>\n    Configure whether …\n");
        assert_eq!(newer.modes, [KernelMode::Strict, KernelMode::Fast]);
    }

    proptest! {
        #[test]
        fn whatever_a_kernel_says_is_understood_somehow(config in "\\PC{0,200}", help in "(?s).{0,200}") {
            let found = features(&config, &help);
            prop_assert_eq!(found.modes.first(), Some(&KernelMode::Strict));
        }
    }
}
