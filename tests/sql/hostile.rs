//! Servers that are none: what they send instead of an answer is refused, and never held.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use okrd::config::secret::Setting;
use okrd::domain::fault::{Fault, FaultClass};
use okrd::source::Source;
use okrd::source::sql::mysql::Mysql;
use okrd::source::sql::postgres::Postgres;

use super::ask_within;

/// What okrd may take of an endless answer: what lies in the buffers of the system, and little more.
const LITTLE: usize = 16 * 1024 * 1024;
const GIGABYTE: usize = 1 << 30;

/// A server that treats its first guest so. Gives its port, and how many bytes it could send after its last word, with
/// what it heard then.
fn server(
    treats: impl FnOnce(&mut TcpStream) -> Vec<u8> + Send + 'static,
) -> (u16, Receiver<(usize, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (mut guest, _) = listener.accept().unwrap();
        let repeats = treats(&mut guest);
        let mut sent = 0;
        while !repeats.is_empty() && sent < GIGABYTE && guest.write_all(&repeats).is_ok() {
            sent += repeats.len();
        }
        let mut heard = Vec::new();
        // A guest that hangs up in the middle is heard as far as it came.
        let _ = guest.read_to_end(&mut heard);
        let _ = tell.send((sent, heard));
    });
    (port, told)
}

/// Reads what is there.
fn hear(guest: &mut TcpStream) -> usize {
    let mut buffer = [0; 4096];
    guest.read(&mut buffer).unwrap_or(0)
}

async fn refusal(source: &dyn Source) -> Fault {
    let asked = ask_within(source, "SELECT 1", Duration::from_secs(5)).await;
    asked.unwrap_err()
}

fn postgres(port: u16) -> Postgres {
    Postgres::new(Setting::Plain(format!("postgres://u:p@127.0.0.1:{port}/d")))
}

fn mysql(port: u16) -> Mysql {
    Mysql::new(Setting::Plain(format!("mysql://u:p@127.0.0.1:{port}/d")))
}

/// Lets a guest of PostgreSQL in and begins to answer its first statement with one column of text.
fn let_in(guest: &mut TcpStream) {
    hear(guest);
    guest.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
    hear(guest);
    let column = b"T\0\0\0\x1a\0\x01x\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
    guest.write_all(column).unwrap();
}

#[tokio::test]
async fn f92_a_row_of_a_gigabyte_is_refused_before_it_is_held() {
    for length in [1_u32 << 30, u32::MAX] {
        let (port, told) = server(move |guest| {
            let_in(guest);
            let head = [&b"D"[..], &length.to_be_bytes(), &[0, 1]].concat();
            guest.write_all(&head).unwrap();
            vec![b'9'; 64 * 1024]
        });
        let fault = refusal(&postgres(port)).await;
        assert_eq!(fault.class, FaultClass::TooLarge, "{fault}");
        let (sent, _) = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(sent < LITTLE, "{sent}");
    }
}

#[tokio::test]
async fn f92_rows_without_end_are_refused() {
    let (port, told) = server(|guest| {
        let_in(guest);
        let value = vec![b'9'; 32 * 1024];
        let length = u32::try_from(value.len()).unwrap();
        let head = [
            &b"D"[..],
            &(length + 10).to_be_bytes(),
            &[0, 1],
            &length.to_be_bytes(),
        ];
        [head.concat(), value].concat()
    });
    let fault = refusal(&postgres(port)).await;
    assert_eq!(fault.class, FaultClass::TooLarge, "{fault}");
    let (sent, _) = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(sent < LITTLE, "{sent}");
}

/// MySQL's greeting, a guest let in whatever they say, and their first statement heard.
fn greet(guest: &mut TcpStream) {
    let mut greeting = b"\x0a8.0.36\0\x07\0\0\0abcdefgh\0".to_vec();
    // Everything that a server may be able to do but TLS and compression, files of the client among it.
    greeting.extend(
        b"\x8f\xa2\x2d\x02\0\x08\x01\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0",
    );
    packet(guest, 0, &greeting);
    hear(guest);
    packet(guest, 2, b"\0\0\0\x02\0\0\0");
    hear(guest);
}

fn packet(guest: &mut TcpStream, number: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    guest
        .write_all(&[length[0], length[1], length[2], number])
        .unwrap();
    guest.write_all(payload).unwrap();
}

#[tokio::test]
async fn f92_packets_of_mysql_that_add_up_to_a_gigabyte_are_refused() {
    let (port, told) = server(|guest| {
        greet(guest);
        [&b"\xff\xff\xff\x01"[..], &vec![b'9'; 0x00ff_ffff]].concat()
    });
    let fault = refusal(&mysql(port)).await;
    assert_eq!(fault.class, FaultClass::TooLarge, "{fault}");
    let (sent, _) = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(sent < 2 * LITTLE, "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f92_a_server_that_asks_for_a_file_of_ours_gets_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canary");
    std::fs::write(&path, "the-canary-of-the-file").unwrap();
    let asks = [&b"\xfb"[..], path.to_str().unwrap().as_bytes()].concat();
    let (port, told) = server(move |guest| {
        greet(guest);
        packet(guest, 1, &asks);
        Vec::new()
    });
    let source = mysql(port);
    let fault = ask_within(&source, "SELECT 1", Duration::from_secs(1)).await;
    let fault = fault.unwrap_err();
    assert_ne!(fault.class, FaultClass::BadValue, "{fault}");
    drop(source);
    let (_, heard) = told.recv_timeout(Duration::from_secs(20)).unwrap();
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(!heard.contains("the-canary"), "{heard}");
}
