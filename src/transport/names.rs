//! Names and their addresses: how many questions are open at once, how long one may take, and how
//! long its answer serves.

use core::{cell::RefCell, time::Duration};
use std::{collections::BTreeMap, net::IpAddr, rc::Rc, sync::Arc};

use tokio::{
    sync::Semaphore,
    task::spawn_local,
    time::{Instant, sleep, timeout},
};

use super::{
    out_of_files::OutOfFiles,
    resolver::{ResolveError, Resolver},
};
use crate::{domain::outcome::OutcomeKind, limits};

/// Resolves names within bounds.
pub(super) struct Names<R> {
    resolver: Rc<R>,
    lookup_timeout: Duration,
    turns: Arc<Semaphore>,
    known: Rc<RefCell<Answers>>,
    files: Rc<OutOfFiles>,
}

impl<R: Resolver> Names<R> {
    /// Resolves by `resolver`, each question within `lookup_timeout`, and within the patience of `files` where
    /// there is no file descriptor to ask with.
    pub(super) fn new(resolver: R, lookup_timeout: Duration, files: Rc<OutOfFiles>) -> Self {
        Self {
            resolver: Rc::new(resolver),
            lookup_timeout,
            turns: Arc::new(Semaphore::new(limits::RESOLUTIONS_MAX)),
            known: Rc::default(),
            files,
        }
    }

    /// All addresses of `name`, from 1 to `limits::DNS_ADDRESSES_MAX`, not yet judged.
    pub(super) async fn addresses(&self, name: &str) -> Result<Rc<[IpAddr]>, OutcomeKind> {
        if let Some(addresses) = self.known.borrow().find(name) {
            return Ok(addresses);
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| OutcomeKind::Internal)?;
        // Whoever had the turn before us may have asked for the same name.
        if let Some(addresses) = self.known.borrow().find(name) {
            return Ok(addresses);
        }
        let resolver = Rc::clone(&self.resolver);
        let known = Rc::clone(&self.known);
        let files = Rc::clone(&self.files);
        let name: Box<str> = name.into();
        // A task of its own: a question to the system can't be called off, so whoever stops waiting
        // must not give its turn away before the answer is in.
        let lookup = spawn_local(async move {
            let answer = asked(&*resolver, &name, &files).await;
            let answer = answer.map(Rc::<[IpAddr]>::from);
            if let Ok(addresses) = &answer {
                known.borrow_mut().keep(name, Rc::clone(addresses));
            }
            drop(turn);
            answer
        });
        let answer = match timeout(self.lookup_timeout, lookup).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panicked)) => return Err(OutcomeKind::Internal),
            Err(_late) => return Err(OutcomeKind::DnsFailed),
        };
        match answer {
            Ok(addresses) if addresses.is_empty() => Err(OutcomeKind::DnsNotFound),
            Ok(addresses) if addresses.len() > limits::DNS_ADDRESSES_MAX => {
                Err(OutcomeKind::DnsFailed)
            }
            Ok(addresses) => Ok(addresses),
            Err(ResolveError::NotFound) => Err(OutcomeKind::DnsNotFound),
            // That tells nothing of the receiver.
            Err(ResolveError::OutOfFiles) => Err(OutcomeKind::Internal),
            Err(ResolveError::Failed) => Err(OutcomeKind::DnsFailed),
        }
    }
}

/// The answer to a question that is asked as soon as there is a file descriptor to ask with, or not at all.
async fn asked<R: Resolver>(
    resolver: &R,
    name: &str,
    files: &OutOfFiles,
) -> Result<Vec<IpAddr>, ResolveError> {
    let deadline = files.deadline();
    loop {
        let answer = resolver.resolve(name).await;
        if answer != Err(ResolveError::OutOfFiles) || deadline <= Instant::now() {
            return answer;
        }
        files.note();
        sleep(Duration::from_millis(limits::OPEN_FILE_PAUSE_MS)).await;
    }
}

/// Answers that still serve.
#[derive(Default)]
struct Answers(BTreeMap<Box<str>, (Instant, Rc<[IpAddr]>)>);

impl Answers {
    fn find(&self, name: &str) -> Option<Rc<[IpAddr]>> {
        let (until, addresses) = self.0.get(name)?;
        (Instant::now() < *until).then(|| Rc::clone(addresses))
    }

    /// Keeps a usable answer; if there are too many, makes room first.
    fn keep(&mut self, name: Box<str>, addresses: Rc<[IpAddr]>) {
        if addresses.is_empty() || addresses.len() > limits::DNS_ADDRESSES_MAX {
            return;
        }
        let now = Instant::now();
        if self.0.len() >= limits::DNS_CACHE_NAMES_MAX {
            self.0.retain(|_, (until, _)| now < *until);
        }
        if self.0.len() >= limits::DNS_CACHE_NAMES_MAX {
            self.0.pop_first();
        }
        let until = now + Duration::from_millis(limits::DNS_CACHE_MS);
        self.0.insert(name, (until, addresses));
    }
}

#[cfg(test)]
mod tests {
    use core::{cell::Cell, future::pending};

    use tokio::{task::LocalSet, time::advance};

    use super::*;

    /// Answers by the name: `none`, `many`, `slow`, `broken`, else one address.
    #[derive(Default)]
    struct Scripted {
        asked: Rc<Cell<usize>>,
    }

    impl Resolver for Scripted {
        async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
            self.asked.set(self.asked.get() + 1);
            let address = IpAddr::from([127, 0, 0, 1]);
            match name {
                "none" => Ok(Vec::new()),
                "many" => Ok(vec![address; limits::DNS_ADDRESSES_MAX + 1]),
                "slow" => pending().await,
                "broken" => Err(ResolveError::Failed),
                "unknown" => Err(ResolveError::NotFound),
                "scarce" if !self.asked.get().is_multiple_of(3) => Err(ResolveError::OutOfFiles),
                "hopeless" => Err(ResolveError::OutOfFiles),
                _ => Ok(vec![address]),
            }
        }
    }

    fn names() -> (Names<Scripted>, Rc<Cell<usize>>) {
        let asked = Rc::default();
        let resolver = Scripted {
            asked: Rc::clone(&asked),
        };
        let files = Rc::new(OutOfFiles::new(30_000));
        (Names::new(resolver, Duration::from_secs(5), files), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_for_thirty_seconds() {
        let (names, asked) = names();
        let asks = async {
            for _ in 0..3 {
                assert!(names.addresses("h").await.is_ok());
            }
            assert_eq!(asked.get(), 1);
            advance(Duration::from_millis(limits::DNS_CACHE_MS)).await;
            assert!(names.addresses("h").await.is_ok());
            assert_eq!(asked.get(), 2);
        };
        LocalSet::new().run_until(asks).await;
    }

    #[tokio::test(start_paused = true)]
    async fn every_bad_answer_has_its_outcome_and_is_not_kept() {
        let (names, asked) = names();
        let asks = async {
            for (name, outcome) in [
                ("none", OutcomeKind::DnsNotFound),
                ("unknown", OutcomeKind::DnsNotFound),
                ("many", OutcomeKind::DnsFailed),
                ("broken", OutcomeKind::DnsFailed),
                ("slow", OutcomeKind::DnsFailed),
                ("broken", OutcomeKind::DnsFailed),
            ] {
                assert_eq!(names.addresses(name).await, Err(outcome), "{name}");
            }
            assert_eq!(asked.get(), 6);
        };
        LocalSet::new().run_until(asks).await;
    }

    #[tokio::test(start_paused = true)]
    async fn f8_a_question_waits_a_moment_for_a_file_descriptor_and_its_failure_tells_nothing_of_the_name()
     {
        let (names, asked) = names();
        let asks = async {
            assert!(names.addresses("scarce").await.is_ok());
            assert_eq!(asked.get(), 3);
            let began = Instant::now();
            let answer = names.addresses("hopeless").await;
            assert_eq!(answer, Err(OutcomeKind::Internal));
            let waited = began.elapsed();
            let patience = Duration::from_millis(limits::OPEN_FILE_WAIT_MS);
            let pause = Duration::from_millis(limits::OPEN_FILE_PAUSE_MS);
            assert!(
                (patience..=patience + pause).contains(&waited),
                "{waited:?}"
            );
        };
        LocalSet::new().run_until(asks).await;
    }

    #[tokio::test(start_paused = true)]
    async fn questions_nobody_waits_for_still_take_their_turns() {
        let (names, asked) = names();
        let names = Rc::new(names);
        let asks = async {
            let slow: Vec<_> = (0..limits::RESOLUTIONS_MAX)
                .map(|_| {
                    let names = Rc::clone(&names);
                    spawn_local(async move { names.addresses("slow").await })
                })
                .collect();
            for question in slow {
                let answer = question.await.expect("no panic");
                assert_eq!(answer, Err(OutcomeKind::DnsFailed));
            }
            let next = timeout(Duration::from_secs(60), names.addresses("h")).await;
            assert!(next.is_err(), "all turns are taken");
            assert_eq!(asked.get(), limits::RESOLUTIONS_MAX);
        };
        LocalSet::new().run_until(asks).await;
    }

    #[test]
    fn the_cache_stays_within_its_bound() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let _context = runtime.as_ref().expect("a runtime").enter();
        let mut answers = Answers::default();
        let address: Rc<[IpAddr]> = Rc::from([IpAddr::from([127, 0, 0, 1])]);
        for number in 0..=limits::DNS_CACHE_NAMES_MAX {
            answers.keep(format!("h{number}").into(), Rc::clone(&address));
        }
        assert_eq!(answers.0.len(), limits::DNS_CACHE_NAMES_MAX);
    }
}
