//! The endpoint of a listening command: made or taken over, looked after, deleted.

#![expect(
    clippy::disallowed_methods,
    reason = "outside the engine: it looks again after a real time"
)]

use core::{net::SocketAddr, time::Duration};

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{ListenArguments, heard::Heard, own_name};
use crate::{
    cli::{
        Failure,
        client::{Body, Client, name},
        output::{escaped, print},
        say,
    },
    domain::outcome::OutcomeKind,
};

/// How often to ask the server for what it could not deliver. Without this nobody would be told
/// that a server may not send here: such a delivery does not arrive.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// How many failures to look at; of more in one period the oldest are not told.
const FAILURES_TOLD_MAX: usize = 50;

/// An endpoint that is there as long as the command runs.
pub(super) struct Registration {
    /// The application, as it was named.
    pub(super) application: String,
    /// The endpoint's id.
    pub(super) endpoint: String,
    /// Whether one before it left the endpoint behind.
    pub(super) is_taken_over: bool,
    /// Where it is.
    address: SocketAddr,
}

/// How long to wait for one that may still listen at the address of an endpoint.
const KNOCK_TIMEOUT: Duration = Duration::from_secs(1);

impl Registration {
    /// Makes the endpoint, or takes over the one that a command of the same name left behind when it was
    /// killed.
    ///
    /// # Errors
    /// [`Failure`], as the server says it; [`Failure::Operation`] if a command of the same name still
    /// listens.
    pub(super) async fn new(
        client: &mut Client,
        arguments: &ListenArguments,
        address: SocketAddr,
        secret: &str,
    ) -> Result<Self, Failure> {
        let uid = own_name::uid(arguments.name.as_deref(), &arguments.forward_to);
        let path = format!("/app/{}/endpoint", arguments.application);
        let own = format!("{path}/{uid}");
        let known = match client.ask(Method::GET, &own, None).await {
            Ok(known) => Some(known),
            Err(Failure::NotFound(_)) => None,
            Err(failure) => return Err(failure),
        };
        let description = format!("fanfare listen: forwards to {}", arguments.forward_to);
        let body = Body::default()
            .with("uid", Some(uid))
            .with("url", Some(format!("http://{address}/")))
            .with("description", Some(description));
        let made = match &known {
            None => {
                let body = body
                    .with("secret", Some(secret))
                    .with_list("eventTypes", &arguments.event_types);
                client.ask(Method::POST, &path, Some(body.text())).await?
            }
            Some(known) => {
                refuse_if_alive(known, address).await?;
                let rotation = Body::default()
                    .with("key", Some(secret))
                    .with("gracePeriodSeconds", Some(0));
                let rotate = format!("{own}/secret/rotate");
                client
                    .ask(Method::POST, &rotate, Some(rotation.text()))
                    .await?;
                // All of it anew: types that it had before and has no more are gone.
                let body = body.with_list("eventTypes", &arguments.event_types);
                client.ask(Method::PUT, &own, Some(body.text())).await?
            }
        };
        let made: Value = serde_json::from_str(&made).unwrap_or_default();
        let endpoint = made.get("id").and_then(Value::as_str);
        let endpoint = endpoint.and_then(|id| name(id).ok()).ok_or_else(|| {
            Failure::Operation("the server's answer has no id of an endpoint".to_owned())
        })?;
        Ok(Self {
            application: arguments.application.clone(),
            endpoint,
            is_taken_over: known.is_some(),
            address,
        })
    }

    /// Shows what is heard, and tells what the server could not deliver, as long as somebody reads.
    ///
    /// # Errors
    /// [`Failure::Operation`] when the server may not send here, [`Failure::NotFound`] when the
    /// endpoint is gone: nothing would ever arrive.
    pub(super) async fn watch(
        &self,
        client: &mut Client,
        mut heard: mpsc::Receiver<Heard>,
        is_json: bool,
    ) -> Result<(), Failure> {
        let mut failures = Failures::default();
        let mut looks = tokio::time::interval(LOOK_PERIOD);
        loop {
            tokio::select! {
                biased;
                Some(heard) = heard.recv() => {
                    let event_type = self.event_type(client, &heard).await;
                    let line = if is_json {
                        heard.as_json(event_type.as_deref())
                    } else {
                        heard.as_text(event_type.as_deref())
                    };
                    if print(&line).is_err() {
                        return Ok(());
                    }
                }
                _ = looks.tick() => self.look(client, &mut failures).await?,
            }
        }
    }

    /// The type of an event, which no delivery carries. The server is not asked about what anybody
    /// else may have sent.
    async fn event_type(&self, client: &mut Client, heard: &Heard) -> Option<String> {
        let id = name(&heard.message_id).ok();
        let id = id.filter(|_| heard.verified.is_ok())?;
        let path = format!("/app/{}/msg/{id}?with_content=false", self.application);
        let event = client.ask(Method::GET, &path, None).await.ok()?;
        let event: Value = serde_json::from_str(&event).ok()?;
        Some(event.get("eventType")?.as_str()?.to_owned())
    }

    /// Tells the failures since the last look that no answer of ours can be the reason of.
    async fn look(&self, client: &mut Client, failures: &mut Failures) -> Result<(), Failure> {
        let path = format!(
            "/app/{}/attempt/endpoint/{}?status_code_class=0&order=descending&limit={FAILURES_TOLD_MAX}",
            self.application, self.endpoint
        );
        let page = match client.ask(Method::GET, &path, None).await {
            Ok(page) => page,
            Err(Failure::NotFound(_)) => {
                return Err(Failure::NotFound(format!(
                    "{} was deleted, or the server lost it: nothing will arrive any more",
                    self.endpoint
                )));
            }
            Err(failure) => {
                if !core::mem::replace(&mut failures.is_told_of_server, true) {
                    say(&failure.to_string());
                }
                return Ok(());
            }
        };
        failures.is_told_of_server = false;
        let page: AttemptPage = serde_json::from_str(&page).unwrap_or_default();
        for failed in failures.new_of(page.data) {
            self.tell(&failed)?;
        }
        Ok(())
    }

    /// Tells why an attempt got no answer.
    fn tell(&self, failed: &Attempt) -> Result<(), Failure> {
        let is = |kind: OutcomeKind| failed.response.split(':').next() == Some(kind.name());
        let ip = self.address.ip();
        if is(OutcomeKind::AddressBlocked) {
            return Err(Failure::Operation(format!(
                "the server may not send to {ip}: start it with --allow-target {ip}, or use \
                 `fanfare dev`, which may send to loopback"
            )));
        }
        if is(OutcomeKind::HttpsRequired) {
            return Err(Failure::Operation(
                "the server sends to https only: start one for development without --https-only"
                    .to_owned(),
            ));
        }
        let Attempt {
            msg_id, response, ..
        } = failed;
        say(&escaped(&format!("{msg_id} got no answer: {response}")));
        Ok(())
    }

    /// Deletes the endpoint; one that is gone already is fine.
    ///
    /// # Errors
    /// [`Failure`], as the server says it.
    pub(super) async fn delete(&self, client: &mut Client) -> Result<(), Failure> {
        let path = format!("/app/{}/endpoint/{}", self.application, self.endpoint);
        let mut deleted = client.ask(Method::DELETE, &path, None).await;
        if matches!(deleted, Err(Failure::Unreachable(_))) {
            // The server may just have closed the connection, which had nothing to do.
            deleted = client.ask(Method::DELETE, &path, None).await;
        }
        match deleted {
            Ok(_) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

/// Refuses to take an endpoint over where somebody still listens, but for ourselves: a port may come to
/// who asks for any.
async fn refuse_if_alive(known: &str, own: SocketAddr) -> Result<(), Failure> {
    let known: Value = serde_json::from_str(known).unwrap_or_default();
    let text = |name: &str| known.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = text("url");
    let place = url
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix('/'));
    let Some(place) = place.and_then(|place| place.parse::<SocketAddr>().ok()) else {
        return Ok(());
    };
    if place == own {
        return Ok(());
    }
    let knock = tokio::time::timeout(KNOCK_TIMEOUT, tokio::net::TcpStream::connect(place));
    if !matches!(knock.await, Ok(Ok(_))) {
        return Ok(());
    }
    Err(Failure::Operation(format!(
        "a command like this one listens already, on {place}: end it, or give this one another name with \
         --name"
    )))
}

/// What was told of failures.
#[derive(Default)]
struct Failures {
    /// The newest attempt that was looked at.
    newest: Option<String>,
    /// That the server does not answer was told.
    is_told_of_server: bool,
}

impl Failures {
    /// Those that were not looked at before, oldest first, of all newest first.
    fn new_of(&mut self, failed: Vec<Attempt>) -> Vec<Attempt> {
        let before = self.newest.take();
        self.newest = failed.first().map(|newest| newest.id.clone());
        if self.newest.is_none() {
            self.newest.clone_from(&before);
        }
        let mut new: Vec<Attempt> = failed
            .into_iter()
            .take_while(|attempt| Some(&attempt.id) != before.as_ref())
            .collect();
        new.reverse();
        new
    }
}

/// A page of attempts; what else stands in it is not needed.
#[derive(Default, Deserialize)]
struct AttemptPage {
    data: Vec<Attempt>,
}

/// An attempt as the API shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    id: String,
    msg_id: String,
    /// Why there was no answer: a word for it, a colon, a text.
    response: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_without_an_answer_is_told_once() {
        let attempt = |id: &u8| Attempt {
            id: format!("atmpt_{id}"),
            msg_id: "msg_1".to_owned(),
            response: "timeout: timed out".to_owned(),
        };
        let mut failures = Failures::default();
        let mut told = |failed: &[u8]| {
            let new = failures.new_of(failed.iter().map(attempt).collect());
            new.into_iter().map(|new| new.id).collect::<Vec<_>>()
        };
        assert!(told(&[]).is_empty());
        assert_eq!(told(&[2, 1]), ["atmpt_1", "atmpt_2"]);
        assert!(told(&[2, 1]).is_empty());
        assert_eq!(told(&[3, 2, 1]), ["atmpt_3"]);
        assert_eq!(told(&[5, 4]), ["atmpt_4", "atmpt_5"]);
    }
}
