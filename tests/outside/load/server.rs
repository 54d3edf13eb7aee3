//! The server under test: the real binary as a child process, on a data folder of the test's.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::api::KEY;

/// Longest that a start may take, recovery included.
const START_MAX: Duration = Duration::from_secs(30);

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The configuration file.
    pub(crate) config: PathBuf,
    /// What runs the binary, such as `strace`; empty for nothing.
    pub(crate) wrapper: Vec<String>,
    /// Where producers learn the address.
    pub(crate) address: watch::Sender<Option<SocketAddr>>,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    told: Vec<String>,
    address: watch::Sender<Option<SocketAddr>>,
    /// Where it listens.
    pub(crate) at: SocketAddr,
    /// How long the start took.
    pub(crate) start_took: Duration,
}

impl Plan {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.wrapper.clone();
        words.push(self.binary.to_str().expect("UTF-8").to_owned());
        let (program, before) = words.split_first().expect("the binary");
        let mut command = Command::new(program);
        command.args(before).args(arguments);
        command.arg("--data-dir").arg(&self.data);
        command
            .env("FANFARE_ADMIN_KEY", KEY)
            .env("FANFARE_LOG", "warn");
        command.stdin(Stdio::null());
        command
    }

    /// Starts it and waits until it listens; what it said if it ended instead.
    pub(crate) fn start(&self) -> Result<Server, (Option<i32>, Vec<String>)> {
        let begin = Instant::now();
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--log-format", "pretty", "--color", "never"]);
        command.args(["--allow-target", "127.0.0.0/8"]);
        command.arg("--config").arg(&self.config);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be started");
        let (sender, lines) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                _ = sender.send(line);
            }
        });
        let mut told = Vec::new();
        loop {
            match lines.recv_timeout(START_MAX.saturating_sub(begin.elapsed())) {
                Ok(line) => {
                    let address = address_in(&line);
                    told.push(line);
                    let Some(at) = address else { continue };
                    self.address.send_replace(Some(at));
                    return Ok(Server {
                        child,
                        lines,
                        told,
                        address: self.address.clone(),
                        at,
                        start_took: begin.elapsed(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err((child.wait().expect("it ends").code(), told));
                }
                Err(RecvTimeoutError::Timeout) => {
                    _ = child.kill();
                    told.push(format!("it does not start within {START_MAX:?}"));
                    return Err((None, told));
                }
            }
        }
    }

    /// Runs `fanfare store check` on the closed store; whether it is clean, and what was said.
    pub(crate) fn check(&self) -> (Option<i32>, String) {
        let plain = Self {
            wrapper: Vec::new(),
            ..self.clone()
        };
        let output = plain.command(&["store", "check"]).output();
        let output = output.expect("the binary can be started");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (output.status.code(), text)
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listens on http://")?;
    rest.split(' ').next()?.parse().ok()
}

impl Server {
    /// Ends it with SIGKILL and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.address.send_replace(None);
        self.child.wait().expect("it ends");
    }

    /// Asks it to end with SIGTERM.
    pub(crate) fn terminate(&self) {
        let kill = format!("kill -s TERM {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell is there").success());
    }

    /// Waits for its end, at most so long: how long it took, its exit code and what it said.
    pub(crate) fn ended(mut self, most: Duration) -> (Duration, Option<i32>, Vec<String>) {
        let begin = Instant::now();
        loop {
            match self
                .lines
                .recv_timeout(most.saturating_sub(begin.elapsed()))
            {
                Ok(line) => self.told.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.told.push(format!("it did not end within {most:?}"));
                    _ = self.child.kill();
                    break;
                }
            }
        }
        self.address.send_replace(None);
        let code = self.child.wait().expect("it ends").code();
        (begin.elapsed(), code, core::mem::take(&mut self.told))
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A folder that is not there yet or empty, made.
pub(crate) fn make(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a writable place");
}
