//! Who speaks: kept with what people tell, shown only where their own words are read and never beside a figure.

use super::exit::Failure;

/// The longest name kept, in characters.
const LONGEST: usize = 200;

/// The name given, by `--author` or `OKRD_AUTHOR`, or else that of the system's user.
///
/// # Errors
/// When the name given is too long.
pub fn author(given: Option<&str>) -> Result<String, Failure> {
    if let Some(name) = given.map(str::trim).filter(|name| !name.is_empty()) {
        let found = name.chars().count();
        if found > LONGEST {
            return Err(Failure::usage(format!(
                "the author has {found} characters, expected no more than {LONGEST} characters"
            )));
        }
        return Ok(name.to_owned());
    }
    let of_system = ["USER", "LOGNAME"].into_iter().find_map(|variable| {
        let name = std::env::var(variable).ok()?;
        let name = name.trim();
        (!name.is_empty() && name.chars().count() <= LONGEST).then(|| name.to_owned())
    });
    // A service or a container has no name for its user, but every process has a number.
    Ok(of_system.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())))
}
