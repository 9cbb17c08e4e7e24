//! Where does the cookie come from when none is given? The cases of `auth:read_cookie/0`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use erland::{Cookie, CookieFile, CookieFileError, Epmd, Node, StartError};

/// A directory that is gone with its owner.
struct Home(PathBuf);

impl Home {
    fn new() -> Home {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("erland-cookie-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join(".config/erlang")).unwrap();
        Home(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join(".erlang.cookie")
    }

    fn cookie(&self) -> Result<Cookie, CookieFileError> {
        CookieFile::in_home(&self.0).read_or_create()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Left over at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    set_mode(path, mode);
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

fn is(cookie: &Cookie, text: &str) -> bool {
    cookie.verify(7, &Cookie::new(text).digest(7))
}

#[test]
fn a_missing_file_is_made_once() {
    let home = Home::new();
    let cookie = home.cookie().unwrap();
    let text = fs::read_to_string(home.file()).unwrap();
    assert_eq!(text.len(), 20);
    assert!(text.bytes().all(|byte| byte.is_ascii_uppercase()), "{text}");
    assert!(is(&cookie, &text));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = fs::metadata(home.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }
    assert!(is(&home.cookie().unwrap(), &text));
    // Nothing else is left there, and another home gets another cookie.
    let entries = fs::read_dir(&home.0).unwrap().count();
    assert_eq!(entries, 2, "the cookie and .config");
    assert!(!is(&Home::new().cookie().unwrap(), &text));
}

#[test]
fn nodes_that_start_at_once_agree() {
    let home = Home::new();
    let cookies: Vec<Cookie> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| home.cookie().unwrap()))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    let text = fs::read_to_string(home.file()).unwrap();
    assert!(cookies.iter().all(|cookie| is(cookie, &text)));
}

#[test]
fn the_file_in_the_home_directory_comes_first() {
    let home = Home::new();
    let config = home.0.join(".config/erlang/.erlang.cookie");
    write(&config, "SECOND", 0o400);
    assert!(is(&home.cookie().unwrap(), "SECOND"));
    assert!(!home.file().exists(), "there is a cookie");
    write(&home.file(), "FIRST", 0o600);
    assert!(is(&home.cookie().unwrap(), "FIRST"));
    let elsewhere = Home::new();
    fs::create_dir(elsewhere.0.join("erlang")).unwrap();
    write(&elsewhere.0.join("erlang/.erlang.cookie"), "THIRD", 0o400);
    fs::remove_file(home.file()).unwrap();
    let file = CookieFile::in_home(&home.0).config_home(&elsewhere.0);
    assert!(is(&file.read_or_create().unwrap(), "THIRD"));
}

#[test]
fn one_line_of_printable_characters_is_a_cookie() {
    let home = Home::new();
    for (text, cookie) in [
        ("secret", "secret"),
        ("secret\n", "secret"),
        ("secret\r\n\n  \n", "secret"),
        // As OTP reads it: what stands before the end of the line belongs to it.
        ("with blanks  \n", "with blanks  "),
        (" ~", " ~"),
    ] {
        let _absent = fs::remove_file(home.file());
        write(&home.file(), text, 0o400);
        assert!(is(&home.cookie().unwrap(), cookie), "{text:?}");
    }
    for (text, empty) in [
        ("", true),
        ("\n", true),
        ("a\nb", false),
        ("\u{e9}", false),
        ("a\tb", false),
    ] {
        let _absent = fs::remove_file(home.file());
        write(&home.file(), text, 0o400);
        match home.cookie().unwrap_err() {
            CookieFileError::Empty { path } if empty => assert_eq!(path, home.file()),
            CookieFileError::BadCharacters { path } if !empty => assert_eq!(path, home.file()),
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_no_secret() {
    let home = Home::new();
    for mode in [0o440, 0o604, 0o410, 0o602, 0o777] {
        let _absent = fs::remove_file(home.file());
        write(&home.file(), "secret", mode);
        match home.cookie().unwrap_err() {
            CookieFileError::Accessible { path, mode: told } => {
                assert_eq!((path, told), (home.file(), mode));
            }
            other => panic!("{other:?}"),
        }
    }
    for mode in [0o400, 0o600, 0o700] {
        set_mode(&home.file(), mode);
        assert!(is(&home.cookie().unwrap(), "secret"));
    }
}

#[test]
fn what_is_no_file_is_told() {
    let home = Home::new();
    fs::create_dir(home.file()).unwrap();
    assert!(matches!(
        home.cookie().unwrap_err(),
        CookieFileError::NotRegular { .. } | CookieFileError::Read { .. }
    ));
    let nowhere = CookieFile::in_home(home.0.join("absent")).read_or_create();
    assert!(
        matches!(nowhere, Err(CookieFileError::Create { .. })),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn a_node_without_a_cookie_takes_that_of_the_file() {
    let home = Home::new();
    let named = |name: &str| {
        Node::builder(name)
            .cookie_file(CookieFile::in_home(&home.0))
            .epmd(Epmd::None)
    };
    let first = named("first@127.0.0.1").start().await.unwrap();
    let second = named("second@127.0.0.1")
        .static_peer("first@127.0.0.1", crate::common::address(&first))
        .start()
        .await
        .unwrap();
    second.ping("first@127.0.0.1").await.unwrap();
    first.shutdown().await;
    second.shutdown().await;
    fs::remove_file(home.file()).unwrap();
    write(&home.file(), "", 0o400);
    let error = named("first@127.0.0.1").start().await.unwrap_err();
    assert!(
        matches!(error, StartError::Cookie(CookieFileError::Empty { .. })),
        "{error:?}"
    );
    // One that is given is preferred, whatever the file holds.
    let third = named("first@127.0.0.1")
        .cookie("given")
        .start()
        .await
        .unwrap();
    third.shutdown().await;
}
