use super::*;
use crate::engine;
use crate::tests::support::Dir;

fn compiler(dir: &Dir) -> Compiler {
    let engine = Engine::new(&engine::settings()).unwrap();
    Compiler::new(&dir.0, &engine).unwrap()
}

#[test]
fn code_is_kept_and_a_damaged_file_counts_as_absent() {
    let dir = Dir::new();
    let compiler = compiler(&dir);
    let component = wat::parse_str("(component)").unwrap();
    let code = compiler.code(&component).unwrap();
    let file = std::fs::read_dir(&dir.0).unwrap().next().unwrap().unwrap().path();
    let digest = Digest::of(&component);
    assert_eq!(compiler.cache.get(digest), Some(code.clone()));
    let kept = std::fs::read(&file).unwrap();
    for damaged in [&kept[..kept.len() - 1], &kept[..10], &[], &[&kept[..], b"x"].concat()[..]] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(compiler.cache.get(digest), None);
    }
    assert_eq!(compiler.code(&component).unwrap(), code, "compiled anew");
    assert_eq!(compiler.cache.get(Digest::of(b"another")), None);
}

#[test]
fn what_does_not_compile_is_refused_with_the_reason() {
    let dir = Dir::new();
    let refused = compiler(&dir).code(b"\0asm\x0d\0\x01\0garbage").unwrap_err();
    assert!(matches!(&refused, CompileError::Refused(_)), "{refused}");
    assert_eq!(std::fs::read_dir(&dir.0).unwrap().count(), 0);
}

#[test]
fn a_child_that_is_none_is_named() {
    let failed = in_child(Path::new("/nowhere/deed"), b"x").unwrap_err();
    assert!(matches!(&failed, CompileError::Process(_)), "{failed}");
    // `true` ends at once without output; `yes` writes without end.
    assert!(matches!(in_child(Path::new("/bin/true"), b"x"), Err(CompileError::Process(_))));
    assert!(matches!(in_child(Path::new("/bin/false"), b"x"), Err(CompileError::Limit(_))));
    assert!(matches!(in_child(Path::new("/usr/bin/yes"), b"x"), Err(CompileError::Limit(_))));
}
