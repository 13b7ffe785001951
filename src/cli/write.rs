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
    let mut file = unfinished.open(0o600).map_err(failed)?;
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

/// Writes a file that is made anew each time, in the place of an earlier one: whoever reads it meanwhile finds the one or
/// the other. A link stays a link; what is no file, such as a terminal or a pipe, is written to.
///
/// # Errors
/// What the system says, with the path. Then the earlier file is as it was.
pub fn put(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if path.exists() {
        let was = std::fs::metadata(path).map_err(failed)?;
        if !was.is_file() {
            return std::fs::write(path, text).map_err(failed);
        }
    }
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let unfinished = Unfinished::beside(&real).map_err(failed)?;
    let mut file = unfinished.open(0o666).map_err(failed)?;
    if let Ok(old) = std::fs::metadata(&real) {
        file.set_permissions(old.permissions()).map_err(failed)?;
    }
    finish(&mut file, text).map_err(failed)?;
    std::fs::rename(&unfinished.0, &real).map_err(failed)
}

/// Makes files that are not there yet, by their paths in a folder: all of them or none. Each is complete and on disk
/// before the first gets its name, and none takes the name of a file that came meanwhile. Folders are made where needed.
///
/// # Errors
/// What the system says, with the path. Then everything is as it was.
pub fn create(folder: &Path, files: &[(String, String)]) -> Result<(), String> {
    let mut made = Made::default();
    let mut waiting = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
        if let Some(parent) = path.parent() {
            made.folder(parent).map_err(failed)?;
        }
        let unfinished = Unfinished::beside(&path).map_err(failed)?;
        let mut file = unfinished.open(0o666).map_err(failed)?;
        finish(&mut file, text).map_err(failed)?;
        waiting.push((unfinished, path));
    }
    for (unfinished, path) in waiting {
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
        unfinished.name(&path).map_err(failed)?;
        made.files.push(path);
    }
    made.sync()
        .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
    made.stays = true;
    Ok(())
}

/// What was made and goes again when it is not complete.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    stays: bool,
}

impl Made {
    /// Makes a folder and those above it, where they are not there.
    fn folder(&mut self, folder: &Path) -> std::io::Result<()> {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.folder(parent)?;
        }
        std::fs::create_dir(folder)?;
        self.folders.push(folder.to_owned());
        Ok(())
    }

    /// Puts the names on disk too.
    fn sync(&self) -> std::io::Result<()> {
        let mut parents: Vec<&Path> = self
            .files
            .iter()
            .chain(&self.folders)
            .filter_map(|path| path.parent())
            .collect();
        parents.sort_unstable();
        parents.dedup();
        for parent in parents {
            let parent = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        // What cannot be removed stays; the error that led here is told.
        for file in self.files.iter().rev() {
            let _ = std::fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
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

    /// Gives the file its name where nothing has it. Unlike a rename, a link never takes the place of something.
    fn name(&self, path: &Path) -> std::io::Result<()> {
        match std::fs::hard_link(&self.0, path) {
            // A file system without links, such as exFAT.
            Err(error)
                if error.kind() != ErrorKind::AlreadyExists && path.symlink_metadata().is_err() =>
            {
                std::fs::rename(&self.0, path)
            }
            result => result,
        }
    }

    /// Makes the file; nothing that is there already is used.
    fn open(&self, mode: u32) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        options.mode(mode).open(&self.0)
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
    fn what_is_made_anew_takes_the_place_of_an_earlier_one() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        put(&file, "one").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        put(&link, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert!(link.is_symlink());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        // What is no file stays what it is.
        put(Path::new("/dev/null"), "three").unwrap();
        assert!(!Path::new("/dev/null").is_file());
        assert!(put(&folder.path().join("gone/a"), "x").is_err());
        assert!(put(folder.path(), "x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
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

    #[test]
    fn files_are_made_all_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("new/home");
        let files = [("okrs/a.toml", "a = 1\n"), ("b.toml", "b = 1\n")];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        create(&home, &files).unwrap();
        assert_eq!(names(&home), ["b.toml", "okrs"]);
        assert_eq!(names(&home.join("okrs")), ["a.toml"]);
        assert_eq!(
            std::fs::read_to_string(home.join("b.toml")).unwrap(),
            "b = 1\n"
        );

        // The last one is there: what was made before it goes again, with its folders.
        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("b.toml"), "mine").unwrap();
        let why = create(&other, &files).unwrap_err();
        assert!(why.contains("other/b.toml"), "{why}");
        assert_eq!(names(&other), ["b.toml"]);
        assert_eq!(
            std::fs::read_to_string(other.join("b.toml")).unwrap(),
            "mine"
        );

        // A file where a folder should be.
        let why = create(&other.join("b.toml"), &files).unwrap_err();
        assert!(why.contains("cannot write"), "{why}");
        assert_eq!(names(&other), ["b.toml"]);
    }
}
