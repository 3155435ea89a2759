//! Names of custom sections in, the answer to which of them the output shall not have out.
//!
//! Only the end of a name is special: `.debug_*` is every name that begins with `.debug_`. A `*`
//! anywhere else is one. Nothing is kept for its meaning: all are dropped where all are asked for.

/// Which custom sections are dropped. By default, none is.
#[derive(Clone, Debug, Default)]
pub struct Strip {
    all: bool,
    names: Vec<String>,
}

impl Strip {
    /// Drops every custom section.
    pub fn all() -> Self {
        Self {
            all: true,
            names: Vec::new(),
        }
    }

    /// Drops the custom sections of these names; none keeps all.
    pub fn names(names: Vec<String>) -> Self {
        Self { all: false, names }
    }

    pub fn drops(&self, custom_name: &str) -> bool {
        let fits = |name: &String| match name.strip_suffix('*') {
            Some(prefix) => custom_name.starts_with(prefix),
            None => custom_name == name,
        };
        self.all || self.names.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_dropped_by_name_or_by_the_beginning_of_it() {
        let strip = Strip::names([".debug_*", "producers"].map(String::from).to_vec());
        assert!(strip.drops(".debug_info"));
        assert!(strip.drops(".debug_"));
        assert!(strip.drops("producers"));
        assert!(!strip.drops(".debug"));
        assert!(!strip.drops("producers2"));
        assert!(!strip.drops("name"));
        assert!(!Strip::default().drops("name"));
        assert!(Strip::all().drops(""));
        assert!(Strip::names(vec!["*".to_owned()]).drops("name"));
    }
}
