//! The house rules that no compiler knows: floors, file heads and sizes, names, who may opt out of
//! determinism, and a reason for every dependency.
//!
//! Goal: whoever breaks a rule hears it from a test, with file, line and what to do. Method: every
//! source file is cut into tokens (without strings; comments only where they matter) and judged by
//! `complaints`, which is pure; each rule has a test that shows it refusing a made-up source.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The floors, ground first. A module uses only modules of lower floors, and itself.
const USES: &[(&str, &[&str])] = &[
    ("F0", &["limits", "time", "random"]),
    ("F1", &["domain"]),
    ("F2", &["policy", "signing", "generator"]),
    ("F3", &["engine"]),
    ("F4", &["store", "transport", "journal"]),
    ("F5", &["runtime"]),
    ("F6", &["server"]),
    ("F7", &["sim"]),
    ("F8", &["config"]),
    ("F9", &["cli"]),
];

/// Modules that may opt out of the bans of `clippy.toml`; tests and benches may, too.
const MAY_OPT_OUT: &[&str] = &["runtime", "transport", "server", "config", "cli"];

/// What the deterministic floors may not speak of, beyond what `clippy.toml` bans by path.
const IMPURE: &[&str] = &[
    "tokio",
    "thread",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "f32",
    "f64",
    "rustls",
];
/// Paths of the deterministic floors; `sim/full` alone in `sim` may use paused tokio.
const PURE: &[&str] = &[
    "src/limits.rs",
    "src/time.rs",
    "src/random.rs",
    "src/domain/",
    "src/policy/",
    "src/signing/",
    "src/generator/",
    "src/engine/",
    "src/journal/",
    "src/store/memory",
    "src/store/embedded/",
    "src/sim/",
];

/// Most lines of a source file before its tests.
const LINES_MAX: usize = 400;
/// Most lines of `src/main.rs`.
const MAIN_LINES_MAX: usize = 40;
/// Words that mark unfinished work; that belongs in an issue.
const UNFINISHED: &[&str] = &["FIXME", "TODO", "XXX"];
/// Words that say nothing about what a type or module is.
const EMPTY_NAMES: &[&str] = &["manager", "helper", "util"];

/// A word or one sign, and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
}

/// Everything that is wrong with one source file; `path` is relative to the repository.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let code = tokens(&masked(text, false));
    let mut found = Vec::new();
    found.extend(head_and_size(path, text));
    found.extend(floors(path, text, &code));
    found.extend(impurities(path, &code));
    found.extend(names(&code));
    found.extend(unfinished(&tokens(&masked(text, true))));
    found.extend(opt_outs(path, &code));
    found.extend(waits(&code));
    found
        .into_iter()
        .map(|(line, complaint)| format!("{path}:{line}: {complaint}"))
        .collect()
}

/// The top-level module that a file of `src` belongs to; the roots belong to none.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside
        .split_once('/')
        .map_or_else(|| inside.trim_end_matches(".rs"), |(folder, _)| folder);
    (name != "lib" && name != "main").then_some(name)
}

/// How high a module stands.
fn floor_of(module: &str) -> Option<usize> {
    USES.iter()
        .position(|(_, modules)| modules.contains(&module))
}

fn head_and_size(path: &str, text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push((1, "starts without a `//!` text that says what it is".into()));
    }
    let lines = lines_before_tests(text);
    let most = if path == "src/main.rs" {
        MAIN_LINES_MAX
    } else {
        LINES_MAX
    };
    let is_tests = path.ends_with("/tests.rs");
    if path.starts_with("src/") && !is_tests && lines > most {
        let complaint = format!("has {lines} lines before its tests; {most} are the most: split");
        found.push((most + 1, complaint));
    }
    found
}

fn lines_before_tests(text: &str) -> usize {
    text.lines()
        .take_while(|line| !line.starts_with("mod tests"))
        .count()
}

fn floors(path: &str, text: &str, code: &[Token]) -> Vec<(usize, String)> {
    let Some(module) = module_of(path) else {
        return Vec::new();
    };
    let Some(own) = floor_of(module) else {
        let complaint = format!("module `{module}` has no floor: add it to `USES` and to lib.rs");
        return vec![(1, complaint)];
    };
    let mut found = Vec::new();
    for used in modules_used(code) {
        let allowed = used.text == module || floor_of(&used.text).is_some_and(|floor| floor < own);
        if !allowed {
            let complaint = format!("`{module}` may not use `{}`: not below it", used.text);
            found.push((used.line, complaint));
        }
    }
    let is_root = path.matches('/').count() == 1 || path == format!("src/{module}/mod.rs");
    let before_tests = lines_before_tests(text);
    for (at, token) in code.iter().enumerate() {
        if !follows(code, at, &["super", ":", ":"]) {
            continue;
        }
        let climbs = follows(code, at + 3, &["super"]);
        if climbs || (is_root && token.line <= before_tests) {
            let complaint = "climbs with `super`: write `crate::…`, so that floors can be judged";
            found.push((token.line, complaint.into()));
        }
    }
    found
}

/// The first segment after each `crate::`, and of each member of a `crate::{…}` group.
fn modules_used(code: &[Token]) -> Vec<Token> {
    let mut used = Vec::new();
    for at in 0..code.len() {
        if !follows(code, at, &["crate", ":", ":"]) {
            continue;
        }
        let mut rest = code.iter().skip(at + 3);
        let Some(first) = rest.next() else { continue };
        if first.text != "{" {
            used.push(first.clone());
            continue;
        }
        let mut depth = 1;
        let mut at_start = true;
        for token in rest {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," if depth == 1 => at_start = true,
                _ if depth == 1 && at_start => {
                    used.push(token.clone());
                    at_start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    used
}

fn impurities(path: &str, code: &[Token]) -> Vec<(usize, String)> {
    let is_pure = PURE.iter().any(|pure| path.starts_with(pure));
    if !is_pure || path.starts_with("src/sim/full") {
        return Vec::new();
    }
    code.iter()
        .filter(|token| IMPURE.contains(&token.text.as_str()))
        .map(|token| {
            (
                token.line,
                format!("`{}` on a deterministic floor", token.text),
            )
        })
        .collect()
}

fn names(code: &[Token]) -> Vec<(usize, String)> {
    let kinds = ["struct", "enum", "trait", "type", "union", "mod"];
    let mut found = Vec::new();
    for pair in code.windows(2) {
        let [kind, name] = pair else { continue };
        let empty = EMPTY_NAMES.iter().find(|empty| {
            words_of(&name.text)
                .iter()
                .any(|word| word.trim_end_matches('s') == **empty)
        });
        if let Some(empty) = empty
            && kinds.contains(&kind.text.as_str())
        {
            let complaint = format!("`{}`: `{empty}` says nothing; name it", name.text);
            found.push((name.line, complaint));
        }
    }
    found
}

/// The words of a name in camel or snake case, in small letters.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase().filter(|letter| *letter != '_'));
        }
    }
    words
}

fn unfinished(words: &[Token]) -> Vec<(usize, String)> {
    words
        .iter()
        .filter(|word| UNFINISHED.contains(&word.text.as_str()))
        .map(|word| (word.line, format!("`{}`: make it an issue", word.text)))
        .collect()
}

fn opt_outs(path: &str, code: &[Token]) -> Vec<(usize, String)> {
    if module_of(path).is_some_and(|module| MAY_OPT_OUT.contains(&module))
        || path.starts_with("src/sim/full")
        || !path.starts_with("src/")
    {
        return Vec::new();
    }
    let is_opt_out = |at: usize| {
        follows(code, at, &["clippy", ":", ":"])
            && code
                .get(at + 3)
                .is_some_and(|lint| lint.text.starts_with("disallowed_"))
    };
    code.iter()
        .enumerate()
        .filter(|(at, _)| is_opt_out(*at))
        .map(|(_, token)| (token.line, "may not opt out of determinism here".into()))
        .collect()
}

fn waits(code: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, token) in code.iter().enumerate() {
        if follows(code, at, &["select", "!"]) && !follows(code, at + 3, &["biased", ";"]) {
            let complaint = "`select!` without `biased;`: the order of branches is a decision";
            found.push((token.line, complaint.into()));
        }
        if follows(code, at, &["thread", ":", ":", "sleep"]) {
            found.push((token.line, "nothing waits by sleeping".into()));
        }
    }
    found
}

/// Whether these words and signs stand at `at`.
fn follows(code: &[Token], at: usize, texts: &[&str]) -> bool {
    let mut rest = code.iter().skip(at);
    texts
        .iter()
        .all(|text| rest.next().is_some_and(|token| token.text == *text))
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut in_word = false;
    let mut line = 1;
    for sign in text.chars() {
        let is_word = sign.is_alphanumeric() || sign == '_';
        match tokens.last_mut() {
            Some(last) if is_word && in_word => last.text.push(sign),
            _ if sign.is_whitespace() => {}
            _ => tokens.push(Token {
                line,
                text: sign.to_string(),
            }),
        }
        in_word = is_word;
        line += usize::from(sign == '\n');
    }
    tokens
}

/// The text with the insides of strings, and unless `with_comments` of comments, made blank; lines
/// stay where they are.
fn masked(text: &str, with_comments: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let (length, hide) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), !with_comments)
        } else if rest.starts_with("/*") {
            (block_comment_length(rest), !with_comments)
        } else if sign == '"' {
            (string_length(rest, raw_hashes(&out)), true)
        } else if sign == '\'' {
            (quote_length(rest), true)
        } else {
            (sign.len_utf8(), false)
        };
        let (piece, after) = rest.split_at(length);
        if hide {
            out.extend(piece.chars().map(|c| if c == '\n' { c } else { ' ' }));
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, _) in text.char_indices() {
        let here = text.get(at..).unwrap_or_default();
        if here.starts_with("/*") {
            depth += 1;
        } else if here.starts_with("*/") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 2;
            }
        }
    }
    text.len()
}

/// How many `#` open the raw string whose quote comes next; `None` if it is not raw.
fn raw_hashes(before: &str) -> Option<usize> {
    let opened = before.trim_end_matches('#');
    opened.ends_with('r').then_some(before.len() - opened.len())
}

fn string_length(text: &str, raw_hashes: Option<usize>) -> usize {
    let body = text.get(1..).unwrap_or_default();
    if let Some(hashes) = raw_hashes {
        let end = format!("\"{}", "#".repeat(hashes));
        return body.find(&end).map_or(text.len(), |at| 1 + at + end.len());
    }
    let mut escaped = false;
    for (at, sign) in body.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 2,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character in quotes; 1 if the quote begins a lifetime.
fn quote_length(text: &str) -> usize {
    let body = text.get(1..).unwrap_or_default();
    let mut signs = body.char_indices();
    match signs.next() {
        Some((_, '\\')) => body
            .char_indices()
            .skip(2)
            .find(|(_, sign)| *sign == '\'')
            .map_or(1, |(at, _)| at + 2),
        Some(_) => match signs.next() {
            Some((at, '\'')) => at + 2,
            _ => 1,
        },
        None => 1,
    }
}

/// Floors and their modules as the table at the head of `lib.rs` gives them.
fn documented_floors(lib: &str) -> Vec<(String, Vec<String>)> {
    lib.lines()
        .filter_map(|line| line.strip_prefix("//! | F"))
        .map(|row| {
            let mut cells = row.split('|');
            let floor = format!("F{}", cells.next().unwrap_or_default().trim());
            let modules = cells.next().unwrap_or_default();
            let modules = modules.split('`').skip(1).step_by(2).map(Into::into);
            (floor, modules.collect())
        })
        .collect()
}

/// The names of what `Cargo.toml` depends on, in programs and tests.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && let Some((name, _)) = line.split_once([' ', '.', '=']) {
            names.push(name);
        }
    }
    names
}

fn undecided<'a>(manifest: &'a str, decisions: &str) -> Vec<&'a str> {
    let has_row = |name: &str| decisions.contains(&format!("| `{name}` |"));
    let mut names = dependencies(manifest);
    names.retain(|name| !has_row(name));
    names
}

/// Where every locked package must come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A package as `Cargo.lock` has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Locked {
    name: String,
    version: String,
    /// Empty for our own.
    source: String,
}

fn locked(lock: &str) -> Vec<Locked> {
    let packages = lock.split("[[package]]").skip(1);
    let read = packages.map(|package| {
        let value = |key: &str| {
            let line = package
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
            line.unwrap_or_default().trim_end_matches('"').to_owned()
        };
        Locked {
            name: value("name"),
            version: value("version"),
            source: value("source"),
        }
    });
    read.collect()
}

/// What is locked though `deny.toml` lets it not in: from elsewhere, denied by name, or one of several
/// versions (the newest of them needs no reason).
fn denied(lock: &str, rules: &str) -> Vec<String> {
    let packages = locked(lock);
    let mut found = Vec::new();
    for (at, package) in packages.iter().enumerate() {
        let Locked {
            name,
            version,
            source,
        } = package;
        if !source.is_empty() && source != REGISTRY {
            found.push(format!("{name} comes from {source}"));
        }
        if rules.contains(&format!("{{ crate = \"{name}\", ")) {
            found.push(format!("{name} is denied"));
        }
        // The file is in order, so a newer version comes right behind.
        let has_newer = packages.get(at + 1).is_some_and(|next| next.name == *name);
        let has_reason = rules.contains(&format!("{{ crate = \"{name}@{version}\", reason"));
        if has_newer && !has_reason {
            found.push(format!("{name} {version} is there beside a newer one"));
        }
    }
    found
}

/// The tests that a page links to by their names, each with the file that it should be in.
fn promised(page: &str) -> Vec<(&str, &str)> {
    let links = page.split("[`").skip(1);
    let named = links.filter_map(|link| {
        let (name, rest) = link.split_once("`](")?;
        Some((name, rest.split(')').next()?))
    });
    named.filter(|(_, file)| file.ends_with(".rs")).collect()
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let Some(at) = source.find(&format!("fn {name}(")) else {
        return false;
    };
    let before = source.get(..at).unwrap_or_default();
    let lines = before.rsplit('\n').skip(1);
    // A test within `proptest!` says so, too.
    let mut head = lines.take_while(|line| line.trim_start().starts_with("#["));
    head.any(|line| line.contains("test"))
}

/// The files of the repository that a page of it links to, as the page names them.
fn linked(page: &str) -> Vec<&str> {
    let ends = page.split("](").skip(1);
    let targets = ends.filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files
        .filter(|file| !file.is_empty() && !file.contains("://"))
        .collect()
}

/// Every page that is reached from `pages` by links, a linked folder's pages too, and what is linked
/// to in vain.
fn reached(mut pages: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<String>) {
    let mut broken = Vec::new();
    let mut next = 0;
    while let Some(page) = pages.get(next).cloned() {
        next += 1;
        let text = fs::read_to_string(&page).expect("it was found");
        for file in linked(&text) {
            let target = page.with_file_name(file);
            if !target.exists() {
                broken.push(format!("{}: {file}", page.display()));
            }
            for found in pages_of(&target) {
                if !pages.contains(&found) {
                    pages.push(found);
                }
            }
        }
    }
    (pages, broken)
}

/// The pages that a path names: itself, or those in it.
fn pages_of(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = path.canonicalize() else {
        return Vec::new();
    };
    let mut pages = match fs::read_dir(&path) {
        Ok(entries) => entries
            .map(|entry| entry.expect("readable").path())
            .collect(),
        Err(_) => vec![path],
    };
    pages.retain(|page| page.extension().is_some_and(|end| end == "md"));
    pages
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).expect("a file of the repository can be read")
}

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry
            .expect("a folder of the repository can be read")
            .path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_source_file_keeps_the_house_rules() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        source_files(&repository().join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 20, "the walk found only {}", files.len());
    let mut found = Vec::new();
    for file in files {
        let path = file
            .strip_prefix(repository())
            .expect("below the repository");
        let path = path.to_str().expect("a plain name").replace('\\', "/");
        found.extend(complaints(&path, &read(&path)));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_table_of_lib_rs_is_the_table_of_this_test() {
    let documented = documented_floors(&read("src/lib.rs"));
    let held: Vec<(String, Vec<String>)> = USES
        .iter()
        .map(|(floor, modules)| {
            let modules = modules.iter().map(ToString::to_string);
            (floor.to_string(), modules.collect())
        })
        .collect();
    assert_eq!(documented, held);
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = read("Cargo.toml");
    let missing = undecided(&manifest, &read("docs/decisions/0002-dependencies.md"));
    assert!(missing.is_empty(), "say why in 0002: {missing:?}");
}

#[test]
fn every_page_is_reached_from_the_readme_and_no_link_leads_nowhere() {
    let (pages, broken) = reached(pages_of(&repository().join("README.md")));
    assert!(broken.is_empty(), "links to no file: {broken:?}");
    for folder in ["docs", "docs/decisions"] {
        for page in pages_of(&repository().join(folder)) {
            assert!(pages.contains(&page), "no page links to {}", page.display());
        }
    }
}

#[test]
fn every_locked_package_is_one_that_deny_toml_lets_in() {
    let lock = read("Cargo.lock");
    assert!(locked(&lock).len() > 100, "the lock file was not read");
    let found = denied(&lock, &read("deny.toml"));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let page = read("docs/guarantees.md");
    let promises: Vec<&str> = page.split("\n## P").skip(1).collect();
    assert_eq!(promises.len(), 20);
    for promise in promises {
        let tests = promised(promise);
        assert!(!tests.is_empty(), "no test: {promise}");
        for (name, file) in tests {
            let source = read(&format!("docs/{file}"));
            assert!(has_test(&source, name), "{file} has no test {name}");
        }
    }
}

#[test]
fn a_package_that_is_denied_doubled_or_from_elsewhere_is_refused() {
    let package = |name: &str, version: &str, source: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n")
    };
    let lock = [
        package("elsewhere", "1.0.0", "git+https://x.test/y"),
        package("known", "1.0.0", REGISTRY),
        package("known", "2.0.0", REGISTRY),
        package("openssl", "1.0.0", REGISTRY),
        package("twice", "0.1.0", REGISTRY),
        package("twice", "0.2.0", REGISTRY),
        "[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n".to_owned(),
    ];
    let rules = "deny = [\n  { crate = \"openssl\", use-instead = \"rustls\" },\n]\n\
                 skip = [\n  { crate = \"known@1.0.0\", reason = \"old\" },\n]\n";
    assert_eq!(
        denied(&lock.concat(), rules),
        [
            "elsewhere comes from git+https://x.test/y",
            "openssl is denied",
            "twice 0.1.0 is there beside a newer one",
        ]
    );
}

#[test]
fn a_test_is_found_by_its_name_and_nothing_else_is_one() {
    let source = "#[tokio::test(flavor = \"multi_thread\")]\nasync fn it_holds() {}\n\n#[must_use]\n\
                  fn it_helps() {}\n\n    #[cfg(unix)]\n    #[test]\n    fn it_holds_too() {}\n";
    for (name, expected) in [
        ("it_holds", true),
        ("it_holds_too", true),
        ("it_helps", false),
        ("it_is_gone", false),
        ("it", false),
    ] {
        assert_eq!(has_test(source, name), expected, "{name}");
    }
    let page = "[`a_test`](../tests/a.rs), [`kill.sh`](../tests/kill.sh), [b](b.rs) and `c`";
    assert_eq!(promised(page), [("a_test", "../tests/a.rs")]);
}

#[test]
fn links_are_found_in_a_page() {
    let page = "[a](docs/a.md), [b](https://b.test/) and [c](../c.md#part) or [here](#part)";
    assert_eq!(linked(page), ["docs/a.md", "../c.md"]);
}

/// What is said about a made-up file that has a proper head.
fn judged(path: &str, body: &str) -> Vec<String> {
    complaints(path, &format!("//! A file.\n{body}"))
}

#[test]
fn a_clean_file_draws_no_complaint() {
    let body = r##"
use crate::{
    domain::{endpoint::Endpoint, event::Event},
    limits,
};
/* crate::cli /* nested */ crate::server */
// A comment may speak of crate::cli and of thread::sleep.
struct Utilization<'a>(&'a str);
fn text() -> (&'static str, char, &'static str) {
    ("crate::cli \" TODO", '"', r#"crate::server " select! {}"#)
}
async fn wait() { tokio::select! { biased; () = ready() => {} } }
"##;
    assert_eq!(judged("src/runtime/cell.rs", body), Vec::<String>::new());
}

#[test]
fn an_import_from_the_same_or_a_higher_floor_is_refused() {
    for (path, body, line) in [
        ("src/policy/retry.rs", "use crate::signing::Signer;", 2),
        ("src/time.rs", "use crate::random::Stream;", 2),
        ("src/domain/id.rs", "\nfn f() { crate::engine::step(); }", 3),
        (
            "src/engine/mod.rs",
            "use crate::{\n    domain::id,\n    store::{Store},\n};",
            4,
        ),
        (
            "src/engine/mod.rs",
            "use crate::{domain::{id, event}, runtime};",
            2,
        ),
        ("src/store/mod.rs", "use crate::unheard_of::Thing;", 2),
        ("src/store/mod.rs", "use crate::*;", 2),
        (
            "src/sim/mod.rs",
            "const Q: char = '\"'; use crate::cli::run;",
            2,
        ),
        (
            "src/sim/mod.rs",
            "const Q: char = '\\''; use crate::cli::run;",
            2,
        ),
    ] {
        let found = judged(path, body);
        assert_eq!(found.len(), 1, "{body}: {found:?}");
        assert!(
            found[0].starts_with(&format!("{path}:{line}: ")),
            "{found:?}"
        );
        assert!(found[0].contains("may not use"), "{found:?}");
    }
}

#[test]
fn a_deterministic_floor_may_not_speak_of_clocks_threads_or_floats() {
    for word in IMPURE {
        let body = format!("use some::{word};");
        for path in [
            "src/engine/mod.rs",
            "src/store/memory.rs",
            "src/sim/world.rs",
        ] {
            assert!(judged(path, &body)[0].contains("deterministic"), "{word}");
        }
        for path in [
            "src/runtime/mod.rs",
            "src/store/mod.rs",
            "src/sim/full/mod.rs",
        ] {
            assert!(judged(path, &body).is_empty(), "{word}");
        }
    }
}

#[test]
fn climbing_to_the_root_by_super_is_refused() {
    for (path, body) in [
        ("src/time.rs", "use super::cli;"),
        ("src/engine/mod.rs", "use super::cli;"),
        ("src/engine/lane.rs", "use super::super::cli;"),
    ] {
        assert!(judged(path, body)[0].contains("climbs"), "{body}");
    }
    assert!(judged("src/engine/lane.rs", "use super::io;").is_empty());
    assert!(judged("src/time.rs", "mod tests {\n use super::*;\n}").is_empty());
}

#[test]
fn a_module_without_a_floor_is_refused() {
    for path in ["src/attic.rs", "src/attic/mod.rs", "src/attic/deep/box.rs"] {
        assert!(judged(path, "")[0].contains("has no floor"), "{path}");
    }
}

#[test]
fn a_file_without_a_head_is_refused() {
    for text in ["", "use std::fmt;\n//! Late.", "// Plain.\n"] {
        assert!(complaints("src/time.rs", text)[0].contains("starts without"));
    }
}

#[test]
fn a_long_file_is_refused_but_its_tests_may_be_long() {
    let long = "//! Long.\n".repeat(LINES_MAX + 1);
    assert!(complaints("src/time.rs", &long)[0].contains("has 401 lines"));
    let tests = format!(
        "//! Short.\nmod tests {{\n{}}}",
        "// More.\n".repeat(LINES_MAX)
    );
    assert!(complaints("src/time.rs", &tests).is_empty());
    let main = "//! Long.\n".repeat(MAIN_LINES_MAX + 1);
    assert!(complaints("src/main.rs", &main)[0].contains("40 are the most"));
}

#[test]
fn names_that_say_nothing_are_refused() {
    for body in [
        "pub struct LaneManager;",
        "enum HelperKind {}",
        "trait TimeUtils {}",
        "type Util = u8;",
        "mod http_helpers {}",
    ] {
        assert!(
            judged("src/time.rs", body)[0].contains("says nothing"),
            "{body}"
        );
    }
}

#[test]
fn unfinished_work_is_refused_even_in_comments() {
    for word in UNFINISHED {
        let found = judged("src/time.rs", &format!("\n// {word}: later\n"));
        assert!(found[0].starts_with("src/time.rs:3: "), "{found:?}");
    }
}

#[test]
fn opting_out_of_determinism_is_refused_where_it_is_not_due() {
    let body = "#![expect(clippy::disallowed_methods, reason = \"because\")]";
    for path in [
        "src/engine/mod.rs",
        "src/store/mod.rs",
        "src/sim/mod.rs",
        "src/main.rs",
    ] {
        assert!(judged(path, body)[0].contains("may not opt out"), "{path}");
    }
    assert!(!judged("src/domain/id.rs", "#[allow(clippy::disallowed_types)]").is_empty());
    for path in [
        "src/cli/receive.rs",
        "src/runtime/mod.rs",
        "tests/it/main.rs",
    ] {
        assert!(judged(path, body).is_empty(), "{path}");
    }
}

#[test]
fn a_select_without_biased_is_refused() {
    for body in [
        "tokio::select! { () = a => {} }",
        "select! {\n// biased;\n_ = a => {} }",
    ] {
        assert!(
            judged("src/cli/mod.rs", body)[0].contains("biased"),
            "{body}"
        );
    }
}

#[test]
fn sleeping_is_refused_in_tests_too() {
    for path in ["src/cli/mod.rs", "tests/it/main.rs"] {
        let found = judged(path, "std::thread::sleep(PERIOD);");
        assert!(found[0].contains("sleeping"), "{found:?}");
    }
}

#[test]
fn a_dependency_without_a_reason_is_refused() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\nknown = \"1\"\nnew = { version = \"1\" }\n\n[dev-dependencies]\ndotted.version = \"1\"\n[lints.rust]\nunsafe_code = \"forbid\"";
    assert_eq!(undecided(manifest, "| `known` | why |"), ["new", "dotted"]);
}

#[test]
fn the_table_of_floors_is_read_from_the_doc() {
    let lib = "//! | floor | modules | what |\n//! |---|---|---|\n//! | F0 | [`a`], [`b`] | `c` |";
    let read = documented_floors(lib);
    assert_eq!(
        read,
        [("F0".to_owned(), vec!["a".to_owned(), "b".to_owned()])]
    );
}
