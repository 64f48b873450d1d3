//! Builds a sysfs and procfs tree from its one-file form.
//!
//! Each line of a `.tree` file is one of
//! ```text
//! disk NAME MAJ:MIN SIZE512 PATH     a block device: its folder below sys/devices/PATH, links in block, class, dev
//! part NAME MAJ:MIN SIZE512 NUMBER   a partition of the disk above
//! PATH = VALUE                       an attribute; `./` stands for the folder of the disk or partition above
//! PATH -> TARGET                     a link
//! holder UPPER LOWER                 UPPER stands on LOWER: slaves and holders
//! # ...                              a comment
//! ```
//! In values `\xHH` is a byte and `\n` a new line.
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use expunge::device::SysRoot;
use tempfile::TempDir;

pub(crate) struct Tree {
    folder: TempDir,
    disk: PathBuf,
    here: PathBuf,
}

impl Tree {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, &[])
    }

    /// The tree of a file, and more lines after it.
    pub(crate) fn with(name: &str, lines: &[&str]) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/sysfs").join(format!("{name}.tree"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut tree =
            Self { folder: tempfile::tempdir().unwrap(), disk: PathBuf::new(), here: PathBuf::new() };
        let lines = text.lines().chain(lines.iter().copied());
        for line in lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            tree.line(line);
        }
        tree
    }

    pub(crate) fn root(&self) -> SysRoot {
        SysRoot::fixture(self.folder.path())
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["disk", name, number, size, path] => self.disk(name, number, size, path),
            ["part", name, number, size, index] => {
                self.here = self.disk.join(name);
                self.block(name, number, size);
                self.write(&self.here.join("partition"), index);
            }
            ["holder", upper, lower] => {
                let class = self.folder.path().join("sys/class/block");
                let (upper_folder, lower_folder) = (class.join(upper), class.join(lower));
                self.link(&upper_folder.join("slaves").join(lower), &lower_folder);
                self.link(&lower_folder.join("holders").join(upper), &upper_folder);
            }
            _ => match (line.split_once(" -> "), line.split_once(" = ")) {
                (Some((path, target)), _) => {
                    let target = target
                        .strip_prefix('/')
                        .map_or_else(|| PathBuf::from(target), |target| self.folder.path().join(target));
                    self.link(&self.place(path), &target);
                }
                (None, Some((path, value))) => self.write(&self.place(path), value),
                (None, None) => panic!("a line that means nothing: {line}"),
            },
        }
    }

    fn place(&self, path: &str) -> PathBuf {
        path.strip_prefix("./").map_or_else(|| self.folder.path().join(path), |path| self.here.join(path))
    }

    fn disk(&mut self, name: &str, number: &str, size: &str, path: &str) {
        let device = self.folder.path().join("sys/devices").join(path);
        self.disk = device.join("block").join(name);
        self.here = self.disk.clone();
        self.block(name, number, size);
        if !path.starts_with("virtual") {
            self.link(&self.disk.join("device"), &device);
        }
        self.link(&self.folder.path().join("sys/block").join(name), &self.disk);
    }

    fn block(&self, name: &str, number: &str, size: &str) {
        self.write(&self.here.join("dev"), number);
        self.write(&self.here.join("size"), size);
        let sys = self.folder.path().join("sys");
        self.link(&sys.join("class/block").join(name), &self.here);
        self.link(&sys.join("dev/block").join(number), &self.here);
    }

    fn link(&self, path: &Path, target: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn write(&self, path: &Path, value: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes(value)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

fn bytes(value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value;
    while let Some(letter) = rest.chars().next() {
        if let Some(hex) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(&hex[..2], 16).unwrap());
            rest = &hex[2..];
        } else if let Some(tail) = rest.strip_prefix("\\n") {
            bytes.push(b'\n');
            rest = tail;
        } else {
            bytes.extend(letter.to_string().as_bytes());
            rest = &rest[letter.len_utf8()..];
        }
    }
    bytes.push(b'\n');
    bytes
}
