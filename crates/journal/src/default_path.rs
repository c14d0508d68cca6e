//! The default path of a user's journal, by the conventions of each platform.

use std::ffi::OsString;
use std::path::PathBuf;

/// Returns the default path for an environment and a home folder, which are parameters so that tests
/// need not change those of the process. Returns `None` if there is no suitable folder.
pub(crate) fn default_path(
    variable: impl Fn(&str) -> Option<OsString>,
    home: Option<PathBuf>,
) -> Option<PathBuf> {
    // The XDG specification requires that relative paths are ignored. On the other platforms a
    // relative path would make the journal depend on the current folder.
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let folder = |name| variable(name).map(PathBuf::from).and_then(absolute);
    let home = home.and_then(absolute);
    let state = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_STATE_HOME").or_else(|| home.map(|home| home.join(".local/state")))
    };
    Some(state?.join("wavespeed").join("journal.db"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(variables: &[(&str, &str)], home: Option<&str>) -> Option<PathBuf> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        };
        default_path(variable, home.map(PathBuf::from))
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn default_path_uses_an_absolute_state_folder() {
        let home = Some("/home/me");
        let default = Some("/home/me/.local/state/wavespeed/journal.db".into());
        let chosen = Some("/state/wavespeed/journal.db".into());
        assert_eq!(at(&[("XDG_STATE_HOME", "/state")], home), chosen);
        assert_eq!(at(&[("XDG_STATE_HOME", "/state")], None), chosen);
        assert_eq!(at(&[("XDG_STATE_HOME", "state")], home), default);
        assert_eq!(at(&[("XDG_STATE_HOME", "")], home), default);
        assert_eq!(at(&[], home), default);
        assert_eq!(at(&[], Some("")), None);
        assert_eq!(at(&[], None), None);
    }

    #[test]
    #[cfg(target_os = "macos")]
    fn default_path_is_in_the_library_folder() {
        let made = Some("/Users/me/Library/Application Support/wavespeed/journal.db".into());
        assert_eq!(at(&[("XDG_STATE_HOME", "/state")], Some("/Users/me")), made);
        assert_eq!(at(&[], None), None);
    }

    #[test]
    #[cfg(windows)]
    fn default_path_is_in_the_local_data_folder() {
        let made = Some(r"C:\Users\me\AppData\Local\wavespeed\journal.db".into());
        let local = r"C:\Users\me\AppData\Local";
        assert_eq!(at(&[("LOCALAPPDATA", local)], None), made);
        assert_eq!(at(&[("LOCALAPPDATA", "Local")], Some(r"C:\Users\me")), None);
    }
}
