//! The help of every command, found by walking the command list, and the error of every command without arguments.

use std::fmt::Write as _;

use deed_tests::host;

use super::transcript::Transcript;

/// The commands that `--help` lists after a prefix.
fn commands(prefix: &[&str]) -> Vec<String> {
    let output = host::run(&[prefix, &["--help"]].concat(), "").unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| line.starts_with("  "));
    // Continuation lines of a description are indented further.
    let names =
        names.filter(|line| !line.starts_with("   ")).filter_map(|l| l.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn walk(transcript: &mut Transcript, prefix: &[&str]) {
    transcript.run(&[prefix, &["--help"]].concat());
    for name in commands(prefix) {
        walk(transcript, &[prefix, &[name.as_str()]].concat());
    }
}

#[test]
fn the_help_of_every_command() {
    let mut whole = Transcript::new();
    whole.run(&["--help"]);
    whole.run(&["-V"]);
    whole.check("help");
    let names = commands(&[]);
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let mut transcript = Transcript::new();
        walk(&mut transcript, &[&name]);
        transcript.check(&format!("help-{name}"));
    }
}

#[test]
fn usage_errors() {
    let mut transcript = Transcript::new();
    transcript.run(&[]);
    for name in commands(&[]) {
        let inner = commands(&[&name]);
        transcript.run(&[&name]);
        for second in inner {
            transcript.run(&[&name, &second]);
        }
    }
    let wrong: [&[&str]; 9] = [
        &["acts"],
        &["show", "act_1", "--colour"],
        &["act", "a.b", "--intent", "x", "--param", "novalue"],
        &["act", "a.b", "--intent", "x", "--param", "a=1", "--param", "a=2"],
        &["act", "a.b", "--intent", "x", "--params", "[1]"],
        &["act", "a.b", "--intent", "x", "--params", "{"],
        &["act", "a.b", "--intent", "x", "--expect", "/a=ture"],
        &["act", "a.b", "--intent", "x", "--wait", "1e9"],
        &["resolve", "act_1", "perhaps", "--reason", "x", "--key", "k"],
    ];
    for args in wrong {
        transcript.run(args);
    }
    let mut count = String::new();
    write!(count, "{} commands", commands(&[]).len()).unwrap();
    transcript.lines(&count);
    transcript.check("usage-errors");
}
