//! A pool of workers, each with its own fixture. Results are returned in the order of the jobs.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use deed_tests::services::Result;

use crate::bench::Bench;

pub(crate) struct Pool(Vec<Bench>);

impl Pool {
    pub(crate) fn make(workers: usize) -> Result<Self> {
        let made: Vec<Result<Bench>> = thread::scope(|scope| {
            let makers: Vec<_> = (0..workers).map(|_| scope.spawn(Bench::make)).collect();
            let gone = |_| Err("a fixture thread panicked".into());
            makers.into_iter().map(|maker| maker.join().unwrap_or_else(gone)).collect()
        });
        Ok(Self(made.into_iter().collect::<Result<_>>()?))
    }

    /// Runs each job with the fixture of the worker that takes it.
    pub(crate) fn each<J: Send, D: Send>(
        &self,
        jobs: Vec<J>,
        work: impl Fn(&Bench, J) -> D + Sync,
    ) -> Vec<D> {
        let queue = Mutex::new(jobs.into_iter().enumerate());
        let done = Mutex::new(Vec::new());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        thread::scope(|scope| {
            for bench in &self.0 {
                scope.spawn(|| {
                    while let Some((number, job)) = next() {
                        let result = work(bench, job);
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, result)| result).collect()
    }
}
