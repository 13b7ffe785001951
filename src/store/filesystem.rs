//! What kind of file system a folder lies on, and where a store must not lie: SQLite needs locks that hold and writes that
//! are there once they are said to be. Knows no store.

use std::io;
use std::path::Path;

/// Tells the kind of the file system of a folder, by the number that Linux gives it.
pub(super) type Kind = fn(&Path) -> io::Result<i64>;

/// Numbers from Linux's `magic.h` and the file systems' own sources.
const REMOTE: [(i64, &str); 14] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "SMB (CIFS)"),
    (0xFE53_4D42, "SMB 2"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564C, "NCP"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x7461_636F, "OCFS2"),
    (0x0116_1970, "GFS2"),
];

/// The name of a file system that is shared between machines or kept by a program; `None` of a local one.
pub(super) fn remote(kind: i64) -> Option<&'static str> {
    // The system gives some of the numbers with their sign.
    let kind = kind & 0xFFFF_FFFF;
    let found = REMOTE.iter().find(|(number, _)| *number == kind);
    found.map(|(_, name)| *name)
}

/// Asks the system.
#[cfg(target_os = "linux")]
pub(super) fn kind(folder: &Path) -> io::Result<i64> {
    Ok(rustix::fs::statfs(folder)?.f_type)
}

/// Elsewhere nothing is known of it.
#[cfg(not(target_os = "linux"))]
pub(super) fn kind(_folder: &Path) -> io::Result<i64> {
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f51_the_numbers_of_shared_file_systems_are_known_with_and_without_sign() {
        assert_eq!(remote(0x6969), Some("NFS"));
        assert_eq!(remote(0x6573_5546), Some("FUSE"));
        assert_eq!(remote(0xFF53_4D42), Some("SMB (CIFS)"));
        assert_eq!(
            remote(i64::from(0xFF53_4D42_u32.cast_signed())),
            Some("SMB (CIFS)")
        );
        // ext4, XFS, btrfs, tmpfs, overlayfs, ZFS.
        for local in [
            0xEF53,
            0x5846_5342,
            0x9123_683E,
            0x0102_1994,
            0x794C_7630,
            0x2FC1_2FC1,
        ] {
            assert_eq!(remote(local), None, "{local:x}");
        }
        assert_eq!(remote(kind(Path::new("/proc")).unwrap()), None);
    }
}
