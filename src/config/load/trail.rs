//! Where a configuration was looked for, and what the file system tells of these places without a file being opened. So a
//! change is seen at the price of a look at names and dates. Every path is followed anew, through whatever links lie on
//! it: a Kubernetes volume swaps one link above all files. Knows nothing of what files say.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::walk::{self, MAX_NAMES};

/// Every file that was named, there or not, and every pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    files: BTreeSet<PathBuf>,
    patterns: BTreeSet<(PathBuf, String)>,
}

/// What was found on a trail; another one means that something may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks(BTreeMap<PathBuf, Option<Mark>>);

/// What tells one content of a path from another: which file it is, its size, and when content and file were last
/// changed, to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    file: (u64, u64),
    size: u64,
    content: (i64, i64),
    anything: (i64, i64),
}

impl Trail {
    pub(super) fn file(&mut self, path: &Path) {
        self.files.insert(path.to_owned());
    }

    pub(super) fn pattern(&mut self, folder: &Path, pattern: &str) {
        self.patterns
            .insert((folder.to_owned(), pattern.to_owned()));
    }

    pub(super) fn append(&mut self, other: Self) {
        self.files.extend(other.files);
        self.patterns.extend(other.patterns);
    }

    /// Looks at every place now.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let mut names = MAX_NAMES;
        let mut paths = self.files.clone();
        for (folder, pattern) in &self.patterns {
            // A pattern that is none was a finding when it was read.
            if let Ok(found) = walk::matches(folder, pattern, &mut names) {
                paths.extend(found.files);
            }
        }
        let mark = |path: PathBuf| {
            let mark = std::fs::metadata(&path).ok().map(|m| Mark {
                file: (m.dev(), m.ino()),
                size: m.size(),
                content: (m.mtime(), m.mtime_nsec()),
                anything: (m.ctime(), m.ctime_nsec()),
            });
            (path, mark)
        };
        Marks(paths.into_iter().map(mark).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::super::follow;
    use super::*;

    struct House(tempfile::TempDir);

    impl House {
        fn new() -> Self {
            let house = Self(tempfile::tempdir().unwrap());
            house.write("okrd.toml", "include = [\"okrs/*.toml\", \"more.toml\"]");
            house.write("okrs/a.toml", "cycle = \"x\"");
            house
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            fs::write(self.path(name), text).unwrap();
        }
    }

    #[test]
    fn f54_whatever_may_change_the_configuration_leaves_a_mark() {
        let house = House::new();
        let (_, trail) = follow(&house.path("okrd.toml"));
        let mut before = trail.marks();
        assert_eq!(before, trail.marks(), "a look changes nothing");
        let mut changes = |what: &str, change: &dyn Fn()| {
            change();
            let after = trail.marks();
            assert_ne!(before, after, "{what}");
            before = after;
        };
        changes("a longer file", &|| {
            house.write("okrs/a.toml", "cycle = \"xy\"")
        });
        changes("a new file", &|| house.write("okrs/b.toml", ""));
        changes("a file that was missing", &|| house.write("more.toml", ""));
        changes("a file replaced by one as long and as old", &|| {
            let old = fs::metadata(house.path("okrs/a.toml")).unwrap();
            house.write("new", "cycle = \"zz\"");
            let new = fs::File::options().write(true).open(house.path("new"));
            new.unwrap().set_modified(old.modified().unwrap()).unwrap();
            fs::rename(house.path("new"), house.path("okrs/a.toml")).unwrap();
        });
        changes("a file gone", &|| {
            fs::remove_file(house.path("okrs/b.toml")).unwrap()
        });
        changes("all gone", &|| {
            fs::remove_dir_all(house.path("okrs")).unwrap()
        });
        house.write("elsewhere.txt", "");
        house.write("okrs/.hidden.toml", "");
        assert_eq!(
            before,
            trail.marks(),
            "what is not asked for changes nothing"
        );
    }

    /// As the kubelet lays a volume out: every file a link through `..data`, which is a link to the newest folder.
    #[test]
    fn f54_a_swapped_link_above_all_files_leaves_a_mark_and_loads_each_file_once() {
        let house = House::new();
        for (folder, text) in [
            ("..1", "include = [\"*.toml\"]"),
            ("..2", "include = [\"*.toml\"]\n"),
        ] {
            house.write(&format!("volume/{folder}/okrd.toml"), text);
            house.write(&format!("volume/{folder}/team.toml"), "cycle = \"x\"");
        }
        symlink("..1", house.path("volume/..data")).unwrap();
        for name in ["okrd.toml", "team.toml"] {
            symlink(
                format!("..data/{name}"),
                house.path(&format!("volume/{name}")),
            )
            .unwrap();
        }
        let (files, trail) = follow(&house.path("volume"));
        assert_eq!(files.unwrap().files.len(), 2);
        let before = trail.marks();
        symlink("..2", house.path("volume/..data_tmp")).unwrap();
        assert_eq!(before, trail.marks(), "nothing is swapped yet");
        fs::rename(house.path("volume/..data_tmp"), house.path("volume/..data")).unwrap();
        fs::remove_dir_all(house.path("volume/..1")).unwrap();
        assert_ne!(before, trail.marks());
        assert_eq!(follow(&house.path("volume")).0.unwrap().files.len(), 2);
    }
}
