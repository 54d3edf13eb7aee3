//! F9: the commands, one file each.
//!
//! Data goes to standard output, everything said about it to standard error. A failure is one plain
//! line that says what to do, and an exit code: 1 if the operation failed, 2 for wrong usage or
//! configuration (as clap does for flags), 3 for what the server does not know, 4 for a refused key,
//! 5 for a server that does not answer, 10 for a simulation that found a property broken, 130 after
//! a second signal.

mod application;
mod bind;
mod client;
mod console;
mod data_folder;
mod delivery;
mod dev;
mod endpoint;
mod event;
mod event_type;
mod explain;
mod failure;
mod host;
mod host_arguments;
mod intake;
mod key;
mod listen;
mod listeners;
mod log_line;
mod logging;
mod open_files;
mod openapi;
mod output;
mod receive;
mod serve;
mod signals;
mod simulate;
mod storage;
mod store;
mod target;
mod target_arguments;
mod task;
mod verify;

use std::{
    io::{self, Write as _},
    panic,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::store::embedded;

pub use self::{
    application::{ApplicationArguments, ApplicationCommand, ApplicationField, FieldArguments},
    client::{ListOrder, PageArguments, ServerArguments, SureArguments},
    delivery::{DeliveryArguments, DeliveryCommand, DeliveryStatus, OfArguments},
    dev::DevArguments,
    endpoint::{EndpointArguments, EndpointCommand, EndpointField, EndpointFields, OneEndpoint},
    event::{EventArguments, EventCommand},
    event_type::{
        EventTypeArguments, EventTypeCommand, EventTypeField, EventTypeFields, OneEventType,
    },
    explain::ExplainArguments,
    failure::Failure,
    host_arguments::HostArguments,
    key::{KeyArguments, KeyCommand, KeyScope},
    listen::{ForwardUrl, ListenArguments},
    receive::{Delay, Ending, Misbehaviour, ReceiveArguments, misbehave},
    serve::ServeArguments,
    simulate::SimulateArguments,
    store::{BackupArguments, FolderArguments, StoreArguments, StoreCommand},
    target::{CheckArguments, TargetCommand, TargetsArguments},
    target_arguments::TargetArguments,
    task::{AgainArguments, TaskArguments, TaskCommand, TaskStatus},
    verify::VerifyArguments,
};

const EXAMPLES: &str = "\
Examples:
  Try it out: a receiver in one terminal, Fanfare in another, then register the receiver
    fanfare receive
    fanfare dev
    curl -d 'url=http://127.0.0.1:9877/hook' -d 'token=t' http://127.0.0.1:9876/api/webhooks

  Run it
    FANFARE_ADMIN_KEY=$(openssl rand -hex 32) fanfare serve --listen 0.0.0.0:9876

  See what the engine does to a thousand events, in virtual time
    fanfare simulate --seed 1 --events 1000 --endpoints 100

  Rehearse what a customer who is down for six hours costs
    fanfare simulate run fixtures/scenarios/customer-down.toml

Exit codes:
  0 done, 1 the operation failed, 2 wrong usage or configuration, 3 the server knows no such thing,
  4 the server refuses the key, 5 the server can't be reached, 10 a simulation found a property
  or an expectation broken or a signature does not fit, 130 ended at once by a second signal";

/// Takes an event once and delivers it to every endpoint that subscribed: signed and retried.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run Fanfare
    ///
    /// Listens on loopback unless told otherwise, asks for the admin key, refuses to send to
    /// loopback and private addresses. Ends on SIGTERM or SIGINT once nothing is in flight.
    Serve(ServeArguments),
    /// Try Fanfare out on this machine
    ///
    /// Like serve, but the original routes are open, receivers on loopback are allowed and a
    /// generator makes an event every five seconds (GENERATORFREQUENCY, in milliseconds, changes
    /// that). Listens on loopback only.
    Dev(DevArguments),
    /// Receive deliveries and show them
    ///
    /// A receiver for trying things out: prints each request to standard output and answers as it
    /// is told. Ends on SIGTERM or SIGINT with exit code 0.
    Receive(ReceiveArguments),
    /// Run the engine in virtual time over a simulated network
    ///
    /// The same seed gives the same run, to the byte. Ends when every delivery has ended.
    Simulate(SimulateArguments),
    /// Check, count, copy or compact the store of a stopped server
    ///
    /// Takes the data folder for itself, so the server must not run on it.
    Store(StoreArguments),
    /// Check the signature of a delivery that was received
    ///
    /// Takes the headers and the exact bytes of the body, and a key or several. Needs no server.
    Verify(VerifyArguments),
    /// Ask whether a URL may be sent to, and why
    ///
    /// Needs no server and connects to nobody but name servers.
    Target(TargetsArguments),
    /// Applications of a running server
    #[command(name = "app")]
    Application(ApplicationArguments),
    /// Endpoints of a running server
    Endpoint(EndpointArguments),
    /// Event types of a running server
    EventType(EventTypeArguments),
    /// Events of a running server: send, list, show, expunge
    Event(EventArguments),
    /// What came of events
    Delivery(DeliveryArguments),
    /// Why a delivery went as it did, and what it waits for now
    Explain(ExplainArguments),
    /// Many deliveries sent again by a running server: recover, replay, list, cancel
    Task(TaskArguments),
    /// Keys of a running server, which let others in
    Key(KeyArguments),
    /// Forward deliveries to an application under development
    ///
    /// Serves an endpoint on this machine itself, tells a running server of it, passes what comes on
    /// to a URL and answers with what is answered there. Deletes the endpoint when it ends. Nothing
    /// is relayed: the server must reach this machine, and be allowed to send there.
    Listen(ListenArguments),
    /// Print the description of the API (OpenAPI 3.1)
    ///
    /// The same that a running server gives at /api/v1/openapi.json. Needs no server.
    #[command(after_long_help = openapi::EXAMPLES)]
    Openapi,
}

/// Runs a command to its end and gives the exit code of the process.
pub fn run(arguments: Arguments) -> ExitCode {
    tell_panics();
    let result = match arguments.command {
        Command::Serve(arguments) => serve::serve(arguments),
        Command::Dev(arguments) => dev::dev(arguments),
        Command::Receive(arguments) => receive::receive(&arguments),
        Command::Simulate(arguments) => simulate::simulate(&arguments),
        Command::Store(arguments) => store::store(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Target(arguments) => target::target(arguments),
        Command::Application(arguments) => application::application(&arguments),
        Command::Endpoint(arguments) => endpoint::endpoint(&arguments),
        Command::EventType(arguments) => event_type::event_type(&arguments),
        Command::Event(arguments) => event::event(&arguments),
        Command::Delivery(arguments) => delivery::delivery(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Task(arguments) => task::task(&arguments),
        Command::Key(arguments) => key::key(&arguments),
        Command::Listen(arguments) => listen::listen(&arguments),
        Command::Openapi => openapi::openapi(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("error: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Panics over a damaged file are told as errors by whoever caught them, and not here.
fn tell_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !embedded::is_caught() {
            usual(panic);
        }
    }));
}

/// Writes one line to standard error. Nobody is left to tell if that fails.
fn say(line: &str) {
    _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, error::ErrorKind};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_in_its_long_help() {
        let mut command = Arguments::command();
        command.build();
        let help = command.render_long_help().to_string();
        assert!(help.contains("Examples:"), "{help}");
        let verbs = command.get_subcommands_mut();
        for verb in verbs.filter(|verb| verb.get_name() != "help") {
            let verbs_of_noun = verb
                .get_subcommands()
                .map(|verb| verb.get_name().to_owned());
            for name in verbs_of_noun.collect::<Vec<_>>() {
                let of_noun = verb.find_subcommand_mut(&name).expect("it exists");
                let help = of_noun.render_long_help().to_string();
                assert!(name == "help" || help.contains("Examples:"), "{help}");
            }
            let help = verb.render_long_help().to_string();
            assert!(
                verb.get_name() == "help" || help.contains("Examples:"),
                "{help}"
            );
        }
        let store = command.find_subcommand_mut("store").expect("it exists");
        for verb in ["check", "stats", "backup", "compact"] {
            let verb = store.find_subcommand_mut(verb).expect("it exists");
            let help = verb.render_long_help().to_string();
            assert!(help.contains("Examples:"), "{help}");
            assert!(help.contains("./fanfare-data"), "{help}");
        }
    }

    /// A command and all below it.
    fn with_all_below(command: &clap::Command) -> Vec<&clap::Command> {
        let below = command.get_subcommands().flat_map(with_all_below);
        std::iter::once(command).chain(below).collect()
    }

    /// The words of a line as a shell would part them, up to a pipe, a redirection or a comment.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for letter in line.chars() {
            let last = words.last_mut().expect("one at least");
            match (letter, quote) {
                (_, Some(open)) if open == letter => quote = None,
                (_, Some(_)) => last.push(letter),
                ('\'' | '"', None) => quote = Some(letter),
                ('|' | '<' | '>' | '#' | ';', None) => break,
                (' ', None) => words.push(String::new()),
                _ => last.push(letter),
            }
        }
        assert_eq!(quote, None, "{line}");
        words.retain(|word| !word.is_empty());
        words
    }

    /// The commands of this program in a text of examples.
    fn examples(text: &str) -> Vec<Vec<String>> {
        let text = text.replace("\\\n", " ");
        let lines = text.lines().filter_map(|line| {
            // Variables, a prompt, the beginning of a pipe or of a loop may stand before it.
            let (before, _) = line.split_once("fanfare ")?;
            let is_one = line.starts_with("    ") || line.starts_with("$ ");
            let is_told = before.contains('`') || before.ends_with(['/', '-']);
            (is_one && !is_told).then(|| words(&line[before.len()..]))
        });
        lines.collect()
    }

    #[test]
    fn every_example_is_taken_as_it_stands() {
        let mut command = Arguments::command();
        command.build();
        let help = with_all_below(&command);
        let help = help
            .iter()
            .filter_map(|command| command.get_after_long_help());
        let mut texts: Vec<String> = help.map(ToString::to_string).collect();
        assert!(texts.len() > 30, "{}", texts.len());
        for text in &texts {
            let long = text.lines().find(|line| line.chars().count() > 100);
            assert_eq!(long, None, "a line is broken where it should not be");
        }
        texts.push(include_str!("../../docs/command-line.md").to_owned());
        let mut seen = 0;
        for words in texts.iter().flat_map(|text| examples(text)) {
            seen += 1;
            let taken = Arguments::try_parse_from(&words);
            assert!(taken.is_ok(), "{words:?}: {}", taken.expect_err("refused"));
        }
        assert!(seen > 60, "{seen}");
    }

    #[test]
    fn what_a_command_does_stands_apart_from_whom_it_speaks_to() {
        let mut command = Arguments::command();
        command.build();
        for command in with_all_below(&command) {
            let of_server = command
                .get_arguments()
                .filter(|argument| argument.get_help_heading() == Some("Server"));
            let names: Vec<&str> = of_server
                .map(|argument| argument.get_id().as_str())
                .collect();
            let expected = [
                "server", "key", "key_file", "ca_file", "profile", "timeout", "json",
            ];
            assert!(names.is_empty() || names == expected, "{names:?}");
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for (line, kind) in [
            ("serve --no-such-flag", ErrorKind::UnknownArgument),
            ("dev --open-original-api", ErrorKind::UnknownArgument),
            ("serve --listen nowhere", ErrorKind::ValueValidation),
            ("serve --seed -1", ErrorKind::UnknownArgument),
            ("serve --seed abc", ErrorKind::ValueValidation),
            ("serve --allow-target ten", ErrorKind::ValueValidation),
            ("serve --store redis", ErrorKind::InvalidValue),
            ("serve -v -q", ErrorKind::ArgumentConflict),
            ("receive --status 199", ErrorKind::ValueValidation),
            ("receive --status 600", ErrorKind::ValueValidation),
            ("receive --delay soon", ErrorKind::ValueValidation),
            ("receive --close --status 500", ErrorKind::ArgumentConflict),
            ("simulate --events 0", ErrorKind::ValueValidation),
            ("simulate --endpoints 10001", ErrorKind::ValueValidation),
            ("store", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("store check now", ErrorKind::UnknownArgument),
            ("store backup", ErrorKind::MissingRequiredArgument),
            (
                "verify --id a --timestamp 1",
                ErrorKind::MissingRequiredArgument,
            ),
            (
                "verify --any-time --tolerance 1s",
                ErrorKind::ArgumentConflict,
            ),
            ("app", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("app show a/b", ErrorKind::ValueValidation),
            ("app list --limit 5 --all", ErrorKind::ArgumentConflict),
            ("app update a --clear name", ErrorKind::InvalidValue),
            (
                "app show a --key k --key-file f",
                ErrorKind::ArgumentConflict,
            ),
            (
                "endpoint create a u --metadata k",
                ErrorKind::ValueValidation,
            ),
            (
                "endpoint update a e --enable --disable",
                ErrorKind::ArgumentConflict,
            ),
            ("event send a t f --data {}", ErrorKind::ArgumentConflict),
            (
                "event send a t --idempotency-key é",
                ErrorKind::ValueValidation,
            ),
            ("delivery attempts a", ErrorKind::MissingRequiredArgument),
            (
                "delivery list a --event e --status fail",
                ErrorKind::ArgumentConflict,
            ),
            ("event-type update a --archived no", ErrorKind::InvalidValue),
            (
                "delivery attempts a --event e --endpoint p",
                ErrorKind::ArgumentConflict,
            ),
            ("listen", ErrorKind::MissingRequiredArgument),
            ("listen --forward-to 3000", ErrorKind::ValueValidation),
            ("key create shop", ErrorKind::MissingRequiredArgument),
            ("key create shop --scope all", ErrorKind::InvalidValue),
            ("key revoke ../app", ErrorKind::ValueValidation),
            ("explode", ErrorKind::InvalidSubcommand),
        ] {
            let words = std::iter::once("fanfare").chain(line.split(' '));
            let error = Arguments::try_parse_from(words).expect_err(line);
            assert_eq!(error.kind(), kind, "{line}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
