use super::*;
use crate::engine;
use crate::tests::support::Dir;

fn compiler(dir: &Dir) -> Compiler {
    let engine = Engine::new(&engine::settings(World::Strict)).unwrap();
    Compiler::new(&dir.0, None, &engine, World::Strict).unwrap()
}

/// A compiler that shares the code of this directory.
fn sharing(dir: &Dir, shared: &Dir) -> Compiler {
    let engine = Engine::new(&engine::settings(World::Strict)).unwrap();
    Compiler::new(&dir.0, Some(&shared.0), &engine, World::Strict).unwrap()
}

#[test]
fn code_of_the_second_cache_is_used_and_copied_and_new_code_is_in_both() {
    let (first, second, shared) = (Dir::new(), Dir::new(), Dir::new());
    let component = wat::parse_str("(component)").unwrap();
    let digest = Digest::of(&component);
    let one = sharing(&first, &shared);
    assert!(!one.has(&component));
    let code = one.code(&component).unwrap();
    assert_eq!(one.cache.get(digest), Some(code.clone()));
    // Code that was put into the second cache is taken from there: a compiler would not make this code.
    let other = sharing(&second, &shared);
    assert!(other.has(&component));
    let kept = other.shared.as_ref().unwrap();
    assert_eq!(kept.get(digest), Some(code.clone()));
    kept.put(digest, b"marked").unwrap();
    assert_eq!(other.code(&component).unwrap(), b"marked");
    assert_eq!(other.cache.get(digest).unwrap(), b"marked");
    // A damaged file of the second cache counts as absent.
    let third = Dir::new();
    let third = sharing(&third, &shared);
    let file = std::fs::read_dir(&shared.0).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, b"damaged").unwrap();
    assert_eq!(third.code(&component).unwrap(), code);
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
    let failed = in_child(Path::new("/nowhere/deed"), b"x", World::Strict).unwrap_err();
    assert!(matches!(&failed, CompileError::Process(_)), "{failed}");
    // `true` ends at once without output; `yes` writes without end.
    assert!(matches!(
        in_child(Path::new("/bin/true"), b"x", World::Strict),
        Err(CompileError::Process(_))
    ));
    assert!(matches!(
        in_child(Path::new("/bin/false"), b"x", World::Strict),
        Err(CompileError::Limit(_))
    ));
    assert!(matches!(
        in_child(Path::new("/usr/bin/yes"), b"x", World::Strict),
        Err(CompileError::Limit(_))
    ));
}
