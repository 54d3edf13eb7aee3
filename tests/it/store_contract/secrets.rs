//! What the embedded store's file holds of signing secrets, with a master key and without.

use super::*;
use fanfare::{
    domain::{endpoint::OlderSecret, master_key::MasterKey, secret::Secret},
    store::embedded::{VaultError, disk::Disk as _, file::FILE, file::OpenError},
};

const CANARY: &[u8; 32] = b"planted canary: a signing secret";
const OLDER_CANARY: &[u8; 32] = b"planted canary: an older secret.";

fn open_with(disk: &SimulatedDisk, key: Option<u8>) -> Result<EmbeddedStore, OpenError> {
    let options = EmbeddedOptions {
        data_shards: 1,
        master_key: key.map(|byte| MasterKey::new([byte; 32])),
        ..EmbeddedOptions::default()
    };
    EmbeddedStore::open(Arc::new(disk.clone()), options)
}

/// The endpoint with its canaries, at this revision.
fn planted(revision: u32) -> Arc<fanfare::domain::endpoint::Endpoint> {
    let mut planted = endpoint(endpoint_key(0, 0), 10, 0);
    let target = Arc::make_mut(&mut Arc::make_mut(&mut planted).target);
    target.revision = revision;
    target.secret = Secret::new(CANARY.to_vec()).expect("valid");
    target.older_secrets = vec![OlderSecret {
        secret: Secret::ed25519(*OLDER_CANARY),
        until: ms(9),
    }];
    planted
}

/// Whether a canary stands in the file of a store that nobody has open.
fn shows_canaries(disk: &SimulatedDisk) -> [bool; 2] {
    let file = disk.open(FILE).expect("it is there");
    let length = usize::try_from(file.length().expect("known")).expect("small");
    let mut bytes = vec![0; length];
    file.read(0, &mut bytes).expect("readable");
    [CANARY, OLDER_CANARY].map(|canary| bytes.windows(32).any(|part| part == canary))
}

fn assert_secrets_are_there(store: &EmbeddedStore) {
    let found = store.endpoint(app(0), &Name::Id(Id::from_value(10)));
    let found = found.expect("readable").expect("it is there");
    assert_eq!(found.target.secret.expose(), CANARY);
    assert_eq!(found.target.older_secrets, planted(1).target.older_secrets);
}

fn put(store: &mut EmbeddedStore) {
    let epoch = acquire(store, DATA_SHARD);
    let put = Change::PutEndpoint {
        endpoint: planted(1),
        unique: None,
    };
    assert_eq!(commit(store, epoch, vec![put]), [ChangeResult::Fresh]);
}

#[test]
fn with_a_master_key_no_secret_stands_in_the_file_and_only_that_key_opens_it() {
    let disk = SimulatedDisk::new(1);
    let mut store = open_with(&disk, Some(1)).expect("it is made");
    put(&mut store);
    assert_secrets_are_there(&store);
    drop(store);
    assert_eq!(shows_canaries(&disk), [false; 2]);
    assert_eq!(faults(&disk), Vec::<String>::new());
    for (key, expected) in [(None, VaultError::NoKey), (Some(2), VaultError::OtherKey)] {
        let refused = open_with(&disk, key).expect_err("it is sealed");
        assert!(matches!(refused, OpenError::Sealed(reason) if reason == expected));
        let told = format!("{refused} {refused:?}");
        assert!(told.contains("FANFARE_MASTER_KEY") && !told.contains("canary"));
    }
    let mut store = open_with(&disk, Some(1)).expect("the right key");
    assert_secrets_are_there(&store);
    // What an engine is built from has them, too, and a change of state keeps them.
    let (state, _) = recovered(&mut store);
    assert_eq!(state.endpoints[0].endpoint.target.secret.expose(), CANARY);
    let epoch = acquire(&mut store, DATA_SHARD);
    let disabled = Change::SetEndpointState {
        endpoint: endpoint_key(0, 0),
        state: EndpointState::Disabled(DisabledReason::Gone),
        from: at(0),
    };
    commit(&mut store, epoch, vec![disabled]);
    assert_secrets_are_there(&store);
    drop(store);
    assert_eq!(shows_canaries(&disk), [false; 2]);
}

#[test]
fn secrets_in_the_clear_are_read_with_a_key_and_sealed_when_they_are_written_next() {
    let disk = SimulatedDisk::new(1);
    let mut store = open_with(&disk, None).expect("it is made");
    put(&mut store);
    drop(store);
    assert_eq!(shows_canaries(&disk), [true; 2]);
    let mut store = open_with(&disk, Some(1)).expect("nothing is sealed yet");
    assert_secrets_are_there(&store);
    let epoch = acquire(&mut store, DATA_SHARD);
    commit(&mut store, epoch, vec![Change::UpdateEndpoint(planted(2))]);
    assert_secrets_are_there(&store);
    drop(store);
    let refused = open_with(&disk, None).expect_err("it is sealed now");
    assert!(matches!(refused, OpenError::Sealed(VaultError::NoKey)));
    // Pages that were let go keep what stood in them until the file is written anew.
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    fanfare::store::embedded::compact::compact(&disk, &progress).expect("there is room");
    assert_eq!(shows_canaries(&disk), [false; 2]);
    let store = open_with(&disk, Some(1)).expect("the right key");
    assert_secrets_are_there(&store);
}
