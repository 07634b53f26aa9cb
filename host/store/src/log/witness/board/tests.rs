use super::*;

const WAIT: Duration = Duration::from_secs(2);

fn tree(size: u64) -> Tree {
    Tree { size, note: format!("log\n{size}\nroot\n\n— log x\n") }
}

fn line(seat: usize) -> String {
    format!("— w{seat} y\n")
}

struct Bench {
    board: CosignatureBoard,
    now: Instant,
}

impl Bench {
    fn new(seats: usize, quorum: usize) -> Self {
        Self { board: CosignatureBoard::new(seats, quorum, WAIT), now: Instant::now() }
    }

    fn offer(&mut self, size: u64) {
        self.board.offer(tree(size), self.now);
    }

    fn signs(&mut self, seat: usize, size: u64) -> bool {
        self.board.signed(seat, &tree(size), line(seat), self.now, self.now)
    }

    fn asked(&self, seat: usize) -> Option<u64> {
        match self.board.task(seat, self.now) {
            Task::Submit(tree) => Some(tree.size),
            Task::Sleep(_) => None,
        }
    }

    fn answer(&self, size: u64) -> Option<String> {
        self.board.answer(&tree(size))
    }
}

#[test]
fn a_quorum_comes_together_on_one_tree_while_the_log_grows() {
    let mut bench = Bench::new(2, 2);
    assert_eq!(bench.asked(0), None, "there is nothing to vouch for yet");
    bench.offer(3);
    assert!(bench.signs(0, 3));
    bench.offer(4);
    bench.offer(5);
    assert_eq!((bench.asked(0), bench.asked(1)), (None, Some(3)), "the other one is waited for");
    assert_eq!(bench.answer(3), None);
    assert!(bench.signs(1, 3));
    assert_eq!(bench.answer(3), Some(tree(3).note + &line(0) + &line(1)));
    assert_eq!(bench.answer(4), None, "that tree is not covered");
    assert_eq!((bench.asked(0), bench.asked(1)), (Some(5), Some(5)), "now the newest one");
    assert!(!bench.signs(0, 3), "an old tree is no target any more");
    assert!(bench.signs(0, 5) && bench.signs(1, 5));
    let covers = tree(5).note + &line(0) + &line(1);
    assert_eq!((bench.answer(4), bench.answer(5)), (Some(covers.clone()), Some(covers)));
}

#[test]
fn one_that_failed_is_not_waited_for_until_it_is_back() {
    let mut bench = Bench::new(1, 1);
    bench.offer(1);
    assert_eq!(bench.answer(1), None);
    bench.board.failed(0, None, bench.now);
    assert_eq!(bench.answer(1), Some(tree(1).note));
    bench.offer(2);
    assert_eq!(bench.answer(2), Some(tree(2).note), "nor for the next one");
    assert_eq!(bench.asked(0), None, "it rests");
    bench.now += Duration::from_secs(1);
    assert_eq!(bench.asked(0), Some(2), "it is asked in the background");
    assert!(bench.signs(0, 2));
    bench.offer(3);
    assert_eq!(bench.answer(3), None, "it is back");
    for failures in 0..20 {
        bench.board.failed(0, Some("other entries".to_owned()), bench.now);
        let Task::Sleep(Some(pause)) = bench.board.task(0, bench.now) else { panic!("{failures}") };
        assert!(pause <= PAUSE_MAX && (failures < 7 || pause == PAUSE_MAX), "{pause:?}");
    }
    assert!(bench.board.seats()[0].alarm.is_some() && !bench.board.seats()[0].is_well());
}

#[test]
fn a_slow_one_is_late_until_it_answers_in_time() {
    let mut bench = Bench::new(2, 1);
    bench.offer(1);
    let started = bench.now;
    assert_eq!(bench.board.give_up(&tree(1), bench.now), tree(1).note);
    assert_eq!(bench.answer(1), Some(tree(1).note));
    bench.now += WAIT * 2;
    assert!(bench.board.signed(0, &tree(1), line(0), started, bench.now));
    assert!(!bench.board.seats()[0].is_prompt() && bench.board.seats()[0].is_well());
    assert_eq!(bench.answer(1), Some(tree(1).note + &line(0)), "what it said counts");
    assert_eq!(bench.board.cosigned(), Some((tree(1).note + &line(0)).as_str()));
    bench.offer(2);
    assert_eq!(bench.answer(2), Some(tree(2).note));
    assert!(bench.signs(1, 2));
    assert_eq!(bench.answer(2), Some(tree(2).note + &line(1)));
}

#[test]
fn a_target_without_its_quorum_is_left_when_it_had_its_time() {
    let mut bench = Bench::new(3, 2);
    bench.offer(1);
    assert!(bench.signs(0, 1));
    bench.offer(2);
    assert_eq!(bench.asked(1), Some(1));
    bench.now += WAIT;
    bench.offer(3);
    assert_eq!((bench.asked(0), bench.asked(1)), (Some(3), Some(3)));
    // Two of three witnesses have failed, so no tree can reach its quorum and the target follows the newest tree.
    bench.board.failed(1, None, bench.now);
    bench.board.failed(2, None, bench.now);
    assert_eq!(bench.answer(3), Some(tree(3).note));
    bench.offer(4);
    assert_eq!(bench.asked(0), Some(4));
    assert!(bench.signs(0, 4));
    assert_eq!(bench.answer(4), Some(tree(4).note + &line(0)), "with the lines that are there");
}
