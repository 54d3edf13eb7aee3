//! The commands on a terminal: tables in columns, and questions before what can't be undone.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::Child,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{
    client::{KEY, printed, server},
    process::{Process, empty_folder, fanfare},
};

/// A command that runs on a terminal of its own.
struct OnTerminal {
    child: Child,
    /// The other side of its terminal.
    terminal: File,
}

impl OnTerminal {
    fn start(server: &Process, arguments: &[&str]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).expect("ours");
        unlockpt(&controller).expect("unlocked");
        let name = ptsname(&controller, Vec::new()).expect("its name");
        let name = name.into_string().expect("UTF-8");
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .open(&name)
                .expect("it is there")
        };
        let folder = empty_folder();
        let mut command = fanfare(&folder, arguments);
        command.env("FANFARE_SERVER", format!("http://{}", server.address));
        command.env("FANFARE_KEY", KEY);
        command.stdin(open()).stdout(open()).stderr(open());
        let child = command.spawn().expect("the binary starts");
        Self {
            child,
            terminal: controller.into(),
        }
    }

    /// All that it wrote until its end, with plain line ends, and its exit code.
    fn end(mut self) -> (String, Option<i32>) {
        let mut written = Vec::new();
        // Once the other side is closed a terminal is at its end, or says that it is broken.
        _ = self.terminal.read_to_end(&mut written);
        let code = self.child.wait().expect("it ends").code();
        let text = String::from_utf8(written).expect("UTF-8");
        (text.replace("\r\n", "\n"), code)
    }
}

#[test]
fn a_list_on_a_terminal_is_in_columns() {
    let server = server();
    for uid in ["a", "a-longer-uid"] {
        let words = ["app", "create", "Name", "--uid", uid];
        printed(&server, &words);
    }
    let words = ["event-type", "create", "a.b", "A\u{1b}[2J text"];
    printed(&server, &words);
    let (table, code) = OnTerminal::start(&server, &["app", "list"]).end();
    assert_eq!(code, Some(0), "{table}");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(!table.contains('\t'), "{table}");
    let names = lines[0];
    for (column, cells) in [
        ("UID", ["default", "a", "a-longer-uid"]),
        ("NAME", ["default", "Name", "Name"]),
    ] {
        let place = names.find(column).expect(names);
        for (line, cell) in lines[1..].iter().zip(cells) {
            assert!(line[place..].starts_with(cell), "{column}: {table}");
            assert_eq!(&line[place - 2..place], "  ", "{table}");
        }
    }
    let (table, _) = OnTerminal::start(&server, &["event-type", "list"]).end();
    assert!(table.contains("A\\u001b[2J text"), "{table:?}");
    // One object: a field a line, the values below each other.
    let (fields, _) = OnTerminal::start(&server, &["app", "show", "a"]).end();
    let places = fields.lines().map(|line| {
        let name = line.find(' ').expect(line);
        name + line[name..].find(|letter| letter != ' ').expect(line)
    });
    let places: std::collections::BTreeSet<usize> = places.collect();
    assert_eq!(places.len(), 1, "{fields}");
}

#[test]
fn what_can_not_be_undone_is_asked_on_a_terminal() {
    let server = server();
    printed(&server, &["app", "create", "Name", "--uid", "a"]);
    let delete = |answer: &str| {
        let mut running = OnTerminal::start(&server, &["app", "delete", "a"]);
        running
            .terminal
            .write_all(answer.as_bytes())
            .expect("it reads");
        running.end()
    };
    let (told, code) = delete("\n");
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("[y/N]") && told.contains("nothing was changed"),
        "{told}"
    );
    printed(&server, &["app", "show", "a"]);
    let (told, code) = delete("y\n");
    assert_eq!(code, Some(0), "{told}");
    assert!(!printed(&server, &["app", "list"]).contains("\ta\t"));
}
