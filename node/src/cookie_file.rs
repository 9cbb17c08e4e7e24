//! Where is the cookie of a user's nodes? In a file that only its owner can read, shared with the
//! nodes of OTP: `auth` of OTP 25 to 29 looks in the same places, by the same rules.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::{env, process};

use erland_dist::Cookie;
use thiserror::Error;

/// What the file is called, in whichever directory.
const NAME: &str = ".erlang.cookie";
/// OTP's length of a cookie that it makes itself.
const LETTERS: usize = 20;
/// Far above any cookie: an atom has at most 255 characters.
const MAX_LEN: u64 = 4096;

/// The cookie file of a user: `.erlang.cookie` in the home directory, or else in
/// `$XDG_CONFIG_HOME/erlang`.
///
/// A node that is given no cookie takes the one in [`CookieFile::from_env`], which is also that of
/// every `erl` of the same user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieFile {
    home: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl CookieFile {
    /// The file of the user that runs this program, by `HOME` and `XDG_CONFIG_HOME` (on Windows,
    /// by the user's profile directory).
    #[must_use]
    pub fn from_env() -> CookieFile {
        let home = if cfg!(unix) {
            set(env::var_os("HOME"))
        } else {
            env::home_dir()
        };
        CookieFile {
            home,
            config: set(env::var_os("XDG_CONFIG_HOME")),
        }
    }

    /// The file of a user with this home directory, whatever the environment says.
    #[must_use]
    pub fn in_home(home: impl Into<PathBuf>) -> CookieFile {
        CookieFile {
            home: Some(home.into()),
            config: None,
        }
    }

    /// The same with another directory for the files of programs than `.config` in the home
    /// directory: what `XDG_CONFIG_HOME` stands for.
    #[must_use]
    pub fn config_home(mut self, config: impl Into<PathBuf>) -> CookieFile {
        self.config = Some(config.into());
        self
    }

    /// The cookie in the file. If there is none in either place, one is made of 20 random capital
    /// letters, in the home directory, readable by its owner only.
    ///
    /// Of the text everything counts from the first character to the end of its line, white space
    /// included, as for OTP.
    ///
    /// # Errors
    ///
    /// Everything but an absent file: see [`CookieFileError`].
    pub fn read_or_create(&self) -> Result<Cookie, CookieFileError> {
        let mut candidates = self.candidates().into_iter();
        let Some(first) = candidates.next() else {
            return Err(CookieFileError::NoHome);
        };
        for path in std::iter::once(first.clone()).chain(candidates) {
            if let Some(cookie) = read(&path)? {
                return Ok(cookie);
            }
        }
        create(&first)?;
        // Whoever was quicker has put a whole cookie there.
        read(&first)?.ok_or_else(|| CookieFileError::Create {
            path: first,
            source: io::ErrorKind::NotFound.into(),
        })
    }

    /// Where to look, in this order; a new file goes to the first place.
    fn candidates(&self) -> Vec<PathBuf> {
        let config = match (&self.config, &self.home) {
            (Some(config), _) => Some(config.clone()),
            (None, Some(home)) => Some(home.join(".config")),
            (None, None) => None,
        };
        let homes = self.home.clone().into_iter();
        let configs = config.into_iter().map(|config| config.join("erlang"));
        homes.chain(configs).map(|place| place.join(NAME)).collect()
    }
}

/// A variable that is set to nothing is not set.
fn set(variable: Option<OsString>) -> Option<PathBuf> {
    variable
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Why there is no cookie in the user's cookie file. The text completes "failed to …".
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CookieFileError {
    /// Neither `HOME` nor `XDG_CONFIG_HOME` is set.
    #[error("find a home directory for the cookie file")]
    NoHome,
    /// It is a directory, say.
    #[error("read the cookie from {}: it is no regular file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner may read or write it, so it may be no secret any more. `chmod 400`
    /// makes it one, a new cookie makes it one for sure.
    #[error("trust the cookie in {}: it must be accessible by owner only, and its mode is {mode:03o}", path.display())]
    Accessible {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is empty.
    #[error("find a cookie in {}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else than one line of printable ASCII.
    #[error("find a cookie in {}: it has characters that are not allowed", path.display())]
    BadCharacters {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("read the cookie from {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There was none, and it cannot be made.
    #[error("create the cookie file {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The operating system gave no random numbers to make a cookie of.
    #[error("get random numbers from the operating system")]
    Random,
}

/// The cookie in this file; `None` if there is no such file.
fn read(path: &Path) -> Result<Option<Cookie>, CookieFileError> {
    let failed = |source| CookieFileError::Read {
        path: path.to_owned(),
        source,
    };
    // Opened first, so that what is checked is what is read.
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // As root one can open it all the same; without the right to read it, its mode is what is
        // wrong with it.
        Err(error) => {
            if let Ok(metadata) = fs::metadata(path) {
                check_attributes(path, &metadata)?;
            }
            return Err(failed(error));
        }
    };
    check_attributes(path, &file.metadata().map_err(failed)?)?;
    let mut text = Vec::new();
    file.take(MAX_LEN).read_to_end(&mut text).map_err(failed)?;
    parse(path, &text).map(Some)
}

/// `auth:check_attributes/4`: a regular file, with no rights for group and others.
fn check_attributes(path: &Path, metadata: &fs::Metadata) -> Result<(), CookieFileError> {
    let path = || path.to_owned();
    if !metadata.is_file() {
        return Err(CookieFileError::NotRegular { path: path() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(CookieFileError::Accessible { path: path(), mode });
        }
    }
    Ok(())
}

/// `auth:check_cookie/2`: printable ASCII up to the end of a line, and only ends of lines and
/// blanks behind it.
fn parse(path: &Path, text: &[u8]) -> Result<Cookie, CookieFileError> {
    let path = || path.to_owned();
    let printable = |byte: &u8| matches!(byte, b' '..=b'~');
    let end = text
        .iter()
        .position(|byte| !printable(byte))
        .unwrap_or(text.len());
    let (cookie, behind) = text.split_at(end);
    if !behind
        .iter()
        .all(|byte| matches!(byte, b'\n' | b'\r' | b' '))
    {
        return Err(CookieFileError::BadCharacters { path: path() });
    }
    match str::from_utf8(cookie) {
        Ok("") => Err(CookieFileError::Empty { path: path() }),
        Ok(cookie) => Ok(Cookie::new(cookie)),
        Err(_) => Err(CookieFileError::BadCharacters { path: path() }),
    }
}

/// Puts a new cookie there, unless somebody else does at the same time.
///
/// It appears with its content and its mode or not at all, so that no other node reads half of it:
/// it is written beside its place, and linked to it if that is still free.
fn create(path: &Path) -> Result<(), CookieFileError> {
    let failed = |source| CookieFileError::Create {
        path: path.to_owned(),
        source,
    };
    let number = getrandom::u64().map_err(|_| CookieFileError::Random)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.{number:x}", process::id()));
    let beside = PathBuf::from(beside);
    let cookie = random_cookie()?;
    let linked = write_new(&beside, &cookie).and_then(|()| fs::hard_link(&beside, path));
    let removed = fs::remove_file(&beside);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked.map_err(failed)?,
    }
    removed.map_err(failed)
}

fn write_new(path: &Path, cookie: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        options.mode(0o400);
    }
    options.open(path)?.write_all(cookie)
}

/// Capital letters, each as likely as any other.
fn random_cookie() -> Result<Vec<u8>, CookieFileError> {
    let mut letters = Vec::with_capacity(LETTERS);
    while letters.len() < LETTERS {
        let random = getrandom::u32().map_err(|_| CookieFileError::Random)?;
        for byte in random.to_be_bytes() {
            // 234 is 9 times 26: bytes above would make the first letters likelier.
            if byte < 234 && letters.len() < LETTERS {
                letters.push(b'A' + byte % 26);
            }
        }
    }
    Ok(letters)
}
