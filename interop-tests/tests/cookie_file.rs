//! Do nodes of one user share the cookie in the user's file, whoever has made it, and do we refuse
//! what `erl` refuses?

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use erland::{CookieFile, CookieFileError, Epmd, Node, StartError};
use erland_interop_tests::{ErlOptions, Release, World, on_every_release, start, within};
use tokio::process::Command;

/// A home directory that `erl` of the release can see.
struct Home {
    /// As we see it, and as `erl` does.
    ours: PathBuf,
    theirs: String,
}

impl Home {
    fn new(release: &Release) -> Home {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let theirs = format!(
            "/tmp/erland-home-{}-{}-{number}",
            std::process::id(),
            release.number
        );
        let root = match &release.erl[..] {
            [chroot, root, ..] if chroot == "chroot" => root.as_str(),
            _ => "",
        };
        let ours = PathBuf::from(format!("{root}{theirs}"));
        fs::create_dir_all(&ours).expect("a directory of our own");
        Home { ours, theirs }
    }

    fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.ours.join(path);
        let directory = path.parent().expect("within the home directory");
        fs::create_dir_all(directory).expect("a directory of our own");
        // It may be there, read-only.
        let _absent = fs::remove_file(&path);
        fs::write(&path, text).expect("a file of our own");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a file of our own");
    }

    fn file(&self) -> CookieFile {
        CookieFile::in_home(&self.ours)
    }

    async fn rust(&self, world: &World, name: &str) -> Result<Node, StartError> {
        let builder = Node::builder(format!("{name}@127.0.0.1"))
            .cookie_file(self.file())
            .epmd(Epmd::At(world.epmd_addr()));
        within("the start of a node", builder.start()).await
    }

    /// Starts `erl` to stop at once, and returns what it prints.
    async fn erl_says(&self, world: &World) -> String {
        let words = world.release().program("erl");
        let output = Command::new(&words[0])
            .args(&words[1..])
            .args([
                "-noshell",
                "-start_epmd",
                "false",
                "-name",
                "says@127.0.0.1",
            ])
            .args([
                "-eval",
                "io:format(\"cookie ~s~n\", [erlang:get_cookie()]), halt(0).",
            ])
            .env("HOME", &self.theirs)
            .env("ERL_EPMD_PORT", world.epmd_addr().port().to_string())
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .env_remove("XDG_CONFIG_HOME")
            .output();
        let output = within("the end of erl", output).await.expect("erl runs");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        // Long lines are broken by the logger.
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Left over at worst.
        let _ = fs::remove_dir_all(&self.ours);
    }
}

on_every_release! {
    async fn the_cookie_that_erl_makes_is_ours(release) {
        let world = World::start(release).await;
        let home = Home::new(release);
        let erl = world.erl_with("erl", ErlOptions::default().home(&home.theirs)).await;
        let rust = home.rust(&world, "rust").await.expect("a cookie");
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        // Another cookie does not do.
        let stranger = world.node("stranger").await;
        assert!(within("our ping", stranger.ping("erl@127.0.0.1")).await.is_err());
    }

    async fn the_cookie_that_we_make_is_erls(release) {
        let world = World::start(release).await;
        let home = Home::new(release);
        let rust = home.rust(&world, "rust").await.expect("a cookie");
        let path = home.ours.join(".erlang.cookie");
        let cookie = fs::read_to_string(&path).expect("the file is there");
        let erl = world.erl_with("erl", ErlOptions::default().home(&home.theirs)).await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("erlang:get_cookie()", &format!("'{cookie}'")).await;
        // Just like one that `erl` makes.
        let theirs = Home::new(release);
        let says = theirs.erl_says(&world).await;
        let made = theirs.ours.join(".erlang.cookie");
        let text = fs::read_to_string(&made).expect("erl has made it");
        assert!(says.contains(&format!("cookie {text}")), "{says}");
        for (path, text) in [(&path, &cookie), (&made, &text)] {
            assert_eq!(text.len(), 20);
            assert!(text.bytes().all(|byte| byte.is_ascii_uppercase()), "{text}");
            let mode = fs::metadata(path).expect("the file is there").mode();
            assert_eq!(mode & 0o777, 0o400);
        }
    }

    async fn what_erl_reads_we_read_and_what_it_refuses_we_refuse(release) {
        let world = World::start(release).await;
        let home = Home::new(release);
        // The text of the file, its mode, and what erl says of it.
        let cases = [
            ("PLAIN", 0o400, "cookie PLAIN"),
            ("LINE\n", 0o600, "cookie LINE"),
            ("DOS\r\n\n", 0o700, "cookie DOS"),
            ("two words\n", 0o400, "cookie two words"),
            ("PLAIN", 0o440, "must be accessible by owner only"),
            ("PLAIN", 0o604, "must be accessible by owner only"),
            ("", 0o400, "Too short cookie string"),
            ("\n", 0o400, "Too short cookie string"),
            ("a\nb", 0o400, "Bad characters in cookie"),
            ("a\tb", 0o400, "Bad characters in cookie"),
        ];
        for (text, mode, says) in cases {
            home.write(".erlang.cookie", text, mode);
            let said = home.erl_says(&world).await;
            assert!(said.contains(says), "{text:?} {mode:o}: {said}");
            let read = home.file().read_or_create();
            let agree = match &read {
                Ok(cookie) => says.strip_prefix("cookie ").is_some_and(|says| {
                    cookie.verify(5, &erland::Cookie::new(says).digest(5))
                }),
                Err(CookieFileError::Accessible { mode: told, .. }) => {
                    says.contains("owner only") && *told == mode
                }
                Err(CookieFileError::Empty { .. }) => says.contains("Too short"),
                Err(CookieFileError::BadCharacters { .. }) => says.contains("Bad characters"),
                Err(_) => false,
            };
            assert!(agree, "{text:?} {mode:o}: {read:?}");
        }
        // Nothing else on the machine is touched by a node that does not start.
        home.write(".erlang.cookie", "PLAIN", 0o444);
        let error = home.rust(&world, "rust").await.expect_err("no cookie");
        assert!(matches!(error, StartError::Cookie(CookieFileError::Accessible { .. })), "{error:?}");
    }

    async fn the_other_place_is_the_configuration_directory(release) {
        let world = World::start(release).await;
        let home = Home::new(release);
        home.write(".config/erlang/.erlang.cookie", "SECOND\n", 0o400);
        let said = home.erl_says(&world).await;
        assert!(said.contains("cookie SECOND"), "{said}");
        let rust = home.rust(&world, "rust").await.expect("a cookie");
        let erl = world.erl_with("erl", ErlOptions::default().home(&home.theirs)).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        assert!(!home.ours.join(".erlang.cookie").exists());
        home.write(".erlang.cookie", "FIRST\n", 0o400);
        let said = home.erl_says(&world).await;
        assert!(said.contains("cookie FIRST"), "{said}");
        let cookie = home.file().read_or_create().expect("a cookie");
        assert!(cookie.verify(5, &erland::Cookie::new("FIRST").digest(5)));
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        // A node that is given its cookie does not look.
        home.write(".erlang.cookie", "", 0o777);
        let given = start(world.builder("given").cookie_file(home.file())).await;
        given.shutdown().await;
    }
}
