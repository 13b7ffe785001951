//! Files written whole or not at all: the text is complete and on disk beside its place before it gets its name. Knows
//! nothing of what the text says.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Puts another text in the place of what a file says now, which is `was`. Mode and owner stay; a link stays a link, and
/// the file that it means is replaced.
///
/// # Errors
/// What the system says, with the path, or that the file was changed meanwhile. Then the file is as it was.
pub fn replace(path: &Path, was: &str, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let real = path.canonicalize().map_err(failed)?;
    // Opened for writing and not written: a file that may not be written is not replaced either.
    let old = OpenOptions::new()
        .write(true)
        .open(&real)
        .and_then(|file| file.metadata())
        .map_err(failed)?;
    let unfinished = Unfinished::beside(&real).map_err(failed)?;
    let mut file = unfinished.open().map_err(failed)?;
    let new = file.metadata().map_err(failed)?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))
            .map_err(|error| format!("cannot keep the owner of {}: {error}", path.display()))?;
    }
    file.set_permissions(old.permissions()).map_err(failed)?;
    finish(&mut file, text).map_err(failed)?;
    // Somebody may have saved it in an editor since it was read.
    if std::fs::read_to_string(&real).map_err(failed)? != was {
        return Err(format!(
            "{} was changed meanwhile and is left alone: try again",
            path.display()
        ));
    }
    std::fs::rename(&unfinished.0, &real).map_err(failed)
}

fn finish(file: &mut File, text: &str) -> std::io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A file that has not got its name yet; gone when it never gets it.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(path: &Path) -> std::io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.unfinished", std::process::id()));
        Ok(Self(folder.join(hidden)))
    }

    /// Makes the file; nothing that is there already is used.
    fn open(&self) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        options.mode(0o600).open(&self.0)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It has its name by now, or nobody wants it.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (
            folder.path().join("real.toml"),
            folder.path().join("link.toml"),
        );
        std::fs::write(&real, "a=1").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real.toml", &link).unwrap();
        replace(&link, "a=1", "a = 1\n").unwrap();
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "a = 1\n");
        assert_eq!(std::fs::metadata(&real).unwrap().mode() & 0o7777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(names(folder.path()), ["link.toml", "real.toml"]);
    }

    #[test]
    fn what_was_saved_meanwhile_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, "a=2").unwrap();
        let why = replace(&path, "a=1", "a = 1\n").unwrap_err();
        assert!(why.contains("changed meanwhile"), "{why}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a=2");
        assert_eq!(names(folder.path()), ["a.toml"]);
    }
}
