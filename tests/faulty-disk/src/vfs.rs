//! The table of C functions that SQLite calls: <https://www.sqlite.org/vfs.html>. Each asks whether it is to fail, notes what
//! it does, and hands on to the system's own disk. Knows no faults.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Once;

use rusqlite::ffi;

use super::{Call, Event, breaks, is_read_only, note};

/// One open file. The real one lies right behind it in the memory that SQLite gave.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// Its path; null of a temporary file, which is left alone.
    path: *mut PathBuf,
}

type Raw = *mut ffi::sqlite3_file;
type Vfs = *mut ffi::sqlite3_vfs;

/// The system's own disk, behind ours.
fn real_vfs(ours: Vfs) -> Vfs {
    // SAFETY: `ours` is the table that `install` leaked, whose `pAppData` is the system's own.
    unsafe { (*ours).pAppData.cast() }
}

/// The real file behind ours.
fn real(file: Raw) -> Raw {
    // SAFETY: `szOsFile` asks for room for both, ours first.
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

/// The path of ours, unless it is a temporary one.
fn path(file: Raw) -> Option<PathBuf> {
    // SAFETY: SQLite hands back what `open` filled; the path lives until `close`.
    unsafe { (*file.cast::<File>()).path.as_ref().cloned() }
}

/// The functions of the real file.
fn methods(file: Raw) -> &'static ffi::sqlite3_io_methods {
    // SAFETY: an open file has its table, and tables live as long as the process.
    unsafe { &*(*real(file)).pMethods }
}

fn fails(file: Raw, call: Call) -> bool {
    path(file).is_some() && breaks(call)
}

pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the system's table is copied and stays; ours is leaked, as SQLite keeps a pointer to it for ever.
        let registered = unsafe {
            ffi::sqlite3_initialize();
            let system = ffi::sqlite3_vfs_find(std::ptr::null());
            let mut ours = std::ptr::read(system);
            ours.pNext = std::ptr::null_mut();
            ours.zName = c"faulty-disk".as_ptr();
            ours.pAppData = system.cast();
            let room = size_of::<File>() + usize::try_from(ours.szOsFile).expect("a size");
            ours.szOsFile = c_int::try_from(room).expect("a size");
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            ours.xAccess = Some(access);
            ours.xFullPathname = Some(full_path);
            // The others do not look at the table they are called by.
            ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1)
        };
        assert_eq!(registered, ffi::SQLITE_OK, "SQLite takes the disk");
    });
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // The second version has shared memory, which a write-ahead log needs; the third would read past us.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn open(
    vfs: Vfs,
    name: *const c_char,
    file: Raw,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let ours = file.cast::<File>();
    // SAFETY: SQLite gave `szOsFile` bytes at `file`, and a name that is null or ends with a zero.
    unsafe {
        (*ours).base.pMethods = std::ptr::null();
        (*ours).path = std::ptr::null_mut();
        if !name.is_null() && breaks(Call::Open) {
            return ffi::SQLITE_CANTOPEN;
        }
        let system = real_vfs(vfs);
        (*real(file)).pMethods = std::ptr::null();
        let opened = (*system).xOpen.map_or(ffi::SQLITE_ERROR, |open| {
            open(system, name, real(file), flags, out_flags)
        });
        if opened == ffi::SQLITE_OK {
            if !name.is_null() {
                let path = PathBuf::from(OsStr::from_bytes(CStr::from_ptr(name).to_bytes()));
                (*ours).path = Box::into_raw(Box::new(path));
            }
            (*ours).base.pMethods = &raw const METHODS;
        }
        opened
    }
}

unsafe extern "C" fn delete(vfs: Vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    if breaks(Call::Delete) {
        return ffi::SQLITE_IOERR_DELETE;
    }
    // SAFETY: the arguments are SQLite's own; the name ends with a zero.
    unsafe {
        let system = real_vfs(vfs);
        let deleted = (*system).xDelete.map_or(ffi::SQLITE_ERROR, |delete| {
            delete(system, name, sync_folder)
        });
        if deleted == ffi::SQLITE_OK {
            let path = PathBuf::from(OsStr::from_bytes(CStr::from_ptr(name).to_bytes()));
            note(|| Event::Delete(path));
        }
        deleted
    }
}

unsafe extern "C" fn access(vfs: Vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    let system = real_vfs(vfs);
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        (*system)
            .xAccess
            .map_or(ffi::SQLITE_ERROR, |access| access(system, name, flags, out))
    }
}

unsafe extern "C" fn full_path(
    vfs: Vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    let system = real_vfs(vfs);
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        (*system)
            .xFullPathname
            .map_or(ffi::SQLITE_ERROR, |full| full(system, name, room, out))
    }
}

unsafe extern "C" fn close(file: Raw) -> c_int {
    let ours = file.cast::<File>();
    // SAFETY: SQLite closes a file once; its path was made by `Box::into_raw`.
    unsafe {
        if !(*ours).path.is_null() {
            drop(Box::from_raw((*ours).path));
            (*ours).path = std::ptr::null_mut();
        }
        methods(file)
            .xClose
            .map_or(ffi::SQLITE_ERROR, |close| close(real(file)))
    }
}

unsafe extern "C" fn read(file: Raw, out: *mut c_void, bytes: c_int, at: i64) -> c_int {
    if fails(file, Call::Read) {
        return ffi::SQLITE_IOERR_READ;
    }
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xRead
            .map_or(ffi::SQLITE_ERROR, |read| read(real(file), out, bytes, at))
    }
}

unsafe extern "C" fn write(file: Raw, from: *const c_void, bytes: c_int, at: i64) -> c_int {
    if fails(file, Call::Write) {
        return ffi::SQLITE_IOERR_WRITE;
    }
    if path(file).is_some() && is_read_only() {
        return ffi::SQLITE_READONLY;
    }
    // SAFETY: the arguments are SQLite's own; `from` holds so many bytes.
    unsafe {
        let written = methods(file).xWrite.map_or(ffi::SQLITE_ERROR, |write| {
            write(real(file), from, bytes, at)
        });
        if let (ffi::SQLITE_OK, Some(path)) = (written, path(file)) {
            let size = usize::try_from(bytes).unwrap_or(0);
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), size);
            note(|| Event::Write(path, at.unsigned_abs(), bytes.to_vec()));
        }
        written
    }
}

unsafe extern "C" fn truncate(file: Raw, size: i64) -> c_int {
    if fails(file, Call::Truncate) {
        return ffi::SQLITE_IOERR_TRUNCATE;
    }
    if path(file).is_some() && is_read_only() {
        return ffi::SQLITE_READONLY;
    }
    // SAFETY: the arguments are SQLite's own.
    let cut = unsafe {
        methods(file)
            .xTruncate
            .map_or(ffi::SQLITE_ERROR, |truncate| truncate(real(file), size))
    };
    if let (ffi::SQLITE_OK, Some(path)) = (cut, path(file)) {
        note(|| Event::Truncate(path, size.unsigned_abs()));
    }
    cut
}

unsafe extern "C" fn sync(file: Raw, flags: c_int) -> c_int {
    let fails = fails(file, Call::Sync);
    if let Some(path) = path(file) {
        note(|| Event::Sync(path, !fails));
    }
    if fails {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xSync
            .map_or(ffi::SQLITE_ERROR, |sync| sync(real(file), flags))
    }
}

unsafe extern "C" fn file_size(file: Raw, out: *mut i64) -> c_int {
    if fails(file, Call::Size) {
        return ffi::SQLITE_IOERR_FSTAT;
    }
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xFileSize
            .map_or(ffi::SQLITE_ERROR, |size| size(real(file), out))
    }
}

unsafe extern "C" fn lock(file: Raw, level: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xLock
            .map_or(ffi::SQLITE_ERROR, |lock| lock(real(file), level))
    }
}

unsafe extern "C" fn unlock(file: Raw, level: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xUnlock
            .map_or(ffi::SQLITE_ERROR, |unlock| unlock(real(file), level))
    }
}

unsafe extern "C" fn check_reserved_lock(file: Raw, out: *mut c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xCheckReservedLock
            .map_or(ffi::SQLITE_ERROR, |check| check(real(file), out))
    }
}

unsafe extern "C" fn file_control(file: Raw, what: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xFileControl
            .map_or(ffi::SQLITE_NOTFOUND, |control| {
                control(real(file), what, argument)
            })
    }
}

unsafe extern "C" fn sector_size(file: Raw) -> c_int {
    // SAFETY: the argument is SQLite's own.
    unsafe { methods(file).xSectorSize.map_or(0, |size| size(real(file))) }
}

unsafe extern "C" fn device_characteristics(file: Raw) -> c_int {
    // SAFETY: the argument is SQLite's own.
    unsafe {
        methods(file)
            .xDeviceCharacteristics
            .map_or(0, |tell| tell(real(file)))
    }
}

unsafe extern "C" fn shm_map(
    file: Raw,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    if fails(file, Call::Share) {
        return ffi::SQLITE_IOERR_SHMMAP;
    }
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file).xShmMap.map_or(ffi::SQLITE_ERROR, |map| {
            map(real(file), page, size, extend, out)
        })
    }
}

unsafe extern "C" fn shm_lock(file: Raw, from: c_int, many: c_int, flags: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file).xShmLock.map_or(ffi::SQLITE_ERROR, |lock| {
            lock(real(file), from, many, flags)
        })
    }
}

unsafe extern "C" fn shm_barrier(file: Raw) {
    // SAFETY: the argument is SQLite's own.
    unsafe {
        if let Some(barrier) = methods(file).xShmBarrier {
            barrier(real(file));
        }
    }
}

unsafe extern "C" fn shm_unmap(file: Raw, delete: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        methods(file)
            .xShmUnmap
            .map_or(ffi::SQLITE_ERROR, |unmap| unmap(real(file), delete))
    }
}
