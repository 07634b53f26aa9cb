//! Measures how many leaves per second 64 writers can add to a log with durable, signed checkpoints, compared with
//! appending to a plain file (the floor).
//!
//! In the floor, 64 tasks send their leaves to one thread, through the kind of channel that the log uses. The thread
//! takes all waiting leaves, hashes each leaf, appends the hashes and the leaves to one file, calls `fdatasync` once
//! for all of them and answers each task. The floor has no tree and no signatures, so it proves nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use deed_benches::{paired, report, rounded};
use deed_record::lifecycle::event::Leaf;
use deed_spec::digest::Digest;
use deed_spec::merkle::leaf_hash;
use deed_spec::note::LogKey;
use deed_store::group_commit::GroupCommit;
use deed_store::log::{Log, Publisher};
use deed_system::clock::Clock;
use deed_tests::services::Result;
use ed25519_dalek::SigningKey;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

const WRITERS: u64 = 64;
/// The number of leaves per writer and round, which is large enough that the log finishes many batches in one round.
const EACH: u64 = 400;
const ROUNDS: usize = 11;
const WORK: u32 = 25_600;

fn main() -> Result<()> {
    // The directory is on the disk of the build and never in memory, because the disk dominates the measurement.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("log-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let measured = measure(&dir);
    fs::remove_dir_all(&dir)?;
    let found = measured?;
    let figures = json!({
        "leaves_per_s": rounded(found.ours, 0),
        "floor_per_s": rounded(found.floor, 0),
        "ratio": rounded(found.share, 2),
    });
    report("log", &figures, &[], "at least half of the floor", found.share >= 0.5)
}

fn measure(dir: &Path) -> Result<deed_benches::Paired> {
    let runtime = tokio::runtime::Runtime::new()?;
    let origin = "deed.example/logs/bench";
    let key = LogKey::new(origin, SigningKey::from_bytes(&[7; 32]))?;
    let log = Log::open(&dir.join("log"), origin, key)?;
    let log = Publisher::start(log, &Arc::default(), &Clock::new(), &GroupCommit::default());
    let plain = Plain::start(File::create(dir.join("plain"))?);
    let ours = || {
        let log = log.clone();
        runtime.block_on(writers(move |leaf| {
            let log = log.clone();
            async move { Ok(log.publish(vec![leaf]).await.map(|_| ())?) }
        }))
    };
    let floor = || {
        let plain = plain.clone();
        runtime.block_on(writers(move |leaf| {
            let plain = plain.clone();
            async move { plain.append(leaf).await }
        }))
    };
    paired(ROUNDS, WORK, ours, floor)
}

/// Every writer appends one leaf at a time and waits until the leaf is logged, as the host does for an action.
async fn writers<F, W>(write: W) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
    W: Fn(Leaf) -> F + Clone + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let write = write.clone();
        tasks.spawn(async move {
            for _ in 0..EACH {
                write(leaf()).await?;
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        let done: Result<()> = done?;
        done?;
    }
    Ok(())
}

/// Each leaf is different because the log stores equal entries only once.
fn leaf() -> Leaf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Leaf { kind: "receipt".to_owned(), payload: Digest::of(&number.to_be_bytes()), index: 0 }
}

/// The floor, which appends to one file and syncs the file once for a group of leaves.
#[derive(Clone)]
struct Plain(mpsc::SyncSender<(Leaf, oneshot::Sender<Result<()>>)>);

impl Plain {
    fn start(mut file: File) -> Self {
        let (queue, requests) = mpsc::sync_channel::<(Leaf, oneshot::Sender<Result<()>>)>(1_024);
        std::thread::spawn(move || {
            while let Ok(first) = requests.recv() {
                let mut batch = vec![first];
                batch.extend(requests.try_iter().take(255));
                let written = commit(&mut file, &batch).map_err(|error| error.to_string());
                for (_, answer) in batch {
                    // A writer that has stopped waiting needs no answer, so the error is ignored.
                    drop(answer.send(written.clone().map_err(Into::into)));
                }
            }
        });
        Self(queue)
    }

    async fn append(&self, leaf: Leaf) -> Result<()> {
        let (answer, written) = oneshot::channel();
        self.0.try_send((leaf, answer))?;
        written.await?
    }
}

fn commit(file: &mut File, batch: &[(Leaf, oneshot::Sender<Result<()>>)]) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    for (leaf, _) in batch {
        let entry = leaf.entry();
        bytes.extend_from_slice(&leaf_hash(&entry));
        bytes.extend_from_slice(&entry);
    }
    file.write_all(&bytes)?;
    file.sync_data()
}
