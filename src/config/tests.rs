//! Facts about the resolved configuration: precedence, safety, bounds and documentation.

use std::{collections::BTreeMap, io};

use super::{settings::EngineLayer, *};

/// A world without a process: flags, variables and files as data.
struct World {
    mode: Mode,
    flags: Layer,
    file: Option<PathBuf>,
    verbosity: i8,
    variables: Vec<(&'static str, &'static str)>,
    files: BTreeMap<PathBuf, String>,
}

fn serve() -> World {
    World {
        mode: Mode::Serve,
        flags: Layer::empty(),
        file: None,
        verbosity: 0,
        variables: vec![("HOME", "/home/u")],
        files: BTreeMap::new(),
    }
}

fn dev() -> World {
    World {
        mode: Mode::Dev,
        ..serve()
    }
}

impl World {
    fn flags(mut self, change: impl FnOnce(&mut Layer)) -> Self {
        change(&mut self.flags);
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    fn toml(self, text: &str) -> Self {
        self.file("fanfare.toml", text)
    }

    fn resolve(self) -> Result<Config, ConfigError> {
        let files = self.files;
        resolve(Sources {
            mode: self.mode,
            flags: self.flags,
            file: self.file,
            verbosity: self.verbosity,
            environment: &self.variables.into_iter().collect(),
            read: &|path| {
                let text = files.get(path).cloned();
                text.ok_or_else(|| io::ErrorKind::NotFound.into())
            },
        })
    }

    fn valid(self) -> Config {
        self.resolve().expect("a valid configuration")
    }

    fn refused(self) -> ConfigError {
        self.resolve().expect_err("an invalid configuration")
    }
}

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "abcdefghijklmnopqrstuvwxyzabcdef";

/// Access with the admin key.
fn keyed(key: Option<AdminKey>, opens_original: bool) -> Access {
    Access::Key {
        key,
        opens_original,
    }
}

#[test]
fn serve_without_anything_is_safe_and_quiet() {
    let config = serve().valid();
    assert_eq!(config.listen.to_string(), "127.0.0.1:9876");
    let folder = config.data_dir.clone().expect("a folder");
    assert_eq!(folder.path.to_str(), Some("/home/u/.local/share/fanfare"));
    assert!(!folder.is_given);
    assert_eq!(config.store, StoreKind::Embedded);
    assert!(!config.trust_clock);
    assert_eq!(config.seed, None);
    assert_eq!(config.outbound.policy.allowed, []);
    assert!(config.verify_certificates);
    assert!(!config.outbound.https_only);
    assert_eq!(config.generator_frequency_ms, None);
    assert_eq!(config.access, keyed(None, false));
    assert_eq!(config.log.filter, "info");
    assert_eq!(config.engine_options(0).generator, None);
    let usual = Options {
        rounds: Some("default".into()),
        heartbeat: Some(Span::from_seconds(60)),
        ..Options::default()
    };
    assert_eq!(config.engine_options(0), usual);
}

#[test]
fn dev_is_open_on_loopback_with_the_generator_on() {
    let config = dev().valid();
    assert_eq!(config.access, Access::Open);
    assert_eq!(config.generator_frequency_ms, Some(5_000));
    let allowed: Vec<String> = config
        .outbound
        .policy
        .allowed
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(allowed, ["127.0.0.0/8", "::1/128"]);
    let generator = config.engine_options(7).generator.expect("it is on");
    assert_eq!(generator.period, Span::from_seconds(5));
    assert_eq!(&*generator.application, "default");
    assert_eq!(config.engine_options(7).seed, 7);
}

#[test]
fn a_flag_wins_over_fanfare_variables_over_the_originals_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\ngenerator_frequency_ms = 1";
    let world = || serve().toml(file);
    let at = |config: Config| (config.listen.port(), config.generator_frequency_ms);
    assert_eq!(at(world().valid()), (1, Some(1)));
    let world = || {
        world()
            .variable("PORT", "2")
            .variable("GENERATORFREQUENCY", "2")
    };
    assert_eq!(at(world().valid()), (2, Some(2)));
    let world = || {
        let world = world().variable("FANFARE_LISTEN", ":3");
        world.variable("FANFARE_GENERATOR_FREQUENCY_MS", "3")
    };
    assert_eq!(at(world().valid()), (3, Some(3)));
    let world = || {
        world().flags(|flags| {
            flags.listen = Some("4".parse().expect("a port"));
            flags.generator_frequency_ms = Some(4);
        })
    };
    assert_eq!(at(world().valid()), (4, Some(4)));
}

#[test]
fn a_port_alone_keeps_the_address_of_the_layer_below() {
    let config = serve()
        .toml("listen = \"0.0.0.0:1\"")
        .variable("PORT", "8080")
        .valid();
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
    let config = serve().variable("PORT", "8080").valid();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn the_generator_of_serve_runs_only_when_asked_for() {
    assert_eq!(serve().valid().generator_frequency_ms, None);
    let asked = serve().variable("GENERATORFREQUENCY", "400").valid();
    assert_eq!(asked.generator_frequency_ms, Some(400));
    let asked = serve().toml("generator_frequency_ms = 300").valid();
    assert_eq!(asked.generator_frequency_ms, Some(300));
    let faster = dev().variable("GENERATORFREQUENCY", "400").valid();
    assert_eq!(faster.generator_frequency_ms, Some(400));
}

#[test]
fn a_generator_frequency_out_of_bounds_is_refused_even_if_a_higher_layer_would_win() {
    for value in ["abc", "0", "-5", "1.5", ""] {
        let world = dev().variable("GENERATORFREQUENCY", value);
        let error = world
            .flags(|flags| flags.generator_frequency_ms = Some(5))
            .refused();
        assert!(error.to_string().contains("GENERATORFREQUENCY"), "{error}");
    }
    for value in ["0", "2147483648"] {
        let error = serve()
            .toml(&format!("generator_frequency_ms = {value}"))
            .refused();
        assert!(error.to_string().contains("1 to 2147483647"), "{error}");
    }
}

#[test]
fn an_unknown_key_names_key_file_and_line() {
    let mut world = serve().file("/tmp/my.toml", "seed = 1\nlisten_on = 2");
    world.file = Some("/tmp/my.toml".into());
    let text = world.refused().to_string();
    assert!(
        text.contains("\"/tmp/my.toml\" is not valid at line 2"),
        "{text}"
    );
    assert!(text.contains("unknown field `listen_on`"), "{text}");
}

#[test]
fn the_first_file_of_its_usual_places_is_read() {
    let places = [
        "fanfare.toml",
        "/home/me/.config/fanfare/fanfare.toml",
        "/etc/fanfare/fanfare.toml",
    ];
    for first in 0..places.len() {
        let mut world = serve().variable("HOME", "/home/me");
        for (seed, place) in places.iter().enumerate().skip(first) {
            world = world.file(place, &format!("seed = {seed}"));
        }
        assert_eq!(world.valid().seed, Some(first as u64));
    }
    let xdg = serve()
        .variable("HOME", "/home/me")
        .variable("XDG_CONFIG_HOME", "/xdg");
    let xdg = xdg
        .file("/xdg/fanfare/fanfare.toml", "seed = 9")
        .file(places[2], "seed = 1");
    assert_eq!(xdg.valid().seed, Some(9));
}

#[test]
fn a_named_file_must_be_there_and_a_flag_names_before_the_variable() {
    let world = || {
        serve()
            .variable("FANFARE_CONFIG", "/a.toml")
            .toml("seed = 1")
    };
    let error = world().refused();
    assert!(
        matches!(error, ConfigError::FileUnreadable { .. }),
        "{error}"
    );
    let world = || {
        world()
            .file("/a.toml", "seed = 2")
            .file("/b.toml", "seed = 3")
    };
    assert_eq!(world().valid().seed, Some(2));
    let mut flagged = world();
    flagged.file = Some("/b.toml".into());
    assert_eq!(flagged.valid().seed, Some(3));
}

#[test]
fn dev_refuses_an_address_that_others_can_reach() {
    for address in [
        "0.0.0.0:9876",
        "[::]:9876",
        "192.168.1.1:80",
        "[::ffff:10.0.0.1]:80",
    ] {
        let world = dev().flags(|flags| flags.listen = address.parse().ok());
        let error = world.refused();
        assert!(matches!(error, ConfigError::PublicDev { .. }), "{error}");
        assert!(error.to_string().contains("--listen 127.0.0.1:"), "{error}");
    }
    for address in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        dev()
            .flags(|flags| flags.listen = address.parse().ok())
            .valid();
    }
}

#[test]
fn operators_have_a_listener_only_if_they_ask_and_never_the_one_for_everybody() {
    assert_eq!(serve().valid().admin_listen, None);
    let at = |world: World| {
        world
            .valid()
            .admin_listen
            .map(|address| address.to_string())
    };
    let given = serve().variable("FANFARE_ADMIN_LISTEN", "9878");
    assert_eq!(at(given).as_deref(), Some("127.0.0.1:9878"));
    let given = serve()
        .variable("FANFARE_ADMIN_LISTEN", "10.0.0.1:1")
        .flags(|flags| flags.admin_listen = ":2".parse().ok());
    assert_eq!(at(given).as_deref(), Some("10.0.0.1:2"));
    let same = serve().variable("FANFARE_ADMIN_LISTEN", "127.0.0.1:9876");
    assert!(matches!(
        same.refused(),
        ConfigError::SameAdminListen { .. }
    ));
    let any = serve().toml("listen = 0\nadmin_listen = 0").valid();
    assert_eq!(any.listen, any.admin_listen.expect("given"));
    let open = dev().variable("FANFARE_ADMIN_LISTEN", "0.0.0.0:9878");
    assert!(matches!(open.refused(), ConfigError::PublicDev { .. }));
}

#[test]
fn serve_opens_the_original_routes_on_loopback_only() {
    let open = || serve().flags(|flags| flags.open_original_api = Some(true));
    assert_eq!(open().valid().access, keyed(None, true));
    let with_key = open().variable("FANFARE_ADMIN_KEY", KEY).valid();
    let key = AdminKey::new(KEY.into()).expect("fit");
    assert_eq!(with_key.access, keyed(Some(key), true));
    let public = open().variable("FANFARE_LISTEN", "0.0.0.0:9876");
    assert!(matches!(public.refused(), ConfigError::OpenInPublic { .. }));
    let public = serve().variable("FANFARE_LISTEN", "0.0.0.0:9876").valid();
    assert_eq!(public.access, keyed(None, false));
}

#[test]
fn serve_always_verifies_certificates() {
    let skip = |world: World| world.flags(|flags| flags.insecure_skip_verify = Some(true));
    assert_eq!(skip(serve()).refused(), ConfigError::UnverifiedServe);
    assert!(!skip(dev()).valid().verify_certificates);
}

#[test]
fn an_embedded_store_without_a_folder_is_refused_and_a_memory_store_needs_none() {
    let homeless = || World {
        variables: Vec::new(),
        ..serve()
    };
    assert_eq!(homeless().refused(), ConfigError::NoDataFolder);
    let memory = homeless().flags(|flags| flags.store = Some(StoreKind::Memory));
    assert_eq!(memory.valid().data_dir, None);
}

#[test]
fn ended_work_is_kept_for_whole_days_and_payloads_no_longer_than_attempts() {
    let days = |config: Config| {
        let whole = |span: Span| span.as_millis() / 86_400_000;
        (
            whole(config.retention.payload),
            whole(config.retention.attempt),
        )
    };
    assert_eq!(days(serve().valid()), (7, 30));
    let shorter = serve().toml("[retention]\nattempt_days = 3\n");
    assert_eq!(days(shorter.valid()), (3, 3));
    for (text, key) in [
        ("[retention]\nattempt_days = 0\n", "retention.attempt_days"),
        ("[retention]\npayload_days = 31\n", "retention.payload_days"),
    ] {
        assert!(serve().toml(text).refused().to_string().contains(key));
    }
}

#[test]
fn an_admin_key_is_taken_from_flag_file_variable_or_settings_in_this_order() {
    let key = |config: Config| match config.access {
        Access::Key { key, .. } => key.map(|key| key.expose().to_owned()),
        Access::Open => panic!("the routes are open"),
    };
    let world = || {
        serve()
            .toml("admin_key_file = \"/low\"")
            .file("/low", &format!("{KEY}\r\n"))
    };
    assert_eq!(key(world().valid()).as_deref(), Some(KEY));
    let world = || world().variable("FANFARE_ADMIN_KEY", OTHER_KEY);
    assert_eq!(key(world().valid()).as_deref(), Some(OTHER_KEY));
    let flagged = world().file("/high", KEY);
    let flagged = flagged.flags(|flags| flags.admin_key_file = Some("/high".into()));
    assert_eq!(key(flagged.valid()).as_deref(), Some(KEY));
    let both = world().variable("FANFARE_ADMIN_KEY_FILE", "/low");
    let variable = "FANFARE_ADMIN_KEY";
    assert_eq!(both.refused(), ConfigError::TwoKeys { variable });
}

#[test]
fn a_master_key_is_taken_from_flag_file_variable_or_settings_in_this_order() {
    let text = |digit: char| format!("{}{digit}", "01".repeat(31) + "2");
    let world = || {
        serve()
            .toml("master_key_file = \"/low\"")
            .file("/low", &format!("{}\n", text('a')))
    };
    let last = |config: Config| config.master_key.map(|key| key.expose()[31]);
    assert_eq!(last(world().valid()), Some(0x2a));
    const IN_VARIABLE: &str = "010101010101010101010101010101010101010101010101010101010101012b";
    let world = || world().variable("FANFARE_MASTER_KEY", IN_VARIABLE);
    assert_eq!(last(world().valid()), Some(0x2b));
    let flagged = world().file("/high", &text('c'));
    let flagged = flagged.flags(|flags| flags.master_key_file = Some("/high".into()));
    assert_eq!(last(flagged.valid()), Some(0x2c));
    let both = world().variable("FANFARE_MASTER_KEY_FILE", "/low");
    let variable = "FANFARE_MASTER_KEY";
    assert_eq!(both.refused(), ConfigError::TwoKeys { variable });
    assert_eq!(last(serve().valid()), None);
}

#[test]
fn an_unfit_master_key_is_refused_and_not_repeated() {
    for value in [
        "",
        "short-canary",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        let told = serve().variable("FANFARE_MASTER_KEY", value).refused();
        let told = told.to_string();
        let start = "the master key of FANFARE_MASTER_KEY is not fit: ";
        assert!(
            told.starts_with(start) && !told.contains("canary"),
            "{told}"
        );
    }
}

#[test]
fn an_unfit_admin_key_is_refused_and_not_repeated() {
    for value in [
        "",
        "short-canary",
        "canary with spaces, long enough to be one",
    ] {
        let text = serve()
            .variable("FANFARE_ADMIN_KEY", value)
            .refused()
            .to_string();
        assert!(
            text.starts_with("the admin key of FANFARE_ADMIN_KEY is not fit"),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
    let missing = serve()
        .variable("FANFARE_ADMIN_KEY_FILE", "/none")
        .refused();
    assert!(
        missing.to_string().contains("\"/none\" can't be read"),
        "{missing}"
    );
}

#[test]
fn the_data_folder_is_the_given_one_else_the_systems() {
    let path = |world: World| {
        let folder = world.valid().data_dir.expect("a folder");
        (
            folder.path.to_str().expect("text").to_owned(),
            folder.is_given,
        )
    };
    let home = || serve().variable("HOME", "/home/me");
    assert_eq!(
        path(home()),
        ("/home/me/.local/share/fanfare".into(), false)
    );
    let xdg = || home().variable("XDG_DATA_HOME", "/xdg");
    assert_eq!(path(xdg()), ("/xdg/fanfare".into(), false));
    let systemd = || xdg().variable("STATE_DIRECTORY", "/var/lib/fanfare:/other");
    assert_eq!(path(systemd()), ("/var/lib/fanfare".into(), false));
    assert_eq!(
        path(systemd().toml("data_dir = \"/mine\"")),
        ("/mine".into(), true)
    );
    assert_eq!(path(dev()), ("fanfare-data".into(), false));
}

#[test]
fn a_list_of_a_higher_layer_replaces_the_lower_one() {
    let world = || serve().toml("allow_target = [\"10.0.0.0/8\", \"192.168.0.0/16\"]");
    assert_eq!(world().valid().outbound.policy.allowed.len(), 2);
    let config = world().variable("FANFARE_ALLOW_TARGET", "fd00::/8").valid();
    let allowed: Vec<String> = config
        .outbound
        .policy
        .allowed
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(allowed, ["fd00::/8"]);
    assert!(
        config
            .outbound
            .policy
            .judge("fd00::1".parse().expect("an address"))
            .is_ok()
    );
    let many = vec!["10.0.0.0/8"; 257].join(",").leak();
    let error = serve().variable("FANFARE_ALLOW_TARGET", many).refused();
    assert!(matches!(error, ConfigError::TooMany { .. }), "{error}");
}

#[test]
fn engine_limits_are_taken_within_their_bounds() {
    let config = serve()
        .toml("[engine]\nsend_slots = 4\nattempt_timeout_ms = 2000\nretry_waits_seconds = [1, 60]")
        .valid();
    let options = config.engine_options(0);
    assert_eq!((options.send_slots, options.window_max), (4, 4));
    assert_eq!(options.host_window_max, limits::HOST_WINDOW_MAX);
    let wide = serve()
        .toml("[engine]\nhost_window_max = 2048")
        .variable("FANFARE_ENGINE_HOST_WINDOW_MAX", "9")
        .valid();
    assert_eq!(wide.engine_options(0).host_window_max, 9);
    assert_eq!(config.attempt_timeout, Span::from_seconds(2));
    assert_eq!(
        options.retry.waits,
        [Span::from_seconds(1), Span::from_seconds(60)]
    );
    assert_eq!(options.retry.jitter, RetryPolicy::default().jitter);
    let none = serve().toml("[engine]\nretry_waits_seconds = []").valid();
    assert_eq!(none.retry.waits, []);
    for (text, part) in [
        (
            "send_slots = 0",
            "engine.send_slots is 0: it must be 1 to 2048",
        ),
        ("send_slots = 2049", "1 to 2048"),
        ("window_max = 0", "1 to 256"),
        ("window_max = 257", "1 to 256"),
        ("host_window_max = 7", "8 to 2048"),
        ("host_window_max = 2049", "8 to 2048"),
        (
            "send_slots = 4\nwindow_max = 5",
            "engine.window_max is 5: it must be 1 to 4",
        ),
        ("attempt_timeout_ms = 99", "100 to 30000"),
        ("attempt_timeout_ms = 30001", "100 to 30000"),
        ("retry_waits_seconds = [5, 0]", "hammer"),
        ("retry_waits_seconds = [1209600]", "14 days"),
        (
            "retry_waits_seconds = [9223372036854775807, 9223372036854775807, 9]",
            "14 days",
        ),
    ] {
        let error = serve()
            .toml(&format!("[engine]\n{text}"))
            .refused()
            .to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let waits = vec!["1"; limits::RETRY_WAITS_MAX + 1].join(",");
    let error = serve()
        .toml(&format!("[engine]\nretry_waits_seconds = [{waits}]"))
        .refused();
    assert!(error.to_string().contains("more than 32"), "{error}");
}

#[test]
fn circuits_open_as_the_settings_say_or_never() {
    let usual = serve().valid().engine_options(0);
    assert_eq!(usual.circuit_breaker, Options::default().circuit_breaker);
    assert_eq!(usual.disable_after, Options::default().disable_after);
    let text = "[engine]\ncircuit_failed_percent = 50\ncircuit_attempts_min = 3\n\
                circuit_window_seconds = 60\ncircuit_pause_seconds = 600\ncircuit_probes = 1\n\
                circuit_recovery_percent = 150\ndisable_after_hours = 0";
    let options = serve().toml(text).valid().engine_options(0);
    let policy = CircuitBreakerPolicy {
        failed_percent: 50,
        attempts_min: 3,
        window: Span::from_seconds(60),
        pause: Span::from_seconds(600),
        // No shorter than the first.
        pause_max: Span::from_seconds(600),
        probes: 1,
        recovery_percent: 150,
        ..CircuitBreakerPolicy::default()
    };
    assert_eq!(options.circuit_breaker, Some(policy));
    assert_eq!(options.disable_after, None);
    let off = serve().variable("FANFARE_ENGINE_CIRCUIT_BREAKER", "false");
    assert_eq!(off.valid().circuit_breaker, None);
    for (text, part) in [
        ("circuit_failed_percent = 0", "1 to 100"),
        ("circuit_failed_percent = 101", "1 to 100"),
        ("circuit_attempts_min = 0", "1 to 1000000"),
        ("circuit_window_seconds = 1", "2 to 86400"),
        ("circuit_pause_seconds = 0", "1 to 86400"),
        (
            "circuit_pause_seconds = 60\ncircuit_pause_max_seconds = 59",
            "60 to 86400",
        ),
        ("circuit_probes = 0", "1 to 1000"),
        ("circuit_recovery_percent = 99", "100 to 100000"),
        ("disable_after_hours = 8761", "0 to 8760"),
    ] {
        let error = serve().toml(&format!("[engine]\n{text}")).refused();
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn the_log_is_louder_with_v_and_quieter_with_q() {
    for (verbosity, filter) in [(-3, "error"), (-1, "warn"), (0, "hyper=off"), (1, "debug")] {
        let mut world = serve().variable("FANFARE_LOG", "hyper=off");
        world.verbosity = verbosity;
        assert_eq!(world.valid().log.filter, filter);
    }
    let error = serve().variable("FANFARE_LOG", "fanfare=loud").refused();
    assert!(
        error.to_string().contains("\"fanfare=loud\" is not valid"),
        "{error}"
    );
}

#[test]
fn no_color_is_honoured_unless_a_colour_is_asked_for() {
    let color = |world: World| world.valid().log.color;
    let plain = || serve().variable("NO_COLOR", "1");
    assert_eq!(color(serve()), Color::Auto);
    assert_eq!(color(plain()), Color::Never);
    assert_eq!(color(serve().variable("NO_COLOR", "")), Color::Auto);
    assert_eq!(
        color(plain().variable("FANFARE_COLOR", "always")),
        Color::Always
    );
}

/// The keys of the file as `listen`, `engine.send_slots`; from confique's own description, so that a
/// new key can't be forgotten in the documentation.
fn keys() -> Vec<String> {
    use confique::meta::FieldKind;
    let mut keys = Vec::new();
    for field in Settings::META.fields {
        match &field.kind {
            FieldKind::Nested { meta } => {
                let inner = meta.fields.iter();
                keys.extend(inner.map(|inner| format!("{}.{}", field.name, inner.name)));
            }
            FieldKind::Leaf { .. } => keys.push(field.name.to_owned()),
        }
    }
    keys
}

#[test]
fn every_key_and_its_variable_is_documented() {
    let page = include_str!("../../docs/configuration.md");
    let keys = keys();
    assert!(keys.len() > 15, "{keys:?}");
    for key in keys {
        let variable = format!("FANFARE_{}", key.to_uppercase().replace('.', "_"));
        assert!(page.contains(&format!("`{key}`")), "{key}");
        assert!(page.contains(&format!("`{variable}`")), "{variable}");
    }
}

#[test]
fn the_template_names_every_key_and_each_of_its_lines_is_valid() {
    let template = include_str!("../../docs/fanfare.toml");
    settings::parse(template).expect("valid as it stands");
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let lines = template.lines().map(|line| {
        let line = if is_setting(line) {
            line.get(1..)
        } else {
            Some(line)
        };
        line.unwrap_or_default()
    });
    let all = lines.collect::<Vec<_>>().join("\n");
    let layer = settings::parse(&all).expect("valid with every line in force");
    for key in keys() {
        let name = key.rsplit('.').next().expect("a name");
        assert!(
            all.lines()
                .any(|line| line.starts_with(&format!("{name} ="))),
            "{key}"
        );
    }
    let EngineLayer { send_slots, .. } = layer.engine;
    assert_eq!(send_slots, Some(limits::SEND_SLOTS_MAX as u64));
}
