//! A read-only tree of files in memory: paths and contents in, lookups out. It touches no disk, so
//! nothing can be left behind.

use crate::host::abi::{Errno, errno};
use std::collections::BTreeMap;

/// A position in [`Files`]; the root is 0.
pub type Node = usize;

pub const ROOT: Node = 0;

pub struct Files {
    nodes: Vec<Entry>,
}

pub enum Entry {
    /// Children by name.
    Directory(BTreeMap<String, Node>),
    File(Vec<u8>),
}

impl Files {
    /// Builds the tree; leading slashes and `.` mean nothing, folders come from the paths.
    ///
    /// # Errors
    ///
    /// A text for people where a path names nothing, leads upward, or is both file and folder.
    pub fn new(files: &[(String, Vec<u8>)]) -> Result<Self, String> {
        let mut this = Self {
            nodes: vec![Entry::Directory(BTreeMap::new())],
        };
        for (path, contents) in files {
            let names: Vec<&str> = path
                .split('/')
                .filter(|name| !name.is_empty() && *name != ".")
                .collect();
            let Some((name, folders)) = names.split_last() else {
                return Err(format!("`{path}` names no file"));
            };
            if names.contains(&"..") {
                return Err(format!("`{path}` leads upward"));
            }
            let mut folder = ROOT;
            for name in folders {
                folder = this.child_folder(folder, name).ok_or_else(|| both(path))?;
            }
            let file = this.nodes.len();
            match &mut this.nodes[folder] {
                Entry::Directory(children) if !children.contains_key(*name) => {
                    children.insert((*name).to_owned(), file);
                    this.nodes.push(Entry::File(contents.clone()));
                }
                _ => return Err(both(path)),
            }
        }
        Ok(this)
    }

    fn child_folder(&mut self, folder: Node, name: &str) -> Option<Node> {
        let fresh = self.nodes.len();
        let Entry::Directory(children) = &mut self.nodes[folder] else {
            return None;
        };
        let child = *children.entry(name.to_owned()).or_insert(fresh);
        if child == fresh {
            self.nodes.push(Entry::Directory(BTreeMap::new()));
        }
        matches!(self.nodes[child], Entry::Directory(_)).then_some(child)
    }

    pub fn entry(&self, node: Node) -> &Entry {
        &self.nodes[node]
    }

    /// What `path` names, seen from `folder`; `..` does not lead out of the tree's root.
    ///
    /// # Errors
    ///
    /// A number of [`errno`].
    pub fn resolve(&self, folder: Node, path: &str) -> Result<Node, Errno> {
        if path.starts_with('/') {
            return Err(errno::NOTCAPABLE);
        }
        if path.is_empty() {
            return Err(errno::NOENT);
        }
        let mut trail = vec![folder];
        for name in path.split('/') {
            let here = trail.last().copied().unwrap_or(folder);
            let Entry::Directory(children) = &self.nodes[here] else {
                return Err(errno::NOTDIR);
            };
            match name {
                "" | "." => {}
                ".." => {
                    trail.pop();
                    if trail.is_empty() {
                        return Err(errno::NOTCAPABLE);
                    }
                }
                name => trail.push(*children.get(name).ok_or(errno::NOENT)?),
            }
        }
        Ok(trail.last().copied().unwrap_or(folder))
    }
}

fn both(path: &str) -> String {
    format!("`{path}` is there twice, as a file or a folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Result<Files, String> {
        let files: Vec<(String, Vec<u8>)> = paths
            .iter()
            .map(|path| ((*path).to_owned(), path.as_bytes().to_vec()))
            .collect();
        Files::new(&files)
    }

    #[test]
    fn paths_are_found_from_any_folder_and_never_lead_out() {
        let files = tree(&["/a/b/c.txt", "./a/d.txt", "e"]).expect("the tree is sound");
        let a = files.resolve(ROOT, "a").expect("there is a folder");
        let read = |folder, path| match files.resolve(folder, path).map(|node| files.entry(node)) {
            Ok(Entry::File(contents)) => Ok(contents.clone()),
            Ok(Entry::Directory(_)) => Err(errno::ISDIR),
            Err(errno) => Err(errno),
        };
        assert_eq!(read(ROOT, "a/b/c.txt"), Ok(b"/a/b/c.txt".to_vec()));
        assert_eq!(read(a, "b/../d.txt"), Ok(b"./a/d.txt".to_vec()));
        assert_eq!(read(ROOT, "./e"), Ok(b"e".to_vec()));
        assert_eq!(read(ROOT, "a/b"), Err(errno::ISDIR));
        assert_eq!(read(ROOT, "e/"), Err(errno::NOTDIR));
        assert_eq!(read(ROOT, "missing"), Err(errno::NOENT));
        assert_eq!(read(ROOT, ""), Err(errno::NOENT));
        assert_eq!(read(ROOT, "../e"), Err(errno::NOTCAPABLE));
        assert_eq!(read(a, "../e"), Err(errno::NOTCAPABLE));
        assert_eq!(read(ROOT, "/e"), Err(errno::NOTCAPABLE));
    }

    #[test]
    fn paths_that_make_no_tree_are_refused() {
        for paths in [
            &["a", "a"][..],
            &["a", "a/b"],
            &["a/b", "a"],
            &["../a"],
            &["/"],
            &[""],
        ] {
            assert!(tree(paths).is_err(), "{paths:?}");
        }
        assert!(tree(&[]).is_ok());
    }
}
