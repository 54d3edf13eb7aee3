//! Makes the folder for data, for its owner only, and checks that it can be written.

use std::{fs, io, path::Path};

use super::failure::Failure;

/// The file that is made and removed to see whether the folder can be written.
const PROBE: &str = ".fanfare-write-check";

/// Makes `folder` with mode 0700 if it is missing, with its parents, and writes to it once.
///
/// # Errors
/// [`Failure::Operation`] if it can't be made, is no folder, or can't be written.
pub(super) fn prepare(folder: &Path) -> Result<(), Failure> {
    make(folder).map_err(|error| refused(folder, "can't be made", &error))?;
    write_once(folder).map_err(|error| refused(folder, "can't be written", &error))
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write_once(folder: &Path) -> io::Result<()> {
    let probe = folder.join(PROBE);
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

fn refused(folder: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::Operation(format!(
        "the data folder {folder:?} {what}: {error}: choose a folder you may write to with \
         --data-dir"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_missing_folder_is_made_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join("a/b");
        prepare(&folder).expect("it can be made");
        prepare(&folder).expect("it may be there already");
        let mode = fs::metadata(&folder)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(fs::read_dir(&folder).expect("readable").count(), 0);
    }

    #[test]
    fn a_folder_that_is_a_file_or_below_one_is_refused() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let file = parent.path().join("file");
        fs::write(&file, b"mine").expect("writable");
        for path in [file.clone(), file.join("below")] {
            let text = prepare(&path).expect_err("no folder").to_string();
            assert!(
                text.contains("--data-dir") && !text.contains('\n'),
                "{text}"
            );
        }
        assert_eq!(fs::read(&file).expect("readable"), b"mine");
    }
}
