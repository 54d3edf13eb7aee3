//! Whom a command of the client speaks to: the server's URL and the key, by flag, variable or profile.

use core::{fmt, net::IpAddr, str::FromStr};
use std::{collections::BTreeMap, path::PathBuf};

use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::{
    admin_key::AdminKey,
    authorities,
    environment::Environment,
    error::ConfigError,
    places::{self, ReadFile},
};

/// The server if nothing else is said: `fanfare serve` and `fanfare dev` on this machine.
pub const SERVER_DEFAULT: &str = "http://127.0.0.1:9876";
/// The profile that is used if none is named and there is one of this name.
const PROFILE_DEFAULT: &str = "default";

/// A key as a flag gives it; judged only when it is used, so that no message repeats it.
#[derive(Clone)]
pub struct KeyText(Zeroizing<String>);

impl FromStr for KeyText {
    type Err = core::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

/// Prints that there is a key, never what it is.
impl fmt::Debug for KeyText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyText(redacted)")
    }
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// Whether to speak TLS.
    pub is_https: bool,
    /// Its name or address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Name or address, and port unless it is the usual one: the header `host`.
    pub authority: String,
    /// What stands before `/api/v1` in each path, without a slash at its end; mostly nothing.
    pub prefix: String,
}

impl ServerUrl {
    /// Reads a URL that somebody gave.
    ///
    /// # Errors
    /// [`ConfigError::ServerUrl`]
    fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let unfit = |reason: &'static str| ConfigError::ServerUrl {
            origin: origin.to_owned(),
            reason,
        };
        let example = "it must be a URL such as https://fanfare.example.com";
        let url = Url::parse(text).map_err(|_| unfit(example))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(unfit("no query and no fragment belong in it"));
        }
        let place = Self::of(&url).map_err(unfit)?;
        let path = url.path().trim_end_matches('/');
        Ok(Self {
            // Who copies the URL of the API means the server.
            prefix: path.strip_suffix("/api/v1").unwrap_or(path).to_owned(),
            ..place
        })
    }

    /// The place that a URL names, whatever its path and query.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence about `it`; the fault of who wrote it.
    pub fn of(url: &Url) -> Result<Self, &'static str> {
        let is_https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err("it must begin with http:// or https://"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("no user or password belongs in it");
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("it must name a host");
        };
        Ok(Self {
            is_https,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            authority: url.authority().to_owned(),
            prefix: String::new(),
        })
    }

    /// Whether it names this machine itself; of a name that leads here, too, this is not known.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        self.host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
    }
}

/// One profile of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    server: String,
    key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

/// All that a caller is made from.
pub struct CallerSources<'a> {
    /// The flag `--server`.
    pub server: Option<&'a str>,
    /// The flag `--key`.
    pub key: Option<&'a KeyText>,
    /// The flag `--key-file`.
    pub key_file: Option<PathBuf>,
    /// The flag `--ca-file`.
    pub ca_file: Option<PathBuf>,
    /// The flag `--profile`.
    pub profile: Option<&'a str>,
    /// The variables.
    pub environment: &'a Environment,
    /// How files are read.
    pub read: ReadFile<'a>,
}

/// Whom a command speaks to, and with which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The server.
    pub server: ServerUrl,
    /// The key; a server of `fanfare dev` asks for none.
    pub key: Option<AdminKey>,
    /// Whose certificates are trusted beside those that the system trusts.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl Caller {
    /// By flag, `FANFARE_SERVER`, `FANFARE_KEY[_FILE]` and `FANFARE_CA_FILE`, profile, default. The
    /// key and the authorities of a profile are for the server of that profile only.
    ///
    /// # Errors
    /// [`ConfigError`], the fault of who started the program; exit code 2.
    pub fn resolve(sources: CallerSources<'_>) -> Result<Self, ConfigError> {
        let CallerSources {
            environment, read, ..
        } = sources;
        let named = match sources.profile {
            Some(name) => Some(name),
            None => environment
                .text("FANFARE_PROFILE")?
                .filter(|name| !name.is_empty()),
        };
        let profile = profile(named, environment, read)?;
        let variable = environment.text("FANFARE_SERVER")?;
        let (text, origin) = match (sources.server, variable, &profile) {
            (Some(text), ..) => (text, "--server"),
            (None, Some(text), _) => (text, "FANFARE_SERVER"),
            (None, None, Some(profile)) => (profile.server.as_str(), "the profile"),
            (None, None, None) => (SERVER_DEFAULT, "the default"),
        };
        let server = ServerUrl::parse(text, origin)?;
        // What a profile says beside its server is about that server only.
        let profile = match profile {
            Some(profile) if ServerUrl::parse(&profile.server, "the profile")? == server => {
                Some(profile)
            }
            _ => None,
        };
        let (profile_key, profile_ca) = profile
            .map(|profile| (profile.key_file, profile.ca_file))
            .unwrap_or_default();
        let ca_file = sources
            .ca_file
            .or_else(|| environment.path("FANFARE_CA_FILE").map(PathBuf::from))
            .or(profile_ca);
        let authorities = ca_file.map(|path| authorities::read(&path, read));
        let authorities = authorities.transpose()?.unwrap_or_default();
        let key = match sources.key {
            Some(KeyText(text)) => Some(fit(text.clone(), "--key".to_owned())?),
            None => {
                let variable = environment.path("FANFARE_KEY_FILE");
                let files = (sources.key_file.as_deref(), variable);
                let mut found = places::key_text("FANFARE_KEY", files, environment, read)?;
                if let (None, Some(file)) = (&found, &profile_key) {
                    let files = (Some(file.as_path()), None);
                    found = places::key_text("FANFARE_KEY", files, environment, read)?;
                }
                found.map(|(text, origin)| fit(text, origin)).transpose()?
            }
        };
        Ok(Self {
            server,
            key,
            authorities,
        })
    }
}

fn fit(text: Zeroizing<String>, origin: String) -> Result<AdminKey, ConfigError> {
    AdminKey::new(text.to_string()).map_err(|reason| ConfigError::CallerKey { origin, reason })
}

/// The profile of this name; without a name the default one, if there is such.
fn profile(
    named: Option<&str>,
    environment: &Environment,
    read: ReadFile<'_>,
) -> Result<Option<Profile>, ConfigError> {
    let missing = |name: &str, path: PathBuf| ConfigError::NoProfile {
        name: name.to_owned(),
        path,
    };
    let Some(path) = places::user_folder(environment).map(|folder| folder.join("profiles.toml"))
    else {
        return named.map_or(Ok(None), |name| {
            Err(missing(
                name,
                PathBuf::from("~/.config/fanfare/profiles.toml"),
            ))
        });
    };
    let text = match read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return named.map_or(Ok(None), |name| Err(missing(name, path)));
        }
        Err(error) => {
            let reason = error.to_string();
            return Err(ConfigError::FileUnreadable { path, reason });
        }
    };
    let mut profiles: BTreeMap<String, Profile> = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        ConfigError::FileInvalid {
            path: path.clone(),
            line: before.map(|before| 1 + before.matches('\n').count()),
            reason: error.message().replace('\n', " "),
        }
    })?;
    match (profiles.remove(named.unwrap_or(PROFILE_DEFAULT)), named) {
        (None, Some(name)) => Err(missing(name, path)),
        (found, _) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use std::{io, path::Path};

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";
    const PROFILES: &str = "\
        [default]\nserver = \"https://one.example\"\nkey_file = \"/one\"\n\
        [two]\nserver = \"http://two.example:99/fan\"\n";

    #[derive(Default)]
    struct World {
        server: Option<&'static str>,
        key: Option<&'static str>,
        profile: Option<&'static str>,
        variables: Vec<(&'static str, &'static str)>,
        profiles: Option<&'static str>,
    }

    impl World {
        fn resolve(&self) -> Result<Caller, ConfigError> {
            let mut variables = vec![("HOME", "/home")];
            variables.extend(&self.variables);
            let environment = variables.into_iter().collect();
            let read = |path: &Path| match path.to_str() {
                Some("/home/.config/fanfare/profiles.toml") => self
                    .profiles
                    .map(str::to_owned)
                    .ok_or_else(|| io::ErrorKind::NotFound.into()),
                Some("/one") => Ok(format!("{OTHER_KEY}\n")),
                _ => Err(io::ErrorKind::NotFound.into()),
            };
            let key = self.key.map(|key| key.parse::<KeyText>().expect("any"));
            Caller::resolve(CallerSources {
                server: self.server,
                key: key.as_ref(),
                key_file: None,
                ca_file: None,
                profile: self.profile,
                environment: &environment,
                read: &read,
            })
        }

        fn found(&self) -> (String, Option<String>) {
            let caller = self.resolve().expect("it is valid");
            let key = caller.key.map(|key| key.expose().to_owned());
            (caller.server.authority, key)
        }
    }

    #[test]
    fn flag_wins_over_variable_over_profile_over_default() {
        let mut world = World::default();
        assert_eq!(world.found(), ("127.0.0.1:9876".into(), None));
        world.profiles = Some(PROFILES);
        let profiled = ("one.example".to_owned(), Some(OTHER_KEY.to_owned()));
        assert_eq!(world.found(), profiled);
        world.profile = Some("two");
        assert_eq!(world.found(), ("two.example:99".into(), None));
        world.variables = vec![("FANFARE_SERVER", "http://three"), ("FANFARE_KEY", KEY)];
        assert_eq!(world.found(), ("three".into(), Some(KEY.into())));
        world.server = Some("http://four");
        world.key = Some(OTHER_KEY);
        assert_eq!(world.found(), ("four".into(), Some(OTHER_KEY.into())));
    }

    #[test]
    fn the_key_of_a_profile_goes_to_no_other_server() {
        let world = World {
            server: Some("https://one.example.evil"),
            profiles: Some(PROFILES),
            ..World::default()
        };
        assert_eq!(world.found(), ("one.example.evil".into(), None));
        let world = World {
            server: Some("https://one.example/"),
            ..world
        };
        assert_eq!(world.found().1.as_deref(), Some(OTHER_KEY));
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_no_key_is_repeated() {
        let refused = |world: World| world.resolve().expect_err("refused").to_string();
        for (server, part) in [
            ("nowhere", "--server"),
            ("ftp://h", "http:// or https://"),
            ("http://user:pw@h", "no user or password"),
            ("http://h/?a=b", "no query"),
        ] {
            let told = refused(World {
                server: Some(server),
                ..World::default()
            });
            assert!(told.contains(part), "{told}");
        }
        for key in ["canary", "canary with spaces that is quite long enough"] {
            let told = refused(World {
                key: Some(key),
                ..World::default()
            });
            assert!(told.contains("--key") && !told.contains("canary"), "{told}");
        }
        for profiles in [None, Some(PROFILES)] {
            let told = refused(World {
                profile: Some("none"),
                profiles,
                ..World::default()
            });
            assert!(told.contains("profiles.toml"), "{told}");
        }
        let told = refused(World {
            profiles: Some("[default]\nserver = \"http://h\"\nkeys = 1\n"),
            ..World::default()
        });
        assert!(told.contains("line 3") && told.contains("keys"), "{told}");
    }

    #[test]
    fn a_url_may_have_a_path_and_that_of_the_api_is_understood() {
        for (text, prefix) in [
            ("http://h", ""),
            ("http://h/", ""),
            ("http://h/fan/", "/fan"),
            ("http://h/api/v1/", ""),
            ("http://h/fan/api/v1", "/fan"),
        ] {
            let url = ServerUrl::parse(text, "x").expect(text);
            assert_eq!(url.prefix, prefix, "{text}");
        }
        for (text, is_loopback) in [
            ("http://localhost:1", true),
            ("http://127.0.0.2", true),
            ("https://[::1]", true),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            let url = ServerUrl::parse(text, "x").expect(text);
            assert_eq!(url.is_loopback(), is_loopback, "{text}");
        }
        let url = ServerUrl::parse("https://[::1]/", "x").expect("valid");
        assert_eq!((url.host.as_str(), url.port), ("::1", 443));
        assert_eq!(url.authority, "[::1]");
    }
}
