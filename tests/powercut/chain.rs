//! One chain of power cuts, starting with an empty disk. Each cut acts on the disk that the previous cut left. The
//! result for a seed is the number of cuts that the host survived, or a description of the loss.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use deed_tests::disk::{Image, Lie, Manner};
use deed_tests::host::{self, Host};
use deed_tests::rng::Rng;
use deed_tests::services::{Result, workspace};

use crate::book::Book;
use crate::callers::{Caller, Worked, next_user};
use crate::check::Check;
use crate::fixture::Fixture;
use crate::served::{self, Start, kill};

/// The number of cuts in one chain.
pub(crate) const CUTS: u64 = 8;
/// The number of concurrent callers.
const CALLERS: usize = 3;
/// The maximum number of changes of the disk before a cut: the first limit is for a cut during a start, the second for
/// a cut under load.
const UNDER_START: u64 = 90;
const UNDER_WORK: u64 = 400;
/// After this time the power is cut in any case.
const PATIENCE: Duration = Duration::from_secs(3);

/// A chain of power cuts on one disk.
pub(crate) struct Chain<'a> {
    fixture: &'a Fixture,
    seed: u64,
    rng: Rng,
    book: Book,
    /// The number of the first user that this chain of cuts changes.
    first: u64,
    /// The contents of the disk before and after the last cut.
    before: Image,
    after: Image,
    manner: Manner,
    lie: Option<Lie>,
}

/// The result of a chain of power cuts.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) cuts: u64,
    /// The number of cuts that happened during a start.
    pub(crate) starts: u64,
    pub(crate) actions: usize,
    pub(crate) checkpoints: usize,
}

impl<'a> Chain<'a> {
    /// Creates a chain of power cuts on a simulated disk. The disk performs every fsync, or ignores one if `lie` is set.
    pub(crate) fn new(fixture: &'a Fixture, seed: u64, lie: Option<Lie>) -> Self {
        let mut rng = Rng::new(seed);
        // A host without compiled adapters starts slowly, so the chain rarely begins without them.
        let first = if rng.percent(10) { Image::default() } else { fixture.fresh.clone() };
        let (before, after) = (first.clone(), first);
        Self {
            fixture,
            seed,
            rng,
            book: Book::default(),
            first: next_user(),
            before,
            after,
            manner: Manner::Bare,
            lie,
        }
    }

    /// Runs the host and cuts its power this many times. Fails with a text that describes the loss.
    pub(crate) fn run(mut self, cuts: u64) -> std::result::Result<Shown, String> {
        let mut shown = Shown::default();
        for _ in 0..cuts {
            let lived = self.once();
            shown.starts += u64::from(lived.map_err(|why| self.lost(shown.cuts, &why))?);
            shown.cuts += 1;
        }
        let ended = self.up().and_then(|served| {
            self.check(&served, true)?;
            kill(served, &self.fixture.disk).map_err(|e| e.to_string())?;
            self.fixture.disk.load(self.fixture.disk.image());
            self.journal(true)
        });
        ended.map_err(|why| self.lost(shown.cuts, &why))?;
        let pages = self.book.pages();
        shown.actions = pages.actions.len();
        shown.checkpoints = pages.checkpoints.len();
        Ok(shown)
    }

    /// Runs the host from power-on to the cut. Returns whether the cut happened during the start.
    fn once(&mut self) -> std::result::Result<bool, String> {
        let disk = &self.fixture.disk;
        self.load().map_err(|e| e.to_string())?;
        // The journal must pass its check even before a host has started again.
        let has_journal = self.after.files().keys().any(|path| path.starts_with("segments/"));
        if has_journal && self.rng.percent(30) {
            self.journal(false)?;
        }
        if self.rng.percent(25) {
            disk.cut_after(self.rng.below(UNDER_START));
            match served::start(&self.fixture.home.dir, disk).map_err(|e| e.to_string())? {
                Start::Cut => {
                    self.cut();
                    return Ok(true);
                }
                Start::Failed(why) => return Err(format!("the host did not start:\n{why}")),
                Start::Up(served) => self.work(served)?,
            }
            return Ok(false);
        }
        let served = self.start()?;
        // Sometimes the check is left out, so that the next cut happens while the host is still recovering.
        if !self.rng.percent(35) {
            self.check(&served, false)?;
        }
        disk.cut_after(self.rng.below(UNDER_WORK));
        self.work(served)?;
        Ok(false)
    }

    /// Runs the host's own check of everything that it wrote. After a power cut, the index may be ahead of the journal,
    /// because it is only a copy that the next start rebuilds.
    fn journal(&self, started: bool) -> Worked {
        let dir = self.fixture.home.dir.to_string_lossy();
        let found = host::run(&["journal", "check", &dir], "").map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&[found.stdout, found.stderr].concat()).into_owned();
        let mut findings = said.lines().filter(|line| line.starts_with("FINDING"));
        let of_index = |line: &str| !started && line.starts_with("FINDING  state/index");
        match found.status.code() {
            Some(0) => Ok(()),
            Some(1) if findings.all(of_index) => Ok(()),
            _ => Err(format!("`deed journal check`: {said}")),
        }
    }

    /// Runs all callers until the power is cut.
    fn work(&mut self, served: Host) -> Worked {
        let (fixture, book, url) = (self.fixture, &self.book, served.url.as_str());
        let callers: Vec<Caller<'_>> =
            (0..CALLERS).map(|_| Caller::new(fixture, book, url, self.rng.split())).collect();
        let url = served.url.clone();
        let worked: Worked = thread::scope(|scope| {
            let threads: Vec<_> =
                callers.into_iter().map(|caller| scope.spawn(move || caller.work())).collect();
            if !fixture.disk.wait(PATIENCE) {
                fixture.disk.cut();
            }
            let killed = kill(served, &fixture.disk).map_err(|e| format!("{url}: {e}"));
            let ends = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| Err("a caller panicked".to_owned()))
            });
            ends.chain([killed]).collect()
        });
        self.cut();
        worked
    }

    fn cut(&mut self) {
        self.manner = Manner::any(&mut self.rng);
        self.before = self.fixture.disk.image();
        self.after = self.fixture.disk.after(self.manner, &mut self.rng);
    }

    /// Loads the disk as the cut left it, and sometimes changes the policies.
    fn load(&mut self) -> Result<()> {
        if self.rng.percent(50) {
            self.fixture.vary(self.rng.roll())?;
        }
        self.fixture.disk.load(self.after.clone());
        self.fixture.disk.lie(self.lie);
        Ok(())
    }

    fn up(&mut self) -> std::result::Result<Host, String> {
        self.load().map_err(|e| e.to_string())?;
        self.start()
    }

    fn start(&self) -> std::result::Result<Host, String> {
        match served::start(&self.fixture.home.dir, &self.fixture.disk)
            .map_err(|e| e.to_string())?
        {
            Start::Up(served) => Ok(served),
            Start::Cut => Err("the power was off before it was cut".to_owned()),
            Start::Failed(why) => Err(format!("the host did not start:\n{why}")),
        }
    }

    fn check(&self, served: &Host, full: bool) -> Worked {
        let mut rng = self.rng.clone();
        let mut check = Check {
            fixture: self.fixture,
            book: &self.book,
            url: &served.url,
            full,
            first: self.first,
            rng: &mut rng,
        };
        check.run()
    }

    /// Describes the loss. The disk images before and after the last cut are kept for an investigation.
    fn lost(&self, cuts: u64, why: &str) -> String {
        if self.lie.is_some() {
            return format!("after {} cuts: {}", cuts + 1, why.lines().next().unwrap_or_default());
        }
        let kept = self.keep().map_or_else(
            |error| format!("(the disk could not be kept: {error})"),
            |path| format!("the disk before and after the cut is in {}", path.display()),
        );
        let (seed, manner) = (self.seed, self.manner);
        format!(
            "LOST after {cuts} cuts from seed {seed} on, the last one {manner:?}: {why}\n{kept}"
        )
    }

    fn keep(&self) -> Result<PathBuf> {
        let out = workspace().join(format!("target/powercut/{}", self.seed));
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        for (side, image) in [("before", &self.before), ("after", &self.after)] {
            for (path, bytes) in image.files() {
                let path = out.join(side).join(path);
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(path, bytes)?;
            }
        }
        fs::copy(self.fixture.home.dir.join(host::LOG), out.join("serve.log"))?;
        Ok(out)
    }
}
