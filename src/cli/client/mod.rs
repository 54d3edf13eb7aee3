//! What the commands that speak to a running server share: whom they speak to, one request and its
//! answer, pages, and how answers are shown.

mod exchange;
mod moment;
mod pages;
mod shown;

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;

use self::exchange::Connection;
pub use self::pages::{ListOrder, PageArguments};
pub(super) use self::{
    exchange::Place,
    moment::moment,
    pages::{list, queried},
    shown::{Column, as_json, show, show_event, show_key},
};
use super::{Delay, Failure, output::escaped};
use crate::config::{
    caller::{Caller, CallerSources, KeyText, ServerUrl},
    environment::Environment,
    places::read_file,
};

/// Under which heading the help has whom a command speaks to. A heading for all fields at once
/// would also be that of what follows them.
const SERVER: &str = "Server";

/// Which server, with which key, and how to tell.
#[derive(Clone, Debug, Args)]
pub struct ServerArguments {
    /// The server [default: FANFARE_SERVER, the profile's, or http://127.0.0.1:9876]
    #[arg(help_heading = SERVER, long, value_name = "URL")]
    pub server: Option<String>,
    /// The key [default: FANFARE_KEY]. Others on the machine can read the arguments of a command, so
    /// the variable or a file is better
    #[arg(help_heading = SERVER, long, value_name = "KEY")]
    pub key: Option<KeyText>,
    /// The file that holds the key [default: FANFARE_KEY_FILE, or the profile's]
    #[arg(help_heading = SERVER, long, value_name = "FILE", conflicts_with = "key")]
    pub key_file: Option<PathBuf>,
    /// The file with certificates that are trusted beside the system's, in PEM [default:
    /// FANFARE_CA_FILE, or the profile's]
    #[arg(help_heading = SERVER, long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// A profile of ~/.config/fanfare/profiles.toml [default: FANFARE_PROFILE, or `default` if there]
    #[arg(help_heading = SERVER, long, value_name = "NAME")]
    pub profile: Option<String>,
    /// How long to wait for an answer
    #[arg(help_heading = SERVER, long, value_name = "TIME", default_value = "30s")]
    pub timeout: Delay,
    /// Print JSON with the fields of the API; of a list one line each
    #[arg(help_heading = SERVER, long)]
    pub json: bool,
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A server that can be asked.
pub(super) struct Client {
    connection: Connection,
    caller: Caller,
    /// Print JSON.
    is_json: bool,
}

/// Asks a server; the work waits for its answers one after the other.
pub(super) fn with_server<T>(
    arguments: &ServerArguments,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut client = Client::new(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Operation(error.to_string()))?;
    runtime.block_on(work(&mut client))
}

/// Asks a server for one thing and shows the object that it answers.
pub(super) fn ask_and_show(
    arguments: &ServerArguments,
    (method, path): (Method, &str),
    body: Option<String>,
) -> Result<(), Failure> {
    with_server(arguments, async |client| {
        let shown = client.ask(method, path, body).await?;
        show(client, &shown)
    })
}

/// Asks a server to do something of which there is nothing to show.
pub(super) fn ask_only(
    arguments: &ServerArguments,
    (method, path): (Method, &str),
    body: Option<String>,
) -> Result<(), Failure> {
    with_server(arguments, async |client| {
        client.ask(method, path, body).await.map(|_| ())
    })
}

impl Client {
    /// Whom the arguments name; nothing is sent yet.
    pub(super) fn new(arguments: &ServerArguments) -> Result<Self, Failure> {
        let caller = Caller::resolve(CallerSources {
            server: arguments.server.as_deref(),
            key: arguments.key.as_ref(),
            key_file: arguments.key_file.clone(),
            ca_file: arguments.ca_file.clone(),
            profile: arguments.profile.as_deref(),
            environment: &Environment::of_process(),
            read: &read_file,
        })?;
        let place = Place::new(caller.server.clone(), &caller.authorities)?;
        Ok(Self {
            connection: Connection::new(place, arguments.timeout.duration()),
            caller,
            is_json: arguments.json,
        })
    }

    /// Whether the server is surely on this machine.
    pub(super) fn is_on_this_machine(&self) -> bool {
        self.caller.server.is_loopback()
    }

    /// Another server that is trusted as this one is.
    ///
    /// # Errors
    /// Those of [`Place::new`].
    pub(super) fn place_of(&self, url: &ServerUrl) -> Result<Place, Failure> {
        Place::new(url.clone(), &self.caller.authorities)
    }

    /// Asks for what stands below `/api/v1` and gives the text of the answer, which may be empty.
    ///
    /// # Errors
    /// [`Failure`]: 404 is *not found*, 401 and 403 are *refused*, other errors are told as the
    /// server says them.
    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<String, Failure> {
        let request = self.request(method, path, body)?;
        let answer = self.connection.exchange(request).await?;
        self.judged(&answer)
    }

    /// Posts what is to be done once, however often it is asked with this key: gives the text of the
    /// answer, and whether it is that of an earlier request.
    ///
    /// # Errors
    /// Those of [`Client::ask`].
    pub(super) async fn ask_once(
        &mut self,
        path: &str,
        body: String,
        key: Option<&HeaderValue>,
    ) -> Result<(String, bool), Failure> {
        let mut request = self.request(Method::POST, path, Some(body))?;
        if let Some(key) = key {
            request.headers_mut().insert(IDEMPOTENCY_KEY, key.clone());
        }
        let answer = self.connection.exchange(request).await?;
        let replayed = answer.headers().get(IDEMPOTENCY_REPLAYED);
        let is_replayed = replayed.is_some_and(|value| value == "true");
        Ok((self.judged(&answer)?, is_replayed))
    }

    /// The text of an answer that is no error.
    fn judged(&self, answer: &Response<Bytes>) -> Result<String, Failure> {
        let status = answer.status();
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if status.is_success() {
            return Ok(text);
        }
        let told = told(status, &text);
        Err(match status {
            StatusCode::NOT_FOUND => Failure::NotFound(told),
            StatusCode::UNAUTHORIZED if self.caller.key.is_none() => Failure::Refused(format!(
                "{told}; give the key with FANFARE_KEY, --key-file or a profile"
            )),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Refused(told),
            _ => Failure::Operation(told),
        })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let server = &self.caller.server;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", server.prefix))
            .header(header::HOST, &server.authority)
            .header(
                header::USER_AGENT,
                concat!("Fanfare/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::ACCEPT, "application/json");
        if let Some(key) = &self.caller.key {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose()))
                .map_err(|_| Failure::Usage("the key can't stand in a header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        request
            .body(body)
            .map_err(|error| Failure::Usage(format!("no request can be made of this: {error}")))
    }
}

/// The error of a server, as API v1 tells them.
#[derive(Deserialize)]
struct Told {
    detail: Value,
}

/// What a server says of a request that it did not do, on one line.
fn told(status: StatusCode, text: &str) -> String {
    let detail = serde_json::from_str::<Told>(text).map(|told| told.detail);
    let text = match detail {
        Ok(Value::String(detail)) => detail,
        Ok(Value::Array(faults)) => {
            let faults: Vec<String> = faults.iter().map(fault).collect();
            faults.join("; ")
        }
        _ => "it is no answer of Fanfare's: is the URL right?".to_owned(),
    };
    format!("the server answers {}: {}", status.as_u16(), escaped(&text))
}

/// One fault of a request.
fn fault(fault: &Value) -> String {
    let place: Vec<String> = fault
        .get("loc")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|part| {
            part.as_str()
                .map_or_else(|| part.to_string(), str::to_owned)
        })
        .collect();
    let message = fault
        .get("msg")
        .and_then(Value::as_str)
        .unwrap_or("refused");
    format!("{}: {message}", place.join("."))
}

/// Reads a name that goes into a path: an id, or a `uid` that was chosen.
pub(super) fn name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.is_empty() || text.len() > 256 || !text.bytes().all(is_plain) {
        return Err("a name has 1 to 256 of the characters a-z A-Z 0-9 . _ -".to_owned());
    }
    if text == "." || text == ".." {
        return Err("this is a name of folders".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads `KEY=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let (key, value) = pair.ok_or("it must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The fields of a body: those that were given.
#[derive(Default)]
pub(super) struct Body(serde_json::Map<String, Value>);

impl Body {
    /// Adds a field unless it was not given.
    pub(super) fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Adds a list unless it is empty.
    pub(super) fn with_list(self, name: &str, list: &[String]) -> Self {
        self.with(name, (!list.is_empty()).then(|| list.to_vec()))
    }

    /// Adds pairs unless there are none.
    pub(super) fn with_pairs(self, name: &str, pairs: &[(String, String)]) -> Self {
        let object = pairs
            .iter()
            .cloned()
            .map(|(key, value)| (key, Value::from(value)));
        let object: serde_json::Map<String, Value> = object.collect();
        self.with(name, (!object.is_empty()).then_some(object))
    }

    /// Says of fields that they are to be emptied.
    pub(super) fn without(mut self, names: &[impl AsRef<str>]) -> Self {
        for name in names {
            self.0.insert(name.as_ref().to_owned(), Value::Null);
        }
        self
    }

    /// Its text, for what makes something.
    pub(super) fn text(self) -> String {
        Value::Object(self.0).to_string()
    }

    /// Its text, for a change; one that changes nothing is the user's fault.
    pub(super) fn change(self) -> Result<String, Failure> {
        if self.0.is_empty() {
            let message = "nothing is to be changed: name at least one field, see --help";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(self.text())
    }
}

/// Whether to go on with what can't be undone.
#[derive(Clone, Copy, Debug, Args)]
pub struct SureArguments {
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

impl SureArguments {
    /// Asks on a terminal.
    ///
    /// # Errors
    /// [`Failure::Usage`] where nobody can be asked, [`Failure::Operation`] after a no.
    pub(super) fn sure(self, question: &str) -> Result<(), Failure> {
        use std::io::{self, IsTerminal as _, Write as _};
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let message = "this can't be undone: say --yes where nobody can be asked";
            return Err(Failure::Usage(message.to_owned()));
        }
        _ = write!(io::stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failure::Operation("nothing was changed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_on_one_line_with_all_its_faults() {
        let text = r#"{"detail":[{"loc":["body","url"],"msg":"no URL","type":"x"},
            {"loc":["body","channels",0],"msg":"\u001b[2Jtoo long","type":"x"}]}"#;
        assert_eq!(
            told(StatusCode::UNPROCESSABLE_ENTITY, text),
            "the server answers 422: body.url: no URL; body.channels.0: \\u001b[2Jtoo long"
        );
        let text = r#"{"code":"conflict","detail":"taken"}"#;
        assert_eq!(
            told(StatusCode::CONFLICT, text),
            "the server answers 409: taken"
        );
        for text in ["", "<html>", "[]", "{\"detail\":7}"] {
            let told = told(StatusCode::BAD_GATEWAY, text);
            assert!(
                told.contains("502") && told.contains("is the URL right?"),
                "{told}"
            );
        }
    }

    #[test]
    fn only_what_can_stand_in_a_path_is_a_name() {
        for text in ["app_01", "a.b-c_D", "...", &"x".repeat(256)] {
            assert!(name(text).is_ok(), "{text}");
        }
        for text in ["", ".", "..", "a/b", "a?b", "a b", "é", &"x".repeat(257)] {
            assert!(name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_body_has_what_was_given_and_a_change_changes_something() {
        let body = Body::default()
            .with("name", Some("n"))
            .with("uid", None::<&str>)
            .with_list("channels", &[])
            .with_list("eventTypes", &["a".to_owned()])
            .with_pairs("metadata", &[("k".to_owned(), "v=1".to_owned())])
            .without(&["description"]);
        let text = r#"{"name":"n","eventTypes":["a"],"metadata":{"k":"v=1"},"description":null}"#;
        assert_eq!(body.text(), text);
        assert!(matches!(Body::default().change(), Err(Failure::Usage(_))));
    }
}
