//! The built binary as a process: started in an empty folder with an empty environment, so that
//! nothing of the machine leaks in, and ended when dropped.
//!
//! Waiting is reading: a thread reads each pipe to its end, and the test takes lines with a
//! deadline. The end of both pipes is the end of the process.

#![expect(
    clippy::disallowed_methods,
    reason = "a thread reads the output of a process, so that a test can give up waiting for it"
)]

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use tempfile::TempDir;

/// Far beyond what anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, about to start in `folder` with nothing in its environment.
pub(crate) fn fanfare(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    command.args(arguments).env_clear().current_dir(folder);
    command.env("HOME", folder.path());
    command
}

pub(crate) fn empty_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The lines of a pipe, as they come.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next line.
    pub(crate) fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// The next line that has `part`; those before it are let go.
    pub(crate) fn next_with(&self, part: &str) -> String {
        loop {
            let line = self.next();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// All lines up to the end of the stream.
    pub(crate) fn rest(&self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.0.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => panic!("no end in time, after {lines:?}"),
            }
        }
    }

    /// The lines that came until now.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.0.try_iter().collect()
    }
}

/// A running `fanfare` that listens on a port of loopback.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it told when it started.
    pub(crate) banner: String,
    /// Its standard output.
    pub(crate) output: Lines,
    /// Its standard error, after the banner.
    pub(crate) messages: Lines,
    folder: Option<TempDir>,
}

impl Process {
    /// Starts it with these arguments and variables.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_with_file(arguments, variables, None)
    }

    /// The same with a configuration file of this text.
    pub(crate) fn start_with_file(
        arguments: &[&str],
        variables: &[(&str, &str)],
        file: Option<&str>,
    ) -> Self {
        let folder = empty_folder();
        if let Some(text) = file {
            std::fs::write(folder.path().join("fanfare.toml"), text).expect("written");
        }
        Self::start_in(folder, arguments, variables)
    }

    /// The same in a folder that another one may have worked in.
    pub(crate) fn start_in(
        folder: TempDir,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = fanfare(&folder, arguments);
        command.args(["--listen", "127.0.0.1:0"]);
        command.envs(variables.iter().copied());
        Self::of(command, folder)
    }

    /// One that this command starts in the folder.
    pub(crate) fn of(mut command: Command, folder: TempDir) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let messages = Lines::of(child.stderr.take().expect("piped"));
        let output = Lines::of(child.stdout.take().expect("piped"));
        let banner = messages.next();
        let address = banner
            .split_once("http://")
            .and_then(|(_, rest)| rest.split([' ', '"']).next())
            .and_then(|address| address.parse().ok());
        Self {
            address: address.expect(&banner),
            banner,
            child,
            output,
            messages,
            folder: Some(folder),
        }
    }

    /// The memory that it holds, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.expect("a line").parse().expect("a number")
    }

    /// Kills it, as no signal that it could hear would; gives the folder it worked in.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.folder.take().expect("it has one")
    }

    /// The folder it works in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.as_ref().expect("it has one").path()
    }

    /// Opens a connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Sends raw bytes and gives all that comes back until the connection closes.
    pub(crate) fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).expect("it reads");
        everything(&mut stream)
    }

    /// Sends raw bytes, says that no more will follow, and gives all that comes back.
    pub(crate) fn exchange_and_end(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).expect("it reads");
        stream.shutdown(Shutdown::Write).expect("half closed");
        everything(&mut stream)
    }

    /// Asks for a path.
    pub(crate) fn get(&self, path: &str) -> Reply {
        let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        Reply::of(&self.exchange(request))
    }

    /// Posts a JSON body, with more header lines.
    pub(crate) fn post(&self, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let length = body.len();
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend(body);
        Reply::of(&self.exchange(request))
    }

    /// Sends a signal: `TERM` or `INT`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own kill: the program of that name is not on every machine.
        let kill = format!("kill -s {name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status();
        assert!(sent.expect("a shell is there").success());
    }

    /// Waits for its end; gives the exit code and what it still wrote to its standard output.
    pub(crate) fn end(&mut self) -> (Option<i32>, Vec<String>) {
        let output = self.output.rest();
        self.messages.rest();
        // Its pipes are closed, so it has ended or is about to.
        (self.child.wait().expect("it ends").code(), output)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing to end then.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// All that a connection gives until it closes.
pub(crate) fn everything(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an orderly end");
    String::from_utf8(bytes).expect("UTF-8")
}

/// An HTTP reply, in its parts.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect(text);
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self {
            status: status.expect(head),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}
