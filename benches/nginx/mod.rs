//! An nginx that serves files: the plainest server there is to be measured beside. Knows nothing of okrd.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::home;

/// Debian's nginx (package nginx-light) as it comes, but for its place.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) address: String,
    folder: tempfile::TempDir,
}

impl Nginx {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let place = folder.path().display();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {place}/pid; error_log {place}/errors;\n\
             events {{}}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;\n\
             client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;\n\
             uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n\
             server {{ listen {address}; root {place}; default_type text/plain; }} }}\n"
        );
        std::fs::write(folder.path().join("conf"), config).unwrap();
        let child = Command::new("nginx")
            .args(["-c".as_ref(), folder.path().join("conf").as_os_str()])
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is not installed: apt-get install nginx-light");
        home::within(home::PATIENT, "nginx listens", || {
            TcpStream::connect(address).ok()
        });
        Self {
            child,
            address: address.to_string(),
            folder,
        }
    }

    /// Puts a file there.
    pub(crate) fn serves(&self, name: &str, body: &[u8]) {
        std::fs::write(self.folder.path().join(name), body).unwrap();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
