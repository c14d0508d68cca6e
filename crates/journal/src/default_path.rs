//! Where a user's journal is, by the rules of each platform. What is there, it does not look at.

use std::ffi::OsString;
use std::path::PathBuf;

/// From the environment and the home folder, which are the caller's to find.
pub(crate) fn default_path(
    variable: impl Fn(&str) -> Option<OsString>,
    home: Option<PathBuf>,
) -> Option<PathBuf> {
    // The XDG rules say that a relative path is to be ignored; nowhere else does one make sense.
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
    fn the_state_folder_is_used_if_it_is_absolute() {
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
    fn it_is_in_the_library() {
        let made = Some("/Users/me/Library/Application Support/wavespeed/journal.db".into());
        assert_eq!(at(&[("XDG_STATE_HOME", "/state")], Some("/Users/me")), made);
        assert_eq!(at(&[], None), None);
    }

    #[test]
    #[cfg(windows)]
    fn it_is_in_the_local_data() {
        let made = Some(r"C:\Users\me\AppData\Local\wavespeed\journal.db".into());
        let local = r"C:\Users\me\AppData\Local";
        assert_eq!(at(&[("LOCALAPPDATA", local)], None), made);
        assert_eq!(at(&[("LOCALAPPDATA", "Local")], Some(r"C:\Users\me")), None);
    }
}
