//! Where things lie: the configuration file, the keys and the folder for data.

use std::{
    io,
    path::{Path, PathBuf},
};

use confique::Layer as _;
use zeroize::Zeroizing;

use super::{
    DataFolder, Mode,
    admin_key::AdminKey,
    environment::Environment,
    error::ConfigError,
    master_key,
    settings::{self, Layer},
};
use crate::{domain::master_key::MasterKey, limits};

/// Reads a whole file; see [`read_file`].
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// The file that is named by a flag or variable, else the first that exists at its usual places.
pub(super) fn file_layer(
    flag: Option<&Path>,
    environment: &Environment,
    read: ReadFile<'_>,
) -> Result<Layer, ConfigError> {
    let named = flag.or_else(|| environment.path("FANFARE_CONFIG"));
    let candidates =
        named.map_or_else(|| usual_files(environment), |path| vec![path.to_path_buf()]);
    for path in candidates {
        match read(&path) {
            Ok(text) => {
                return settings::parse(&text).map_err(|fault| ConfigError::FileInvalid {
                    path,
                    line: fault.line,
                    reason: fault.reason,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {}
            Err(error) => {
                let reason = error.to_string();
                return Err(ConfigError::FileUnreadable { path, reason });
            }
        }
    }
    Ok(Layer::empty())
}

/// Where a user's settings of this program lie; `None` if the system names no place.
pub(super) fn user_folder(environment: &Environment) -> Option<PathBuf> {
    let user = environment.path("XDG_CONFIG_HOME").map(Path::to_path_buf);
    let user = user.or_else(|| environment.path("HOME").map(|home| home.join(".config")));
    user.map(|folder| folder.join("fanfare"))
}

fn usual_files(environment: &Environment) -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("fanfare.toml")];
    files.extend(user_folder(environment).map(|folder| folder.join("fanfare.toml")));
    files.push(PathBuf::from("/etc/fanfare/fanfare.toml"));
    files
}

/// The file of a key that a flag names, and the one that the merged settings name.
pub(super) type KeyFiles<'a> = (Option<&'a Path>, Option<&'a Path>);

/// The admin key by the highest layer that names one.
pub(super) fn admin_key(
    files: KeyFiles<'_>,
    environment: &Environment,
    read: ReadFile<'_>,
) -> Result<Option<AdminKey>, ConfigError> {
    let found = key_text("FANFARE_ADMIN_KEY", files, environment, read)?;
    let key = found.map(|(text, origin)| {
        AdminKey::new(text.to_string()).map_err(|reason| ConfigError::AdminKey { origin, reason })
    });
    key.transpose()
}

/// The master key by the highest layer that names one.
pub(super) fn master_key(
    files: KeyFiles<'_>,
    environment: &Environment,
    read: ReadFile<'_>,
) -> Result<Option<MasterKey>, ConfigError> {
    let found = key_text("FANFARE_MASTER_KEY", files, environment, read)?;
    let key = found.map(|(text, origin)| {
        master_key::parse(&text).map_err(|reason| ConfigError::MasterKey { origin, reason })
    });
    key.transpose()
}

/// The text of a key and where it stands: in the file of the flag, else in this variable, else in
/// the file of the variable with `_FILE` or of the settings.
pub(super) fn key_text(
    variable: &'static str,
    (flagged, merged): KeyFiles<'_>,
    environment: &Environment,
    read: ReadFile<'_>,
) -> Result<Option<(Zeroizing<String>, String)>, ConfigError> {
    if let Some(text) = environment.text(variable)?.filter(|_| flagged.is_none()) {
        if environment.path(&format!("{variable}_FILE")).is_some() {
            return Err(ConfigError::TwoKeys { variable });
        }
        let text = Zeroizing::new(text.to_owned());
        return Ok(Some((text, variable.to_owned())));
    }
    let Some(path) = flagged.or(merged) else {
        return Ok(None);
    };
    let text = read(path).map_err(|error| ConfigError::KeyUnreadable {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })?;
    let text = Zeroizing::new(text);
    let text = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    Ok(Some((text, format!("{path:?}"))))
}

/// The folder that was given, else systemd's, else the user's; `dev` stays in the current folder.
pub(super) fn data_folder(
    mode: Mode,
    given: Option<PathBuf>,
    environment: &Environment,
) -> Option<DataFolder> {
    let is_given = given.is_some();
    let usual = || match mode {
        Mode::Dev => Some(PathBuf::from("fanfare-data")),
        Mode::Serve => state_folder(environment),
    };
    let path = given.or_else(usual)?;
    Some(DataFolder { path, is_given })
}

fn state_folder(environment: &Environment) -> Option<PathBuf> {
    // systemd gives several folders parted by colons if a unit asks for several.
    let state = environment.path("STATE_DIRECTORY");
    if let Some(first) = state.and_then(|folders| std::env::split_paths(folders).next()) {
        return Some(first);
    }
    let data = environment.path("XDG_DATA_HOME").map(Path::to_path_buf);
    let data = data.or_else(|| {
        environment
            .path("HOME")
            .map(|home| home.join(".local/share"))
    });
    data.map(|folder| folder.join("fanfare"))
}

/// Reads a file of settings or a key.
///
/// # Errors
/// What the system says, or `FileTooLarge` beyond `limits::CONFIG_FILE_BYTES_MAX`, as of a device
/// that never ends.
pub fn read_file(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let most = limits::CONFIG_FILE_BYTES_MAX;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(most as u64 + 1).read_to_string(&mut text)?;
    if text.len() > most {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is over 1 MiB",
        ));
    }
    Ok(text)
}
